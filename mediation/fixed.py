"""Fixed-width lines to records of text columns, with header and trailer lines as variables."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.lines import (
    BOM,
    NOWHERE,
    Lines,
    TextFile,
    cut_lines,
    kept_lines,
    line_rejects,
    not_cdr,
    text_file,
    undecodable,
)
from mediation.percent import percent_decoded
from mediation.profile import Line, Profile, ProfileError

_UNKNOWN: Final = -1
_START: Final = 3
"""Characters of an unknown line that are told, where line types are told by a place inside"""


def decode_fixed(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The detail lines of a fixed-width file as records; header and trailer as hdr.X and trl.X.

    The first line type that a line starts with holds. A detail line that is unknown, too short or
    not of the profile's encoding is a reject. A missing trailer means that the file was cut.
    """
    types = profile.format.lines
    if not any(t.type == "detail" for t in types):
        raise ProfileError(f"{profile.name}: format.lines has no detail line")
    _check(profile)
    text = text_file(data, profile.format.encoding)
    if text.why_not:
        return not_cdr(profile, ctx, text.why_not)
    lines = kept_lines(text.data, cut_lines(text.data, NOWHERE), profile)
    frame = _typed(text, lines, profile)
    header, trailer = (_only(frame, types, t) for t in ("header", "trailer"))
    if why_not := _not_fixed(frame, types, header):
        return not_cdr(profile, ctx, why_not)
    details = frame.filter(~pl.col("line").is_in([n for n in (header, trailer) if n is not None]))
    details = details.with_columns(
        record_index=pl.int_range(pl.len(), dtype=pl.Int32)
    ).with_columns(_fault(profile))
    variables = _variables(frame, types, header, "hdr") | _variables(frame, types, trailer, "trl")
    complete = _whole(frame, types, trailer)
    records = _records(details.filter(pl.col("code").is_null()), types, variables)
    records = percent_decoded(records, profile)
    return Decoded(
        file_header(profile, ctx, variables, complete=complete),
        records,
        line_rejects(text.data, details.filter(pl.col("code").is_not_null()), ctx),
        text.content,
    )


def _check(profile: Profile) -> None:
    """ProfileError for line types that cannot be read."""
    for i, line in enumerate(profile.format.lines):
        where = f"{profile.name}: format.lines[{i}]"
        if bool(line.starts_with) == bool(line.equals):
            raise ProfileError(f"{where}: needs either starts_with or equals")
        if line.names:
            raise ProfileError(f"{where}: a line of fixed width has columns, not names")
        if line.length and line.length < _last(line):
            raise ProfileError(f"{where}: its columns end at {_last(line)}, behind its length")


def _typed(text: TextFile, lines: Lines, profile: Profile) -> pl.DataFrame:
    """Each line's place, text, number, line type (its position in the profile) and readability."""
    # Octets that are no text become a mark of one character, so that a header can be known.
    whole = text.data.removeprefix(BOM).decode(text.encoding, errors="replace")
    texts = [t for t in (t.removesuffix("\r") for t in whole.split("\n")) if t]
    if len(lines) < len(texts):
        texts = _of_lines(text, lines)
    kind = pl.lit(_UNKNOWN, pl.Int32)
    for i, line in reversed(list(enumerate(profile.format.lines))):
        kind = pl.when(_is(line)).then(i).otherwise(kind)
    return lines.places().with_columns(
        pl.Series("text", texts, pl.String),
        pl.Series("unreadable", undecodable(text.data, lines, text.encoding)),
        line=pl.int_range(pl.len()),
    ).with_columns(kind=kind)


def _of_lines(text: TextFile, lines: Lines) -> list[str]:
    """The text of each line, where some of the file's are left out."""
    pairs = zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)
    return [text.data[start:end].decode(text.encoding, errors="replace") for start, end in pairs]


def _is(line: Line) -> pl.Expr:
    """Whether a text is a line of this type."""
    if line.starts_with:
        return pl.col("text").str.starts_with(line.starts_with)
    return pl.any_horizontal(
        pl.col("text").str.slice(line.at, len(one)) == one for one in line.equals
    )


def _only(frame: pl.DataFrame, types: Sequence[Line], wanted: str) -> int | None:
    """The number of the first header line, or of the last trailer line."""
    kinds = [i for i, t in enumerate(types) if t.type == wanted]
    found = frame.filter(pl.col("kind").is_in(kinds))["line"]
    if found.is_empty():
        return None
    return int(found[0] if wanted == "header" else found[-1])


