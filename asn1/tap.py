"""Reads a TAP3 file of any release: its header, its call events, and what could not be read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from asn1.ber import (
    CUT_CODES,
    FILLER,
    INDEFINITE,
    NO_LIMIT,
    BerError,
    at_end_of_contents,
    read_header,
    skip,
    tag_text,
)
from asn1.events import EventValueError, event_row, events_frame
from asn1.grammar import Context, Node, Plan, load_plan
from asn1.tap_header import TapHeader, header_problem, read_tap_header
from asn1.walker import Value, Walker

MAX_RAW_OCTETS: Final = 1 << 20
"""Octets of a bad record that are kept: thousands of times a real record."""

ErrorCode = Literal["BER_INVALID", "EVENT_UNKNOWN", "FILE_TRUNCATED"]
_TRANSFER_BATCH, _NOTIFICATION = 1 << 2 | 1, 2 << 2 | 1
_BATCH_CONTROL, _NRTRDE_VERSION = 4 << 2 | 1, 41 << 2 | 1
_RAP = frozenset({534 << 2 | 1, 535 << 2 | 1})
_SENDER = 196 << 2 | 1


class NotTapError(Exception):
    """Octets that do not begin as a TAP file: where, and why not."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"not a TAP file: offset {offset}: {reason}")
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DecodeError:
    """A part of the file that was not read: where it is (octets), why, and the part itself.

    record_index is None for what is no record. `raw` holds at most MAX_RAW_OCTETS.
    """

    record_index: int | None
    offset: int
    length: int
    code: ErrorCode
    detail: str
    raw: bytes


@dataclass(slots=True)
class TapFile:
    """A file's header, its readable call events in file order, and the rest as errors.

    `events` has the columns of asn1.events. `complete` is False when the file was cut, or when
    damage may have hidden records; then the events before it are here.
    """

    header: TapHeader
    events: pl.DataFrame
    errors: list[DecodeError] = field(default_factory=list)
    unknown_tags: dict[str, int] = field(default_factory=dict)
    complete: bool = True


def identify(data: bytes) -> Literal["tap", "notification", "nrtrde", "rap"] | None:
    """What the first octets say the data is; None for anything else."""
    tags = tuple(_first_tags(data))
    if tags[:1] and tags[0] in _RAP:
        return "rap"
    if tags[:2] == (_NOTIFICATION, _SENDER):
        return "notification"
    if tags[:2] == (_TRANSFER_BATCH, _NRTRDE_VERSION):
        return "nrtrde"
    return "tap" if tags == (_TRANSFER_BATCH, _BATCH_CONTROL, _SENDER) else None


def _first_tags(data: bytes) -> Iterator[int]:
    """The tag of the first element, of the first inside it, and of the first inside that."""
    pos, ident = 0, 1
    for _ in range(3):
        if not ident & 1:
            return
        try:
            ident, _, pos = read_header(data, pos, NO_LIMIT)
        except BerError:
            return
        yield ident >> 1


def read(data: bytes) -> TapFile:
    """The file's content; raises NotTapError when it does not begin as TAP, and nothing else."""
    kind = identify(data)
    if kind not in {"tap", "notification"}:
        raise NotTapError(0, f"it begins like {kind.upper()}" if kind else _first_octets(data))
    return _Reader(data).read(kind)


def _first_octets(data: bytes) -> str:
    if not data:
        return "it is empty"
    return f"it begins with the octets {data[:8].hex(' ')}, not 61 or 62 and a TAP header"


class _StopReading(Exception):
    """Nothing behind this place can be told apart; the error is already noted."""


