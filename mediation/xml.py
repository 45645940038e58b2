"""XML files to records of text columns, without entities, network or memory of what was read."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl
from lxml import etree

from mediation.decoded import Decoded
from mediation.delimited import BOM, PLACE, line_rejects, not_cdr
from mediation.file_context import FileContext
from mediation.profile import Profile, ProfileError
from mediation.readers import file_header

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
_DECLARED = re.compile(rb"^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DOCTYPE = re.compile(rb"^(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
_STEP = re.compile(r"(?:([\w.-]+):)?([\w.-]+)")


@dataclass(slots=True)
class _Found:
    """What was read of a document so far."""

    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    """For each record its number among the elements of its depth."""
    root: etree._Element | None = None
    broken: str = ""


def decode_xml(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The record elements of an XML file as records; the first match of each column's path.

    Where the document breaks, the records before are kept and one XML_BROKEN reject stands for
    the rest. A document type declaration is refused, since nothing of ours needs one.
    """
    path = _path(profile)
    if why_not := _not_plain(data):
        return not_cdr(profile, ctx, why_not)
    found = _read(data, profile, path)
    if why_not := _not_ours(found, profile):
        return not_cdr(profile, ctx, why_not)
    variables = _variables(found, profile)
    spans = list(_elements(data, depth=len(path) + 1))
    places = _places(spans, found.ordinals)
    records = pl.concat(
        [places, pl.DataFrame(found.rows, dict.fromkeys(profile.format.columns, pl.String),
                              orient="row")],
        how="horizontal",
    ).with_columns(pl.lit(text, pl.String).alias(name) for name, text in variables.items())
    header = file_header(profile, ctx, variables, complete=not found.broken)
    return Decoded(header, records, _broken(data, found, places, spans, ctx))


def _path(profile: Profile) -> list[str]:
    """The record's path below the root as names in Clark notation."""
    form = profile.format
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


def _not_plain(data: bytes) -> str:
    """Why the octets cannot be read as a plain document, or nothing."""
    if not data.strip():
        return "it is empty"
    begin = data.removeprefix(BOM).lstrip()[:2]
    # What is two or four octets a character cannot be searched for tags; none of ours writes it.
    if not begin.startswith(b"<") or begin.endswith(b"\0"):
        return "it does not begin as XML in UTF-8"
    declared = _DECLARED.match(data)
    if declared and declared[1].decode("ascii", "replace").lower() not in _ENCODINGS:
        return f"its encoding {declared[1]!r} is not read; use UTF-8"
    if _DOCTYPE.match(data):
        return "it has a document type declaration, which is refused"
    return ""


def _read(data: bytes, profile: Profile, path: list[str]) -> _Found:
    """Every record's columns, in document order, as far as the document is sound."""
    form = profile.format
    columns = [_xpath(profile, at) for at in form.columns.values()]
    found = _Found()
    open_tags: list[str] = []
    at_depth = 0
    done: etree._Element | None = None
    events = etree.iterparse(
        io.BytesIO(data), events=("start", "end"), resolve_entities=False, no_network=True,
        huge_tree=False, load_dtd=False, remove_comments=True, remove_pis=True,
    )
    try:
        for event, element in events:
            if event == "start":
                if found.root is None:
                    found.root = element
                open_tags.append(element.tag)
                continue
            if len(open_tags) == len(path) + 1:
                if open_tags[1:] == path:
                    found.rows.append(tuple(_text(c, element) for c in columns))
                    found.ordinals.append(at_depth)
                    # The tree above must stand while it is parsed, so the one before goes.
                    if done is not None and (parent := done.getparent()) is not None:
                        parent.remove(done)
                    element.clear()
                    done = element
                at_depth += 1
            open_tags.pop()
    except etree.XMLSyntaxError as error:
        found.broken = str(error.msg)
    return found


def _xpath(profile: Profile, path: str) -> etree.XPath:
    """The path as a function that gives the text of the first node it finds."""
    try:
        compiled = etree.XPath(
            f"string({path})", namespaces=profile.format.namespaces, smart_strings=False
        )
        # Prefixes are looked up only in use.
        compiled(etree.Element("try"))
    except etree.XPathError as error:
        raise ProfileError(f"{profile.name}: format: path {path!r}: {error}") from error
    return compiled


def _text(path: etree.XPath, element: etree._Element) -> str | None:
    """The text that the path finds; nothing found and nothing written are both null."""
    return str(path(element)) or None


def _not_ours(found: _Found, profile: Profile) -> str:
    """Why the document is none of the profile's, or nothing."""
    if found.root is None:
        return f"it is not XML: {found.broken}"
    spaces = tuple(f"{{{space}}}" for space in profile.format.namespaces.values())
    if spaces and not found.root.tag.startswith(spaces):
        return f"its root element {found.root.tag!r} is in none of the profile's namespaces"
    if found.rows or (found.broken and spaces) or not profile.format.header:
        return ""
    if not _variables(found, profile):
        return f"below {found.root.tag!r} is neither a record nor anything of its header"
    return ""


def _variables(found: _Found, profile: Profile) -> dict[str, str]:
    """The header variables that the document states."""
    if found.root is None:
        return {}
    texts = {
        f"hdr.{name}": _text(_xpath(profile, path), found.root)
        for name, path in profile.format.header.items()
    }
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


def _places(spans: list[tuple[int, int]], ordinals: list[int]) -> pl.DataFrame:
    rows = [(i, spans[n][0], spans[n][1] - spans[n][0]) for i, n in enumerate(ordinals)]
    return pl.DataFrame(rows, PLACE, orient="row")


def _broken(
    data: bytes,
    found: _Found,
    places: pl.DataFrame,
    spans: list[tuple[int, int]],
    ctx: FileContext,
) -> pl.DataFrame:
    """The reject for what follows the last record of a document that breaks."""
    begin = 0
    if places.height:
        begin = int(places["byte_offset"][-1]) + int(places["byte_length"][-1])
    # The element that the break stands in, if one begins behind the last record.
    begin = next((start for start, _ in spans if start >= begin), begin)
    rows = [(places.height, begin, len(data) - begin)] if found.broken else []
    faults = pl.DataFrame(rows, PLACE, orient="row").with_columns(
        code=pl.lit("XML_BROKEN"), detail=pl.lit(found.broken)
    )
    return line_rejects(data, faults, ctx)
