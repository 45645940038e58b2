"""Paths of a profile into XML as functions of an element, and as names."""

import re
from collections.abc import Callable
from typing import Any

from lxml import etree

from mediation.profile import Nodes, Profile, ProfileError

_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_ELSEWHERE = re.compile(r"\.\.|::|\b(?:id|lang)\s*\(|(?:^|[^\w.\])*])/")
_STEP = re.compile(r"(?:([\w.-]+):)?([\w.-]+)")

Column = Callable[[Any], str | None]


def record_path(profile: Profile) -> list[str]:
    """The record's path below the root as names in Clark notation."""
    form = profile.format
    if form.record == ".":
        return []
    steps = []
    for step in form.record.split("/"):
        match = _STEP.fullmatch(step)
        if match is None or (match[1] or "") not in {"", *form.namespaces}:
            raise ProfileError(
                f"{profile.name}: format.record {form.record!r}: {step!r} is no element name with "
                "a declared prefix"
            )
        space = form.namespaces.get(match[1] or "", "")
        steps.append(f"{{{space}}}{match[2]}" if space else match[2])
    return steps


def is_local(at: str | Nodes) -> bool:
    """Whether a path surely looks at nothing but its element and what is in it."""
    return not _ELSEWHERE.search(_TEXT.sub("''", at if isinstance(at, str) else at.path))


def column_of(profile: Profile, at: str | Nodes) -> Column:
    """The path as a function that gives the text it finds; nothing found or written is null."""
    path, form = (at, f"string({at})") if isinstance(at, str) else (at.path, at.path)
    try:
        compiled = etree.XPath(form, namespaces=profile.format.namespaces, smart_strings=False)
        # Prefixes are looked up only in use.
        tried = compiled(etree.Element("try"))
    except etree.XPathError as error:
        raise ProfileError(f"{profile.name}: format: path {path!r}: {error}") from error
    if isinstance(at, str):
        return lambda element: str(compiled(element)) or None
    if not isinstance(tried, list):
        raise ProfileError(f"{profile.name}: format: path {path!r} finds no nodes to join")
    return lambda element: _joined(compiled(element), at.join)


def _joined(nodes: Any, between: str) -> str | None:  # noqa: ANN401 (whatever XPath gives)
    """The texts of elements and attributes in a row; null where there is none."""
    texts = [node if isinstance(node, str) else "".join(node.itertext()) for node in nodes]
    return between.join(t.strip() for t in texts if t.strip()) or None
