"""How an XML sample is cut into records: the element that repeats, and the paths inside it."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final

from mediation.guess_form import Form, GuessError, short_names
from mediation.limits import GUESS_RECORDS

_SCHEMA: Final = "http://www.w3.org/2001/XMLSchema-instance"
_Path = tuple[str, ...]


def xml_form(data: bytes) -> Form:
    """The form of an XML file. GuessError where it is none, or nothing in it looks like records."""
    documents = [d for d in re.split(rb"(?=<\?xml\s)", data) if d.strip()][:GUESS_RECORDS]
    parsed = [_parsed(document) for document in documents]
    faults = [fault for _, found in parsed for fault in found]
    roots = [root for root, _ in parsed if root is not None]
    if any(root.getroottree().docinfo.doctype for root in roots):
        raise GuessError("has a document type declaration, which is refused")
    if not roots:
        raise GuessError(f"is not XML: {'; '.join(faults[:1])}")
    spaces = _prefixes(roots)
    path = _record_path(roots[0])
    records = [e for root in roots for e in root.iter("*") if _path_to(e) == path]
    rows = [dict(_leaves(e, (), spaces)) for e in islice(records, GUESS_RECORDS)]
    paths = list(dict.fromkeys(p for row in rows for p in row))
    if not paths:
        raise GuessError("is XML without any text or attribute")
    names = short_names([_plain(p) for p in paths])
    keys: dict[str, Any] = {"kind": "xml", "record": "/".join(
        _spelt(step, spaces) for step in path) or "."}
    if len(documents) > 1:
        keys["many_documents"] = True
    if spaces:
        keys["namespaces"] = {prefix: space for space, prefix in spaces.items()}
    keys["columns"] = {n: "/".join(p) for n, p in zip(names, paths, strict=True)}
    inside = {id(e) for e in records}
    header = dict(_leaves(roots[0], (), spaces, inside)) if path else {}
    variables = dict(zip(short_names([_plain(p) for p in header]), header, strict=True))
    if variables:
        keys["header"] = {n: "/".join(p) for n, p in variables.items()}
    return Form(
        keys, {"record": f"{len(records)} of them hold most of the file",
               "many_documents": f"{len(documents)} stand one behind the other"},
        {n: [row.get(p, "") for row in rows] for n, p in zip(names, paths, strict=True)},
        notes=[f"CHECK: the sample is not sound XML: {faults[0]}"] if faults else [],
        variables={f"hdr.{n}": header[p] for n, p in variables.items()},
    )


def _parsed(document: bytes) -> tuple[Any, list[str]]:
    """The root of a document as far as it can be read, or None; and its faults."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False,
                             remove_comments=True, remove_pis=True, recover=True)
    root = etree.fromstring(document, parser)
    return root, [entry.message for entry in parser.error_log]


def _prefixes(roots: Sequence[Any]) -> dict[str, str]:
    """Namespace to prefix, in order of appearance; that of schemas is left out."""
    found: dict[str, str] = {}
    for element in chain.from_iterable(root.iter("*") for root in roots):
        for prefix, space in element.nsmap.items():
            if space != _SCHEMA and space not in found:
                name = prefix or "n"
                found[space] = name if name not in found.values() else f"n{len(found)}"
    return found


def _path_to(element: Any) -> _Path:  # noqa: ANN401 (lxml's element)
    """The tags from below the root to the element."""
    above = [e.tag for e in element.iterancestors()][::-1]
    return (*above[1:], element.tag) if above else ()


def _record_path(root: Any) -> _Path:  # noqa: ANN401 (lxml's element)
    """The path that repeats and holds the most texts; the shallowest of several; () for none."""
    counts: Counter[_Path] = Counter()
    held: Counter[_Path] = Counter()
    for element in root.iter("*"):
        path = _path_to(element)
        counts[path] += 1
        weight = len(element.attrib) + (len(element) == 0 and bool((element.text or "").strip()))
        for depth in range(1, len(path) + 1):
            held[path[:depth]] += weight
    repeated = [p for p, n in counts.items() if n > 1 and held[p] >= 2 * n]
    return max(repeated, key=lambda p: (held[p], -len(p)), default=())


def _leaves(
    element: Any,  # noqa: ANN401 (lxml's element)
    at: _Path, spaces: dict[str, str], outside: Collection[int] = (),
) -> Iterator[tuple[_Path, str]]:
    """Each relative path below an element with its text, but for elements in `outside`."""
    for name, text in element.attrib.items():
        if not name.startswith("{") or name[1:].partition("}")[0] in spaces:
            yield (*at, f"@{_spelt(name, spaces)}"), text
    text = (element.text or "").strip()
    if text and len(element) == 0:
        yield at or (".",), text
    for child in element.iterchildren("*"):
        if id(child) not in outside:
            yield from _leaves(child, (*at, _spelt(child.tag, spaces)), spaces, outside)


def _spelt(tag: str, spaces: dict[str, str]) -> str:
    """A tag in Clark notation with the prefix instead."""
    if not tag.startswith("{"):
        return tag
    space, _, name = tag[1:].partition("}")
    return f"{spaces[space]}:{name}"


def _plain(path: Sequence[str]) -> list[str]:
    """The steps of a path without prefixes and marks."""
    return [step.removeprefix("@").rpartition(":")[2].replace(".", "text") for step in path]
