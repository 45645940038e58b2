"""Texts to texts, compiled: what the readers' expressions give, for the forms that are sure.

Whatever is not quite of a sure form is left to the expressions: DOUBT says so, and never an answer
that they would not give. Texts are read where Arrow has them, by address, and never beyond their
ends.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from asn1.compiled import njit
from asn1.machine import peek8, peek64, poke8, shift_right

Ints = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

NONE: Final = 0
"""The record has no value here, and needs none"""
VALUE: Final = 1
DOUBT: Final = 2
"""To be read by the expressions, which say what is the matter, if anything is"""
INLINE: Final = 12
"""Octets that fit a view itself; longer ones are in a heap (Arrow's view layout)"""
HALF: Final = 0xFFFFFFFF
PLUS: Final = 43
COMPACT_MAX: Final = 40
"""Characters of a number without its fillers: E.164 takes 20, and prefixes stand before them"""
E164_MAX: Final = 20


class Texts(NamedTuple):
    """A column of texts: where its views, heaps and validity bits are."""

    views: int
    heaps: Ints
    valid: int
    """0: none is null"""
    first_bit: int


class Asked(NamedTuple):
    """What goes before the reading of a text."""

    applies: Octets
    """Per row whether it is read at all; no rows: all are"""
    empties: Octets
    """The texts that count as empty, one behind another"""
    ends: Ints
    strip: int
    """Whether blanks around the text go; where not, a text that has them is in doubt"""
    optional: int


class Dialling(NamedTuple):
    """The rules for numbers, as octets."""

    national: Octets
    international: Octets
    country: Octets


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _blank(octet: int) -> bool:  # pragma: no cover - compiled
    return octet == 32 or 9 <= octet <= 13


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _maybe_blank(head: int) -> bool:  # pragma: no cover - compiled
    """Whether a blank beyond ASCII can begin with this octet."""
    return head == 0xC2 or 0xE1 <= head <= 0xE3


@njit(cache=True, nogil=True, _nrt=False)
def _doubtful_ends(start: int, end: int) -> bool:  # pragma: no cover - compiled
    """Whether a blank beyond ASCII may stand at either end."""
    if _maybe_blank(peek8(start)):
        return True
    at = end - 1
    if peek8(at) < 0x80:
        return False
    while at > start and peek8(at) & 0xC0 == 0x80:
        at -= 1
    return bool(_maybe_blank(peek8(at)))


@njit(cache=True, nogil=True, _nrt=False)
def _counts_as_empty(asked: Asked, start: int, end: int) -> bool:  # pragma: no cover - compiled
    begin = 0
    for n in range(len(asked.ends)):
        finish = asked.ends[n]
        if finish - begin == end - start:
            at = 0
            while at < end - start and asked.empties[begin + at] == peek8(start + at):
                at += 1
            if at == end - start:
                return True
        begin = finish
    return False


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def place(texts: Texts, row: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """Where the row's text begins and ends; (0, 0) for a null."""
    if texts.valid:
        bit = texts.first_bit + row
        if not peek8(texts.valid + (bit >> 3)) >> (bit & 7) & 1:
            return 0, 0
    view = texts.views + 16 * row
    size = peek64(view) & HALF
    start = view + 4
    if size > INLINE:
        word = peek64(view + 8)
        start = texts.heaps[word & HALF] + shift_right(word, 32)
    return start, start + size


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def given(
    texts: Texts, asked: Asked, row: int
) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """NONE, VALUE or DOUBT, and for VALUE where the text to be read begins and ends."""
    if len(asked.applies) and not asked.applies[row]:
        return NONE, 0, 0
    start, end = place(texts, row)
    whole = end - start
    while start < end and _blank(peek8(start)):
        start += 1
    while end > start and _blank(peek8(end - 1)):
        end -= 1
    state = VALUE
    if not asked.strip and end - start < whole:
        state = DOUBT
    elif start == end or (len(asked.ends) and _counts_as_empty(asked, start, end)):
        state = NONE if asked.optional else DOUBT
    elif _doubtful_ends(start, end):
        state = DOUBT
    return state, start, end


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _packed(start: int, size: int) -> int:  # pragma: no cover - compiled
    """At most eight octets as a number, the first one lowest."""
    word = 0
    for n in range(size):
        word |= peek8(start + n) << 8 * n
    return word


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _put_view(
    views: Ints, row: int, start: int, size: int, heap: int
) -> None:  # pragma: no cover - compiled
    """Writes the view of the octets; `heap` is the second word of one that does not hold them."""
    views[2 * row] = size | _packed(start, min(size, 4)) << 32
    if size > INLINE:
        views[2 * row + 1] = heap
    else:
        views[2 * row + 1] = _packed(start + 4, size - 4) if size > 4 else 0


@njit(cache=True, nogil=True, _nrt=False)
def read_texts(
    texts: Texts, asked: Asked, digits: int, views: Ints, states: Octets
) -> None:  # pragma: no cover - compiled
    """The texts themselves, as views into the same heaps; with `digits` those of digits only."""
    for row in range(len(states)):
        state, start, end = given(texts, asked, row)
        if state == VALUE and digits:
            for at in range(start, end):
                if not 48 <= peek8(at) <= 57:
                    state = DOUBT
                    break
        views[2 * row] = views[2 * row + 1] = 0
        if state == VALUE:
            old = texts.views + 16 * row
            first, last = place(texts, row)
            if first == start and last == end:
                views[2 * row], views[2 * row + 1] = peek64(old), peek64(old + 8)
            else:
                _put_view(views, row, start, end - start, peek64(old + 8) + (start - first << 32))
        states[row] = state


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _filler(octet: int) -> bool:  # pragma: no cover - compiled
    """Whether it is a blank or one of ( ) . - /, which may stand in a number."""
    return _blank(octet) or 40 <= octet <= 41 or 45 <= octet <= 47


@njit(cache=True, nogil=True, _nrt=False)
def _begins(at: int, size: int, prefix: Octets) -> bool:  # pragma: no cover - compiled
    if len(prefix) == 0 or size < len(prefix):
        return False
    same = 0
    while same < len(prefix) and peek8(at + same) == prefix[same]:
        same += 1
    return same == len(prefix)


@njit(cache=True, nogil=True, _nrt=False)
def _dialled(
    at: int, size: int, rules: Dialling
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Where the number begins when the rules are applied, and its size; 0 for none.

    The compact number stands at `at`, with room for the country before it.
    """
    country = len(rules.country)
    if size and peek8(at) == PLUS:
        return at + 1, size - 1
    if _begins(at, size, rules.international):
        return at + len(rules.international), size - len(rules.international)
    cut = len(rules.national)
    if cut and not _begins(at, size, rules.national):
        return at, size
    if not country:
        return at, 0
    start = at + cut - country
    for n in range(country):
        poke8(start + n, rules.country[n])
    return start, size - cut + country


@njit(cache=True, nogil=True, _nrt=False)
def read_dialled(
    texts: Texts, asked: Asked, rules: Dialling, heap: int, views: Ints, states: Octets
) -> int:  # pragma: no cover - compiled
    """The digits of numbers by the dialling rules, in a heap of their own; its octets in use."""
    used = 0
    for row in range(len(states)):
        state, start, end = given(texts, asked, row)
        views[2 * row] = views[2 * row + 1] = 0
        if state == VALUE:
            size, base = 0, heap + used + len(rules.country)
            for at in range(start, end):
                octet = peek8(at)
                if size == COMPACT_MAX or octet >= 0x80:
                    state = DOUBT
                    break
                if not _filler(octet):
                    poke8(base + size, octet)
                    size += 1
            first, size = _dialled(base, size, rules)
            if not 1 <= size <= E164_MAX or not 49 <= peek8(first) <= 57:
                state = DOUBT
            for n in range(size if state == VALUE else 0):
                octet = peek8(first + n)
                poke8(heap + used + n, octet)
                if not 48 <= octet <= 57:
                    state = DOUBT
            if state == VALUE:
                _put_view(views, row, heap + used, size, used << 32)
                used += size if size > INLINE else 0
        states[row] = state
    return used
