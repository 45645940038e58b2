"""Lines of a text file with their places, and the rejects of those that are no record."""

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
Offsets = NDArray[np.int64]
Marks = NDArray[np.bool_]
NOWHERE: Offsets = np.empty(0, np.int64)
_FOUND = ("record_index", "byte_offset", "code", "detail", "raw")
_LF, _CR = 10, 13
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


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

    def pieces(self, data: bytes) -> pl.Series:
        """The octets of each line, without a copy."""
        import pyarrow as pa

        # Lines and what lies between them in turn: so one array of bounds serves both.
        bounds = np.stack([self.starts, self.ends], axis=1).ravel()
        array = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), max(len(bounds) - 1, 0), [None, pa.py_buffer(bounds.tobytes()),
                                                         pa.py_buffer(data)]
        )
        return pl.Series("piece", array, pl.Binary).gather_every(2)

    def starting_with(self, data: bytes, mark: bytes) -> Marks:
        """Which lines start with these octets."""
        # One octet tells most lines apart.
        marks: Marks = np.frombuffer(data, np.uint8)[self.starts] == mark[0]
        some = self.where(marks)
        heads = Lines(some.starts, np.minimum(some.starts + len(mark), some.ends)).pieces(data)
        marks[marks] = heads.is_in(pl.Series([mark], dtype=pl.Binary)).to_numpy()
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


def cut_lines(data: bytes, quoted: Offsets) -> Lines:
    """The lines that are not empty, without a byte order mark, LF and CRLF.

    `quoted` holds the places of opening and closing quotes in turn; a line end between is text.
    """
    octets = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(octets == _LF)
    breaks = breaks[~inside(breaks, quoted)]
    first = len(BOM) if data.startswith(BOM) else 0
    starts = np.concatenate([[first], breaks + 1]).astype(np.int64)
    ends = np.concatenate([breaks, [len(data)]]).astype(np.int64)
    ends = np.maximum(ends, starts)
    before = octets[np.maximum(ends - 1, 0)] if len(octets) else np.zeros(len(ends), np.uint8)
    ends = np.where((before == _CR) & (ends > starts), ends - 1, ends)
    return Lines(starts, ends).where(ends > starts)


def kept_lines(data: bytes, lines: Lines, profile: Profile) -> Lines:
    """The lines without those that the profile skips at the beginning, and without comments."""
    skip, comment = profile.format.skip_lines, profile.format.comment.encode()
    lines = Lines(lines.starts[skip:], lines.ends[skip:])
    return lines.where(~lines.starting_with(data, comment)) if comment else lines


def inside(places: Offsets, quoted: Offsets) -> Marks:
    """Which places stand between an opening and its closing quote."""
    return np.asarray(np.searchsorted(quoted, places) % 2 == 1)


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
