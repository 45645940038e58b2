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
from mediation.lines import (
    PLACE,
    Lines,
    Offsets,
    TextFile,
    cut_lines,
    inside,
    kept_lines,
    line_rejects,
    not_cdr,
    text_file,
    undecodable,
)
from mediation.percent import percent_decoded
from mediation.profile import Line, Profile, ProfileError
from mediation.quotes import KEPT, Quotes, doubled, holding, quotes_of, unescaped
from mediation.readers import columns_of_profile
from mediation.tables import TableError

_CR = 13
_UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class _Table:
    """A delimited file: its octets, its quotes and where its columns part."""

    profile: Profile
    text: TextFile
    received: bytes
    """The octets that the offsets mean, as they came"""
    quotes: Quotes
    parts: Offsets
    """The places of the delimiters that are not text"""

    def counts(self, lines: Lines) -> Offsets:
        """The number of columns of each line."""
        held = np.searchsorted(self.parts, lines.ends) - np.searchsorted(self.parts, lines.starts)
        return held + 1

    def column(self, lines: Lines, at: int) -> Lines:
        """The places of one column of each line; empty where the line is shorter."""
        first = np.searchsorted(self.parts, lines.starts)
        bounds = np.append(self.parts, np.iinfo(np.int64).max - 1)
        last = len(bounds) - 1
        ends = np.minimum(bounds[np.minimum(first + at, last)], lines.ends)
        starts = bounds[np.minimum(first + at - 1, last)] + 1 if at else lines.starts
        return Lines(np.minimum(starts, ends), ends)

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


