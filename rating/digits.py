"""Texts of digits as the numbers by which SIMs and the number plan are searched."""

from typing import Final

import numpy as np
import polars as pl

from asn1.compiled import njit
from rating.number_plan import LENGTHS, WIDTH
from rating.validity import Ints, Octets, memory

_POWERS: Final = 10 ** np.arange(WIDTH + 1, dtype=np.int64)


def sim_numbers(texts: pl.Series) -> Ints:
    """What `identity.digits_number` is of each text, -1 where that is null."""
    return _parsed(texts, plan=0)


def plan_keys(texts: pl.Series) -> Ints:
    """What `number_plan.number_key` is of each text, -1 where that is null."""
    return _parsed(texts, plan=1)


def _parsed(texts: pl.Series, plan: int) -> Ints:
    first, (known, offsets, octets) = memory(texts)
    found = np.empty(len(texts), np.int64)
    _parse(known, offsets.view(np.int64), octets, first, plan, found)
    return found


@njit(cache=True, nogil=True, _nrt=False)
def _parse(  # pragma: no cover - compiled
    known: Octets, offsets: Ints, octets: Octets, first: int, plan: int, found: Ints
) -> None:
    for i in range(len(found)):
        at = first + i
        found[i] = -1
        if len(known) and not known[at >> 3] >> (at & 7) & 1:
            continue
        begin, length = offsets[at], offsets[at + 1] - offsets[at]
        if length == 0 or (length > WIDTH and not plan):
            continue
        value = 0
        for place in range(begin, begin + min(length, WIDTH)):
            digit = int(octets[place]) - 48
            if digit < 0 or digit > 9:
                break
            value = value * 10 + digit
        else:
            if plan:
                zeros = max(WIDTH - length, 0)
                found[i] = value * _POWERS[zeros] * LENGTHS + min(length, WIDTH + 1)
            else:
                found[i] = value * 16 + length
