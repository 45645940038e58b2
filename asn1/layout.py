"""Which tables and columns a grammar's records fill: a row for each record and each list item.

A leaf becomes a column of the innermost row around it; groups in between leave no trace but, where
names would clash, a prefix. Older and newer forms of one meaning fill the same column.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final, Literal

from asn1.grammar import Context, GrammarName, Node, Plan, load_plan
from asn1.layout_names import (
    EVENT_TYPES,
    RECORDS,
    TIME_LEAVES,
    column_name,
    is_old_form,
    place_name,
    plain_name,
    prefix_of,
    table_name,
    time_column_name,
    time_stem,
)

K_GROUP, K_INTEGER, K_UNSIGNED, K_BCD, K_TEXT, K_RAW, K_TIME, K_PASS = range(1, 9)
"""Kinds of slots; K_PASS is a leaf that is known, but not selected: passed over."""

Storage = Literal["integer", "text", "raw", "time"]
_KINDS: Final[dict[str, tuple[int, Storage]]] = {
    "integer": (K_INTEGER, "integer"),
    "unsigned": (K_UNSIGNED, "integer"),
    "bcd": (K_BCD, "text"),
    "text": (K_TEXT, "text"),
    "raw": (K_RAW, "raw"),
    "time": (K_TIME, "time"),
}
_TIMES: Final = frozenset({"DateTime", "DateTimeLong"})


@dataclass(frozen=True, slots=True)
class LayoutColumn:
    """A column: the index of its table, its name, and how its values are stored."""

    table: int
    name: str
    kind: Storage


@dataclass(frozen=True, slots=True)
class Slot:
    """What an element does in its place; -1 where it does nothing of the sort.

    It opens a row in table `opens` (then `place` says from where), fills `column`, and its members
    are in `context`. since and until are the TAP releases that write it here.
    """

    name: str
    kind: int
    opens: int = -1
    column: int = -1
    context: int = -1
    place: int = -1
    since: int = 1
    until: int = 12


@dataclass(frozen=True, slots=True)
class LayoutContext:
    """The inside of a group: `table` is where its leaves go and the parent of rows opened here."""

    type_name: str
    shape: str
    table: int
    slots: dict[int, Slot]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Tables (the first is that of the records), columns, contexts and places of one grammar.

    `records` is the context of the list of records. The first places are the record kinds by
    name; any other is "parent table.element". Equal to itself only, so hashable.
    """

    name: GrammarName
    tables: tuple[str, ...]
    columns: tuple[LayoutColumn, ...]
    contexts: tuple[LayoutContext, ...]
    places: tuple[str, ...]
    records: int
    record_names: tuple[str, ...]
    kind_column: str

    def columns_of(self, table: str) -> list[LayoutColumn]:
        """The columns of the table, in order."""
        number = self.tables.index(table)
        return [c for c in self.columns if c.table == number]


class SelectionError(Exception):
    """A column selection that names what the layout does not have."""


Selection = Mapping[str, Collection[str]]


def load_layout(name: GrammarName = "tap", columns: Selection | None = None) -> Layout:
    """The layout of a grammar, of all columns or of the selected ones, by table.

    Raises SelectionError for a table or column that the grammar does not have.
    """
    if columns is None:
        return _whole(name)
    return _selected(name, tuple(sorted((t, tuple(sorted(c))) for t, c in columns.items())))


@cache
def _whole(name: GrammarName) -> Layout:
    return _Builder(load_plan(name), name).build()


@cache
def _selected(name: GrammarName, columns: tuple[tuple[str, tuple[str, ...]], ...]) -> Layout:
    layout, wanted = _whole(name), {table: set(names) for table, names in columns}
    for table, names in wanted.items():
        if table not in layout.tables:
            raise SelectionError(f"no table {table}; there is {', '.join(layout.tables)}")
        known = {c.name for c in layout.columns_of(table)}
        if names - known:
            raise SelectionError(f"table {table} has no column {', '.join(sorted(names - known))}")
    return _narrowed(layout, wanted)


