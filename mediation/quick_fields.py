"""Which fields a kernel can read, and the columns that it gives for them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from mediation.profile import Field
from mediation.reader_times import EPOCHS, form_of, offset_of, offset_of_whole, utc_of
from mediation.reader_values import BYTES, INT32_MAX, KINDS, SECONDS, scale_of
from mediation.schema import USAGE
from mediation.text_views import TextColumn, buffer_of, number_series, octets, text_series

if TYPE_CHECKING:
    from mediation.few_texts import Few
    from mediation.number_kernel import NumberForm
    from mediation.value_kernel import Asked, Ints, Octets

LARGEST: Final = 1 << 62
"""Numbers beyond this are left to the expressions, which know what 64 bits hold"""
PREFIX_MAX: Final = 16
"""Octets of a prefix or country code that dialling rules have room for"""
_TO_2200: Final = 7_258_118_400_000_000
_STEPS: Final = {"%Y": 256, "%m": 257, "%d": 258, "%H": 259, "%M": 260, "%S": 261, "%.f": 262}
"""Steps of `mediation.number_kernel` by their directive"""
_DATE: Final = ("%Y", "%m", "%d")
_CLOCKS: Final = ((), ("%H", "%M"), ("%H", "%M", "%S"), ("%H", "%M", "%S", "%.f"))
_ROUNDING: Final = {"up": 1, "down": 2, "nearest": 3}
_DURATIONS: Final = frozenset({"", "s", "hms", "ms", "us", "s.f"})


@dataclass(frozen=True, slots=True)
class QuickField:
    """A field's texts, and what is known of their rows."""

    name: str
    field: Field
    column: TextColumn
    asked: "Asked"
    few: "Few"
    """The offset column is among these, where the field has one"""


@dataclass(frozen=True, slots=True)
class QuickColumns:
    """What was read: the usage column, for a time utc_offset_s too, and per row if it is sure."""

    value: pl.Series
    states: "Octets"
    offset: pl.Series | None = None


def is_quick(name: str, field: Field) -> bool:
    """Whether a kernel reads fields of this kind."""
    if field.extract or field.thousands:
        return False
    if KINDS[name] == "time":
        return field.format in EPOCHS or bool(steps_of(field))
    if field.read == "number":
        parts = (field.national_prefix, field.international_prefix, field.country_code)
        return all(len(part.encode()) <= PREFIX_MAX for part in parts)
    if field.read == "duration" and field.format not in _DURATIONS:
        return False
    if field.read in {"integer", "duration", "decimal_micros"}:
        return scale_of(name, field, BYTES | SECONDS) * field.charge_scale < LARGEST // 1000
    return field.read in {"text", "digits"}


def read_quickly(asked: QuickField) -> QuickColumns:
    """The field's columns."""
    if KINDS[asked.name] == "time":
        return _time(asked)
    readers: dict[str, Callable[[QuickField], QuickColumns]] = {
        "text": _text, "digits": _text, "number": _dialled,
    }
    return readers.get(asked.field.read, _number)(asked)


def _rows(asked: QuickField) -> int:
    return len(asked.column.array)


def _text(asked: QuickField) -> QuickColumns:
    from mediation.value_kernel import read_texts

    views, states = np.empty(2 * _rows(asked), np.int64), np.empty(_rows(asked), np.uint8)
    read_texts(asked.column.texts, asked.asked, int(asked.field.read == "digits"), views, states)
    return QuickColumns(text_series(views, asked.column.heaps, states), states)


def _dialled(asked: QuickField) -> QuickColumns:
    from mediation.value_kernel import COMPACT_MAX, E164_MAX, Dialling, read_dialled

    field, rows = asked.field, _rows(asked)
    parts = (field.national_prefix, field.international_prefix, field.country_code)
    rules = Dialling(*(octets([part.encode()])[0] for part in parts))
    views, states = np.empty(2 * rows, np.int64), np.empty(rows, np.uint8)
    heap = np.empty(rows * E164_MAX + COMPACT_MAX + PREFIX_MAX, np.uint8)
    used = read_dialled(asked.column.texts, asked.asked, rules, heap.ctypes.data, views, states)
    return QuickColumns(text_series(views, [buffer_of(heap[:used].copy())], states), states)


def _number(asked: QuickField) -> QuickColumns:
    values, states = _numbers(asked, _form(asked.name, asked.field))
    return QuickColumns(number_series(values, states, USAGE.polars[asked.name]), states)


def _numbers(asked: QuickField, form: "NumberForm") -> "tuple[Ints, Octets]":
    from mediation.number_kernel import read_hours, read_numbers

    values, states = np.empty(_rows(asked), np.int64), np.empty(_rows(asked), np.uint8)
    read = read_hours if asked.field.format == "hms" else read_numbers
    read(asked.column.texts, asked.asked, form, values, states)
    return values, states


