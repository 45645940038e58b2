"""Reads BER elements into nested values, as the plan names them."""

from collections import Counter
from typing import Any, Final

from asn1.ber import (
    INDEFINITE,
    MAX_DEPTH,
    BerError,
    at_end_of_contents,
    read_header,
    skip,
    string_octets,
    tag_text,
)
from asn1.grammar import Context, Node, Plan

MAX_INTEGER_OCTETS: Final = 8

Value = int | str | dict[str, Any] | list[Any]


class Walker:
    """Walks one file's octets; `unknown` counts the tags without a place in the grammar."""

    def __init__(self, data: bytes, plan: Plan) -> None:
        self.data = data
        self.contexts = plan.contexts
        self.events = plan.context_of("transferBatch", "callEventDetails").nodes
        self._unknown: list[tuple[str, int]] = []

    @property
    def unknown(self) -> dict[str, int]:
        """How often each unknown tag was passed over, by type and tag: MoBasicCall….[PRIVATE 5]."""
        counts = Counter(self._unknown)
        return {f"{name}.{tag_text(tag)}": n for (name, tag), n in sorted(counts.items())}

    def note_unknown(self, context: Context, tag: int) -> None:
        """Counts a tag that the caller passed over."""
        self._unknown.append((context.type_name, tag))

    def mark(self) -> int:
        """A state of `unknown` to roll back to."""
        return len(self._unknown)

    def roll_back(self, mark: int) -> None:
        """Forgets the unknown tags seen since mark: they belong to a record that is not passed."""
        del self._unknown[mark:]

    def element(
        self, node: Node, ident: int, at: int, length: int, end: int, depth: int
    ) -> tuple[Value, int]:
        """The value of the element whose content is at `at`, and the offset behind it.

        Groups are dictionaries by element name (a CHOICE has the one key), lists are lists, text
        comes without padding, digits and octets as str. Raises BerError; then nothing of the
        element may be used.
        """
        if node.context >= 0:
            if not ident & 1:
                raise BerError(at, "SHAPE", f"{node.name} is a group, but primitive")
            return self._group(self.contexts[node.context], at, length, end, depth)
        if node.kind in {"integer", "unsigned"}:
            if ident & 1:
                raise BerError(at, "SHAPE", f"{node.name} is a number, but constructed")
            return self._number(node, at, length), at + length
        octets, behind = string_octets(self.data, ident, at, length, end, depth)
        if node.kind == "text":
            return octets.decode("latin-1").strip(" "), behind
        if node.kind == "bcd":
            return octets.hex().rstrip("f"), behind
        return octets.hex(), behind

    def _number(self, node: Node, at: int, length: int) -> int:
        octets = self.data[at : at + length]
        signed = node.kind == "integer"
        if not octets:
            raise BerError(at, "VALUE", f"{node.name} is a number without octets")
        if length > MAX_INTEGER_OCTETS:
            # Superfluous leading zeros are common: encoders pad to a fixed size.
            octets = octets.lstrip(b"\0")
            if len(octets) > MAX_INTEGER_OCTETS or octets[:1] > b"\x7f":
                raise BerError(at, "VALUE", f"{node.name} does not fit 64 bits")
            signed = False
        number = int.from_bytes(octets, "big", signed=signed)
        if number >> 63 > 0:
            raise BerError(at, "VALUE", f"{node.name} does not fit 64 bits")
        return number

    def _group(
        self, context: Context, pos: int, length: int, end: int, depth: int
    ) -> tuple[Value, int]:
        if depth > MAX_DEPTH:
            raise BerError(pos, "DEPTH", f"nested deeper than {MAX_DEPTH}")
        data, nodes = self.data, context.nodes
        limit = end if length == INDEFINITE else pos + length
        many = context.shape in {"list", "variants"}
        members: dict[str, Any] = {}
        items: list[Any] = []
        while True:
            if length == INDEFINITE:
                if at_end_of_contents(data, pos, limit):
                    pos += 2
                    break
                if pos >= limit:
                    raise BerError(pos, "EOC_MISSING", f"{context.type_name} does not end")
            elif pos == limit:
                break
            start = pos
            ident, size, at = read_header(data, pos, limit)
            node = nodes.get(ident >> 1)
            if node is None:
                pos = self._pass_over(context, ident, start, at, size, limit)
                continue
            value, pos = self.element(node, ident, at, size, limit, depth + 1)
            if many:
                items.append(value if context.shape == "list" else {node.name: value})
            elif node.name in members:
                raise BerError(start, "REPEATED", f"{node.name} twice in {context.type_name}")
            else:
                members[node.name] = value
        return (items if many else members), pos

    def _pass_over(
        self, context: Context, ident: int, start: int, at: int, size: int, limit: int
    ) -> int:
        if ident >> 1 == 0:
            raise BerError(start, "EOC_UNEXPECTED", f"tag 0 in {context.type_name}")
        if ident >> 1 in self.events:
            # A length too large has swallowed a record: that must not pass as an unknown tag.
            name = self.events[ident >> 1].name
            raise BerError(start, "SHAPE", f"{name} inside {context.type_name}: a length is wrong")
        self.note_unknown(context, ident >> 1)
        return skip(self.data, at, size, limit)