@dataclass(slots=True)
class _Group:
    """An open group: where reading goes on, and its end, None while indefinite."""

    pos: int
    end: int | None
    limit: int
    """No child may reach beyond this; never beyond the data."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.plan: Plan = load_plan()
        self.walker = Walker(data, self.plan)
        self.groups: dict[str, Value] = {}
        self.rows: list[list[object]] = []
        self.errors: list[DecodeError] = []
        self.index = 0
        self.complete = True

    def read(self, kind: Literal["tap", "notification"]) -> TapFile:
        try:
            if kind == "tap":
                self.transfer_batch()
            else:
                self.notification()
        except _StopReading:
            self.complete = False
        header = read_tap_header(kind, self.groups)
        problem = header_problem(self.groups)
        if problem:
            self.fail("BER_INVALID", None, 0, 0, problem)
            self.complete = False
        return TapFile(
            header, events_frame(self.rows), self.errors, self.walker.unknown, self.complete
        )

    def notification(self) -> None:
        node = self.plan.contexts[0].nodes[_NOTIFICATION]
        behind = self.header_group(node, 0, _Group(0, None, len(self.data)))
        self.trailer(behind)

    def transfer_batch(self) -> None:
        data, context = self.data, self.plan.context_of("transferBatch")
        _, length, at = read_header(data, 0, NO_LIMIT)
        root = self.opened(at, length, _Group(0, None, len(data)))
        listed = False
        while not self.at_end(root):
            start = root.pos
            ident, length, at = self.child(root)
            node = context.nodes.get(ident >> 1)
            if node is None:
                root.pos = self.behind(start, at, length, root)
                self.stray(context, ident >> 1, start, root.pos)
            elif node.name == "callEventDetails" and ident & 1:
                events = self.opened(at, length, root)
                self.records(events)
                root.pos = events.pos
                listed = True
            else:
                root.pos = self.header_group(node, start, root)
        if not listed:
            self.complete = False
            self.fail("BER_INVALID", None, root.pos, 0, "the batch has no list of call events")
        self.trailer(root.pos)

    def opened(self, at: int, length: int, parent: _Group) -> _Group:
        if length == INDEFINITE:
            return _Group(at, None, parent.limit)
        return _Group(at, at + length, min(at + length, parent.limit))

    def at_end(self, group: _Group) -> bool:
        """Whether the group ends here; stops the reading where the data does."""
        if group.end is not None:
            if group.pos >= group.end:
                return True
        elif at_end_of_contents(self.data, group.pos, group.limit):
            group.pos += 2
            return True
        rest = len(self.data) - group.pos
        if rest == 0 or (rest == 1 and group.end is None and not self.data[group.pos]):
            self.fail("FILE_TRUNCATED", None, group.pos, rest, "the file ends before its audit")
            raise _StopReading
        if group.pos >= group.limit:
            self.fail("BER_INVALID", None, group.pos, 0, "a list does not end within its group")
            raise _StopReading
        return False

    def child(self, group: _Group) -> tuple[int, int, int]:
        try:
            return read_header(self.data, group.pos, NO_LIMIT)
        except BerError as error:
            raise self.lost(group.pos, group, error) from None

    def behind(self, start: int, at: int, length: int, group: _Group) -> int:
        """The offset behind a child that is not read; stops the reading when it does not end."""
        try:
            read_header(self.data, start, group.limit)
            return skip(self.data, at, length, group.limit)
        except BerError as error:
            raise self.lost(start, group, error) from None

    def stray(self, context: Context, tag: int, start: int, behind: int) -> None:
        """Counts an unknown group of the batch; a call event among them shows a wrong length."""
        node = self.walker.events.get(tag)
        if node is None:
            self.walker.note_unknown(context, tag)
            return
        self.complete = False
        self.fail(
            "BER_INVALID", self.index, start, behind - start,
            f"{node.name} outside the list of call events, whose length is wrong",
        )
        self.index += 1

    def header_group(self, node: Node, start: int, group: _Group) -> int:
        """Reads a group that is no list of records; damage inside a definite one stays there."""
        mark = self.walker.mark()
        try:
            ident, length, at = read_header(self.data, start, group.limit)
        except BerError as error:
            raise self.lost(start, group, error) from None
        try:
            self.refuse_repeated(node, start)
            value, behind = self.walker.element(node, ident, at, length, group.limit, 2)
        except BerError as error:
            self.walker.roll_back(mark)
            if length == INDEFINITE:
                raise self.lost(start, group, error) from None
            self.complete = False
            behind = at + length
            self.fail("BER_INVALID", None, start, behind - start, f"{node.name}: {error}")
            return behind
        self.groups[node.name] = value
        return behind

    def refuse_repeated(self, node: Node, start: int) -> None:
        if node.name in self.groups:
            raise BerError(start, "REPEATED", f"{node.name} twice")

    def records(self, events: _Group) -> None:
        """Reads the list of records, up to its end or to where it cannot be followed."""
        while not self.at_end(events):
            start = events.pos
            try:
                ident, length, at = self.record_header(events)
                behind = skip(self.data, at, length, events.limit)
            except BerError as error:
                self.rest_lost(events, error)
                return
            node = self.walker.events.get(ident >> 1)
            if node is None:
                self.fail(
                    "EVENT_UNKNOWN", self.index, start, behind - start,
                    f"call event type {tag_text(ident >> 1)} is not known",
                )
            else:
                self.record(node, start, ident, at, length, behind)
            self.index += 1
            events.pos = behind

    def record_header(self, events: _Group) -> tuple[int, int, int]:
        ident, length, at = read_header(self.data, events.pos, events.limit)
        if ident >> 1 == 0:
            raise BerError(events.pos, "EOC_UNEXPECTED", "tag 0 among the records")
        return ident, length, at

    def record(
        self, node: Node, start: int, ident: int, at: int, length: int, behind: int
    ) -> None:
        mark = self.walker.mark()
        try:
            value, _ = self.walker.element(node, ident, at, length, behind, 3)
            row = event_row(self.plan, node.name, value)
        except (BerError, EventValueError) as error:
            self.walker.roll_back(mark)
            self.fail(
                "BER_INVALID", self.index, start, behind - start, f"{node.name}: {error}"
            )
            return
        self.rows.append([self.index, start, behind - start, node.name, *row])

    def rest_lost(self, events: _Group, error: BerError) -> None:
        """Notes the rest of the list as one bad record; stops the reading if the list has no end.

        Records are told apart by their lengths alone, so behind a wrong one there is no next.
        """
        reached_end = events.limit == len(self.data) and (
            events.end is None or events.end > len(self.data)
        )
        end = events.limit
        self.complete = False
        if error.code in CUT_CODES and reached_end:
            code: ErrorCode = "FILE_TRUNCATED"
            detail = f"the file ends inside a record: {error}"
        else:
            code, detail = "BER_INVALID", f"the rest of the list cannot be told apart: {error}"
        self.fail(code, self.index, events.pos, end - events.pos, detail)
        self.index += 1
        if events.end is None or events.end > events.limit:
            raise _StopReading
        events.pos = end

    def lost(self, start: int, group: _Group, error: BerError) -> _StopReading:
        """The stop, after noting what lies between start and the end of the data."""
        cut = error.code in CUT_CODES and group.limit == len(self.data)
        detail = f"the file ends inside its header or audit: {error}" if cut else str(error)
        code: ErrorCode = "FILE_TRUNCATED" if cut else "BER_INVALID"
        self.fail(code, None, start, len(self.data) - start, detail)
        return _StopReading()

    def trailer(self, pos: int) -> None:
        """Notes octets behind the file's end, other than filler."""
        rest = self.data[pos:].strip(FILLER)
        if rest:
            self.complete = False
            self.fail(
                "BER_INVALID", None, pos, len(self.data) - pos,
                f"{len(rest)} octets stand behind the end of the file",
            )

    def fail(
        self, code: ErrorCode, index: int | None, offset: int, length: int, detail: str
    ) -> None:
        raw = self.data[offset : offset + min(length, MAX_RAW_OCTETS)]
        self.errors.append(DecodeError(index, offset, length, code, detail, raw))
