"""What decoding a file gives, whatever its format."""

from dataclasses import dataclass
from typing import Literal

import polars as pl


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
    """

    header: FileHeader
    records: pl.DataFrame
    rejects: pl.DataFrame
    content: bytes | None = None

    @property
    def received(self) -> pl.Series:
        """The record_index of every record found in the file, good or bad."""
        bad = self.rejects["record_index"].drop_nulls()
        found = pl.concat([self.records["record_index"], bad])
        return found if found.is_sorted() else found.sort()
