"""Fixed-width lines to records of text columns, with header and trailer lines as variables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.line_texts import texts_by_place
from mediation.lines import (
    WIDE,
    Fault,
    Lines,
    Marks,
    Offsets,
    TextFile,
    cut_lines,
    equal_to,
    faulty,
    kept_lines,
    line_rejects,
    not_cdr,
    text_file,
    undecodable,
)
from mediation.percent import percent_decoded
from mediation.profile import Line, Profile, ProfileError
from mediation.schema import REJECT

_UNKNOWN: Final = -1
_START: Final = 3
"""Characters of an unknown line that are told, where line types are told by a place inside"""


@dataclass(frozen=True, slots=True)
class _Table:
    """The lines of a file with their types."""

    text: TextFile
    lines: Lines
    kinds: Offsets
    """Each line's type as its position in the profile; _UNKNOWN where it has none"""
    widths: Offsets
    """Each line's characters"""
    unreadable: Marks

    def line(self, number: int) -> str:
        """The text of a line, with a mark of one character for octets that are none."""
        line = self.text.data[self.lines.starts[number] : self.lines.ends[number]]
        return line.decode(self.text.encoding, errors="replace")

    def where(self, marks: Marks) -> "_Table":
        """The marked lines."""
        return _Table(self.text, self.lines.where(marks), self.kinds[marks], self.widths[marks],
                      self.unreadable[marks])


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
    table = _typed(text, kept_lines(text.data, cut_lines(text.data), profile), types)
    header, trailer = (_only(table.kinds, types, t) for t in ("header", "trailer"))
    if why_not := _not_fixed(table.kinds, types, header):
        return not_cdr(profile, ctx, why_not)
    own = np.ones(len(table.lines), bool)
    own[[n for n in (header, trailer) if n is not None]] = False
    variables = _variables(table, types, header, "hdr") | _variables(table, types, trailer, "trl")
    complete = _whole(table, types, trailer)
    records, rejected = _decoded(table.where(own), profile, ctx)
    records = records.with_columns(pl.lit(t, pl.String).alias(n) for n, t in variables.items())
    records = percent_decoded(records, profile)
    header_row = file_header(profile, ctx, variables, complete=complete)
    return Decoded(header_row, records, rejected, text.content)


