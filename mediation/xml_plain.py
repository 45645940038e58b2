"""XML read element by element by lxml: the exact reading, of sound documents and of others."""

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from lxml import etree

from mediation.lines import BOM, PLACE
from mediation.profile import Profile
from mediation.xml_judge import PARSER
from mediation.xml_paths import Integers
from mediation.xml_xpath import Column, record_path

# One piece of markup: comment, CDATA, processing instruction, end tag, start tag, or a '<' that
# begins none of them. An attribute's value may hold '>', so quotes are part of the start tag.
_MARKUP = re.compile(
    rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
    rb"|(?P<end></)[^>]*>"
    rb"|(?P<start><[^\s/>!?][^\"'>]*(?:(?:\"[^\"]*\"|'[^']*')[^\"'>]*)*>)"
    rb"|(?P<stray><)",
    re.DOTALL,
)
_ENCODINGS = {"utf-8", "us-ascii", "ascii", "iso-8859-1", "latin-1"}
DECLARED = re.compile(rb"^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DOCTYPE = re.compile(rb"^(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
_DECLARATION = re.compile(rb"<\?xml\s")
_NOTHING = re.compile(rb"(?:\s|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)


FAULT = PLACE | {"detail": pl.String()}


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a file."""

    places: pl.DataFrame
    """Of the records, in the order of the file"""
    texts: pl.DataFrame
    """Their columns"""
    headers: list[dict[str, str]]
    """The variables of each document that is one of the profile's"""
    owners: Integers
    """For each record the number of its document in `headers`"""
    faults: pl.DataFrame
    """Places of what is no record, and why: FAULT"""


@dataclass(slots=True)
class _Document:
    """What was read of one document so far."""

    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    """For each record its number among the elements of its depth."""
    root: etree._Element | None = None
    broken: str = ""


@dataclass(slots=True)
class _Found:
    """What was read of a file so far."""

    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)
    faults: list[tuple[int, int, int, str]] = field(default_factory=list)
    """Place of what is no record, and why"""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Each document's variables"""
    owners: list[int] = field(default_factory=list)
    """For each record the number of its document in `headers`"""


def read_plain(
    data: bytes, profile: Profile, columns: dict[str, Column], header: dict[str, Column]
) -> Read:
    """What is in a file; one fault stands for the rest of a document that breaks."""
    path, found = record_path(profile), _Found()
    many = profile.format.many_documents
    for start, end in _documents(data) if many else [(0, len(data))]:
        piece = data[start:end]
        why_not = not_plain(piece) if start else ""
        read = _Document() if why_not else _read(piece, path, list(columns.values()))
        variables = {} if read.root is None else _variables(read.root, header)
        why_not = why_not or _not_ours(read, profile, variables)
        if why_not:
            found.faults.append((_next(found), start, end - start, why_not))
            continue
        _add(found, read, piece, start, depth=len(path) + 1)
        found.headers.append(variables)
    return Read(
        pl.DataFrame(found.places, PLACE, orient="row"),
        pl.DataFrame(found.rows, dict.fromkeys(columns, pl.String), orient="row"),
        found.headers, np.array(found.owners, np.int64),
        pl.DataFrame(found.faults, FAULT, orient="row"),
    )


def _next(found: _Found) -> int:
    """The record_index of what is found next."""
    return len(found.places) + len(found.faults)


def _documents(data: bytes) -> list[tuple[int, int]]:
    """Start and end of each document, without what is only blanks and comments.

    A document ends with its root element, and at the latest where the next declaration stands.
    """
    bounds, at = [0], 0
    while (broken := _bounds(data, at, bounds)) is not None:
        again = _DECLARATION.search(data, broken)
        if again is None:
            break
        at = again.start()
        bounds.append(at)
    bounds.append(len(data))
    pieces = ((start, end, data[start:end]) for start, end in itertools.pairwise(bounds))
    return [
        (start + len(piece) - len(piece.lstrip()), end)
        for start, end, piece in pieces
        if not _NOTHING.fullmatch(piece)
    ] or [(0, len(data))]


def _bounds(data: bytes, begin: int, bounds: list[int]) -> int | None:
    """Put down where documents part from `begin` on; the place of what is no markup, if any."""
    level = 0
    for piece in _MARKUP.finditer(data, begin):
        if piece["stray"] is not None:
            return piece.end()
        if piece["start"] is not None:
            level += not piece[0].endswith(b"/>")
        elif piece["end"] is not None:
            level -= 1
        elif _DECLARATION.match(piece[0]):
            bounds.append(piece.start())
            level = 0
            continue
        else:
            continue
        if level <= 0:
            bounds.append(piece.end())
            level = 0
    return None


def _add(found: _Found, read: _Document, piece: bytes, start: int, depth: int) -> None:
    """Put a document's records, and what breaks it, behind those before."""
    spans = list(_elements(piece, depth))
    end = 0
    for ordinal in read.ordinals:
        at, end = spans[ordinal]
        found.places.append((_next(found), start + at, end - at))
    found.rows += read.rows
    found.owners += [len(found.headers)] * len(read.rows)
    if read.broken:
        # The element that the break stands in, if one begins behind the last record.
        begin = next((at for at, _ in spans if at >= end), end)
        found.faults.append((_next(found), start + begin, len(piece) - begin, read.broken))


def not_plain(data: bytes) -> str:
    """Why the octets cannot be read as a plain document, or nothing."""
    if not data.strip():
        return "it is empty"
    begin = data.removeprefix(BOM).lstrip()[:2]
    # What is two or four octets a character cannot be searched for tags; none of ours writes it.
    if not begin.startswith(b"<") or begin.endswith(b"\0"):
        return "it does not begin as XML in UTF-8"
    declared = DECLARED.match(data)
    if declared and declared[1].decode("ascii", "replace").lower() not in _ENCODINGS:
        return f"its encoding {declared[1]!r} is not read; use UTF-8"
    if _DOCTYPE.match(data):
        return "it has a document type declaration, which is refused"
    return ""


def _read(data: bytes, path: list[str], columns: Sequence[Column]) -> _Document:
    """Every record's columns, in document order, as far as the document is sound."""
    found = _Document()
    open_tags: list[str] = []
    at_depth = 0
    done: etree._Element | None = None
    events = etree.iterparse(io.BytesIO(data), events=("start", "end"), **PARSER)
    try:
        for event, element in events:
            if event == "start":
                if found.root is None:
                    found.root = element
                open_tags.append(element.tag)
                continue
            if len(open_tags) == len(path) + 1:
                if open_tags[1:] == path:
                    found.rows.append(tuple(column(element) for column in columns))
                    found.ordinals.append(at_depth)
                    # The tree above must stand while it is parsed, so the one before goes.
                    if done is not None and (parent := done.getparent()) is not None:
                        parent.remove(done)
                    if path:
                        element.clear()
                    done = element
                at_depth += 1
            open_tags.pop()
    except etree.XMLSyntaxError as error:
        found.broken = str(error.msg)
    return found


def _not_ours(read: _Document, profile: Profile, variables: dict[str, str]) -> str:
    """Why the document is none of the profile's, or nothing."""
    if read.root is None:
        return f"it is not XML: {read.broken}"
    spaces = tuple(f"{{{space}}}" for space in profile.format.namespaces.values())
    if spaces and not read.root.tag.startswith(spaces):
        return f"its root element {read.root.tag!r} is in none of the profile's namespaces"
    if read.rows or (read.broken and spaces) or not profile.format.header or variables:
        return ""
    return f"below {read.root.tag!r} is neither a record nor anything of its header"


def _variables(root: etree._Element, header: dict[str, Column]) -> dict[str, str]:
    """The header variables that the document states."""
    texts = {name: column(root) for name, column in header.items()}
    return {name: text.strip() for name, text in texts.items() if text is not None}


def _elements(data: bytes, depth: int) -> Iterator[tuple[int, int]]:
    """Start and end of every element at a depth (root 1) in document order.

    One that is not closed ends with the file. Nothing is checked: lxml has, as far as it read.
    """
    level, start = 0, 0
    for piece in _MARKUP.finditer(data):
        if piece["stray"] is not None:
            break
        if piece["start"] is not None:
            level += 1
            if level == depth:
                start = piece.start()
            if not piece[0].endswith(b"/>"):
                continue
        elif piece["end"] is None:
            continue
        if level == depth:
            yield start, piece.end()
        level -= 1
    if level >= depth:
        yield start, len(data)
