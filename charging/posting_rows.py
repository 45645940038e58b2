"""A file's charges made ready to be posted, and the checks that need no database."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from charging.ledger_error import LedgerError
from charging.posting_id import (
    LARGEST_RECORD,
    LARGEST_REVISION,
    LEGS,
    leg_of,
    packed,
    record_of,
    unpacked,
)
from mediation.tables import Table, conform
from rating.schema import CHARGE

_KEY_DIGITS: Final = 32
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FileCharges:
    """The charges (table charge, or POSTED_COLUMNS of it) of one file."""

    partner: str
    file_id: str
    charges: pl.DataFrame

    @property
    def key(self) -> tuple[str, str]:
        """Partner and file id."""
        return self.partner, self.file_id

    @property
    def name(self) -> str:
        """The file's reference."""
        return f"{self.partner}/{self.file_id}"


POSTED_COLUMNS: Final = (
    "partner", "file_id", "record_index", "leg", "revision", "account", "currency",
    "amount_micros", "usage_key", "product", "started_at", "used_by", "draws",
)
"""Columns of table charge that posting looks at; a frame of a file's charges may have these only"""
_LOOKED_AT: Final = Table(
    CHARGE.name, CHARGE.grain,
    tuple(column for column in CHARGE.columns if column.name in POSTED_COLUMNS),
)


def posting_rows(where: str, file: FileCharges) -> pl.DataFrame:
    """What of one file's charges is posted, as `charge_rows` gives it."""
    _refuse_strangers(where, file)
    return charge_rows(where, file.charges.with_columns(file_number=pl.lit(0, pl.Int64)))


def charge_rows(where: str, charges: pl.DataFrame) -> pl.DataFrame:
    """What of charges (POSTED_COLUMNS, and file_number) is posted.

    file_number, record_index, leg (number), revision, account, currency, amount_micros (a charge is
    negative), usage_key, its head and rest, product, started_at, used_by and draws, a row for each
    charge. LedgerError where they contradict.
    """
    conform(_LOOKED_AT, charges.select(n for n in _LOOKED_AT.names if n in charges.columns))
    key = pl.col("usage_key").str
    frame = charges.select(
        "file_number",
        "record_index",
        pl.col("leg").cast(pl.String).cast(pl.Enum(LEGS)).to_physical().cast(pl.Int8),
        "revision",
        "account",
        pl.col("currency").cast(pl.String),
        -pl.col("amount_micros"),
        "usage_key",
        _number(key.slice(0, 16)).alias("head"),
        _number(key.slice(16)).alias("rest"),
        pl.col("product").cast(pl.String),
        "started_at",
        "used_by",
        pl.col("draws").cast(CHARGE.polars["draws"]),
    )
    _refuse_bad_rows(where, charges, frame)
    return frame


def _number(hex_digits: pl.Expr) -> pl.Expr:
    """The signed number of 64 bits that 16 hex digits say; null of anything else."""
    is_signed = hex_digits.str.starts_with("+")
    number = hex_digits.str.to_integer(base=16, dtype=pl.UInt64, strict=False)
    return pl.when(~is_signed).then(number.reinterpret(signed=True))


