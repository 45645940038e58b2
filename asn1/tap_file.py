"""What reading a file gives: its header and tables, and what of it could not be read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import polars as pl

from asn1.ber import Octets
from asn1.layout import Layout
from asn1.nrtrde_header import NrtrdeHeader
from asn1.rap_header import RapHeader
from asn1.tap_header import TapHeader

MAX_RAW_OCTETS: Final = 1 << 20
"""Octets of a bad record that are kept: thousands of times a real record."""

FileKind = Literal["transfer_batch", "notification", "return_batch", "acknowledgement", "nrtrde"]
Header = TapHeader | RapHeader | NrtrdeHeader
ErrorCode = Literal["BER_INVALID", "EVENT_UNKNOWN", "FILE_TRUNCATED", "NEGATIVE", "TIME"]


class NotTapError(Exception):
    """Octets that are no TAP, RAP or NRTRDE file: where, and why not."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"not a TAP file: offset {offset}: {reason}")
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DecodeError:
    """A part of the file that was not read: where it is (octets), why, and the part itself.

    record_index is None for what is no record. `raw` holds at most MAX_RAW_OCTETS. As a note
    (NEGATIVE, TIME) it is about a record that was read, and holds no octets.
    """

    record_index: int | None
    offset: int
    length: int
    code: ErrorCode
    detail: str
    raw: bytes


@dataclass(slots=True)
class TapFile:
    """A file's header, the tables of its readable records, and the rest as errors.

    `groups` has the values of everything beside the records, by element name. `tables` are those
    of asn1.layout, the records' own first. `notes` are values that cannot be meant, of records
    that were read; `unknown` are the elements of those records that the grammar has no place for,
    and `unknown_tags` counts them, those of the groups too. `complete` is False when the file was
    cut, or when damage may have hidden records. `repaired` says what damage of transport was undone
    first; `data` is then the repaired file, and all offsets are in it. `following` are further
    files behind this one in the same octets, with offsets in the whole; `offset` is where this one
    starts.
    """

    kind: FileKind
    header: Header
    groups: dict[str, Any]
    layout: Layout
    tables: dict[str, pl.DataFrame]
    data: Octets
    unknown: pl.DataFrame
    errors: list[DecodeError] = field(default_factory=list)
    notes: list[DecodeError] = field(default_factory=list)
    unknown_tags: dict[str, int] = field(default_factory=dict)
    complete: bool = True
    repaired: str | None = None
    following: tuple["TapFile", ...] = ()
    offset: int = 0

    @property
    def records(self) -> pl.DataFrame:
        """The table of the records themselves: where each is, its kind, its own values."""
        return self.tables[self.layout.tables[0]]

    @property
    def record_count(self) -> int:
        """How many records the file has, those that were not read included."""
        return self.records.height + sum(e.record_index is not None for e in self.errors)

    def raw(self, record_index: int) -> bytes:
        """The octets of a record, read or not; IndexError when the file has no such record."""
        known = self.records["record_index"]
        row = known.search_sorted(record_index)
        if row < len(known) and known[row] == record_index:
            start, length = self.records.select("byte_offset", "byte_length").row(row)
            return bytes(self.data[start : start + length])
        for error in self.errors:
            if error.record_index == record_index:
                return bytes(self.data[error.offset : error.offset + error.length])
        raise IndexError(f"the file has no record {record_index}")

    def all_files(self) -> Iterator["TapFile"]:
        """This file and those behind it."""
        yield self
        yield from self.following
