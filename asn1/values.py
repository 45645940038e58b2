"""The values of BER elements: what octets mean, and groups as nested Python values."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from asn1.ber import (
    INDEFINITE,
    MAX_DEPTH,
    BerError,
    Octets,
    at_end_of_contents,
    read_header,
    skip,
    string_octets,
    tag_text,
)
from asn1.grammar import Context, Node, Plan

INTEGER_OCTETS: Final = 8
TIME_OCTETS: Final = 14

Value = int | str | dict[str, Any] | list[Any]


def signed_number(octets: Octets) -> int:
    """The number in two's complement; ValueError, with the reason, for one of more than 64 bits."""
    if 0 < len(octets) <= INTEGER_OCTETS:
        # Quicker than saying that it is signed, which it seldom is.
        if octets[0] < 128:
            return int.from_bytes(octets, "big")
        return int.from_bytes(octets, "big", signed=True)
    return _long_number(octets)


def unsigned_number(octets: Octets) -> int:
    """The number, never negative; ValueError, with the reason, for one of more than 63 bits."""
    if 0 < len(octets) < INTEGER_OCTETS:
        return int.from_bytes(octets, "big")
    return _long_number(octets)


def _long_number(octets: Octets) -> int:
    """A number of unusual size, never negative; some senders pad all to one length with zeros."""
    if not octets:
        raise ValueError("is a number without octets")
    number = int.from_bytes(octets, "big")
    if number >> 63:
        raise ValueError("does not fit 64 bits")
    return number


def bcd_digits(octets: Octets) -> str:
    """The digits as lower-case hexadecimal, without the f at the end that fill the last octet."""
    return octets.hex().rstrip("f")


def trimmed_text(octets: Octets) -> str:
    """The text, read as Latin-1, without the spaces around it."""
    return str(octets, "latin-1").strip(" ")


def local_time(octets: Octets) -> datetime | None:
    """The time without a zone that YYYYMMDDhhmmss means; None for anything else."""
    if len(octets) != TIME_OCTETS or not bytes(octets).isdigit():
        return None
    text = str(octets, "latin-1")
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    except ValueError:
        return None


class ValueReader:
    """Reads elements of one file's octets; `unknown` counts the tags without a place in the plan.

    `records` are the kinds of records, by tag: one of them inside a group is an error.
    """

    def __init__(
        self, data: Octets, plan: Plan, records: Mapping[int, Node] | None = None
    ) -> None:
        self.data = data
        self.contexts = plan.contexts
        self.records = records or {}
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
        """Forgets the unknown tags seen since mark: they belong to what is not passed on."""
        del self._unknown[mark:]

    def element(
        self, node: Node, ident: int, at: int, length: int, end: int, depth: int,
        start: int | None = None,
    ) -> tuple[Value, int]:
        """The value of the element whose content is at `at`, and the offset behind it.

        Groups are dictionaries by element name (a CHOICE has the one key), lists are lists, text
        and times come without padding, digits and octets as str. `start` is the offset of the
        element's tag, for errors. Raises BerError; then nothing of the element may be used.
        """
        start = at if start is None else start
        if node.context >= 0:
            if not ident & 1:
                raise BerError(start, "SHAPE", f"{node.name} is a group, but primitive")
            if depth > MAX_DEPTH:
                raise BerError(start, "DEPTH", f"nested deeper than {MAX_DEPTH}")
            return self._group(self.contexts[node.context], at, length, end, depth)
        if node.kind in {"integer", "unsigned"}:
            if ident & 1:
                raise BerError(start, "SHAPE", f"{node.name} is a number, but constructed")
            return self._number(node, start, at, length), at + length
        if ident & 1 and depth > MAX_DEPTH:
            raise BerError(start, "DEPTH", f"nested deeper than {MAX_DEPTH}")
        octets, behind = string_octets(self.data, ident, at, length, end, depth)
        if node.kind in {"text", "time"}:
            return trimmed_text(octets), behind
        return bcd_digits(octets) if node.kind == "bcd" else octets.hex(), behind

    def _number(self, node: Node, start: int, at: int, length: int) -> int:
        octets = self.data[at : at + length]
        try:
            return signed_number(octets) if node.kind == "integer" else unsigned_number(octets)
        except ValueError as error:
            raise BerError(start, "VALUE", f"{node.name} {error}") from None

    def _group(
        self, context: Context, pos: int, length: int, end: int, depth: int
    ) -> tuple[Value, int]:
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
            value, pos = self.element(node, ident, at, size, limit, depth + 1, start)
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
        if ident >> 1 in self.records:
            # A length too large has swallowed a record: that must not pass as an unknown tag.
            name = self.records[ident >> 1].name
            raise BerError(start, "SHAPE", f"{name} inside {context.type_name}: a length is wrong")
        self.note_unknown(context, ident >> 1)
        return skip(self.data, at, size, limit)
