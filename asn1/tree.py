"""The elements of any BER data, line by line, for a person to look at."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from asn1.ber import (
    FILLER,
    INDEFINITE,
    MAX_DEPTH,
    BerError,
    Octets,
    at_end_of_contents,
    read_header,
    tag_text,
)
from asn1.grammar import Context, GrammarName, Node, Plan, load_plan
from asn1.identify import identify
from asn1.layout_names import RECORDS
from asn1.values import ValueReader

MAX_SHOWN_OCTETS: Final = 32
MAX_SHOWN_CHARACTERS: Final = 200

_NO_FILLER: Final = re.compile(rb"[^" + re.escape(FILLER) + rb"]")
_HEAD_OCTETS: Final = 1 << 12
"""More than identify looks at."""


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One element: where it is, its tag as text, its grammar name, size in octets, and value.

    `length` is -1 for indefinite. `raw_text` is the content in hexadecimal, shortened, and empty
    for a constructed element; `value_text` is what it means, the same where the grammar does not
    say. The last line of data that is not BER has the tag "error", and the reason as value.
    """

    offset: int
    depth: int
    tag: str
    name: str | None
    length: int
    header_length: int
    value_text: str
    raw_text: str = ""


def tree(data: Octets) -> Iterator[TreeLine]:
    """The elements of data in file order, with the names of the file's grammar.

    Each root is named by what it is; TAP's names are taken where that is not known.
    """
    yield from _Walk(data, len(data)).lines(0)


def record_tree(data: Octets, grammar: GrammarName, start: int, end: int) -> Iterator[TreeLine]:
    """The elements of the one record between those offsets; its own depth is 0."""
    plan = load_plan(grammar)
    yield from _Walk(data, end, plan, plan.context_of(*RECORDS[grammar][0])).lines(start)


@dataclass(slots=True)
class _Walk:
    """A way through data up to `end`; without a plan, each root has that of its kind."""

    data: Octets
    end: int
    plan: Plan | None = None
    outermost: Context | None = None
    ends: list[tuple[int, bool]] = field(default_factory=list)
    """The end of each open element, and whether it is definite."""
    inside: list[Context | None] = field(default_factory=list)
    """The context within each open element."""

    def lines(self, pos: int) -> Iterator[TreeLine]:
        try:
            yield from self._lines(pos)
        except BerError as error:
            yield TreeLine(
                error.offset, len(self.ends), "error", None, self.end - error.offset, 0,
                f"{error.code}: {error.detail}",
            )

    def _lines(self, start: int) -> Iterator[TreeLine]:
        data, pos = self.data, start
        plan, context = self.plan or load_plan(), self.outermost
        while True:
            pos = self._close(pos)
            end, definite = self.ends[-1] if self.ends else (self.end, True)
            if not definite and pos >= end:
                raise BerError(pos, "EOC_MISSING", "the end-of-contents octets are missing")
            if not self.ends:
                pos = pos if pos == start else self._behind_filler(pos)
                if pos >= end:
                    return
                if self.plan is None:
                    plan = _plan_at(data, pos)
                    context = plan.contexts[0]
            ident, length, at = read_header(data, pos, end)
            within = self.inside[-1] if self.ends else context
            node = within.nodes.get(ident >> 1) if within else None
            raw, text = ("", "") if ident & 1 else _texts(data, plan, node, ident, at, length)
            yield TreeLine(
                pos, len(self.ends), tag_text(ident >> 1), node.name if node else None, length,
                at - pos, text, raw,
            )
            if not ident & 1:
                pos = at + length
                continue
            if len(self.ends) >= MAX_DEPTH:
                raise BerError(pos, "DEPTH", f"nested deeper than {MAX_DEPTH}")
            self.ends.append((end, False) if length == INDEFINITE else (at + length, True))
            self.inside.append(plan.contexts[node.context] if node and node.context >= 0 else None)
            pos = at

    def _close(self, pos: int) -> int:
        """Leaves the elements that end at pos, and gives the offset behind them."""
        while self.ends:
            end, definite = self.ends[-1]
            if definite and pos < end:
                break
            if not definite:
                if not at_end_of_contents(self.data, pos, end):
                    break
                pos += 2
            self.ends.pop()
            self.inside.pop()
        return pos

    def _behind_filler(self, pos: int) -> int:
        found = _NO_FILLER.search(self.data, pos, self.end)
        return found.start() if found else self.end


def _plan_at(data: Octets, pos: int) -> Plan:
    kind = identify(data[pos : pos + _HEAD_OCTETS])
    return load_plan(kind if kind in {"rap", "nrtrde"} else "tap")


def _texts(
    data: Octets, plan: Plan, node: Node | None, ident: int, at: int, length: int
) -> tuple[str, str]:
    """A primitive element's octets and value as text."""
    raw = data[at : at + min(length, MAX_SHOWN_OCTETS)].hex()
    raw += "…" if length > MAX_SHOWN_OCTETS else ""
    if node is None:
        return raw, raw
    try:
        value, _ = ValueReader(data, plan).element(node, ident, at, length, at + length, 0)
    except BerError as error:
        return raw, f"{raw} ({error.detail})"
    if node.kind == "raw":
        return raw, raw
    text = str(value)
    shown = text[:MAX_SHOWN_CHARACTERS] + ("…" if len(text) > MAX_SHOWN_CHARACTERS else "")
    return raw, f'"{shown}"' if node.kind == "text" else shown
