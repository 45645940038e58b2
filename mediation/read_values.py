"""Records to the values of usage columns: by kernels where they are sure, else by expressions.

A kernel reads the usual forms of a field. Columns of few different texts are read by the
expressions once per combination. Rows that a kernel doubts, or that lack something, go through the
expressions as a whole, which so decide on all that is not plain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from mediation.conditions import columns_asked
from mediation.few_texts import TOGETHER, Few, few_of
from mediation.limits import THREADS_FROM_ROWS
from mediation.profile import Field
from mediation.quick_fields import QuickField, is_quick, read_quickly
from mediation.readers import Reading, columns_of, text_of
from mediation.text_views import TextColumn, octets
from mediation.threads import each

if TYPE_CHECKING:
    from mediation.value_kernel import Octets

PLACE: Final = ("record_index", "byte_offset", "byte_length")
OFFSET: Final = "utc_offset_s"
Flags = npt.NDArray[np.bool_]
Columns = dict[str, pl.Series]


@dataclass(frozen=True, slots=True)
class Values:
    """Usage columns of all records in order, and those on which the expressions had to decide.

    `doubted` has the columns of `exact_values`, or none at all when there are no such records.
    """

    read: pl.DataFrame
    doubted: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the columns, and the records of which one of them is in doubt."""

    columns: Columns
    doubtful: Flags


def read_values(
    records: pl.DataFrame, readings: Sequence[Reading], needed: Sequence[str]
) -> Values:
    """Every column that the readings give; null where it could not be read.

    A record that lacks one that is `needed` is among those that were doubted.
    """
    if records.is_empty():
        exact = exact_values(records, readings)
        return Values(exact.select(*PLACE, *_names(readings)), exact)
    parts = list(_parts(records, readings))
    columns = {name: one for part in parts for name, one in part.columns.items()}
    doubtful = np.logical_or.reduce([part.doubtful for part in parts])
    for name in needed:
        if name in columns and columns[name].null_count():
            doubtful |= columns[name].is_null().to_numpy()
    sure = records.select(PLACE).with_columns(
        columns[name].alias(name) for name in _names(readings)
    )
    if not doubtful.any():
        return Values(sure, pl.DataFrame())
    exact = exact_values(records.filter(doubtful), readings)
    both = pl.concat([sure.filter(~doubtful), exact.select(sure.columns)])
    order = np.empty(records.height, np.int64)
    order[np.concatenate([np.flatnonzero(~doubtful), np.flatnonzero(doubtful)])] = np.arange(
        records.height
    )
    return Values(both[order], exact)


def exact_values(records: pl.DataFrame, readings: Sequence[Reading]) -> pl.DataFrame:
    """What the expressions give: the columns, and their texts beside them."""
    texts = records.select(*PLACE, *(e for r in readings for e in r.source))
    # The lazy engine works out what expressions share once; the eager one does it each time.
    read = texts.lazy().with_columns(r.value for r in readings).collect()
    return read.with_columns(_offsets(readings))


def _offsets(readings: Sequence[Reading]) -> list[pl.Expr]:
    """utc_offset_s of the times among them; a field of its own name goes before."""
    if any(r.name == OFFSET for r in readings):
        return []
    return [r.offset.alias(OFFSET) for r in readings if r.offset is not None]


def _names(readings: Sequence[Reading]) -> list[str]:
    """The columns that the readings give."""
    timed = any(r.offset is not None for r in readings)
    names = [r.name for r in readings]
    return names if OFFSET in names or not timed else [*names, OFFSET]


def _parts(records: pl.DataFrame, readings: Sequence[Reading]) -> Iterator[_Part]:
    """Each column once, by the cheapest way that is open to it."""
    present = set(records.columns)
    asked = dict.fromkeys(c for r in readings for c in _asked_of_few(r) if c in present)
    few = few_of(records, asked)
    many = present - set(few.frame.columns)
    own = any(r.name == OFFSET for r in readings)
    of_few, quick, plain = [], [], []
    for r in readings:
        if many.isdisjoint(_all_columns(r)):
            of_few.append(r)
        elif is_quick(r.name, r.field) and r.field.offset_column in {"", *few.frame.columns}:
            quick.append(r)
        else:
            plain.append(r)
    if of_few:
        part = _by_expressions(few.frame, of_few, offset=not own)
        spread = few.spread(pl.DataFrame(part.columns))
        yield _Part(dict(zip(part.columns, spread, strict=True)), part.doubtful[few.numbers])
    if plain:
        yield _by_expressions(records, plain, offset=not own)
    if quick:
        yield _by_kernels(records, quick, few, offset=not own)


