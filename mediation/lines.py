"""Lines of a text file with their places, and the rejects of those that are no record."""

from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.limits import RAW_MAX_BYTES
from mediation.profile import Profile
from mediation.reject import file_reject, rejects
from mediation.schema import REJECT

PLACE = {"record_index": pl.Int32(), "byte_offset": pl.Int64(), "byte_length": pl.Int32()}
BOM = b"\xef\xbb\xbf"
LF = 10
TORN, DOUBLED, WIDE = 2, 4, 8
"""What is noted of a line: a quote is out of place, one is doubled, it may not be all ASCII"""
Offsets = NDArray[np.int64]
Marks = NDArray[np.bool_]
Fault = tuple[Marks, str, pl.Expr]
"""Which lines it befell, the code and the detail"""
_FOUND = ("record_index", "byte_offset", "code", "detail", "raw")
_BEHIND = np.iinfo(np.int64).max - 1
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PIECE = 1 << 22
"""Octets that are decoded at a time: their text may take four times as many"""


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the lines of a file that are not empty begin and end, line ends left out."""

    starts: Offsets
    ends: Offsets
    firsts: Offsets
    """The number of the first delimiter from the line's start on"""
    columns: Offsets
    notes: Offsets
    """TORN, DOUBLED and WIDE together"""
    parts: Offsets
    """The places of all delimiters of the file that are not text, and one behind everything"""

    @classmethod
    def of(cls, arrays: Sequence[Offsets], parts: Offsets) -> "Lines":
        """Lines of which the arrays know starts, ends, firsts, columns and notes."""
        starts, ends, firsts, columns, notes = arrays
        return cls(starts, ends, firsts, columns, notes, parts)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def arrays(self) -> tuple[Offsets, ...]:
        """What is known of each line."""
        return self.starts, self.ends, self.firsts, self.columns, self.notes

    def where(self, marks: Marks) -> "Lines":
        """The marked lines."""
        if marks.all():
            return self
        return Lines.of([known[marks] for known in self.arrays], self.parts)

    def after(self, count: int) -> "Lines":
        """The lines without the first ones."""
        return Lines.of([known[count:] for known in self.arrays], self.parts)

    def noted(self, note: int) -> Marks:
        """Which lines have that note."""
        return np.asarray(self.notes & note != 0)

    def places(self, marks: Marks | None = None) -> pl.DataFrame:
        """record_index, byte_offset and byte_length of the marked ones, when each is a record."""
        numbers = np.arange(len(self)) if marks is None else np.flatnonzero(marks)
        starts, ends = self.starts[numbers], self.ends[numbers]
        values = (numbers.astype(np.int32), starts, (ends - starts).astype(np.int32))
        return pl.DataFrame(dict(zip(PLACE, values, strict=True)))

    def column(self, at: int) -> tuple[Offsets, Offsets]:
        """Where one column of each line begins and ends, its quotes too; empty if there is none."""
        last = len(self.parts) - 1
        ends = np.minimum(self.parts[np.minimum(self.firsts + at, last)], self.ends)
        before = self.parts[np.minimum(self.firsts + at - 1, last)] + 1 if at else self.starts
        return np.minimum(before, ends), ends


def starting_with(data: bytes, lines: Lines, mark: bytes) -> Marks:
    """Which lines start with these octets."""
    return _told_apart(data, lines.starts, lines.ends, [mark], whole=False)


def equal_to(data: bytes, starts: Offsets, ends: Offsets, texts: Sequence[bytes]) -> Marks:
    """Which pieces from a start to its end are one of these texts."""
    return _told_apart(data, starts, ends, texts, whole=True)