@dataclass(slots=True)
class _Builder:
    plan: Plan
    name: GrammarName
    tables: list[str] = field(default_factory=list)
    columns: list[LayoutColumn] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    contexts: list[LayoutContext] = field(default_factory=list)
    numbers: dict[tuple[int, int, str], int] = field(default_factory=dict)
    """Layout contexts by plan context, table and prefix."""
    row_types: set[str] = field(default_factory=lambda: set(EVENT_TYPES))
    row_leaves: set[str] = field(default_factory=set)

    def build(self) -> Layout:
        path, table, kind_column = RECORDS[self.name]
        self.find_rows()
        kinds = self.plan.context_of(*path)
        names = tuple(n.name for n in kinds.nodes.values())
        self.tables.append(table)
        self.places.extend(names)
        slots: dict[int, Slot] = {}
        self.contexts.append(LayoutContext(kinds.type_name, kinds.shape, 0, slots))
        for place, (tag, node) in enumerate(kinds.nodes.items()):
            inside = self.context(node.context, 0, "")
            slots[tag] = Slot(node.name, K_GROUP, 0, -1, inside, place, node.since, node.until)
        return Layout(
            self.name, tuple(self.tables), tuple(self.columns), tuple(self.contexts),
            tuple(self.places), 0, names, kind_column,
        )

    def find_rows(self) -> None:
        """Notes what is an item of a list: wherever it stands, it is a row."""
        for context in self.plan.contexts:
            if context.shape == "list":
                (item,) = context.nodes.values()
                if item.context < 0:
                    self.row_leaves.add(item.name)
                else:
                    self.row_types.add(self.plan.contexts[item.context].type_name)

    def context(self, number: int, table: int, prefix: str) -> int:
        """The layout's number of a plan's context whose leaves go to table under that prefix."""
        key = (number, table, prefix)
        if key in self.numbers:
            return self.numbers[key]
        context = self.plan.contexts[number]
        own = self.numbers[key] = len(self.contexts)
        slots: dict[int, Slot] = {}
        self.contexts.append(LayoutContext(context.type_name, context.shape, table, slots))
        for tag, node in context.nodes.items():
            slots[tag] = self.slot(context, node, table, prefix)
        return own

    def slot(self, context: Context, node: Node, table: int, prefix: str) -> Slot:
        """What the element does inside that context."""
        inner = self.plan.contexts[node.context] if node.context >= 0 else None
        opened, opens, place = self.opened(context, node, inner), -1, -1
        if opened:
            where = place_name(self.tables[table], context.type_name, node.name, prefix)
            place = _number(self.places, where)
            opens = table = _number(self.tables, opened)
            prefix = ""
        if inner is None:
            kind, storage = _KINDS[node.kind]
            column = self.column(table, _leaf_name(context, node, prefix), storage)
            return Slot(node.name, kind, opens, column, -1, place, node.since, node.until)
        if inner.type_name in _TIMES:
            prefix = time_stem(context.type_name, node.name, prefix)
        else:
            prefix = prefix_of(inner.type_name, prefix)
        inside = self.context(node.context, table, prefix)
        return Slot(node.name, K_GROUP, opens, -1, inside, place, node.since, node.until)

    def opened(self, context: Context, node: Node, inner: Context | None) -> str | None:
        """The table in which the element opens a row, None when it opens none."""
        if context.shape == "variants":
            return table_name(context.type_name)
        if inner is not None:
            return table_name(inner.type_name) if inner.type_name in self.row_types else None
        if context.shape == "list" or is_old_form(node.name, self.row_leaves):
            return table_name(plain_name(node.name))
        return None

    def column(self, table: int, name: str, storage: Storage) -> int:
        """The number of the column, made when it is new."""
        for number, known in enumerate(self.columns):
            if (known.table, known.name) == (table, name):
                if known.kind != storage:
                    raise TypeError(f"column {name} is {known.kind} here and {storage} there")
                return number
        self.columns.append(LayoutColumn(table, name, storage))
        return len(self.columns) - 1


def _leaf_name(context: Context, node: Node, prefix: str) -> str:
    if context.type_name in _TIMES:
        return f"{prefix}_{TIME_LEAVES[node.name]}"
    name = time_column_name if node.kind == "time" else column_name
    return name(context.type_name, node.name, prefix)


def _number(names: list[str], name: str) -> int:
    """The position of the name in the list, where it is added if it is new."""
    if name not in names:
        names.append(name)
    return names.index(name)


def _narrowed(layout: Layout, wanted: Mapping[str, Collection[str]]) -> Layout:
    """The layout with only those columns, and the rows on the way to them.

    Groups without any are entered all the same, so that damage and unknown elements inside them
    are seen: what is selected decides what is kept of a record, not whether it is sound.
    """
    kept = [c for c in layout.columns if c.name in wanted.get(layout.tables[c.table], ())]
    numbers = {layout.columns.index(c): n for n, c in enumerate(kept)}
    tables = {layout.tables.index(t) for t in wanted} | {0}
    needed = _needed(layout, set(numbers), tables)
    contexts = []
    for context in layout.contexts:
        slots = {}
        for tag, slot in context.slots.items():
            if slot.context < 0 and slot.column not in numbers:
                slots[tag] = Slot(slot.name, K_PASS, since=slot.since, until=slot.until)
            elif slot.context < 0 or needed[slot.context] or slot.opens in tables:
                slots[tag] = replace(slot, column=numbers.get(slot.column, -1))
            else:
                slots[tag] = replace(slot, opens=-1, place=-1)
        contexts.append(replace(context, slots=slots))
    return replace(layout, columns=tuple(kept), contexts=tuple(contexts))


def _needed(layout: Layout, columns: set[int], tables: set[int]) -> list[bool]:
    """Of each context, whether anything selected is inside; contexts never contain themselves."""
    needed: list[bool | None] = [None] * len(layout.contexts)

    def of(number: int) -> bool:
        found = needed[number]
        if found is None:
            found = needed[number] = any(
                s.column in columns or (s.context >= 0 and (s.opens in tables or of(s.context)))
                for s in layout.contexts[number].slots.values()
            )
        return found

    return [of(number) for number in range(len(layout.contexts))]
