"""What a person decided about a file: columns corrected, records written off, the file let pass."""

from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.outcome import Outcome
from mediation.reject import rejects
from mediation.validate import MONEY_AT_RISK

PLACE: Final = ("record_index", "byte_offset", "byte_length")
"""Columns of a decoded record that no edit may change"""
VERDICT: Final = ("tap_code", "tap_detail")
"""Columns in which the decoding of TAP says which error a record has"""
EDITS: Final = {"record_index": pl.Int32(), "column": pl.String(), "value": pl.String(),
                "who": pl.String(), "why": pl.String()}
WRITTEN_OFF: Final = {"record_index": pl.Int32(), "who": pl.String(), "why": pl.String()}


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions about one file, in the order they were taken."""

    edits: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EDITS))
    """columns EDITS: a column of the decoded record gets this value; null empties it"""
    written_off: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WRITTEN_OFF))
    """columns WRITTEN_OFF: the record is never charged"""
    returned: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WRITTEN_OFF))
    """columns WRITTEN_OFF: the record was given back to the partner, for what it charges"""
    released: str = ""
    """who lets the file pass that is held back, and why; empty where nobody does"""


def edited(decoded: Decoded, edits: pl.DataFrame) -> Decoded:
    """The decoded file with the edits made and noted; of two to one column the later holds.

    An edit that fits no longer, as after a change of the profile, is noted and not made.
    """
    if edits.is_empty():
        return decoded
    last = edits.unique(["record_index", "column"], keep="last", maintain_order=True)
    records, notes = decoded.records, list(decoded.header.notes)
    for row in last.iter_rows(named=True):
        index, column, value = row["record_index"], row["column"], row["value"]
        fault = unfit(records, index, column, value)
        if fault:
            notes.append(f"edit of record {index} not made: {fault}")
            continue
        new = pl.lit(value, pl.String).cast(records.schema[column])
        mine = pl.col("record_index") == index
        # What decoding found wrong with it was found of the old value.
        found = [c for c in VERDICT if c in records.columns]
        records = records.with_columns(
            pl.when(mine).then(new).otherwise(column).alias(column),
            *(pl.when(~mine).then(name).alias(name) for name in found),
        )
        notes.append(f"record {index}: {column} edited by {row['who']}: {row['why']}")
    return replace(
        decoded, records=records, header=replace(decoded.header, notes=tuple(notes))
    )


def unfit(records: pl.DataFrame, record_index: int, column: str, value: str | None) -> str:
    """Why a column of a record cannot get the value; empty where it can."""
    if column in PLACE or column not in records.columns:
        return f"the file's records have no column {column}"
    if records.filter(record_index=record_index).is_empty():
        return "the record could not be read"
    kind = records.schema[column]
    given = pl.Series([value], dtype=pl.String)
    try:
        lost = given.cast(kind, strict=False).null_count() > given.null_count()
    except pl.exceptions.PolarsError:
        lost = True
    return f"{value!r} is no {kind}, which {column} is" if lost else ""


def without_written_off(outcome: Outcome, decided: pl.DataFrame, ctx: FileContext) -> Outcome:
    """The outcome of mediation with what was written off dropped, whatever became of it before."""
    return _taken_out(outcome, decided, "WRITTEN_OFF", ctx)


def without_returned(outcome: Outcome, returned: pl.DataFrame, ctx: FileContext) -> Outcome:
    """The outcome of mediation with what was given back to the partner in suspense."""
    return _taken_out(outcome, returned, "CHARGE_NOT_AGREED", ctx)


def _taken_out(
    outcome: Outcome, decided: pl.DataFrame, code: str, ctx: FileContext
) -> Outcome:
    """The outcome with what was decided about turned away by this code."""
    if decided.is_empty():
        return outcome
    last = decided.unique("record_index", keep="last", maintain_order=True).select(
        "record_index", said=pl.format("{}: {}", "who", "why")
    )
    passed = outcome.passed.join(last, on="record_index", maintain_order="left").with_columns(
        detail="said", **MONEY_AT_RISK
    )
    suspended = outcome.rejects.filter(outcome="suspended").join(
        last, on="record_index", maintain_order="left"
    ).with_columns(detail=pl.format("{} (it was {}: {})", "said", "code", "detail"))
    away = pl.concat([
        rejects(ctx, rows.with_columns(code=pl.lit(code))) for rows in (passed, suspended)
    ])
    gone = away["record_index"].implode()
    kept = outcome.rejects.filter(
        ~pl.col("record_index").is_in(gone) | pl.col("record_index").is_null()
    )
    return Outcome(
        outcome.passed.filter(~pl.col("record_index").is_in(gone)), pl.concat([kept, away])
    )
