"""Decoded Python objects to the decoder's tables, by element names and without any BER.

The objects are those of asn1tools and pycrate: a dictionary for a SEQUENCE, a pair for a CHOICE, a
list, bytes and integers. Their octets' places are unknown, so byte_offset and byte_length are left
out.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from asn1.layout import K_BCD, K_INTEGER, K_RAW, K_TIME, K_UNSIGNED, Layout, LayoutColumn, Slot

Tables = dict[str, pl.DataFrame]
Decoded = Iterable[tuple[str, Any]]
Step = tuple[int, int, int, int, int]
"""Of a slot: the table that it opens a row in, its place, kind, column and context."""
PLACES_OF_OCTETS = ("byte_offset", "byte_length")
TYPES = {"integer": pl.Int64, "text": pl.String, "raw": pl.Binary, "time": pl.String}


def flatten(records: Decoded, layout: Layout) -> Tables:
    """The tables of decoded records."""
    return _Flattener(layout).run(records)


def assert_same_tables(ours: Tables, theirs: Tables) -> None:
    """Fails where tables of ours differ from those flattened here, in any value, type or order."""
    assert list(ours) == list(theirs)
    for name, frame in ours.items():
        assert_frame_equal(frame.drop(PLACES_OF_OCTETS, strict=False), theirs[name])


class _Flattener:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.contexts = [
            (c.shape, {s.name: _step(s) for s in c.slots.values()}) for c in layout.contexts]
        self.record: list[list[int]] = [[] for _ in layout.tables]
        self.parent: list[list[int]] = [[] for _ in layout.tables]
        self.place: list[list[int]] = [[] for _ in layout.tables]
        self.rows: list[list[int]] = [[] for _ in layout.columns]
        self.values: list[list[Any]] = [[] for _ in layout.columns]
        self.index = 0

    def run(self, records: Decoded) -> Tables:
        _, kinds = self.contexts[self.layout.records]
        for self.index, (name, value) in enumerate(records):
            self.element(kinds[name], value, -1)
        frames = {name: self.frame(n) for n, name in enumerate(self.layout.tables)}
        return {name: f for n, (name, f) in enumerate(frames.items()) if n == 0 or f.height}

    def element(self, step: Step, value: Any, row: int) -> None:
        opens, place, kind, column, context = step
        if opens >= 0:
            parents = self.parent[opens]
            parents.append(row)
            self.place[opens].append(place)
            self.record[opens].append(self.index)
            row = len(parents) - 1
        if context >= 0:
            self.inside(context, value, row)
            return
        plain = value if kind in {K_INTEGER, K_UNSIGNED, K_RAW} else _text(kind, value)
        if kind != K_TIME or plain:
            self.rows[column].append(row)
            self.values[column].append(plain)

    def inside(self, context: int, value: Any, row: int) -> None:
        shape, steps = self.contexts[context]
        if shape == "sequence":
            for name, inner in value.items():
                self.element(steps[name], inner, row)
        elif shape == "choice":
            self.element(steps[value[0]], value[1], row)
        elif shape == "variants":
            for name, inner in value:
                self.element(steps[name], inner, row)
        else:
            (step,) = steps.values()
            for inner in value:
                self.element(step, inner, row)

    def frame(self, table: int) -> pl.DataFrame:
        height = len(self.record[table])
        columns = [pl.Series("record_index", self.record[table], pl.Int32)]
        places = pl.Series(self.place[table], dtype=pl.UInt32)
        if table == 0:
            kinds = pl.Enum(self.layout.record_names)
            columns.append(places.cat.to(kinds).alias(self.layout.kind_column))
        else:
            columns.append(pl.Series("parent", self.parent[table], pl.Int32))
            columns.append(places.cat.to(pl.Enum(self.layout.places)).alias("place"))
        columns += [
            self.series(number, column, height)
            for number, column in enumerate(self.layout.columns)
            if column.table == table and self.rows[number]
        ]
        return pl.DataFrame(columns)

    def series(self, number: int, column: LayoutColumn, height: int) -> pl.Series:
        values = self.values[number]
        if len(values) < height:
            spread: list[Any] = [None] * height
            for row, value in zip(self.rows[number], values, strict=True):
                spread[row] = value
            values = spread
        series = pl.Series(column.name, values, TYPES[column.kind])
        if column.kind == "time":
            return series.str.to_datetime("%Y%m%d%H%M%S", time_unit="us")
        return series


def _step(slot: Slot) -> Step:
    return slot.opens, slot.place, slot.kind, slot.column, slot.context


def _text(kind: int, value: bytes) -> str:
    if kind == K_BCD:
        return value.hex().rstrip("f")
    return value.decode("latin-1").strip(" ")
