"""Rewrites BER into indefinite lengths: the form in which an element's end is marked, not counted.

Some switches and clearing houses write so (X.690 8.1.3.6), a few in one part of a file only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from asn1.ber import INDEFINITE, BerError, at_end_of_contents, read_header

_INDEFINITE_LENGTH: Final = b"\x80"
_END_OF_CONTENTS: Final = b"\0\0"


def _every(_number: int, _tag: int) -> bool:
    return True


def to_indefinite(data: bytes, chosen: Callable[[int, int], bool] = _every) -> bytes:
    """The same elements, the chosen constructed ones of indefinite length.

    `chosen` is asked about each constructed element of definite length: its number, from 0 over
    all constructed elements in file order, and its tag (number << 2 | class). Those not chosen get
    the shortest length; those of indefinite length stay so. Raises BerError for what is not BER.
    """
    inside = [_Element(b"", len(data), counted=True, rewritten=False)]
    number = pos = 0
    while True:
        here = inside[-1]
        if here.ends_at(data, pos):
            if len(inside) == 1:
                return b"".join(here.content)
            pos += 0 if here.counted else len(_END_OF_CONTENTS)
            inside.pop()
            inside[-1].content += here.octets()
            continue
        start = pos
        ident, length, pos = read_header(data, start, here.end)
        if not ident & 1:
            if ident >> 1 == 0:
                raise BerError(start, "EOC_UNEXPECTED", "end-of-contents octets end nothing here")
            pos += length
            here.content.append(data[start:pos])
            continue
        counted = length != INDEFINITE
        inside.append(
            _Element(
                _tag_octets(data, start),
                pos + length if counted else here.end,
                counted=counted,
                rewritten=not counted or chosen(number, ident >> 1),
            )
        )
        number += 1


@dataclass(slots=True)
class _Element:
    """An open element: its tag, where it ends at the latest, and its content as rewritten."""

    tag: bytes
    end: int
    counted: bool
    rewritten: bool
    content: list[bytes] = field(default_factory=list)

    def ends_at(self, data: bytes, pos: int) -> bool:
        if self.counted:
            return pos == self.end
        if pos >= self.end:
            raise BerError(pos, "EOC_MISSING", "the end-of-contents octets are missing")
        return at_end_of_contents(data, pos, self.end)

    def octets(self) -> list[bytes]:
        if self.rewritten:
            return [self.tag, _INDEFINITE_LENGTH, *self.content, _END_OF_CONTENTS]
        length = sum(map(len, self.content))
        return [self.tag, _length_octets(length), *self.content]


def _tag_octets(data: bytes, pos: int) -> bytes:
    """The tag of a readable element (X.690 8.1.2)."""
    end = pos + 1
    if data[pos] & 31 == 31:
        while data[end] & 128:
            end += 1
        end += 1
    return data[pos:end]


def _length_octets(length: int) -> bytes:
    """The shortest form of a length (X.690 8.1.3.4, 8.1.3.5)."""
    if length < 128:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([128 | len(octets)]) + octets
