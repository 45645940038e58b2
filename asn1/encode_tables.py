"""Writes files from the tables that reading them gives: tables to nested values to octets.

A cell goes to the element that the file's release has for its column, a child row to the element
that its parent has for its place; a value or row for which the release has none is an error.
What reading does not keep, writing cannot give back: groups without any value, padding, unknown
elements, the form of lengths, the order of elements.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from asn1.encode import GRAMMARS, EncodeError, Lengths, RootName, encode
from asn1.grammar import RELEASES, GrammarName
from asn1.layout import K_PASS, Layout, Slot, load_layout
from asn1.layout_names import RECORDS
from asn1.tap_file import FileKind

Tables = dict[str, pl.DataFrame]

_ROOTS: Final[dict[FileKind, RootName]] = {
    "transfer_batch": "transferBatch",
    "notification": "notification",
    "return_batch": "returnBatch",
    "acknowledgement": "acknowledgement",
    "nrtrde": "nrtrde",
}
_NO_VALUES: Final = frozenset({"record_index", "byte_offset", "byte_length", "parent", "place"})
_TIME_FORMAT: Final = "%Y%m%d%H%M%S"


def encode_file(
    kind: FileKind, groups: dict[str, Any], tables: Tables, *, release: int | None = None,
    lengths: Lengths = "definite",
) -> bytes:
    """The octets of a file, of what reading one gives.

    `release` is the TAP release (1 to 12) whose elements are written; None takes the one that the
    file's own header states, else the latest. Raises EncodeError.
    """
    root = _ROOTS[kind]
    grammar = GRAMMARS[root]
    if release is None:
        release = _stated_release(groups, grammar)
    (batch, name), *_ = RECORDS[grammar]
    records = records_value(tables, load_layout(grammar), release)
    if root == batch:
        groups = {**groups, name: records}
    elif records:
        raise EncodeError(f"{root}: {len(records)} records in a file of a kind without any")
    return encode(root, groups, release=release, lengths=lengths)


def _stated_release(groups: dict[str, Any], grammar: GrammarName) -> int:
    """The TAP release by the header; NRTRDE counts releases of its own."""
    if grammar != "nrtrde":
        for group in (groups, *groups.values()):
            if isinstance(group, dict) and "releaseVersionNumber" in group:
                return int(group["releaseVersionNumber"])
    return RELEASES[-1]


def records_value(tables: Tables, layout: Layout, release: int) -> list[dict[str, Any]]:
    """The records as encode takes them, each a dictionary of its kind.

    `release` is the TAP release (1 to 12) whose elements are written. Raises EncodeError.
    """
    if release not in RELEASES:
        raise EncodeError(f"release 3.{release}: there is none; write as one of {RELEASES}")
    rows = _Rows(layout, release)
    for name in tables:
        rows.add_children(name, tables[name])
    name = layout.tables[0]
    found = _read_rows(name, tables[name], layout.kind_column) if name in tables else []
    records = [rows.record(row) for row in found]
    rows.check_all_used()
    return records


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table: its number, its place (for a record its kind), and its values."""

    table: str
    number: int
    place: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"table {self.table}, row {self.number} ({self.place})"


def _read_rows(name: str, table: pl.DataFrame, place_column: str) -> list[_Row]:
    """The rows with those values that are not null, as text and numbers."""
    rows = [_Row(name, n, str(p)) for n, p in enumerate(table[place_column].to_list())]
    for column in table.columns:
        if column in _NO_VALUES or column == place_column:
            continue
        for row, value in zip(rows, _plain(table[column]), strict=True):
            if value is not None:
                row.values[column] = value
    return rows


def _plain(cells: pl.Series) -> list[Any]:
    """Times as 14 digits, octets as hexadecimal digits, others as they are."""
    if cells.dtype == pl.Datetime:
        if (cells.dt.truncate("1s") != cells).any():
            raise EncodeError(f"column {cells.name}: fractions of a second cannot be written")
        cells = cells.dt.to_string(_TIME_FORMAT)
    elif cells.dtype == pl.Binary:
        cells = cells.bin.encode("hex")
    return cells.to_list()


@dataclass(frozen=True, slots=True)
class _Target:
    """Where in a row's value something goes: the groups on the way, the slot, and the list.

    `many` is the shape of the list around the slot ("list" or "variants"), None outside a list.
    """

    groups: tuple[str, ...]
    slot: Slot
    many: str | None

    def put(self, value: dict[str, Any], inner: Any, row: _Row) -> None:  # noqa: ANN401
        """Places inner; raises EncodeError where something stands already that is no list."""
        *way, last = (*self.groups, self.slot.name) if self.many is None else self.groups
        for group in way:
            value = value.setdefault(group, {})
        if self.many is None:
            if last in value:
                raise EncodeError(f"{row}: {last} can stand only once there")
            value[last] = inner
        else:
            item = inner if self.many == "list" else {self.slot.name: inner}
            value.setdefault(last, []).append(item)