def identified(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with posting_id (of kind usage), record and leg_id: the ids of what it is of."""
    posting_id = packed(
        pl.col("file_number"), pl.col("record_index"), pl.col("leg"), pl.col("revision"), 0
    )
    return rows.with_columns(posting_id=posting_id).with_columns(
        record=record_of(pl.col("posting_id")), leg_id=leg_of(pl.col("posting_id"))
    )


def summed(where: str, rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Per value of the columns by: these, sum of amount_micros, number of postings."""
    wide = (
        rows.group_by(by)
        .agg(pl.col("amount_micros").cast(sum_type(rows)).sum().cast(pl.Int128),
             pl.len().cast(pl.Int64).alias("postings"))
        .sort(by)
    )
    return narrow(where, wide, *by)


def sum_type(rows: pl.DataFrame) -> pl.DataType:
    """The integers that any sum of amount_micros of the rows fits."""
    ends = rows.select(
        least=pl.col("amount_micros").min(), most=pl.col("amount_micros").max()
    ).row(0)
    largest = max((abs(end) for end in ends if end is not None), default=0)
    return pl.Int64() if largest * rows.height <= INT64_MAX else pl.Int128()


def narrow(where: str, wide: pl.DataFrame, *by: str) -> pl.DataFrame:
    """The frame with amount_micros in 64 bits; LedgerError names who would not fit."""
    over = wide.filter(~pl.col("amount_micros").is_between(INT64_MIN, INT64_MAX))
    if over.height:
        raise LedgerError(
            where, f"the charges of {'/'.join(map(str, over.select(by).row(0)))} do not fit 64 "
            "bits", "look for a wrong rate or a wrong unit",
        )
    return wide.with_columns(pl.col("amount_micros").cast(pl.Int64))


def _refuse_strangers(where: str, file: FileCharges) -> None:
    """Refuse charges that belong to another file than the one being posted."""
    strange = file.charges.filter(
        (pl.col("partner") != file.partner) | (pl.col("file_id") != file.file_id)
    )
    if strange.height:
        first = strange.row(0, named=True)
        raise LedgerError(where, f"{strange.height} charges are of another file, the first is of "
                          f"{first['partner']}/{first['file_id']}", "post each file by itself")


_BEYOND: Final = (
    ~pl.col("record_index").is_between(0, LARGEST_RECORD)
    | ~pl.col("revision").is_between(0, LARGEST_REVISION)
)
_KEYLESS: Final = (
    (pl.col("usage_key").str.len_bytes() != _KEY_DIGITS)
    | pl.col("head").is_null() | pl.col("rest").is_null()
)
_DOUBLE: Final = pl.col("posting_id") == pl.col("posting_id").shift()
"""Of rows by posting id, as is the next"""
_TWO_KEYS: Final = (pl.col("record") == pl.col("record").shift()) & pl.any_horizontal(
    pl.col("head", "rest") != pl.col("head", "rest").shift()
)


def _refuse_bad_rows(where: str, charges: pl.DataFrame, frame: pl.DataFrame) -> None:
    """Refuse rows that would share a posting id, lack a usage key, or cannot be posted."""
    ids = identified(frame).select("posting_id", "record", "head", "rest").sort("posting_id")
    least = (charges["amount_micros"] == INT64_MIN).any()
    found = frame.select(_BEYOND.any(), keyless=_KEYLESS.any()).row(0)
    if least or any(found) or any(ids.select(_DOUBLE.any(), two=_TWO_KEYS.any()).row(0)):
        _say_bad_rows(where, frame, ids)


def _say_bad_rows(where: str, frame: pl.DataFrame, ids: pl.DataFrame) -> None:
    """LedgerError that says what is the matter with the first bad row."""
    beyond = frame.filter(_BEYOND)
    if beyond.height:
        row = beyond.row(0, named=True)
        raise LedgerError(where, f"record {row['record_index']} revision {row['revision']} is "
                          f"beyond {LARGEST_RECORD} or {LARGEST_REVISION}",
                          "cut the file into smaller ones")
    double = ids.filter(_DOUBLE)
    if double.height:
        row = double.select(**unpacked(pl.col("posting_id"))).row(0, named=True)
        raise LedgerError(where, f"two charges for record {row['record_index']}, leg "
                          f"{LEGS[row['leg']]}, revision {row['revision']}",
                          "rating must give one charge for each")
    keyless = frame.filter(_KEYLESS)
    if keyless.height:
        raise LedgerError(where, f"record {keyless['record_index'][0]} has a usage key that is "
                          "not 32 hex digits", "rate the file again")
    two = ids.filter(_TWO_KEYS)
    if two.height:
        record_index = two.select(unpacked(pl.col("record"))["record_index"]).item(0, 0)
        raise LedgerError(where, f"record {record_index} has two usage keys",
                          "rate the file again: the legs of a record share its key")
    raise LedgerError(where, "a charge is at the limit of 64 bits and cannot be negated",
                      "look for a wrong rate or a wrong unit")
