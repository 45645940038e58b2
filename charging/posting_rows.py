"""A file's charges made ready to be posted, and the checks that need no database."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Self

import polars as pl

from charging.ledger_error import LedgerError
from mediation.tables import conform
from rating.schema import CHARGE

_BATCH_ROWS = 50_000
"""Rows held as Python objects at a time."""

_KEY_OCTETS = 16
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class PostingRows:
    """The postings of one file in order of their id: amounts negated, usage keys as octets."""

    frame: pl.DataFrame

    def keys(self) -> list[tuple[bytes, int]]:
        """Each record's (usage key, record index), in key order: cheap to add to an index."""
        records = self.frame.select("usage_key", "record_index").unique()
        return records.sort("usage_key", "record_index").rows()

    def without(self, record_indexes: list[int]) -> Self:
        """The rows of all other records."""
        if not record_indexes:
            return self
        refused = pl.Series("record_index", record_indexes, pl.Int32).implode()
        return type(self)(self.frame.filter(~pl.col("record_index").is_in(refused)))

    def tuples(self, file_number: int) -> Iterator[Row]:
        """The rows as add_postings.sql takes them."""
        for part in self.frame.iter_slices(_BATCH_ROWS):
            yield from zip(repeat(file_number), *(c.to_list() for c in part), strict=False)

    def sums(self, where: str, *by: str) -> list[Row]:
        """Per value of the columns by: these, sum of amount_micros, number of postings."""
        wide = (
            self.frame.group_by(by)
            .agg(pl.col("amount_micros").cast(pl.Int128).sum(), pl.len().alias("postings"))
            .sort(by)
        )
        over = wide.filter(~pl.col("amount_micros").is_between(_INT64_MIN, _INT64_MAX))
        if over.height:
            raise LedgerError(where, f"the charges of {'/'.join(over.row(0)[:len(by)])} do not "
                              "fit 64 bits", "look for a wrong rate or a wrong unit")
        return wide.rows()


def posting_rows(where: str, partner: str, file_id: str, charges: pl.DataFrame) -> PostingRows:
    """The postings of a file's charges (table charge); LedgerError where they contradict."""
    conform(CHARGE, charges)
    _refuse_strangers(where, partner, file_id, charges)
    frame = charges.select(
        "record_index",
        "leg",
        "revision",
        "account",
        "currency",
        -pl.col("amount_micros"),
        pl.col("usage_key").str.decode("hex", strict=False),
    ).sort("record_index", "leg", "revision")
    _refuse_bad_rows(where, charges, frame)
    return PostingRows(frame)


def _refuse_strangers(where: str, partner: str, file_id: str, charges: pl.DataFrame) -> None:
    """Refuse charges that belong to another file than the one being posted."""
    strange = charges.filter((pl.col("partner") != partner) | (pl.col("file_id") != file_id))
    if strange.height:
        first = strange.row(0, named=True)
        raise LedgerError(where, f"{strange.height} charges are of another file, the first is of "
                          f"{first['partner']}/{first['file_id']}", "post each file by itself")


def _refuse_bad_rows(where: str, charges: pl.DataFrame, frame: pl.DataFrame) -> None:
    """Refuse rows that would share a posting id, lack a usage key, or cannot be negated."""
    posting_id = ("record_index", "leg", "revision")
    double = frame.filter(pl.struct(posting_id).is_duplicated())
    if double.height:
        row = double.select(posting_id).row(0)
        raise LedgerError(where, f"two charges for record {row[0]}, leg {row[1]}, revision "
                          f"{row[2]}", "rating must give one charge for each")
    keyless = frame.filter((pl.col("usage_key").bin.size() != _KEY_OCTETS).fill_null(value=True))
    if keyless.height:
        raise LedgerError(where, f"record {keyless['record_index'][0]} has a usage key that is "
                          "not 32 hex digits", "rate the file again")
    keys = frame.select("record_index", "usage_key").unique()
    two = keys.filter(pl.col("record_index").is_duplicated())
    if two.height:
        raise LedgerError(where, f"record {two['record_index'][0]} has two usage keys",
                          "rate the file again: the legs of a record share its key")
    if charges.filter(pl.col("amount_micros") == _INT64_MIN).height:
        raise LedgerError(where, "a charge is at the limit of 64 bits and cannot be negated",
                          "look for a wrong rate or a wrong unit")
