"""The charging function of `rating.price` compiled for arrays of events."""

from dataclasses import fields
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit

from rating import price
from rating.price_arrays import Cards, Events, Ints, Priced, Rates


def _compiled() -> dict[str, Any]:
    """The functions of rating.price by name, compiled at their first call or from the cache.

    They live in one file because numba's cache notices a change in a function's own file only.
    """
    names = dict(vars(price))
    for name, function in vars(price).items():
        if isinstance(function, FunctionType):
            copy = FunctionType(function.__code__, names, name)
            names[name] = njit(cache=True, nogil=True)(copy)
    return names


COMPILED = _compiled()


def price_batch(events: Events, cards: Cards, rates: Rates) -> Priced:
    """The prices of the events at their rate cards."""
    count = len(events.units)
    room = count + count // 8 + 16
    status, amount, billed, rate = (np.empty(count, np.int64) for _ in range(4))
    starts = np.empty(count + 1, np.int64)
    while True:
        parts = [np.empty(room, np.int64) for _ in range(3)]
        need = COMPILED["price_events"](
            *_arrays(events), *_arrays(cards), *_arrays(rates),
            status, amount, billed, rate, starts, *parts,
        )
        if need <= room:
            break
        room = int(need)
    part_rate, part_units, part_amount = (part[:need] for part in parts)
    return Priced(status, amount, billed, rate, starts, part_rate, part_units, part_amount)


def _arrays(group: Events | Cards | Rates) -> list[Ints]:
    """A group's arrays in order, writable: for a read-only one numba would compile once more."""
    return [
        np.require(getattr(group, field.name), np.int64, ["C_CONTIGUOUS", "WRITEABLE"])
        for field in fields(group)
    ]
