"""Walks the roots of files of any kind: groups as values, lists of records by an engine."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import polars as pl

from asn1.ber import (
    CUT_CODES,
    FILLER,
    INDEFINITE,
    MAX_BAD_RECORDS,
    NO_LIMIT,
    SOFT,
    BerError,
    Octets,
    at_end_of_contents,
    read_header,
    skip,
)
from asn1.grammar import GrammarName, Node, load_plan
from asn1.identify import HEAD_OCTETS, FileFamily, identify
from asn1.layout import Layout, Selection, load_layout
from asn1.layout_names import RECORDS
from asn1.nrtrde_header import read_nrtrde_header
from asn1.rap_header import read_rap_header
from asn1.records import Fault, Records, RecordTooLargeError, Span
from asn1.repeated_list import joined
from asn1.tap_file import (
    MAX_RAW_OCTETS,
    DecodeError,
    ErrorCode,
    FileKind,
    Header,
    NotTapError,
    TapFile,
)
from asn1.tap_header import decimal_places_problem, read_tap_header
from asn1.values import ValueReader

MAX_FILES: Final = 1000
"""Files that are read from the same octets; nobody means to send so many in one."""
MAX_EXPLAINED: Final = 1000
"""Notes that get their words: one fault of a sender's system can be in every record."""

_GRAMMARS: Final[dict[FileFamily, GrammarName]] = {
    "tap": "tap", "notification": "tap", "rap": "rap", "nrtrde": "nrtrde",
}
_CODES: Final[dict[str, ErrorCode]] = {
    "EVENT_UNKNOWN": "EVENT_UNKNOWN", "NEGATIVE": "NEGATIVE", "TIME": "TIME",
}
"""Of faults; every other one is octets that break the rules."""
_FILLING: Final = re.compile(b"[" + re.escape(FILLER) + b"]*")


class Engine(NamedTuple):
    """What reads a list of records, and what puts a fault into words."""

    read_records: Callable[[Span, Layout, int], Records]
    explain: Callable[[Fault, Layout], str]


class _RootKind(NamedTuple):
    """What a root is: its list of records, what these are called, and if it must be there."""

    kind: FileKind
    list_name: str | None = None
    records: str = "records"
    needs_list: bool = False


_ROOTS: Final = {
    "transferBatch": _RootKind(
        "transfer_batch", "callEventDetails", "call events", needs_list=True
    ),
    "notification": _RootKind("notification"),
    "returnBatch": _RootKind("return_batch", "returnDetails", "return details", needs_list=True),
    "acknowledgement": _RootKind("acknowledgement"),
    "nrtrde": _RootKind("nrtrde", "callEvents", "call events"),
}


def read_files(data: Octets, engine: Engine, columns: Selection | None) -> TapFile:
    """The file in the octets, with those behind it as `following`.

    Raises NotTapError when the octets do not begin as a file, SelectionError for columns that the
    kind of file does not have; a following file of another grammar comes with all columns.
    """
    family = identify(data)
    if family is None:
        raise NotTapError(0, _first_octets(data))
    first_grammar = _GRAMMARS[family]
    files: list[TapFile] = []
    pos = 0
    while True:
        selected = columns if _GRAMMARS[family] == first_grammar else None
        root = _Root(data, pos, load_layout(_GRAMMARS[family], selected), engine)
        file, end = root.read()
        files.append(file)
        pos = _behind_filler(data, end)
        if pos == len(data):
            break
        following = identify(data[pos : pos + HEAD_OCTETS])
        if following is None or len(files) == MAX_FILES:
            root.not_read(end)
            file.complete = False
            break
        family = following
    files[0].following = tuple(files[1:])
    return files[0]


def _first_octets(data: Octets) -> str:
    if not data:
        return "it is empty"
    return (
        f"it begins with the octets {data[:8].hex(' ')}, not as a TAP, RAP or NRTRDE file does"
    )


def _behind_filler(data: Octets, pos: int) -> int:
    found = _FILLING.match(data, pos)
    return found.end() if found else pos


class _StopReading(Exception):
    """Nothing behind this place can be told apart; the error is already noted."""


@dataclass(slots=True)
class _Group:
    """The open root: where reading goes on, and its end, None while indefinite."""

    pos: int
    end: int | None
    limit: int
    """No child may reach beyond this; never beyond the data."""