def _all_columns(r: Reading) -> tuple[str, ...]:
    """The text columns that a reading looks at."""
    cases = (c for case in r.field.cases for c in columns_asked(case.where))
    return (*columns_of(r.field), *columns_asked(r.field.where), *cases)


def _asked_of_few(r: Reading) -> tuple[str, ...]:
    """The text columns that may well have few different texts."""
    if is_quick(r.name, r.field) and _column(r.field):
        return (*columns_asked(r.field.where), *filter(None, [r.field.offset_column]))
    return _all_columns(r)


def _column(field: Field) -> str:
    """The one column that the field is read from; empty when there are more."""
    single = isinstance(field.column, str) and not field.compose and not field.cases
    return str(field.column) if single else ""


def _by_expressions(
    records: pl.DataFrame, readings: Sequence[Reading], *, offset: bool
) -> _Part:
    """The columns as the readings' own expressions give them."""
    read = records.with_columns(e for r in readings for e in r.source)
    if len(read) > TOGETHER:
        # The lazy engine works out what expressions share once; for few rows it takes longer.
        read = read.lazy().with_columns(r.value for r in readings).collect()
    else:
        read = read.with_columns(r.value for r in readings)
    names = _names(readings) if offset else [r.name for r in readings]
    faults = pl.any_horizontal(f for r in readings for f in (r.missing, r.invalid))
    read = read.with_columns(_offsets(readings) if offset else []).select(
        *names, faulty=faults.fill_null(value=False)
    )
    return _Part({name: read[name] for name in names}, read["faulty"].to_numpy())


def _by_kernels(
    records: pl.DataFrame, readings: Sequence[Reading], few: Few, *, offset: bool
) -> _Part:
    """The columns as kernels read them; two at a time where there are many rows."""
    from mediation.value_kernel import DOUBT

    made = list(_quick_fields(records, readings, few))
    found = each(read_quickly, made, threads=1 if records.height < THREADS_FROM_ROWS else 2)
    columns = {r.name: one.value for r, one in zip(readings, found, strict=True)}
    offsets = [one.offset for one in found if one.offset is not None] if offset else []
    for one in offsets:
        columns[OFFSET] = one
    return _Part(columns, np.logical_or.reduce([one.states == DOUBT for one in found]))


def _quick_fields(
    records: pl.DataFrame, readings: Sequence[Reading], few: Few
) -> Iterator[QuickField]:
    """The fields' texts, put together where they are of several columns, and where they apply."""
    from mediation.value_kernel import Asked

    present = set(records.columns)
    single = {r.name: column for r in readings if (column := _column(r.field)) in present}
    joined = [text_of(r.field, present).alias(r.name) for r in readings if r.name not in single]
    texts = records.select("record_index", *joined) if joined else records
    applies = _applies(records, readings, few)
    for r in readings:
        text = records[single[r.name]] if r.name in single else texts[r.name]
        # Blanks and what counts as empty are gone from a text that was put together.
        asked = Asked(
            applies.get(r.name, np.empty(0, np.uint8)),
            *octets([one.encode() for one in r.field.empty if r.name in single]),
            strip=int(r.name in single), optional=int(r.field.optional),
        )
        yield QuickField(r.name, r.field, TextColumn.of(text), asked, few)


def _applies(
    records: pl.DataFrame, readings: Sequence[Reading], few: Few
) -> "dict[str, Octets]":
    """Per field with conditions and per record whether they hold."""
    found: dict[str, Octets] = {}
    many = set(records.columns) - set(few.frame.columns)
    asked = [r for r in readings if r.field.where]
    of_few = [r for r in asked if many.isdisjoint(columns_asked(r.field.where))]
    of_many = [r for r in asked if r not in of_few]
    for frame, some in ((few.frame, of_few), (records, of_many)):
        if not some:
            continue
        flags = frame.select("record_index", *(r.source[1] for r in some))
        for r in some:
            held = flags[f"applies:{r.name}"].to_numpy().astype(np.uint8)
            found[r.name] = held[few.numbers] if frame is few.frame else held
    return found
