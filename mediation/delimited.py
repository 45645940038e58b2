"""Delimited text (CSV) to records of text columns, with every line's place in the file."""

import csv
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.limits import RAW_MAX_BYTES
from mediation.profile import Profile, ProfileError
from mediation.readers import columns_of, file_header
from mediation.reject import file_reject, rejects
from mediation.schema import REJECT
from mediation.tables import TableError

PLACE = {"record_index": pl.Int32(), "byte_offset": pl.Int64(), "byte_length": pl.Int32()}
_FOUND = ("record_index", "byte_offset", "code", "detail", "raw")
_LF, _CR, _QUOTE = 10, 13, 34
BOM = b"\xef\xbb\xbf"
Offsets = NDArray[np.int64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the lines of a file that are not empty begin and end, line ends left out."""

    starts: Offsets
    ends: Offsets

    def __len__(self) -> int:
        return len(self.starts)

    def where(self, marks: Marks) -> "Lines":
        """The marked lines."""
        return Lines(self.starts[marks], self.ends[marks])

    def places(self) -> pl.DataFrame:
        """record_index, byte_offset and byte_length when each line is a record."""
        return pl.DataFrame(
            {
                "record_index": np.arange(len(self)),
                "byte_offset": self.starts,
                "byte_length": self.ends - self.starts,
            },
            schema_overrides=PLACE,
        )


def decode_delimited(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The lines of a delimited file as records of text columns named by its first line.

    Quotes are as in RFC 4180. A line of another number of columns, with a quote out of place or
    not of the profile's encoding is a reject. Columns named as our own three become col.NAME.
    """
    delimiter = _delimiter(profile)
    quotes = _quotes(data, delimiter)
    lines = cut_lines(data, quotes.spans)
    names, why_not = _names(data, lines, profile)
    if why_not:
        return not_cdr(profile, ctx, why_not)
    lines = Lines(lines.starts[1:], lines.ends[1:])
    counts = _columns(data, lines, delimiter, quotes.spans)
    torn = _holding(lines, quotes.strays)
    unreadable = undecodable(data, lines, profile.format.encoding)
    good = (counts == len(names)) & ~torn & ~unreadable
    places = lines.places()
    faults = places.with_columns(
        pl.Series("columns", counts), pl.Series("torn", torn), pl.Series("unreadable", unreadable)
    ).filter(~good)
    faults = faults.with_columns(_fault(profile.format.encoding, len(names)))
    records = pl.concat(
        [places.filter(good), _texts(data, lines, good, names, profile)], how="horizontal"
    )
    return Decoded(file_header(profile, ctx, {}), records, line_rejects(data, faults, ctx))


def _delimiter(profile: Profile) -> int:
    """The octet between columns."""
    octets = profile.format.delimiter.encode(profile.format.encoding)
    if len(octets) != 1 or octets in b'"\r\n':
        raise ProfileError(
            f"{profile.name}: format.delimiter {profile.format.delimiter!r} cannot be told from "
            "text, quotes or line ends; use one ASCII character"
        )
    return octets[0]


def _fault(encoding: str, columns: int) -> list[pl.Expr]:
    """Code and detail of a line that is no record; the encoding is looked at first."""
    code = pl.when("unreadable").then(pl.lit("ENCODING_INVALID")).otherwise(pl.lit("LINE_RAGGED"))
    detail = (
        pl.when("unreadable")
        .then(pl.lit(f"the line is not {encoding}"))
        .when("torn")
        .then(pl.lit("a quote is not closed, or stands where no column begins or ends"))
        .otherwise(
            pl.format("the line has {} columns, the header {}", pl.col("columns"), pl.lit(columns))
        )
    )
    return [code.alias("code"), detail.alias("detail")]


def not_cdr(profile: Profile, ctx: FileContext, reason: str) -> Decoded:
    """No records, and one reject for a file that is not of the profile's format."""
    return Decoded(
        file_header(profile, ctx, {}, complete=False),
        pl.DataFrame(schema=PLACE),
        file_reject(ctx, "NOT_A_CDR_FILE", f"not a {profile.format.kind} file: {reason}"),
    )


def line_rejects(data: bytes, faults: pl.DataFrame, ctx: FileContext) -> pl.DataFrame:
    """Table reject from places with code and detail; raw is cut out of the file."""
    if faults.is_empty():
        return REJECT.empty()
    raw = [
        data[at : at + min(size, RAW_MAX_BYTES)]
        for at, size in faults.select("byte_offset", "byte_length").iter_rows()
    ]
    rows = faults.with_columns(raw=pl.Series(raw, dtype=pl.Binary))
    return rejects(ctx, rows.select(_FOUND))


def cut_lines(data: bytes, quoted: Offsets) -> Lines:
    """The lines that are not empty, without a byte order mark, LF and CRLF.

    `quoted` holds the places of opening and closing quotes in turn; a line end between is text.
    """
    octets = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(octets == _LF)
    breaks = breaks[~_inside(breaks, quoted)]
    first = len(BOM) if data.startswith(BOM) else 0
    starts = np.concatenate([[first], breaks + 1]).astype(np.int64)
    ends = np.concatenate([breaks, [len(data)]]).astype(np.int64)
    ends = np.maximum(ends, starts)
    before = octets[np.maximum(ends - 1, 0)] if len(octets) else np.zeros(len(ends), np.uint8)
    ends = np.where((before == _CR) & (ends > starts), ends - 1, ends)
    return Lines(starts, ends).where(ends > starts)


def undecodable(data: bytes, lines: Lines, encoding: str) -> Marks:
    """Which lines are not text of the encoding."""
    marks = np.zeros(len(lines), bool)
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        # Only a file with a fault is looked at line by line.
        for i, (start, end) in enumerate(zip(lines.starts, lines.ends, strict=True)):
            try:
                data[start:end].decode(encoding)
            except UnicodeDecodeError:
                marks[i] = True
    return marks


@dataclass(frozen=True, slots=True)
class _Quotes:
    """Places of opening and closing quotes in turn, and of quotes that are neither."""

    spans: Offsets
    strays: Offsets


def _quotes(data: bytes, delimiter: int) -> _Quotes:
    none = np.empty(0, np.int64)
    if b'"' not in data:
        return _Quotes(none, none)
    octets = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(octets == _QUOTE)
    first = len(BOM) if data.startswith(BOM) else 0
    # In a sound file every odd quote opens and every even one closes; a doubled quote inside a
    # column closes and opens again, with no octet between.
    before = octets[np.maximum(places - 1, 0)]
    after = octets[np.minimum(places + 1, len(octets) - 1)]
    opens = (before == delimiter) | (before == _LF) | (places == first)
    closes = (after == delimiter) | _ends_line(octets, places + 1)
    sound = len(places) % 2 == 0 and bool(
        np.all(opens[0::2] | np.concatenate([[False], places[2::2] == places[1:-1:2] + 1]))
        and np.all(closes[1::2] | np.concatenate([places[1:-1:2] + 1 == places[2::2], [False]]))
    )
    if sound:
        return _Quotes(places, none)
    return _quotes_one_by_one(data, places, opens, closes)


def _ends_line(octets: NDArray[np.uint8], places: Offsets) -> Marks:
    """Whether LF, CRLF or the end of the file stands at each place."""
    last = len(octets) - 1
    here = np.where(places > last, _LF, octets[np.minimum(places, last)])
    behind = np.where(places >= last, _LF, octets[np.minimum(places + 1, last)])
    return np.asarray((here == _LF) | ((here == _CR) & (behind == _LF)))


def _quotes_one_by_one(data: bytes, places: Offsets, opens: Marks, closes: Marks) -> _Quotes:
    """The same for a file with a quote out of place, which costs only the line it stands in."""
    at, opening, closing = places.tolist(), opens.tolist(), closes.tolist()
    spans: list[int] = []
    strays: list[int] = []
    i, last = 0, len(at) - 1
    while i <= last:
        end = i + 1
        while end < last and not closing[end] and at[end + 1] == at[end] + 1:
            end += 2
        if opening[i] and end <= last and closing[end]:
            spans += (at[i], at[end])
            i = end + 1
            continue
        strays.append(at[i])
        line_end = data.find(b"\n", at[i])
        i = bisect_left(at, line_end) if line_end >= 0 else len(at)
    return _Quotes(np.array(spans, np.int64), np.array(strays, np.int64))


def _inside(places: Offsets, quoted: Offsets) -> Marks:
    """Which places stand between an opening and its closing quote."""
    return np.asarray(np.searchsorted(quoted, places) % 2 == 1)


def _holding(lines: Lines, places: Offsets) -> Marks:
    """Which lines hold at least one of the places."""
    if not len(places):
        return np.zeros(len(lines), bool)
    held = np.searchsorted(places, lines.ends) - np.searchsorted(places, lines.starts)
    return np.asarray(held > 0)


def _columns(data: bytes, lines: Lines, delimiter: int, quoted: Offsets) -> Offsets:
    """The number of columns of each line."""
    places = np.flatnonzero(np.frombuffer(data, np.uint8) == delimiter)
    if len(quoted):
        places = places[~_inside(places, quoted)]
    return np.searchsorted(places, lines.ends) - np.searchsorted(places, lines.starts) + 1


def _names(data: bytes, lines: Lines, profile: Profile) -> tuple[list[str], str]:
    """The column names of the first line, and why it is none of the profile's headers, if so."""
    if not len(lines):
        return [], "it is empty"
    line = data[lines.starts[0] : lines.ends[0]]
    try:
        text = line.decode(profile.format.encoding)
        row = next(csv.reader([text], delimiter=profile.format.delimiter), [])
    except (UnicodeDecodeError, csv.Error):
        return [], "its first line is not text"
    names = [f"col.{n}" if n in PLACE else n for n in (n.strip() for n in row)]
    wanted = {c for field in profile.fields.values() for c in columns_of(field)}
    wanted |= {rule.column for rule in profile.drop}
    if not wanted & set(names):
        return [], "its first line names none of the profile's columns"
    if twice := sorted({n for n in names if n in wanted and names.count(n) > 1}):
        return [], f"its first line names {twice} more than once"
    return names, ""


def _texts(
    data: bytes, lines: Lines, good: Marks, names: list[str], profile: Profile
) -> pl.DataFrame:
    """The columns of the good lines; of columns named alike the first."""
    if not good.any():
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    body = b"\n".join(data[start:end] for start, end in _runs(data, lines, good))
    if profile.format.encoding != "utf-8":
        body = body.decode(profile.format.encoding).encode()
    texts = pl.read_csv(
        body,
        separator=profile.format.delimiter,
        quote_char='"',
        has_header=False,
        infer_schema=False,
    )
    if texts.shape != (good.sum(), len(names)):
        raise TableError(
            f"{profile.name}: {good.sum()} lines of {len(names)} columns were read as "
            f"{texts.height} of {texts.width}"
        )
    texts.columns = [str(i) for i in range(len(names))]
    return texts.select(
        pl.col(str(i)).alias(n) for i, n in enumerate(names) if names.index(n) == i
    )


def _runs(data: bytes, lines: Lines, good: Marks) -> list[tuple[int, int]]:
    """Start and end of each run of good lines with one line end between."""
    kept = lines.where(good)
    gaps = kept.starts[1:] - kept.ends[:-1]
    octets = np.frombuffer(data, np.uint8)
    joined = (gaps == 1) | ((gaps == len(b"\r\n")) & (octets[kept.ends[:-1]] == _CR))
    starts = kept.starts[np.concatenate([[True], ~joined])]
    ends = kept.ends[np.concatenate([~joined, [True]])]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
