"""What the events of a batch hold, and how it reads in charges and in the state."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from asn1.compiled import njit
from rating.allowance_claims import ST_OWNER
from rating.allowance_holders import OPTIONS
from rating.allowance_use import Buckets, Use, times
from rating.price_arrays import (
    D_BEFORE,
    D_BUCKET,
    D_HOLDING,
    D_TAKEN,
    D_UNITS,
    H_ALLOWANCE,
)
from rating.row_spans import Ints, SmallInts
from rating.validity import frozen


class AllowanceMatrices(NamedTuple):
    """Those fields of `Book` that say what the events of a batch may draw on."""

    holding_from: Ints
    holdings: Ints
    allowances: Ints
    clock_from: Ints
    periods: Ints
    scope_at: Ints
    scopes: Ints
    sizes: Ints


@dataclass(frozen=True, slots=True)
class Held:
    """What the events of a batch hold."""

    holder: Ints
    """per event, -1: nobody (also in the next three)"""
    sim: Ints
    place: Ints
    walk: Ints
    """events of different walks never draw on the same"""
    matrices: AllowanceMatrices
    use: Use
    """what was used before"""
    stores: SmallInts
    """[ST_] What is counted together"""
    store_of: Ints
    """per holding its store"""
    buckets: Buckets

    @property
    def used(self) -> Ints:
        """Per bucket, from the state; the charging function writes into it."""
        return self.buckets.used

    def drawn(self, draws: Ints) -> pl.DataFrame:
        """Per row of the draw matrix, in its order, the fields of a charge's draw.

        allowance, holder (null: the event's account), period_start, units, before, taken, scale.
        """
        use, size = self.use, len(draws)
        told = np.empty((3, size), np.int64)
        _tell(frozen(draws[:, D_HOLDING]), frozen(draws[:, D_BUCKET]), self.matrices.holdings,
              self.store_of, self.stores, self.buckets.starts, use.owners.first_sim, told)
        kind, other, start = told
        return pl.DataFrame({
            "allowance": use.kinds.names[pl.Series(kind)], "holder": use.owners.others(other),
            "period_start": times(start), "units": draws[:, D_UNITS],
            "before": draws[:, D_BEFORE], "taken": draws[:, D_TAKEN],
            "scale": use.kinds.scales[kind],
        })

    def state_after(self, used: Ints) -> Use:
        """What is used after the batch if `used` is what it left in the buckets."""
        return self.use.after(self.stores, self.matrices.holdings, self.buckets, used)


@njit(**OPTIONS)
def _tell(  # pragma: no cover - compiled
    holding: Ints, bucket: Ints, holdings: Ints, store_of: Ints, stores: SmallInts, starts: Ints,
    accounts: int, told: Ints,
) -> None:
    """Write what was drawn on, whose it is among SIMs and pools (else -1), and its start."""
    for place in range(len(holding)):
        told[0, place] = holdings[holding[place], H_ALLOWANCE]
        told[1, place] = max(stores[store_of[holding[place]], ST_OWNER] - accounts, -1)
        told[2, place] = starts[bucket[place]]
