"""What goes into and comes out of pricing many events at once, as int64 arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rates:
    """Rate rows as arrays: set-up fee, intervals in units, and price_micros per price_units."""

    setup_fee: Ints
    first: Ints
    following: Ints
    price_micros: Ints
    price_units: Ints


@dataclass(frozen=True, slots=True)
class Cards:
    """Rate cards end to end: card c holds the slots from starts[c] to starts[c + 1]."""

    starts: Ints
    minute: Ints
    rate: Ints


@dataclass(frozen=True, slots=True)
class Events:
    """What is priced: start in UTC seconds, offset to local time, units, 1 for time, card."""

    start_s: Ints
    offset_s: Ints
    units: Ints
    timed: Ints
    card: Ints


@dataclass(frozen=True, slots=True)
class Priced:
    """Per event status, amount, billed units, rate at the start; event i's parts from starts[i]."""

    status: Ints
    amount: Ints
    billed: Ints
    rate: Ints
    starts: Ints
    part_rate: Ints
    part_units: Ints
    part_amount: Ints
