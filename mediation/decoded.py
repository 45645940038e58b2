"""What decoding a file gives, whatever its format."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from mediation.limits import SLICE_ROWS


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What the file says of itself; None where it says nothing.

    declared_charge_micros is in currency; release is text as 3.12.
    """

    kind: Literal["live", "test", "notification"] = "live"
    release: str | None = None
    sequence: int | None = None
    rap_sequence: int | None = None
    """The number of the RAP file that a TAP file answers"""
    sender: str | None = None
    recipient: str | None = None
    declared_records: int | None = None
    declared_charge_micros: int | None = None
    currency: str | None = None
    complete: bool = True
    """False when the file was cut: the records before the cut are here."""
    notes: tuple[str, ...] = ()
    fault: tuple[str, str] | None = None
    """The code and the detail of the error for which TAP validation gives the whole file back"""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The records of one file, before meaning.

    `records` holds record_index (int32), byte_offset (int64), byte_length (int32), both into the
    unpacked file, and the format's own columns: text columns for delimited, fixed and xml (header
    variables as hdr.X and trl.X constants), asn1's event columns for tap. `rejects` is of table
    reject, with raw. record_index runs from 0 over good and bad records alike. `content` is there
    when damage done to the file on its way was undone: the octets that the offsets then mean.
    `told` is there for a file of more than SLICE_ROWS records, whose `records` are only places: it
    gives some of them, in order, with the format's columns.
    """

    header: FileHeader
    records: pl.DataFrame
    rejects: pl.DataFrame
    content: bytes | None = None
    told: Callable[[pl.DataFrame], pl.DataFrame] | None = None

    def slices(self) -> Iterator[pl.DataFrame]:
        """The records with all their columns, at most SLICE_ROWS at a time; at least one frame."""
        for at in range(0, self.records.height or 1, SLICE_ROWS):
            some = self.records.slice(at, SLICE_ROWS)
            yield self.told(some) if self.told else some

    def with_columns(self, names: Sequence[str]) -> pl.DataFrame:
        """The records with at least those of their columns that have these names."""
        if not self.told:
            return self.records
        return pl.concat(
            some.select(name for name in some.columns if name in {*names, *self.records.columns})
            for some in self.slices()
        )

    def whole(self) -> "Decoded":
        """The same with all columns of all records at once."""
        return replace(self, records=pl.concat(self.slices()), told=None) if self.told else self

    @property
    def received(self) -> pl.Series:
        """The record_index of every record found in the file, good or bad."""
        found = self.records["record_index"]
        if not self.rejects.is_empty():
            found = pl.concat([found, self.rejects["record_index"].drop_nulls()])
        return found if found.is_sorted() else found.sort()
