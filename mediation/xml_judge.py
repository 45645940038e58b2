"""What lxml says of octets: whether they are sound XML, and what text escaped values have."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from lxml import etree

PARSER: Final[dict[str, Any]] = {
    "resolve_entities": False, "no_network": True, "huge_tree": False, "load_dtd": False,
    "remove_comments": True, "remove_pis": True,
}
"""How lxml reads whatever comes from outside"""
DECLARATION: Final = re.compile(rb"<\?xml\s[^>]*\?>")
_BATCH: Final = 4096
"""Values that are translated together"""
_PREFIX: Final = re.compile(rb"[<\s]([A-Za-z_][\w.-]*):")


class NotSoundError(Exception):
    """Octets that lxml refuses."""


class _Nothing:
    """The target of a parser that only judges: without its events no tree is built."""

    def close(self) -> None:
        """Gives nothing."""


def judge(octets: bytes) -> None:
    """Refuses what is no sound document, as a parser that builds a tree would."""
    parser = etree.XMLParser(**PARSER | {"target": _Nothing()})
    try:
        etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        raise NotSoundError from error
    # Errors in names are fatal only where there is a tree.
    if len(parser.error_log.filter_from_errors()):
        raise NotSoundError


def tree(octets: bytes) -> etree._Element:
    """The root of a sound document."""
    try:
        return etree.fromstring(octets, etree.XMLParser(**PARSER))
    except etree.XMLSyntaxError as error:
        raise NotSoundError from error


def translated(values: Sequence[tuple[bytes, bool]], declaration: bytes) -> Iterator[str]:
    """The texts of values as they are written: content of elements, or attributes in quotes."""
    for first in range(0, len(values), _BATCH):
        batch = values[first : first + _BATCH]
        written = b"".join(
            b"<t a=" + octets + b"/>" if quoted else b"<t>" + octets + b"</t>"
            for octets, quoted in batch
        )
        prefixes = {p for p in _PREFIX.findall(written) if not p.lower().startswith(b"xml")}
        spaces = b"".join(b' xmlns:%s="urn:%s"' % (prefix, prefix) for prefix in sorted(prefixes))
        root = tree(declaration + b"<v" + spaces + b">" + written + b"</v>")
        for element, (_, quoted) in zip(root, batch, strict=True):
            yield str(element.get("a")) if quoted else "".join(map(str, element.itertext()))
