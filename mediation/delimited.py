"""Delimited text (CSV) to records of text columns, with every line's place in the file."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.limits import SLICE_ROWS
from mediation.line_texts import texts_by_part
from mediation.lines import (
    PLACE,
    TORN,
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
    lines_at,
    not_cdr,
    starting_with,
    text_file,
    undecodable,
)
from mediation.percent import percent_decoded
from mediation.profile import Line, Profile, ProfileError
from mediation.quotes import KEPT, doubled, unescaped
from mediation.readers import columns_of_profile
from mediation.schema import REJECT

_UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class _Table:
    """A delimited file, its escaped quotes doubled."""

    profile: Profile
    text: TextFile
    received: bytes
    """The octets that the offsets mean, as they came"""

    def row(self, lines: Lines, number: int) -> list[str]:
        """The columns of one line; UnicodeDecodeError or csv.Error for what is none."""
        line = self.text.data[lines.starts[number] : lines.ends[number]]
        form = self.profile.format
        reader = csv.reader(
            [line.decode(self.text.encoding)], delimiter=form.delimiter,
            quotechar=form.quote or None,
            quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
        )
        row = next(reader, [])
        return [t.replace(KEPT, form.escape) for t in row] if form.escape else row


@dataclass(frozen=True, slots=True)
class _Layout:
    """The detail lines of a file, and for each kind of them the names of its columns."""

    lines: Lines
    kinds: Offsets
    names: dict[int, list[str]]
    """By the line type's position in the profile; _UNKNOWN where none is declared"""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns that records of a file have."""

    table: _Table
    shown: list[str]
    places: Offsets
    """A row for each kind of line, from -1 on: the number of each column in it, -1 for none"""
    variables: dict[str, str]

    @classmethod
    def of(
        cls, table: _Table, layout: _Layout, good: Marks, variables: dict[str, str]
    ) -> "_Columns":
        """Those of good lines of the kinds there are; of columns named alike the first."""
        kinds = layout.kinds[good]
        used = {
            kind: names for kind, names in layout.names.items()
            if len(layout.names) == 1 or (kinds == kind).any()
        }
        shown = list(dict.fromkeys(name for names in used.values() for name in names))
        places = np.full((len(table.profile.format.lines) + 1, len(shown)), -1, np.int64)
        for kind, names in used.items():
            for at, name in reversed(list(enumerate(names))):
                places[kind + 1, shown.index(name)] = at
        return cls(table, shown, places, variables)

    def beside(self, records: pl.DataFrame, lines: Lines, kinds: Offsets) -> pl.DataFrame:
        """Places of records with the columns of their lines, which are of these kinds."""
        form = self.table.profile.format
        # Kinds count from -1, rows from 0.
        texts = texts_by_part(self.table.text, lines, kinds + 1, self.places, form.quote)
        told = records.hstack([
            unescaped(text, form).alias(name) for name, text in zip(self.shown, texts, strict=True)
        ])
        return percent_decoded(told, self.table.profile).with_columns(
            pl.lit(text, pl.String).alias(name) for name, text in self.variables.items()
        )

    def told(self, records: pl.DataFrame) -> pl.DataFrame:
        """The same for places alone: where columns are is found anew, not kept."""
        form = self.table.profile.format
        lines = lines_at(self.table.text.data, records, form.delimiter, form.quote)
        return self.beside(records, lines, _kinds(self.table, lines))


