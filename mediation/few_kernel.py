"""Columns of few different texts to numbers, compiled: which of the different texts a row has."""

from typing import Final

from asn1.compiled import njit
from asn1.machine import peek8, peek64, shift_right
from mediation.number_kernel import Numbers
from mediation.value_kernel import INLINE, Ints, Texts, place

FEW: Final = 256
"""Most different texts of a column of few"""
SLOTS: Final = 1024
"""Places of the hash table: four times FEW"""
SLOT_SHIFT: Final = 54
"""Leaves the bits that number the SLOTS"""
MIX: Final = -0x61C8864680B583EB
"""Multiplies every bit into the highest ones: 2**64 by the golden ratio"""


@njit(cache=True, nogil=True, _nrt=False)
def _same(texts: Texts, row: int, start: int, end: int) -> bool:  # pragma: no cover - compiled
    """Whether the row's text is the one there."""
    other, last = place(texts, row)
    if last - other != end - start or (other == 0) != (start == 0):
        return False
    if start and end - start <= INLINE:
        low, high = peek64(other - 4) ^ peek64(start - 4), peek64(other + 4) ^ peek64(start + 4)
        return bool((low | high) == 0)
    while start < end and peek8(other) == peek8(start):
        other, start = other + 1, start + 1
    return bool(start == end)


@njit(cache=True, nogil=True, _nrt=False)
def number_texts(
    texts: Texts, slots: Numbers, first: Ints, numbers: Numbers
) -> int:  # pragma: no cover - compiled
    """Numbers the rows by their text, from 0 in order of appearance; how many there are.

    A null is a text of its own. -1 when there are more than `first` has room for, which holds the
    row of each number's first appearance; `slots` must be -1 throughout.
    """
    count = 0
    for row in range(len(numbers)):
        start, end = place(texts, row)
        mixed = end - start
        if start and mixed <= INLINE:
            mixed = peek64(start - 4) * MIX ^ peek64(start + 4)
        else:
            for at in range(start, end):
                mixed = (mixed ^ peek8(at)) * MIX
        slot = shift_right(mixed * MIX, SLOT_SHIFT)
        while slots[slot] >= 0 and not _same(texts, first[slots[slot]], start, end):
            slot = (slot + 1) & (SLOTS - 1)
        if slots[slot] < 0:
            if count == len(first):
                return -1
            slots[slot], first[count] = count, row
            count += 1
        numbers[row] = slots[slot]
    return count


@njit(cache=True, nogil=True, _nrt=False)
def number_pairs(
    left: Numbers, right: Numbers, rights: int, slots: Numbers, first: Ints
) -> int:  # pragma: no cover - compiled
    """Numbers the rows by both numbers, into `left`; otherwise as `number_texts`.

    `slots` has a place for every pair; `rights` is how many numbers there are on the right.
    """
    count = 0
    for row in range(len(left)):
        pair = left[row] * rights + right[row]
        number = slots[pair]
        if number < 0:
            if count == len(first):
                return -1
            number, first[count] = count, row
            slots[pair] = number
            count += 1
        left[row] = number
    return count
