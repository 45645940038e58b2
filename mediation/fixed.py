"""Fixed-width lines to records of text columns, with header and trailer lines as variables."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from mediation.decoded import Decoded
from mediation.delimited import BOM, Lines, cut_lines, line_rejects, not_cdr, undecodable
from mediation.file_context import FileContext
from mediation.profile import Line, Profile, ProfileError
from mediation.readers import file_header

_UNKNOWN: Final = -1
_NO_QUOTES = np.empty(0, np.int64)


def decode_fixed(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The detail lines of a fixed-width file as records; header and trailer as hdr.X and trl.X.

    The first line type that a line starts with holds. A detail line that is unknown, too short or
    not of the profile's encoding is a reject. A missing trailer means that the file was cut.
    """
    types = profile.format.lines
    if not any(t.type == "detail" for t in types):
        raise ProfileError(f"{profile.name}: format.lines has no detail line")
    lines = cut_lines(data, _NO_QUOTES)
    frame = _typed(data, lines, profile)
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
    return Decoded(
        file_header(profile, ctx, variables, complete=complete),
        records,
        line_rejects(data, details.filter(pl.col("code").is_not_null()), ctx),
    )


def _typed(data: bytes, lines: Lines, profile: Profile) -> pl.DataFrame:
    """Each line's place, text, number, line type (its position in the profile) and readability."""
    encoding = profile.format.encoding
    # Octets that are no text become a mark of one character, so that a header can be known.
    text = data.removeprefix(BOM).decode(encoding, errors="replace")
    texts = [t.removesuffix("\r") for t in text.split("\n")]
    kind = pl.lit(_UNKNOWN, pl.Int32)
    for i, line in reversed(list(enumerate(profile.format.lines))):
        kind = pl.when(pl.col("text").str.starts_with(line.starts_with)).then(i).otherwise(kind)
    return lines.places().with_columns(
        pl.Series("text", [t for t in texts if t], pl.String),
        pl.Series("unreadable", undecodable(data, lines, encoding)),
        line=pl.int_range(pl.len()),
    ).with_columns(kind=kind)


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
    kind, length = pl.col("kind"), pl.col("text").str.len_chars()
    start = pl.col("text").str.slice(0, max(len(t.starts_with) for t in types))
    code, detail = pl.lit(None, pl.String), pl.lit(None, pl.String)
    for i, line in enumerate(types):
        if line.type != "detail":
            words = f"another {line.type} line; a file has one"
            code = pl.when(kind == i).then(pl.lit("LINE_UNKNOWN")).otherwise(code)
            detail = pl.when(kind == i).then(pl.lit(words)).otherwise(detail)
            continue
        short = (kind == i) & (length < _width(line))
        code = pl.when(short).then(pl.lit("LINE_SHORT")).otherwise(code)
        words = f"the line ends after {{}} characters; {line.starts_with!r} has {_width(line)}"
        detail = pl.when(short).then(pl.format(words, length)).otherwise(detail)
    unknown = kind == _UNKNOWN
    code = pl.when(unknown).then(pl.lit("LINE_UNKNOWN")).otherwise(code)
    told = pl.format("the line starts with '{}', as none of the profile's line types", start)
    detail = pl.when(unknown).then(told).otherwise(detail)
    bad = pl.col("unreadable")
    code = pl.when(bad).then(pl.lit("ENCODING_INVALID")).otherwise(code)
    told = pl.lit(f"the line is not {profile.format.encoding}")
    return [code.alias("code"), pl.when(bad).then(told).otherwise(detail).alias("detail")]


def _width(line: Line) -> int:
    """The characters that a line of this type has at least."""
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