def _decoded(
    table: _Table, profile: Profile, ctx: FileContext
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The detail lines as records and rejects."""
    faults = _faults(table, profile)
    bad = np.logical_or.reduce([marks for marks, _, _ in faults])
    texts = _texts(table.where(~bad), profile.format.lines)
    records = table.lines.places(~bad).hstack(texts)
    if not bad.any():
        return records, REJECT.empty()
    shown = max(len(t.starts_with) or _START for t in profile.format.lines)
    starts = [table.line(number)[:shown] for number in np.flatnonzero(bad).tolist()]
    known = {"width": pl.Series(table.widths[bad]), "start": pl.Series(starts, dtype=pl.String)}
    return records, line_rejects(
        table.text.data, faulty(table.lines, faults, bad, **known), ctx
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


def _typed(text: TextFile, lines: Lines, types: Sequence[Line]) -> _Table:
    """The lines with their types, characters and readability."""
    kinds = np.full(len(lines), _UNKNOWN, np.int64)
    for i, line in reversed(list(enumerate(types))):
        kinds[_is(line, text, lines)] = i
    unreadable = undecodable(text.data, lines, text.encoding)
    table = _Table(text, lines, kinds, lines.ends - lines.starts, unreadable)
    # Places in a line count characters, and octets are that only as long as they are ASCII.
    odd = unreadable | lines.noted(WIDE) if text.encoding == "utf-8" else unreadable
    for number in np.flatnonzero(odd).tolist():
        one = table.line(number)
        table.widths[number] = len(one)
        table.kinds[number] = next((i for i, t in enumerate(types) if _is_text(t, one)), _UNKNOWN)
    return table


def _is(line: Line, text: TextFile, lines: Lines) -> Marks:
    """Which lines are of this type, if an octet is a character."""
    marks = np.zeros(len(lines), bool)
    at = 0 if line.starts_with else line.at
    for one in (line.starts_with,) if line.starts_with else line.equals:
        wanted = one.encode(text.encoding, errors="ignore")
        if wanted.decode(text.encoding) == one:
            starts = np.minimum(lines.starts + at, lines.ends)
            ends = np.minimum(starts + len(one), lines.ends)
            marks |= equal_to(text.data, starts, ends, [wanted])
    return marks


def _is_text(line: Line, text: str) -> bool:
    """Whether a text is a line of this type."""
    if line.starts_with:
        return text.startswith(line.starts_with)
    return any(text[line.at : line.at + len(one)] == one for one in line.equals)


def _only(kinds: Offsets, types: Sequence[Line], wanted: str) -> int | None:
    """The number of the first header line, or of the last trailer line."""
    found = np.flatnonzero(np.isin(kinds, [i for i, t in enumerate(types) if t.type == wanted]))
    if not len(found):
        return None
    return int(found[0] if wanted == "header" else found[-1])


def _not_fixed(kinds: Offsets, types: Sequence[Line], header: int | None) -> str:
    """Why the file is none of the profile's, or nothing."""
    if not len(kinds):
        return "it is empty"
    if any(t.type == "header" for t in types):
        return "" if header == 0 else "its first line is no header line"
    return "" if (kinds != _UNKNOWN).any() else "no line is of a known type"


def _faults(table: _Table, profile: Profile) -> list[Fault]:
    """What may be wrong with a line; the last that holds counts."""
    faults: list[Fault] = []
    for i, line in enumerate(profile.format.lines):
        faults += _faults_of(table.kinds == i, table.widths, line)
    start = pl.format(
        "the line starts with '{}', as none of the profile's line types", pl.col("start")
    )
    unread = pl.lit(f"the line is not {profile.format.encoding}")
    return [
        *faults,
        (table.kinds == _UNKNOWN, "LINE_UNKNOWN", start),
        (table.unreadable, "ENCODING_INVALID", unread),
    ]


def _faults_of(own: Marks, widths: Offsets, line: Line) -> list[Fault]:
    """What may be wrong with a line of one type."""
    if line.type != "detail":
        words = f"another {line.type} line; a file has one"
        return [(own, "LINE_UNKNOWN", pl.lit(words))]
    width, length = _width(line), pl.col("width")
    words = f"the line ends after {{}} characters; {_told(line)!r} has {width}"
    short = (own & (widths < width), "LINE_SHORT", pl.format(words, length))
    if not line.length:
        return [short]
    words = f"the line has {{}} characters; {_told(line)!r} has {width}"
    return [short, (own & (widths > width), "LINE_LONG", pl.format(words, length))]


def _told(line: Line) -> str:
    """What a line type is told by, in words."""
    return line.starts_with or " or ".join(line.equals)


def _width(line: Line) -> int:
    """The characters that a line of this type has at least."""
    return line.length or _last(line)


def _last(line: Line) -> int:
    """Where the last column of a line type ends."""
    return max((start + size for start, size in line.columns.values()), default=0)


def _whole(table: _Table, types: Sequence[Line], trailer: int | None) -> bool:
    """Whether the trailer is there to its end, if the profile declares one."""
    if not any(t.type == "trailer" for t in types):
        return True
    if trailer is None:
        return False
    return bool(table.widths[trailer] >= _width(types[table.kinds[trailer]]))


def _variables(
    table: _Table, types: Sequence[Line], number: int | None, prefix: str
) -> dict[str, str]:
    """The columns of a header or trailer line by variable name; what was cut off is absent."""
    if number is None:
        return {}
    text = table.line(number)
    return {
        f"{prefix}.{name}": text[start : start + size].strip()
        for name, (start, size) in types[table.kinds[number]].columns.items()
        if start + size <= len(text)
    }


def _texts(table: _Table, types: Sequence[Line]) -> list[pl.Series]:
    """The columns of sound detail lines; null where a line's type lacks a column."""
    details = {i: t.columns for i, t in enumerate(types) if t.type == "detail"}
    shown = list(dict.fromkeys(name for columns in details.values() for name in columns))
    places = np.full((len(types), len(shown), 2), -1, np.int64)
    for i, columns in details.items():
        for name, place in columns.items():
            places[i, shown.index(name)] = place
    texts = texts_by_place(table.text, table.lines, table.kinds, places.reshape(len(types), -1))
    return [text.alias(name) for name, text in zip(shown, texts, strict=True)]