def _told_apart(
    data: bytes, starts: Offsets, ends: Offsets, texts: Sequence[bytes], *, whole: bool
) -> Marks:
    from mediation.line_kernel import told_apart

    marks = np.empty(len(starts), bool)
    bounds = np.cumsum([0, *map(len, texts)])
    octets, joined = (np.frombuffer(some, np.uint8) for some in (data, b"".join(texts)))
    told_apart(octets, starts, ends, joined, bounds, int(whole), marks)
    return marks


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file in an encoding whose ASCII characters are one octet each, with LF line ends.

    `content` is there when the octets are not those that were received: the offsets mean it.
    """

    data: bytes
    encoding: str
    content: bytes | None = None
    why_not: str = ""


def text_file(data: bytes, encoding: str) -> TextFile:
    """The octets of a received file, in UTF-8 if they are in UTF-16, and CR turned to LF."""
    content = None
    if encoding == "utf-16":
        if not data.startswith(_UTF16):
            why_not = "it has no byte order mark of UTF-16" if data else "it is empty"
            return TextFile(b"", "utf-8", None, why_not)
        half = len(data) % 2
        text = data[: len(data) - half].decode("utf-16", "surrogatepass")
        # What is no character becomes octets that are no UTF-8, and so a reject of its line.
        data = content = text.encode("utf-8", "surrogatepass") + b"\xff" * half
        encoding = "utf-8"
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    return TextFile(data, encoding, content)


def cut_lines(data: bytes, delimiter: str = "", quote: str = "") -> Lines:
    """The lines that are not empty, without a byte order mark, LF and CRLF.

    A line end between an opening and its closing quote is text.
    """
    first = len(BOM) if data.startswith(BOM) else 0
    return _cut(np.frombuffer(data, np.uint8), delimiter, quote, first)


def lines_at(data: bytes, places: pl.DataFrame, delimiter: str = "", quote: str = "") -> Lines:
    """The lines at these places, which are some of those of cut_lines in their order."""
    starts, sizes = places["byte_offset"].to_numpy(), places["byte_length"].to_numpy()
    first, end = int(starts[0]), int(starts[-1]) + int(sizes[-1])
    # Each of them begins outside quotes, whatever stands before it.
    found = _cut(np.frombuffer(data, np.uint8)[first:end], delimiter, quote, 0)
    for places_in in (found.starts, found.ends, found.parts[:-1]):
        np.add(places_in, first, out=places_in)
    numbers = np.searchsorted(found.starts, starts)
    return Lines.of([known[numbers] for known in found.arrays], found.parts)


def _cut(octets: NDArray[np.uint8], delimiter: str, quote: str, first: int) -> Lines:
    """The lines from the octet `first` on."""
    from mediation.line_kernel import counted, cut

    # A line that is not empty takes two octets, but for the last.
    most = min(counted(octets, LF), len(octets) // 2) + 1
    room = np.empty((5, most), np.int64)
    marks = ord(delimiter or "\n"), ord(quote or "\n")
    parts = np.empty(counted(octets, marks[0]) + 1, np.int64)
    found, parted = cut(octets, *marks, first, tuple(room), parts)
    parts[parted] = _BEHIND
    return Lines.of(list(room[:, :found]), parts[: parted + 1])


def kept_lines(data: bytes, lines: Lines, profile: Profile) -> Lines:
    """The lines without those that the profile skips at the beginning, and without comments."""
    skip, comment = profile.format.skip_lines, profile.format.comment.encode()
    lines = lines.after(skip)
    return lines.where(~starting_with(data, lines, comment)) if comment else lines


def undecodable(data: bytes, lines: Lines, encoding: str) -> Marks:
    """Which lines are not text of the encoding."""
    marks = np.zeros(len(lines), bool)
    wide = np.flatnonzero(lines.noted(WIDE))
    if not len(wide) or encoding == "latin-1":
        return marks
    if not _is_text(data, encoding):
        # Only a file with a fault is looked at line by line.
        for i in wide.tolist():
            try:
                data[lines.starts[i] : lines.ends[i]].decode(encoding)
            except UnicodeDecodeError:
                marks[i] = True
    return marks


def _is_text(data: bytes, encoding: str) -> bool:
    """Whether all of it is text of the encoding."""
    decoder = getincrementaldecoder(encoding)()
    try:
        for at in range(0, len(data), _PIECE):
            decoder.decode(data[at : at + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def not_cdr(profile: Profile, ctx: FileContext, reason: str) -> Decoded:
    """No records, and one reject for a file that is not of the profile's format."""
    return Decoded(
        file_header(profile, ctx, {}, complete=False),
        pl.DataFrame(schema=PLACE),
        file_reject(ctx, "NOT_A_CDR_FILE", f"not a {profile.format.kind} file: {reason}"),
    )


def faulty(
    lines: Lines, faults: Sequence[Fault], bad: Marks, **known: Offsets | pl.Series
) -> pl.DataFrame:
    """The places of the bad lines with code and detail; of several faults the last counts.

    `known` are the columns that details name, for bad lines only.
    """
    code, detail = pl.lit(None, pl.String), pl.lit(None, pl.String)
    for marks, name, words in faults:
        when = pl.when(pl.lit(pl.Series(marks[bad])))
        code, detail = when.then(pl.lit(name)).otherwise(code), when.then(words).otherwise(detail)
    rows = lines.places(bad).with_columns(**{n: pl.Series(v) for n, v in known.items()})
    return rows.with_columns(code=code, detail=detail)


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