@dataclass(frozen=True, slots=True)
class _Form:
    """What the rows of one context can hold: targets by column, and by table and place."""

    cells: dict[str, _Target] = field(default_factory=dict)
    children: dict[tuple[str, str], _Target] = field(default_factory=dict)


class _Forms:
    """The forms of a layout's rows in one release."""

    def __init__(self, layout: Layout, release: int) -> None:
        self.layout = layout
        self.release = release
        self.known: dict[int, _Form] = {}

    def has(self, slot: Slot) -> bool:
        """Whether the release writes this element here."""
        return slot.since <= self.release <= slot.until

    def of(self, context: int) -> _Form:
        """The form of the rows whose element has its members in that context."""
        if context not in self.known:
            form = self.known[context] = _Form()
            for target in self.targets(context, ()):
                slot = target.slot
                if slot.opens < 0:
                    form.cells[self.layout.columns[slot.column].name] = target
                else:
                    key = self.layout.tables[slot.opens], self.layout.places[slot.place]
                    form.children[key] = target
        return self.known[context]

    def targets(self, context: int, groups: tuple[str, ...]) -> Iterator[_Target]:
        """Everything inside the context that the release has, as far as it is of the same row."""
        inside = self.layout.contexts[context]
        many = inside.shape if inside.shape in {"list", "variants"} else None
        for slot in inside.slots.values():
            if slot.kind == K_PASS or not self.has(slot):
                continue
            if slot.opens < 0 and slot.context >= 0:
                yield from self.targets(slot.context, (*groups, slot.name))
            else:
                yield _Target(groups, slot, many)


class _Rows:
    """The rows of all tables on their way into the records; children leave it as they are used."""

    def __init__(self, layout: Layout, release: int) -> None:
        self.layout = layout
        self.forms = _Forms(layout, release)
        self.kinds = {slot.name: slot for slot in layout.contexts[layout.records].slots.values()}
        self.children: dict[tuple[str, int], list[_Row]] = {}

    def add_children(self, name: str, table: pl.DataFrame) -> None:
        """Takes the rows of a child table, to be found by their parents."""
        if name == self.layout.tables[0]:
            return
        if name not in self.layout.tables:
            raise EncodeError(f"table {name}: there is only {', '.join(self.layout.tables)}")
        rows = _read_rows(name, table, "place")
        for row, parent in zip(rows, table["parent"].to_list(), strict=True):
            parent_table = row.place.partition(".")[0]
            self.children.setdefault((parent_table, parent), []).append(row)

    def record(self, row: _Row) -> dict[str, Any]:
        """The record with everything that hangs on it."""
        slot = self.kinds.get(row.place)
        if slot is None or not self.forms.has(slot):
            raise EncodeError(f"{row}: release 3.{self.forms.release} has no such record")
        return {slot.name: self.value(row, slot)}

    def value(self, row: _Row, slot: Slot) -> Any:  # noqa: ANN401
        """The value of the element that opened the row."""
        if slot.context < 0:
            return self.leaf(row, self.layout.columns[slot.column].name)
        form = self.forms.of(slot.context)
        value: dict[str, Any] = {}
        for column, cell in row.values.items():
            target = form.cells.get(column)
            if target is None:
                raise EncodeError(f"{row}: {self.lacking(column, slot.context, column)}")
            target.put(value, cell, row)
        for child in self.children.pop((row.table, row.number), ()):
            key = child.table, child.place
            target = form.children.get(key)
            if target is None:
                words = self.lacking(key, slot.context, f"it below {row}")
                raise EncodeError(f"{child}: {words}")
            target.put(value, self.value(child, target.slot), child)
        return value

    def leaf(self, row: _Row, column: str) -> Any:  # noqa: ANN401
        """The single value of a row that is a list's item without members."""
        if list(row.values) != [column]:
            raise EncodeError(f"{row}: it takes {column} and nothing else, not {row.values}")
        return row.values[column]

    def lacking(self, what: str | tuple[str, str], context: int, name: str) -> str:
        """Words for a column, or a table and place, that the release does not have there."""
        forms = [(r, _Forms(self.layout, r).of(context)) for r in RELEASES]
        having = [f"3.{r}" for r, form in forms if what in form.cells or what in form.children]
        return (
            f"release 3.{self.forms.release} has no place for {name}; "
            f"{', '.join(having) or 'no release'} has"
        )

    def check_all_used(self) -> None:
        """Raises EncodeError when a row hangs on nothing."""
        for (table, parent), rows in self.children.items():
            raise EncodeError(f"{rows[0]}: there is no row {parent} in table {table}")