class _Root:
    """Reads one root; `index` is that of the next record."""

    def __init__(self, data: Octets, start: int, layout: Layout, engine: Engine) -> None:
        plan = load_plan(layout.name)
        ident, length, at = read_header(data, start, NO_LIMIT)
        node = plan.contexts[0].nodes[ident >> 1]
        self.data = data
        self.start = start
        self.layout = layout
        self.engine = engine
        self.kind = _ROOTS[node.name]
        self.context = plan.contexts[node.context]
        self.kinds = plan.context_of(*RECORDS[layout.name][0]).nodes
        self.values = ValueReader(data, plan, self.kinds)
        size = len(data)
        end = None if length == INDEFINITE else at + length
        self.root = _Group(at, end, size if end is None else min(end, size))
        self.groups: dict[str, Any] = {}
        self.found: Records | None = None
        self.errors: list[DecodeError] = []
        self.notes: list[DecodeError] = []
        self.index = 0
        self.complete = True

    def read(self) -> tuple[TapFile, int]:
        """The file, and the offset behind it: the end of the data when that is not known."""
        try:
            self.elements()
            end = self.root.pos
        except _StopReading:
            self.complete = False
            end = self.root.limit
        if self.found is None:
            self.found = self.engine.read_records(Span(end, end, end), self.layout, 0)
        header, problem = self.header()
        if problem:
            self.damaged("BER_INVALID", None, self.start, 0, problem)
        file = TapFile(
            self.kind.kind, header, self.groups, self.layout, self.found.tables, self.data,
            self.found.unknown, self.errors, self.notes, self.unknown_tags(self.found.unknown),
            self.complete, offset=self.start,
        )
        return file, end

    def header(self) -> tuple[Header, str | None]:
        """The header, and why no amount of the file can be read, if so."""
        groups, kind = self.groups, self.kind.kind
        match kind:
            case "nrtrde":
                return read_nrtrde_header(groups), None
            case "return_batch" | "acknowledgement":
                control = groups.get("rapBatchControlInfoRap", {})
                return read_rap_header(kind, groups), decimal_places_problem(control)
            case _:
                accounting = groups.get("accountingInfo", {})
                return read_tap_header(kind, groups), decimal_places_problem(accounting)

    def elements(self) -> None:
        """Reads the elements of the root, up to its end."""
        data, root = self.data, self.root
        while not self.at_end():
            start = root.pos
            try:
                ident, length, at = read_header(data, start, NO_LIMIT)
            except BerError as error:
                raise self.lost(start, error) from None
            node = self.context.nodes.get(ident >> 1)
            if node is None:
                root.pos = self.behind(start, at, length)
                self.stray(ident >> 1, start, root.pos)
            elif node.name == self.kind.list_name and ident & 1:
                if at > root.limit:
                    raise self.lost(start, BerError(start, "HEADER_CUT", "the root ends inside it"))
                root.pos = self.records(at, length)
            else:
                root.pos = self.group(node, start)
        if self.found is None and self.kind.needs_list:
            self.damaged(
                "BER_INVALID", None, root.pos, 0,
                f"the batch has no list of {self.kind.records} ({self.kind.list_name})",
            )

    def at_end(self) -> bool:
        """Whether the root ends here; stops the reading where the data does."""
        root = self.root
        if root.end is not None:
            if root.pos >= root.end:
                return True
        elif at_end_of_contents(self.data, root.pos, root.limit):
            root.pos += 2
            return True
        if self.data_ends(root.pos, root.end):
            raise self.cut_short(root.pos)
        return False

    def data_ends(self, pos: int, end: int | None) -> bool:
        """Whether nothing follows but what may be half of the end-of-contents octets."""
        rest = len(self.data) - pos
        return rest == 0 or (rest == 1 and end is None and not self.data[pos])

    def cut_short(self, pos: int) -> _StopReading:
        """The stop, after noting that the file ends between two elements."""
        rest = len(self.data) - pos
        self.damaged("FILE_TRUNCATED", None, pos, rest, "the file is cut between two elements")
        return _StopReading()

    def behind(self, start: int, at: int, length: int) -> int:
        """The offset behind an element that is not read; stops the reading when it has no end."""
        try:
            read_header(self.data, start, self.root.limit)
            return skip(self.data, at, length, self.root.limit)
        except BerError as error:
            raise self.lost(start, error) from None

    def stray(self, tag: int, start: int, behind: int) -> None:
        """Counts an unknown element of the root; a record among them shows a wrong length."""
        node = self.kinds.get(tag)
        if node is None:
            self.values.note_unknown(self.context, tag)
            return
        self.damaged(
            "BER_INVALID", self.index, start, behind - start,
            f"{node.name} outside the list of {self.kind.records}, whose length is wrong",
        )
        self.index += 1

    def group(self, node: Node, start: int) -> int:
        """Reads an element that is no list of records; damage inside a definite one stays there."""
        limit, mark = self.root.limit, self.values.mark()
        try:
            ident, length, at = read_header(self.data, start, limit)
        except BerError as error:
            raise self.lost(start, error) from None
        try:
            if node.name in self.groups:
                raise BerError(start, "REPEATED", f"{node.name} twice")  # noqa: TRY301
            value, behind = self.values.element(node, ident, at, length, limit, 2, start)
        except BerError as error:
            self.values.roll_back(mark)
            if length == INDEFINITE:
                raise self.lost(start, error) from None
            behind = at + length
            self.damaged("BER_INVALID", None, start, behind - start, f"{node.name}: {error}")
            return behind
        self.groups[node.name] = value
        return behind

    def records(self, at: int, length: int) -> int:
        """Reads a list of records, and gives the offset behind it."""
        limit = self.root.limit
        end = None if length == INDEFINITE else at + length
        span = Span(at, end, limit if end is None else min(end, limit))
        try:
            found = self.engine.read_records(span, self.layout, self.index)
        except RecordTooLargeError as error:
            self.damaged("BER_INVALID", None, at, span.limit - at, f"no record was read: {error}")
            raise _StopReading from None
        self.found = joined(self.layout, self.found, found) if self.found else found
        self.index += found.count
        for fault in found.faults:
            self.fault(fault)
        return self.rest_lost(span, found.end, found.lost) if found.lost else found.end

    def fault(self, fault: Fault) -> None:
        """Notes what is wrong with one record: as an error when it was not read."""
        place = fault.record_index, fault.start, fault.end - fault.start
        if fault.code in SOFT:
            words = f"offset {fault.offset}: {fault.code}"
            if len(self.notes) < MAX_EXPLAINED:
                words = self.engine.explain(fault, self.layout)
            self.notes.append(DecodeError(*place, _CODES[fault.code], words, b""))
        else:
            code = _CODES.get(fault.code, "BER_INVALID")
            self.fail(code, *place, self.engine.explain(fault, self.layout))

    def rest_lost(self, span: Span, pos: int, lost_at: tuple[int, str]) -> int:
        """Notes the rest of a list as one bad record, and gives the offset behind the list.

        Records are told apart by their lengths alone, so behind a wrong one there is no next. Stops
        the reading when the list has no end.
        """
        if self.data_ends(pos, span.end):
            raise self.cut_short(pos)
        if pos >= span.limit:
            self.damaged("BER_INVALID", None, pos, 0, "a list does not end within its group")
            raise _StopReading
        lost = Fault(self.index, pos, span.limit, *lost_at)
        code: ErrorCode = "BER_INVALID"
        if lost.code == "TOO_MANY_BAD":
            words = f"the rest of the list is not read: {MAX_BAD_RECORDS:,} records before are bad"
        elif lost.code in CUT_CODES and self.is_cut(span.end, span.limit):
            code = "FILE_TRUNCATED"
            words = f"the file ends inside a record: {self.engine.explain(lost, self.layout)}"
        else:
            told = self.engine.explain(lost, self.layout)
            words = f"the rest of the list cannot be told apart: {told}"
        self.damaged(code, self.index, pos, span.limit - pos, words)
        self.index += 1
        if span.end is None or span.end > span.limit:
            raise _StopReading
        return span.end

    def is_cut(self, end: int | None, limit: int) -> bool:
        """Whether the end of the data, not that of the element, is what bounds it."""
        return limit == len(self.data) and (end is None or end > limit)

    def lost(self, start: int, error: BerError) -> _StopReading:
        """The stop, after noting what lies between start and the end of the root."""
        limit = self.root.limit
        cut = error.code in CUT_CODES and self.is_cut(self.root.end, limit)
        self.damaged(
            "FILE_TRUNCATED" if cut else "BER_INVALID", None, start, limit - start,
            f"the file ends inside its header or audit: {error}" if cut else str(error),
        )
        return _StopReading()

    def not_read(self, pos: int) -> None:
        """Notes the octets behind the file's end, which are neither filler nor a file."""
        rest = len(bytes(self.data[pos:]).strip(FILLER))
        self.damaged(
            "BER_INVALID", None, pos, len(self.data) - pos,
            f"{rest} octets stand behind the end of the file",
        )

    def damaged(
        self, code: ErrorCode, index: int | None, offset: int, length: int, detail: str
    ) -> None:
        """Notes an error that may have hidden records."""
        self.complete = False
        self.fail(code, index, offset, length, detail)

    def fail(
        self, code: ErrorCode, index: int | None, offset: int, length: int, detail: str
    ) -> None:
        """Notes an error with the octets it is about."""
        raw = bytes(self.data[offset : offset + min(length, MAX_RAW_OCTETS)])
        self.errors.append(DecodeError(index, offset, length, code, detail, raw))

    def unknown_tags(self, unknown: pl.DataFrame) -> dict[str, int]:
        """How often each unknown tag was passed over, in groups and records, by type and tag."""
        counts = Counter(self.values.unknown)
        for within, tag, number in unknown.group_by("within", "tag").len().iter_rows():
            counts[f"{within}.{tag}"] += number
        return dict(sorted(counts.items()))