def decode_delimited(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The lines of a delimited file as records of text columns.

    The profile or the file's line of names names them; header and trailer lines are hdr.X and
    trl.X. Quotes are as in RFC 4180. A line of another number of columns, of no known type, with
    a quote out of place or not of the profile's encoding is a reject. A missing trailer means
    that the file was cut. Columns named as our own three become col.NAME.
    """
    form = profile.format
    _check_marks(profile)
    _check(profile)
    text = text_file(data, form.encoding)
    if text.why_not:
        return not_cdr(profile, ctx, text.why_not)
    received = text.content or data
    text = replace(text, data=doubled(text.data, form))
    lines = kept_lines(text.data, cut_lines(text.data, form.delimiter, form.quote), profile)
    table = _Table(profile, text, received)
    kinds = _kinds(table, lines)
    header, trailer = (_only(kinds, form.lines, t) for t in ("header", "trailer"))
    if why_not := _not_ours(kinds, form.lines, header):
        return not_cdr(profile, ctx, why_not)
    variables = _variables(table, lines, kinds, header) | _variables(table, lines, kinds, trailer)
    own = np.ones(len(lines), bool)
    own[[n for n in (header, trailer) if n is not None]] = False
    lines, kinds, complete = lines.where(own), kinds[own], _whole(form.lines, lines, kinds, trailer)
    layout, why_not = _layout(table, lines, kinds)
    if why_not:
        return not_cdr(profile, ctx, why_not)
    return _decoded(table, layout, ctx, variables, complete=complete)


def _decoded(
    table: _Table, layout: _Layout, ctx: FileContext, variables: dict[str, str], *, complete: bool
) -> Decoded:
    """The detail lines as records or rejects."""
    lines, faults = layout.lines, _faults(table, layout)
    bad = np.logical_or.reduce([marks for marks, _, _ in faults])
    columns = _Columns.of(table, layout, ~bad, variables)
    records, large = lines.places(~bad), np.count_nonzero(~bad) > SLICE_ROWS
    if not large:
        records = columns.beside(records, lines.where(~bad), layout.kinds[~bad])
    header = file_header(table.profile, ctx, variables, complete=complete)
    rejected = REJECT.empty()
    if bad.any():
        known = {"columns": lines.columns[bad], "wanted": _wanted(layout)[bad]}
        rejected = line_rejects(table.received, faulty(lines, faults, bad, **known), ctx)
    told = columns.told if large else None
    return Decoded(header, records, rejected, table.text.content, told)


def _check_marks(profile: Profile) -> None:
    """ProfileError for a delimiter or a quote that cannot be one."""
    form = profile.format
    octets = form.delimiter.encode()
    if len(octets) != 1 or octets in f"{form.quote}\r\n".encode():
        raise ProfileError(
            f"{profile.name}: format.delimiter {form.delimiter!r} cannot be told from "
            "text, quotes or line ends; use one ASCII character"
        )
    if len(form.quote.encode()) != len(form.quote) or form.quote in {"\r", "\n"}:
        raise ProfileError(f"{profile.name}: format.quote {form.quote!r} is not an ASCII character")


def _check(profile: Profile) -> None:
    """ProfileError for line types and names that cannot be used."""
    form = profile.format
    for i, line in enumerate(form.lines):
        where = f"{profile.name}: format.lines[{i}]"
        if bool(line.starts_with) == bool(line.equals):
            raise ProfileError(f"{where}: needs either starts_with or equals")
        if line.columns or (line.type != "detail" and not line.names):
            raise ProfileError(f"{where}: a delimited line has names, in the order of its columns")
    for names in (form.names, *(line.names for line in form.lines)):
        if twice := sorted({n for n in names if n and names.count(n) > 1}):
            raise ProfileError(f"{profile.name}: format.names: {twice} stand more than once")


def _kinds(table: _Table, lines: Lines) -> Offsets:
    """Each line's type as its position in the profile; the first that fits counts."""
    kinds = np.full(len(lines), _UNKNOWN, np.int64)
    form, encoding = table.profile.format, table.text.encoding
    for i, line in reversed(list(enumerate(form.lines))):
        if line.starts_with:
            marks = starting_with(table.text.data, lines, line.starts_with.encode(encoding))
        else:
            quoted = [f"{form.quote}{text}{form.quote}" for text in line.equals]
            texts = [t.encode(encoding) for t in (*line.equals, *quoted)]
            marks = equal_to(table.text.data, *lines.column(line.at), texts)
        kinds[marks] = i
    return kinds


def _only(kinds: Offsets, types: Sequence[Line], wanted: str) -> int | None:
    """The number of the first header line, or of the last trailer line."""
    found = np.flatnonzero(np.isin(kinds, [i for i, t in enumerate(types) if t.type == wanted]))
    if not len(found):
        return None
    return int(found[0] if wanted == "header" else found[-1])


def _not_ours(kinds: Offsets, types: Sequence[Line], header: int | None) -> str:
    """Why the file is none of the profile's by its line types, or nothing."""
    if not len(kinds):
        return "it is empty"
    if any(t.type == "header" for t in types):
        return "" if header == 0 else "its first line is no header line"
    if any(t.type == "detail" for t in types) and (kinds == _UNKNOWN).all():
        return "no line is of a known type"
    return ""


def _variables(
    table: _Table, lines: Lines, kinds: Offsets, number: int | None
) -> dict[str, str]:
    """The columns of a header or trailer line by variable name; what was cut off is absent."""
    if number is None:
        return {}
    line = table.profile.format.lines[kinds[number]]
    try:
        row = table.row(lines, number)
    except (UnicodeDecodeError, csv.Error):
        return {}
    prefix = "hdr" if line.type == "header" else "trl"
    return {f"{prefix}.{n}": text.strip() for n, text in zip(line.names, row, strict=False) if n}


def _whole(types: Sequence[Line], lines: Lines, kinds: Offsets, trailer: int | None) -> bool:
    """Whether the trailer is there to its last column, if the profile declares one."""
    if not any(t.type == "trailer" for t in types):
        return True
    if trailer is None:
        return False
    return bool(lines.columns[trailer] >= len(types[kinds[trailer]].names))


def _layout(table: _Table, lines: Lines, kinds: Offsets) -> tuple[_Layout, str]:
    """The detail lines with the names of their columns, and why the file is none of ours."""
    form = table.profile.format
    own = {i: t.names for i, t in enumerate(form.lines) if t.type == "detail"} or {_UNKNOWN: ()}
    names, why_not = list(form.names), ""
    if not names and not all(own.values()):
        names, why_not = _names(table, lines)
        first = 1 + form.skip_after_header
        lines, kinds = lines.after(first), kinds[first:]
    found = {kind: _kept(list(some) or names) for kind, some in own.items()}
    layout = _Layout(lines, kinds, found)
    if form.names and not why_not and not _any_fits(table.profile, layout):
        why_not = f"no line has the {len(form.names)} columns of format.names"
    return layout, why_not


def _kept(names: Sequence[str]) -> list[str]:
    return [f"col.{n}" if n in PLACE else n for n in (n.strip() for n in names)]


def _any_fits(profile: Profile, layout: _Layout) -> bool:
    wanted, counts = _wanted(layout), layout.lines.columns
    fits = wanted >= counts if profile.format.ragged == "pad" else wanted == counts
    return not len(fits) or bool(fits.any())


def _names(table: _Table, lines: Lines) -> tuple[list[str], str]:
    """The column names of the first line, and why it is none of the profile's headers, if so."""
    if not len(lines):
        return [], "it has no line of names"
    try:
        row = table.row(lines, 0)
    except (UnicodeDecodeError, csv.Error):
        return [], "its first line is not text"
    names = _kept(row)
    wanted = columns_of_profile(table.profile)
    if not wanted & set(names):
        return [], "its first line names none of the profile's columns"
    if twice := sorted({n for n in names if n in wanted and names.count(n) > 1}):
        return [], f"its first line names {twice} more than once"
    return names, ""


def _wanted(layout: _Layout) -> Offsets:
    """The number of columns that each line should have; 0 where its type is unknown."""
    wanted = np.zeros(len(layout.lines), np.int64)
    for kind, names in layout.names.items():
        wanted[layout.kinds == kind] = len(names)
    return wanted


def _faults(table: _Table, layout: _Layout) -> list[Fault]:
    """What may be wrong with a line; the last that holds counts."""
    form, lines, wanted = table.profile.format, layout.lines, _wanted(layout)
    ragged = lines.columns > wanted if form.ragged == "pad" else lines.columns != wanted
    torn = "a quote is not closed, or stands where no column begins or ends"
    named = form.names or any(t.names for t in form.lines if t.type == "detail")
    told = f"the line has {{}} columns, the {'profile' if named else 'header'} {{}}"
    counted = pl.format(told, pl.col("columns"), pl.col("wanted"))
    strange = "the line is of none of the profile's detail line types"
    unreadable = undecodable(table.text.data, lines, table.text.encoding)
    return [
        (ragged, "LINE_RAGGED", counted),
        (lines.noted(TORN), "LINE_RAGGED", pl.lit(torn)),
        (~np.isin(layout.kinds, list(layout.names)), "LINE_UNKNOWN", pl.lit(strange)),
        (unreadable, "ENCODING_INVALID", pl.lit(f"the line is not {form.encoding}")),
    ]
