"""What both engines make of a list of records: tables, faults, unknown elements."""

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl


class Span(NamedTuple):
    """Where a list of records lies, as offsets into the data.

    `end` is None while the length is indefinite; beyond `limit`, where the data ends, when the
    file was cut. No element may reach beyond limit.
    """

    start: int
    end: int | None
    limit: int


class Fault(NamedTuple):
    """What is wrong with one record: its octets from start to end, where in it, and which rule.

    A soft code (asn1.ber.SOFT) leaves the record in the tables; any other keeps it out of them.
    """

    record_index: int
    start: int
    end: int
    offset: int
    code: str


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one list.

    `unknown` has record_index, byte_offset, byte_length, within (the type around it) and tag (as
    text) of every element that the grammar has no place for. `count` counts all records passed,
    good and bad. `end` is the offset behind the list; where the list could not be followed to its
    end, the offset of the record that was not passed, and then `lost` says at which offset, and
    why, reading broke off.
    """

    tables: dict[str, pl.DataFrame]
    faults: list[Fault]
    unknown: pl.DataFrame
    count: int
    end: int
    lost: tuple[int, str] | None = None


class RecordTooLargeError(Exception):
    """A record with more text than a column's chunk can hold: where it is, and which column."""


UNKNOWN_SCHEMA = pl.Schema(
    {
        "record_index": pl.Int32,
        "byte_offset": pl.Int64,
        "byte_length": pl.Int64,
        "within": pl.String,
        "tag": pl.String,
    }
)