def _form(name: str, field: Field) -> "NumberForm":
    """The numbers of a field as the kernel reads them."""
    from mediation.number_kernel import NumberForm

    largest = INT32_MAX if KINDS[name] == "int32" else LARGEST
    whole = NumberForm(plus=1, minus=1, mark=0, wholes=18, decimals=0, bare=0, places=0,
                       divisor=1, scale=1, rounding=0, largest=largest)
    if field.read == "decimal_micros":
        return whole._replace(mark=ord(field.decimal), wholes=12, decimals=6, bare=1, places=6,
                              divisor=field.charge_scale)
    whole = whole._replace(scale=scale_of(name, field, BYTES | SECONDS))
    if field.read == "integer" or field.format in {"", "s", "hms"}:
        return whole
    rounded = whole._replace(rounding=_ROUNDING[field.rounding])
    if field.format == "s.f":
        return rounded._replace(plus=0, mark=ord(field.decimal), wholes=9, decimals=6, places=6)
    return rounded._replace(scale=rounded.scale * (1000 if field.format == "ms" else 1))


def steps_of(field: Field) -> list[int]:
    """The steps of a time's format; none where it has parts that the kernel does not know."""
    form, steps, found, at = form_of(field), [], [], 0
    for piece in re.finditer(r"%\.f|%.", form):
        if piece[0] not in _STEPS:
            return []
        steps += [*form[at : piece.start()].encode(), _STEPS[piece[0]]]
        found.append(piece[0])
        at = piece.end()
    clock = tuple(part for part in _STEPS if part in found and part not in _DATE)
    once = len(found) == len(set(found)) and set(_DATE) <= set(found) and clock in _CLOCKS
    return [*steps, *form[at:].encode()] if once and "%" not in form[at:] else []


def _time(asked: QuickField) -> QuickColumns:
    from mediation.number_kernel import NumberForm, read_times

    field, rows = asked.field, _rows(asked)
    within = field.format.endswith("%z") and field.format not in EPOCHS
    if field.format in EPOCHS:
        _, factor, _ = EPOCHS[field.format]
        places = len(str(factor)) - 1
        values, states = _numbers(asked, NumberForm(
            plus=0, minus=0, mark=ord("."), wholes=17 - places, decimals=places, bare=0,
            places=places, divisor=1, scale=1, rounding=0, largest=_TO_2200,
        ))
        # Whole numbers of the smallest unit have no mark: a fraction of no digits is in doubt.
        both = np.stack([values, np.zeros(rows, np.int64)])
    else:
        both, states = np.zeros((2, rows), np.int64), np.empty(rows, np.uint8)
        read_times(asked.column.texts, asked.asked, np.array(steps_of(field), np.int64),
                   int(within), np.zeros(7, np.int64), both, states)
    values, offsets = both
    if within:
        values -= offsets * 1_000_000
    elif field.offset_column:
        _shift_by_column(asked, values, states, offsets)
    elif field.zone:
        _shift_by_zone(asked, values, states, offsets)
    return QuickColumns(
        number_series(values, states, USAGE.polars[asked.name]),
        states,
        number_series(offsets, states, pl.Int32()),
    )


def _shift_by_column(
    asked: QuickField, values: "Ints", states: "Octets", offsets: "Ints"
) -> None:
    """Takes the offset column's offsets; a text that is more than an offset is in doubt."""
    from mediation.number_kernel import NO_OFFSET, shift_each

    text = pl.col(asked.field.offset_column).str.strip_chars()
    found = asked.few.frame.select(offset_of_whole(text).cast(pl.Int64).fill_null(NO_OFFSET))
    table = found.to_series().to_numpy().copy()
    local = int(asked.field.read == "local_time")
    shift_each(values, states, table, asked.few.numbers, local, offsets)


def _shift_by_zone(
    asked: QuickField, values: "Ints", states: "Octets", offsets: "Ints"
) -> None:
    """Takes the zone's offsets by the hour; hours in which the clocks change are in doubt."""
    from mediation.number_kernel import (
        HOUR_MICROS,
        NO_OFFSET,
        hour_range,
        mark_hours,
        shift_hours,
    )

    low, high = hour_range(values, states)
    seen = np.zeros(high - low + 1, np.uint8)
    mark_hours(values, states, low, seen)
    hours = np.flatnonzero(seen)
    starts = (hours + low) * HOUR_MICROS
    local = asked.field.read == "local_time"
    ends = _offsets(asked, np.stack([starts, starts + HOUR_MICROS - 1]).ravel(), local=local)
    first, last = ends.reshape(2, -1)
    table = np.full(len(seen), NO_OFFSET, np.int64)
    table[hours] = np.where(first == last, first, NO_OFFSET)
    shift_hours(values, states, low, table, int(local), offsets)


def _offsets(asked: QuickField, moments: "Ints", *, local: bool) -> "Ints":
    """The zone's offset at each of the times, local or UTC; NO_OFFSET where it is not one."""
    from mediation.number_kernel import NO_OFFSET

    name, field = asked.name, asked.field
    frame = pl.DataFrame({name: pl.Series(moments).cast(pl.Datetime("us"))})
    if local:
        offset = (pl.col(name) - utc_of(name, field, pl.col(name))).dt.total_seconds()
    else:
        offset = offset_of(name, field, pl.col(name))
    found = frame.select(offset.cast(pl.Int64).fill_null(NO_OFFSET)).to_series()
    return found.to_numpy().copy()
