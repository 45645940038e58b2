"""Reads a list of records into tables, element by element in plain Python.

It is the measure of what the kernel must give for any octets, and quicker than it for small files,
since nothing has to be compiled or loaded. The rules that the order of the code decides:

* An element is looked at in this order: its header, whether it is passed over, its shape, the
  segments of a string, whether its row has that value already, the value. The first error counts.
* Depth is 1 inside a record; an element has the depth that it would have as a group, and the
  segments of a string count on from it.
* After an error the record's rows are taken back, and reading goes on behind the record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from asn1.ber import (
    INDEFINITE,
    MAX_BAD_RECORDS,
    MAX_DEPTH,
    MAX_SOFT_FAULTS,
    NO_LIMIT,
    BerError,
    Code,
    Octets,
    at_end_of_contents,
    read_header,
    skip,
    string_octets,
    tag_text,
)
from asn1.layout import (
    K_BCD,
    K_GROUP,
    K_INTEGER,
    K_PASS,
    K_RAW,
    K_TEXT,
    K_TIME,
    K_UNSIGNED,
    Layout,
    LayoutContext,
    Slot,
)
from asn1.records import Fault, Records, Span
from asn1.row_lists import RowLists, unknown_frame
from asn1.values import bcd_digits, local_time, signed_number, trimmed_text, unsigned_number

MAX_SHOWN: Final = 32
"""Characters of a value that an explanation shows."""

_Read = Callable[[Octets], Any]
_READ: Final[dict[int, _Read]] = {
    K_INTEGER: signed_number,
    K_UNSIGNED: unsigned_number,
    K_BCD: bcd_digits,
    K_TEXT: trimmed_text,
    K_RAW: bytes,
    K_TIME: local_time,
}

_ONE_SHAPE: Final = frozenset({K_GROUP, K_INTEGER, K_UNSIGNED})
"""Kinds that are always constructed, or never; strings may be either."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A slot as reading needs it: `parent` is the table around it, `table` that of its value.

    `header` is the usual number of octets of tag and length.
    """

    header: int
    kind: int
    opens: int
    place: int
    parent: int
    table: int
    column: int
    inside: int
    read: _Read


class _Steps(NamedTuple):
    """The steps of a context by tag, and by the tag's octets in the usual shape.

    That is constructed for groups, and primitive for all others.
    """

    by_octets: dict[Octets, _Step]
    by_tag: dict[int, _Step]


def read_records(data: Octets, span: Span, layout: Layout, first_index: int = 0) -> Records:
    """The records of the list whose content the span holds; damage is told, never raised."""
    walk = _Walk(bytes(data), layout, first_index)
    end, lost = walk.run(span)
    return Records(
        walk.rows.frames(), [fault for fault, _ in walk.faults], unknown_frame(walk.unknown),
        walk.index - first_index, end, (lost.offset, lost.code) if lost else None,
    )


def explain(data: Octets, fault: Fault, layout: Layout) -> str:
    """What is wrong, in words: the elements down to the fault, its offset, code, what stands there.

    The fault may also be what a list was lost for, from the record's start to the data's end.
    """
    walk = _Walk(data, layout, fault.record_index)
    _, lost = walk.run(Span(fault.start, fault.end, fault.end))
    words = {(found.offset, found.code): words for found, words in walk.faults}
    if lost:
        words[lost.offset, lost.code] = lost.detail
    path = ".".join(_path(data, fault, layout))
    found = words.get((fault.offset, fault.code), "the list does not end")
    where = f"offset {fault.offset}: {fault.code}: {found}"
    return f"{path}: {where}" if path else where


def _path(data: Octets, fault: Fault, layout: Layout) -> list[str]:
    """The names of the elements around the fault, and its own if its header can be read."""
    context = layout.contexts[layout.records]
    pos, limit = fault.start, fault.end
    # Octets that are missing behind an element are the fault of it, or of one that it is in.
    target = fault.offset - (fault.code == "EOC_MISSING")
    names: list[str] = []
    unended = 0
    while pos < limit:
        try:
            ident, length, at = read_header(data, pos, limit)
        except BerError:
            break
        behind = _behind(data, at, length, limit)
        if behind is not None and behind <= target:
            pos = behind
            continue
        slot = context.slots.get(ident >> 1)
        if slot:
            names.append(slot.name)
        if behind is None:
            unended = len(names)
        if slot is None or slot.context < 0 or pos == target:
            break
        context, pos, limit = layout.contexts[slot.context], at, behind or limit
    return names[:unended] if fault.code == "EOC_MISSING" else names


def _behind(data: Octets, at: int, length: int, limit: int) -> int | None:
    """The offset behind an element, None when it cannot be found."""
    try:
        return skip(data, at, length, limit)
    except BerError:
        return None


def _step(tag: int, slot: Slot, context: LayoutContext) -> _Step:
    header = len(_tag_octets(tag, slot.kind)[0]) + 1
    table = slot.opens if slot.opens >= 0 else context.table
    return _Step(
        header, slot.kind, slot.opens, slot.place, context.table, table, slot.column,
        slot.context, _READ.get(slot.kind, bytes),
    )


def _never(_tag: Octets) -> None:
    """No step."""


@cache
def _steps(layout: Layout) -> tuple[_Steps, ...]:
    """The steps of each context."""
    found = []
    for context in layout.contexts:
        by_tag = {tag: _step(tag, slot, context) for tag, slot in context.slots.items()}
        by_octets: dict[Octets, _Step] = {
            octets: step for tag, step in by_tag.items() for octets in _tag_octets(tag, step.kind)
        }
        found.append(_Steps(by_octets, by_tag))
    return tuple(found)


def _tag_octets(tag: int, kind: int) -> list[bytes]:
    """The octets of a tag, in each shape that is usual for the kind."""
    number = tag >> 2
    shapes = (False, True) if kind == K_PASS else (kind == K_GROUP,)
    first = [(tag & 3) << 6 | shape << 5 for shape in shapes]
    if number < 31:
        return [bytes([octet | number]) for octet in first]
    if number < 128:
        return [bytes([octet | 31, number]) for octet in first]
    return [bytes([octet | 31, number >> 7 | 128, number & 127]) for octet in first]


class _Walk:
    """One walk over one list; `index` is that of the record being read."""

    def __init__(self, data: Octets, layout: Layout, first_index: int) -> None:
        self.data = data
        self.layout = layout
        self.index = first_index
        self.steps = _steps(layout)
        self.kinds = self.steps[layout.records].by_tag
        self.rows = RowLists(layout)
        # Of the rows, at hand: each of the many leaves needs them.
        self.last = self.rows.last
        self.cells = self.rows.cells
        self.faults: list[tuple[Fault, str]] = []
        """What is wrong with records, and in words."""
        self.bad_records = 0
        self.notes: list[BerError] = []
        """What is wrong with values of the record being read, by soft codes."""
        self.unknown: list[tuple[int, int, int, str, str]] = []

    def run(self, span: Span) -> tuple[int, BerError | None]:
        """Reads the list; the offset behind it, or of the record that was lost, and why it was."""
        pos, end, limit = span
        try:
            while end is None or pos < end:
                if end is None and at_end_of_contents(self.data, pos, limit):
                    return pos + 2, None
                if pos >= limit:
                    code: Code = "EOC_MISSING" if end is None else "HEADER_CUT"
                    return pos, BerError(pos, code, "the data ends inside the list")
                pos = self.record(pos, limit)
                self.index += 1
        except BerError as error:
            return pos, error
        return pos, None

    def record(self, start: int, limit: int) -> int:
        """Reads a record, gives the offset behind it; BerError when that cannot be found."""
        ident, length, at = read_header(self.data, start, limit)
        if ident >> 1 == 0:
            raise BerError(start, "EOC_UNEXPECTED", "tag 0 among the records")
        step = self.kinds.get(ident >> 1)
        if step is None:
            words = f"record type {tag_text(ident >> 1)} is not known"
            behind = skip(self.data, at, length, limit)
            self.bad(start, behind, BerError(start, "EVENT_UNKNOWN", words))
            return behind
        if not ident & 1:
            self.bad(start, at + length, BerError(start, "SHAPE", "a record, but primitive"))
            return at + length
        mark, unknown = self.rows.mark(), len(self.unknown)
        self.notes.clear()
        self.rows.open_row(0, 0, step.place, self.index)
        try:
            behind = self.inside(step, at, length, limit, 1)
        except BerError as error:
            self.rows.roll_back(mark)
            del self.unknown[unknown:]
            behind = skip(self.data, at, length, limit)
            self.bad(start, behind, error)
            return behind
        self.rows.spans.append((start, behind - start))
        for note in self.notes[: MAX_SOFT_FAULTS + self.bad_records - len(self.faults)]:
            self.fault(start, behind, note)
        return behind

    def bad(self, start: int, behind: int, error: BerError) -> None:
        """Notes a record that is not read; BerError when there were too many before."""
        if self.bad_records == MAX_BAD_RECORDS:
            words = f"{MAX_BAD_RECORDS:,} records before this one are bad too"
            raise BerError(start, "TOO_MANY_BAD", words)
        self.bad_records += 1
        self.fault(start, behind, error)

    def fault(self, start: int, behind: int, error: BerError) -> None:
        fault = Fault(self.index, start, behind, error.offset, error.code)
        self.faults.append((fault, error.detail))

    def inside(self, step: _Step, at: int, length: int, limit: int, depth: int) -> int:
        """Reads the inside of a group of any length, gives the offset behind it."""
        if length == INDEFINITE:
            return self.group(step.inside, at, INDEFINITE, limit, depth)
        return self.group(step.inside, at, at + length, at + length, depth)

    def group(self, number: int, pos: int, end: int, limit: int, depth: int) -> int:
        """Reads the elements of a context up to end, gives the offset behind them.

        What is usual, nearly all, is read here, and everything else in `unusual`.
        """
        data = self.data
        # Tags are looked up as bytes: a view of octets that may change is no key.
        quick = depth < MAX_DEPTH and isinstance(data, bytes)
        find = self.steps[number].by_octets.get if quick else _never
        while pos != end:
            start = pos
            step = (
                find(data[pos : pos + 3]) or find(data[pos : pos + 2]) or find(data[pos : pos + 1])
            )
            at = pos + step.header if step else NO_LIMIT
            # Where none can stand, a length that is none of the short ones.
            length = data[at - 1] if at <= limit else 255
            pos = at + length
            if step is None or length > 127 or pos > limit:
                if end == INDEFINITE and at_end_of_contents(data, start, limit):
                    return start + 2
                pos = self.unusual(number, start, limit, depth)
                continue
            if step.opens >= 0:
                self.rows.open_row(step.opens, step.parent, step.place, self.index)
            if step.kind == K_GROUP:
                self.group(step.inside, at, pos, pos, depth + 1)
            elif step.kind != K_PASS:
                self.leaf(step, start, data[at:pos])
        return pos

    def unusual(self, number: int, start: int, limit: int, depth: int) -> int:
        """Reads any element of a context, gives the offset behind it."""
        if start >= limit:
            raise BerError(start, "EOC_MISSING", "the end-of-contents octets are missing")
        ident, length, at = read_header(self.data, start, limit)
        step = self.steps[number].by_tag.get(ident >> 1)
        if step is None:
            return self.pass_over(number, ident >> 1, start, at, length, limit)
        if step.kind == K_PASS:
            return skip(self.data, at, length, limit)
        if step.opens >= 0:
            self.rows.open_row(step.opens, step.parent, step.place, self.index)
        constructed = bool(ident & 1)
        if constructed != (step.kind == K_GROUP) and step.kind in _ONE_SHAPE:
            words = "a number, but constructed" if constructed else "a group, but primitive"
            raise BerError(start, "SHAPE", words)
        if constructed and depth >= MAX_DEPTH:
            raise BerError(start, "DEPTH", f"nested deeper than {MAX_DEPTH}")
        if step.kind == K_GROUP:
            return self.inside(step, at, length, limit, depth + 1)
        octets, behind = string_octets(self.data, ident, at, length, limit, depth + 1)
        self.leaf(step, start, octets)
        return behind

    def leaf(self, step: _Step, start: int, octets: Octets) -> None:
        """Keeps the value that the octets mean."""
        row = self.last[step.table]
        filled, values = self.cells[step.column]
        if filled and filled[-1] == row:
            name = self.layout.columns[step.column].name
            raise BerError(start, "REPEATED", f"{name} has a value already")
        try:
            value = step.read(octets)
        except ValueError as error:
            raise BerError(start, "VALUE", str(error)) from None
        if value is None:
            shown = trimmed_text(octets)[:MAX_SHOWN]
            if shown:
                self.notes.append(BerError(start, "TIME", f"time {shown!r} is no time"))
            return
        if step.kind == K_INTEGER and value < 0:
            self.notes.append(BerError(start, "NEGATIVE", f"{value} is negative"))
        filled.append(row)
        values.append(value)

    def pass_over(
        self, number: int, tag: int, start: int, at: int, length: int, limit: int
    ) -> int:
        """Passes over an element without a place in the context, gives the offset behind it."""
        name = self.layout.contexts[number].type_name
        if tag == 0:
            raise BerError(start, "EOC_UNEXPECTED", f"tag 0 inside {name}")
        if tag in self.kinds:
            # A length too large has swallowed a record: that must not pass as an unknown tag.
            words = f"{tag_text(tag)}, a record, inside {name}: a length is wrong"
            raise BerError(start, "SHAPE", words)
        behind = skip(self.data, at, length, limit)
        self.unknown.append((self.index, start, behind - start, name, tag_text(tag)))
        return behind
