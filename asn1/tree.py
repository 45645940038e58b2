"""The elements of any BER data, line by line, for a person to look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from asn1.ber import (
    FILLER,
    INDEFINITE,
    MAX_DEPTH,
    BerError,
    at_end_of_contents,
    read_header,
    tag_text,
)
from asn1.grammar import Context, Node, load_plan
from asn1.walker import Walker

MAX_SHOWN_OCTETS: Final = 32


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One element: where it is, its tag as text, its grammar name, size in octets, and value.

    `length` is -1 for indefinite. The last line of data that is not BER has the tag "error", and
    the reason as value.
    """

    offset: int
    depth: int
    tag: str
    name: str | None
    length: int
    header_length: int
    value_text: str


def tree(data: bytes) -> Iterator[TreeLine]:
    """The elements of data in file order; names are TAP's, None where its grammar has none."""
    ends: list[tuple[int, bool]] = []
    try:
        yield from _lines(data, ends)
    except BerError as error:
        yield TreeLine(
            error.offset, len(ends), "error", None, len(data) - error.offset, 0,
            f"{error.code}: {error.detail}",
        )


def _lines(data: bytes, ends: list[tuple[int, bool]]) -> Iterator[TreeLine]:
    """The lines; `ends` holds the end of each open element, and whether it is definite."""
    contexts = load_plan().contexts
    walker = Walker(data, load_plan())
    inside: list[Context | None] = [contexts[0]]
    pos = 0
    while True:
        pos = _close(data, pos, ends, inside)
        end, definite = ends[-1] if ends else (len(data), True)
        if not ends and (pos >= end or (data[pos] in FILLER and not data[pos:].strip(FILLER))):
            return
        if not definite and pos >= end:
            raise BerError(pos, "EOC_MISSING", "the end-of-contents octets are missing")
        ident, length, at = read_header(data, pos, end)
        context = inside[-1]
        node = context.nodes.get(ident >> 1) if context else None
        text = "" if ident & 1 else _value_text(walker, node, ident, at, length)
        yield TreeLine(
            pos, len(ends), tag_text(ident >> 1), node.name if node else None, length, at - pos,
            text,
        )
        if not ident & 1:
            pos = at + length
            continue
        if len(ends) >= MAX_DEPTH:
            raise BerError(pos, "DEPTH", f"nested deeper than {MAX_DEPTH}")
        ends.append((end, False) if length == INDEFINITE else (at + length, True))
        inside.append(contexts[node.context] if node and node.context >= 0 else None)
        pos = at


def _close(
    data: bytes, pos: int, ends: list[tuple[int, bool]], inside: list[Context | None]
) -> int:
    """Leaves the elements that end at pos, and gives the offset behind them."""
    while ends:
        end, definite = ends[-1]
        if definite and pos < end:
            break
        if not definite:
            if not at_end_of_contents(data, pos, end):
                break
            pos += 2
        ends.pop()
        inside.pop()
    return pos


def _value_text(walker: Walker, node: Node | None, ident: int, at: int, length: int) -> str:
    octets = walker.data[at : at + length]
    shown = octets[:MAX_SHOWN_OCTETS].hex() + ("…" if length > MAX_SHOWN_OCTETS else "")
    if node is None:
        return shown
    try:
        value, _ = walker.element(node, ident, at, length, at + length, 0)
    except BerError as error:
        return f"{shown} ({error.detail})"
    return f'"{value}"' if node.kind == "text" else str(value)
