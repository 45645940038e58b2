"""A layout as the compiled kernel reads it."""

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from asn1.layout import Layout, LayoutContext, Slot
from asn1.sink import MAX_TABLES, Integers

VIEWS: Final = frozenset({"text", "raw"})
"""Columns whose cells are Arrow's views of octets; those of others are integers."""
NODE_BITS: Final = (8, 8, 8, 16, 23)
"""Of a node's kind, opens + 1, table, place and argument, from the lowest; the sign stays free."""


class Program(NamedTuple):
    """What the elements of a layout do.

    A context is known by its number times width. The element with an APPLICATION tag in it has
    nodes[context + tag number], 0 when it is unknown. The argument of a node is its column, or for
    a group the context inside; its table is where the context's leaves go. column_tables has each
    column's table, ~table where cells are views. records is the context of records.
    """

    nodes: Integers
    column_tables: Integers
    width: int
    records: int


@cache
def program_of(layout: Layout) -> Program:
    """The layout's program.

    Raises ValueError for what the kernel could not read, or could only write out of bounds.
    """
    if len(layout.tables) > MAX_TABLES:
        raise ValueError(f"{len(layout.tables)} tables, but the kernel knows at most {MAX_TABLES}")
    width = 1 + max(tag >> 2 for context in layout.contexts for tag in context.slots)
    nodes = np.zeros(len(layout.contexts) * width, np.int64)
    writes = _writes(layout)
    for number, context in enumerate(layout.contexts):
        for tag, slot in context.slots.items():
            if _writes_to(slot, writes) and not _has_its_row(layout, number, slot):
                raise ValueError(f"{slot.name} in {context.type_name} is not of the row around it")
            nodes[number * width + (tag >> 2)] = _node(context, slot, width)
    tables = [~c.table if c.kind in VIEWS else c.table for c in layout.columns]
    return Program(nodes, np.array(tables, np.int64), width, layout.records * width)


def _writes(layout: Layout) -> list[bool]:
    """Of each context, whether anything inside opens a row or fills a column."""
    writes, before = [False] * len(layout.contexts), -1
    while before < sum(writes):
        before = sum(writes)
        for number, context in enumerate(layout.contexts):
            writes[number] = any(_writes_to(slot, writes) for slot in context.slots.values())
    return writes


def _writes_to(slot: Slot, writes: list[bool]) -> bool:
    """Whether the element, or anything inside it, opens a row or fills a column."""
    return slot.opens >= 0 or slot.column >= 0 or (slot.context >= 0 and writes[slot.context])


def _has_its_row(layout: Layout, number: int, slot: Slot) -> bool:
    """Whether what the element fills belongs to the last row opened on the way to it."""
    table = slot.opens if slot.opens >= 0 else layout.contexts[number].table
    if number == layout.records and slot.opens != 0:
        return False
    if slot.context >= 0:
        return layout.contexts[slot.context].table == table
    return slot.column < 0 or layout.columns[slot.column].table == table


def _node(context: LayoutContext, slot: Slot, width: int) -> int:
    argument = slot.context * width if slot.context >= 0 else max(slot.column, 0)
    fields = (slot.kind, slot.opens + 1, context.table, max(slot.place, 0), argument)
    node = shift = 0
    for value, bits in zip(fields, NODE_BITS, strict=True):
        if value >> bits:
            raise ValueError(f"{slot.name} in {context.type_name}: {value} needs over {bits} bits")
        node |= value << shift
        shift += bits
    return node
