"""Damage done by text-mode transfers and conversions: undone where no octet was lost."""

import codecs
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from asn1.ber import Octets

REPLACEMENT: Final = "\ufffd".encode()
"""What converters put in the place of octets that are no text, as UTF-8: EF BF BD."""
CONVERTED: Final = (
    "a text conversion has replaced octets of 80 and above by EF BF BD; what they were cannot be "
    "told: ask the sender to transfer the file as binary"
)

_LONE_LINE_FEED: Final = re.compile(rb"(?<!\r)\n")


class Repair(NamedTuple):
    """The octets as they may have been before, and in words what was undone."""

    data: bytes
    words: str


def repairs(data: Octets) -> Iterator[Repair]:
    """What the file may have been; whether it was, only reading it can tell."""
    lines = _without_carriage_returns(data)
    if lines:
        yield lines
    converted = _back_from_utf8(data)
    if converted:
        yield converted
        both = _without_carriage_returns(converted.data)
        if both:
            yield Repair(both.data, f"{converted.words}; then {both.words}")


def first_replaced(data: Octets) -> int | None:
    """The offset of the first octets that a text conversion has replaced, None without one.

    Of a converted file all octets from 80 on belong to UTF-8 characters; those of BER never do.
    """
    if _as_utf8(data) is None:
        return None
    found = bytes(data).find(REPLACEMENT)
    return None if found < 0 else found


def _without_carriage_returns(data: Octets) -> Repair | None:
    """The file before a transfer in ASCII mode put a carriage return before each line feed."""
    if _LONE_LINE_FEED.search(data):
        return None
    octets = bytes(data)
    places = octets.count(b"\r\n")
    if not places:
        return None
    return Repair(
        octets.replace(b"\r\n", b"\n"),
        f"a transfer in ASCII mode had made 0D 0A of 0A (places undone: {places})",
    )


def _back_from_utf8(data: Octets) -> Repair | None:
    """The file before its octets were taken for Latin-1 and written as UTF-8."""
    text = _as_utf8(data)
    if text is None or text.isascii():
        return None
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    return Repair(
        octets,
        "a conversion from Latin-1 to UTF-8 had made two octets of each from 80 on "
        f"(places undone: {len(data) - len(octets)})",
    )


def _as_utf8(data: Octets) -> str | None:
    """The data as UTF-8 text, which may be cut inside its last character."""
    to_the_end = False
    try:
        return codecs.utf_8_decode(data, "strict", to_the_end)[0]
    except UnicodeDecodeError:
        return None