def _not_fixed(frame: pl.DataFrame, types: Sequence[Line], header: int | None) -> str:
    """Why the file is none of the profile's, or nothing."""
    if frame.is_empty():
        return "it is empty"
    if any(t.type == "header" for t in types):
        return "" if header == 0 else "its first line is no header line"
    return "" if (frame["kind"] != _UNKNOWN).any() else "no line is of a known type"


def _fault(profile: Profile) -> list[pl.Expr]:
    """Code and detail of a line that is no record; both null for a record."""
    types = profile.format.lines
    kind = pl.col("kind")
    start = pl.col("text").str.slice(0, max(len(t.starts_with) or _START for t in types))
    code, detail = pl.lit(None, pl.String), pl.lit(None, pl.String)
    faults: list[tuple[pl.Expr, str, pl.Expr]] = []
    for i, line in enumerate(types):
        faults += _faults_of(kind == i, line)
    told = pl.format("the line starts with '{}', as none of the profile's line types", start)
    faults.append((kind == _UNKNOWN, "LINE_UNKNOWN", told))
    unread = pl.lit(f"the line is not {profile.format.encoding}")
    faults.append((pl.col("unreadable"), "ENCODING_INVALID", unread))
    # The last fault asked about is the first that counts.
    for fault, name, words in faults:
        code = pl.when(fault).then(pl.lit(name)).otherwise(code)
        detail = pl.when(fault).then(words).otherwise(detail)
    return [code.alias("code"), detail.alias("detail")]


def _faults_of(own: pl.Expr, line: Line) -> list[tuple[pl.Expr, str, pl.Expr]]:
    """What may be wrong with a line of one type: when, code, detail."""
    if line.type != "detail":
        words = f"another {line.type} line; a file has one"
        return [(own, "LINE_UNKNOWN", pl.lit(words))]
    width, length = _width(line), pl.col("text").str.len_chars()
    words = f"the line ends after {{}} characters; {_told(line)!r} has {width}"
    short = (own & (length < width), "LINE_SHORT", pl.format(words, length))
    if not line.length:
        return [short]
    words = f"the line has {{}} characters; {_told(line)!r} has {width}"
    return [short, (own & (length > width), "LINE_LONG", pl.format(words, length))]


def _told(line: Line) -> str:
    """What a line type is told by, in words."""
    return line.starts_with or " or ".join(line.equals)


def _width(line: Line) -> int:
    """The characters that a line of this type has at least."""
    return line.length or _last(line)


def _last(line: Line) -> int:
    """Where the last column of a line type ends."""
    return max((start + size for start, size in line.columns.values()), default=0)


def _whole(frame: pl.DataFrame, types: Sequence[Line], trailer: int | None) -> bool:
    """Whether the trailer is there to its end, if the profile declares one."""
    if not any(t.type == "trailer" for t in types):
        return True
    if trailer is None:
        return False
    text, kind = frame.select("text", "kind").row(trailer)
    return len(text) >= _width(types[kind])


def _variables(
    frame: pl.DataFrame, types: Sequence[Line], number: int | None, prefix: str
) -> dict[str, str]:
    """The columns of a header or trailer line by variable name; what was cut off is absent."""
    if number is None:
        return {}
    text, kind = frame.select("text", "kind").row(number)
    return {
        f"{prefix}.{name}": text[start : start + size].strip()
        for name, (start, size) in types[kind].columns.items()
        if start + size <= len(text)
    }


def _records(
    details: pl.DataFrame, types: Sequence[Line], variables: dict[str, str]
) -> pl.DataFrame:
    """The columns of sound detail lines; null where a line's type lacks a column."""
    columns: dict[str, pl.Expr] = {}
    for i, line in enumerate(types):
        if line.type != "detail":
            continue
        for name, (start, size) in line.columns.items():
            piece = pl.col("text").str.slice(start, size).str.strip_chars()
            before = columns.get(name, pl.lit(None, pl.String))
            columns[name] = pl.when(pl.col("kind") == i).then(piece).otherwise(before)
    return details.select(
        "record_index",
        "byte_offset",
        "byte_length",
        *(value.alias(name) for name, value in columns.items()),
        *(pl.lit(text, pl.String).alias(name) for name, text in variables.items()),
    )