def decode_delimited(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The lines of a delimited file as records of text columns.

    The profile or the file's line of names names them; header and trailer lines are hdr.X and
    trl.X. Quotes are as in RFC 4180. A line of another number of columns, of no known type, with
    a quote out of place or not of the profile's encoding is a reject. A missing trailer means
    that the file was cut. Columns named as our own three become col.NAME.
    """
    form, delimiter = profile.format, _delimiter(profile)
    _check(profile)
    text = text_file(data, form.encoding)
    if text.why_not:
        return not_cdr(profile, ctx, text.why_not)
    received = text.content or data
    text = replace(text, data=doubled(text.data, form))
    quotes = quotes_of(text.data, delimiter, form.quote)
    lines = kept_lines(text.data, cut_lines(text.data, quotes.spans), profile)
    parts = np.flatnonzero(np.frombuffer(text.data, np.uint8) == delimiter)
    table = _Table(profile, text, received, quotes, parts[~inside(parts, quotes.spans)]
                   if len(quotes.spans) else parts)
    kinds = _kinds(table, lines)
    header, trailer = (_only(kinds, form.lines, t) for t in ("header", "trailer"))
    if why_not := _not_ours(kinds, form.lines, header):
        return not_cdr(profile, ctx, why_not)
    variables = _variables(table, lines, kinds, header) | _variables(table, lines, kinds, trailer)
    own = np.ones(len(lines), bool)
    own[[n for n in (header, trailer) if n is not None]] = False
    layout, why_not = _layout(table, lines.where(own), kinds[own])
    if why_not:
        return not_cdr(profile, ctx, why_not)
    return _decoded(table, layout, ctx, variables, complete=_whole(table, lines, kinds, trailer))


def _decoded(
    table: _Table, layout: _Layout, ctx: FileContext, variables: dict[str, str], *, complete: bool
) -> Decoded:
    """The detail lines as records or rejects."""
    places = layout.lines.places()
    faults = places.with_columns(**_marks(table, layout)).with_columns(_fault(table.profile))
    bad = faults["code"].is_not_null()
    good = ~bad.to_numpy()
    tables = [
        pl.concat(
            [places.filter(chosen), _texts(table, layout.lines.where(chosen), names)],
            how="horizontal",
        )
        for kind, names in layout.names.items()
        if (chosen := good & (layout.kinds == kind)).any() or len(layout.names) == 1
    ]
    records = pl.concat(tables, how="diagonal") if tables else pl.DataFrame(schema=PLACE)
    records = percent_decoded(records, table.profile)
    if len(tables) > 1:
        records = records.sort("record_index")
    records = records.with_columns(pl.lit(t, pl.String).alias(n) for n, t in variables.items())
    header = file_header(table.profile, ctx, variables, complete=complete)
    rejected = line_rejects(table.received, faults.filter(bad), ctx)
    return Decoded(header, records, rejected, table.text.content)


def _delimiter(profile: Profile) -> int:
    """The octet between columns."""
    form = profile.format
    octets = form.delimiter.encode()
    if len(octets) != 1 or octets in f"{form.quote}\r\n".encode():
        raise ProfileError(
            f"{profile.name}: format.delimiter {form.delimiter!r} cannot be told from "
            "text, quotes or line ends; use one ASCII character"
        )
    if len(form.quote.encode()) != len(form.quote) or form.quote in {"\r", "\n"}:
        raise ProfileError(f"{profile.name}: format.quote {form.quote!r} is not an ASCII character")
    return octets[0]


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
            marks = lines.starting_with(table.text.data, line.starts_with.encode(encoding))
        else:
            quoted = [f"{form.quote}{text}{form.quote}" for text in line.equals]
            texts = [t.encode(encoding) for t in (*line.equals, *quoted)]
            pieces = table.column(lines, line.at).pieces(table.text.data)
            marks = pieces.is_in(pl.Series(texts, dtype=pl.Binary)).to_numpy()
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


def _whole(table: _Table, lines: Lines, kinds: Offsets, trailer: int | None) -> bool:
    """Whether the trailer is there to its last column, if the profile declares one."""
    types = table.profile.format.lines
    if not any(t.type == "trailer" for t in types):
        return True
    if trailer is None:
        return False
    return bool(table.counts(lines)[trailer] >= len(types[kinds[trailer]].names))


def _layout(table: _Table, lines: Lines, kinds: Offsets) -> tuple[_Layout, str]:
    """The detail lines with the names of their columns, and why the file is none of ours."""
    form = table.profile.format
    own = {i: t.names for i, t in enumerate(form.lines) if t.type == "detail"} or {_UNKNOWN: ()}
    names, why_not = list(form.names), ""
    if not names and not all(own.values()):
        names, why_not = _names(table, lines)
        first = 1 + form.skip_after_header
        lines, kinds = Lines(lines.starts[first:], lines.ends[first:]), kinds[first:]
    found = {kind: _kept(list(some) or names) for kind, some in own.items()}
    layout = _Layout(lines, kinds, found)
    if form.names and not why_not and not _any_fits(table, layout):
        why_not = f"no line has the {len(form.names)} columns of format.names"
    return layout, why_not


def _kept(names: Sequence[str]) -> list[str]:
    return [f"col.{n}" if n in PLACE else n for n in (n.strip() for n in names)]


def _any_fits(table: _Table, layout: _Layout) -> bool:
    wanted, counts = _wanted(layout), table.counts(layout.lines)
    fits = wanted >= counts if table.profile.format.ragged == "pad" else wanted == counts
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


def _marks(table: _Table, layout: _Layout) -> dict[str, pl.Series]:
    """What is known of each detail line."""
    data, lines = table.text.data, layout.lines
    return {
        "columns": pl.Series(table.counts(lines)),
        "wanted": pl.Series(_wanted(layout)),
        "strange": pl.Series(~np.isin(layout.kinds, list(layout.names))),
        "torn": pl.Series(holding(lines, table.quotes.strays)),
        "unreadable": pl.Series(undecodable(data, lines, table.text.encoding)),
    }


def _fault(profile: Profile) -> list[pl.Expr]:
    """Code and detail of a line that is no record; both null for a record."""
    form, columns = profile.format, pl.col("columns")
    ragged = columns != pl.col("wanted")
    if form.ragged == "pad":
        ragged = columns > pl.col("wanted")
    torn = "a quote is not closed, or stands where no column begins or ends"
    named = form.names or any(t.names for t in form.lines if t.type == "detail")
    told = f"the line has {{}} columns, the {'profile' if named else 'header'} {{}}"
    counted = pl.format(told, columns, pl.col("wanted"))
    strange = "the line is of none of the profile's detail line types"
    code, detail = pl.lit(None, pl.String), pl.lit(None, pl.String)
    # The last fault asked about is the first that counts.
    for fault, name, words in (
        (ragged, "LINE_RAGGED", counted),
        (pl.col("torn"), "LINE_RAGGED", pl.lit(torn)),
        (pl.col("strange"), "LINE_UNKNOWN", pl.lit(strange)),
        (pl.col("unreadable"), "ENCODING_INVALID", pl.lit(f"the line is not {form.encoding}")),
    ):
        code = pl.when(fault).then(pl.lit(name)).otherwise(code)
        detail = pl.when(fault).then(words).otherwise(detail)
    return [code.alias("code"), detail.alias("detail")]


def _texts(table: _Table, lines: Lines, names: list[str]) -> pl.DataFrame:
    """The columns of good lines of one kind; of columns named alike the first."""
    shown = {str(i): n for i, n in enumerate(names) if names.index(n) == i}
    if not len(lines):
        return pl.DataFrame(schema=dict.fromkeys(shown.values(), pl.String))
    body = b"\n".join(table.text.data[start:end] for start, end in _runs(table.text.data, lines))
    if table.text.encoding != "utf-8":
        body = body.decode(table.text.encoding).encode()
    texts = pl.read_csv(
        body,
        separator=table.profile.format.delimiter,
        quote_char=table.profile.format.quote or None,
        has_header=False,
        schema={str(i): pl.String for i in range(len(names))},
        missing_columns="insert",
    )
    if texts.height != len(lines):
        raise TableError(
            f"{table.profile.name}: {len(lines)} lines of {len(names)} columns were read as "
            f"{texts.height}"
        )
    form = table.profile.format
    return texts.select(unescaped(pl.col(i), form).alias(name) for i, name in shown.items())


def _runs(data: bytes, kept: Lines) -> list[tuple[int, int]]:
    """Start and end of each run of lines with one line end between."""
    gaps = kept.starts[1:] - kept.ends[:-1]
    octets = np.frombuffer(data, np.uint8)
    joined = (gaps == 1) | ((gaps == len(b"\r\n")) & (octets[kept.ends[:-1]] == _CR))
    starts = kept.starts[np.concatenate([[True], ~joined])]
    ends = kept.ends[np.concatenate([~joined, [True]])]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
