"""What the events of a batch hold, and how it reads in charges and in the state."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.allowance_stores import Stores
from rating.local_time import Clocks
from rating.price_arrays import (
    D_BEFORE,
    D_BUCKET,
    D_HOLDING,
    D_TAKEN,
    D_UNITS,
    H_ALLOWANCE,
)
from rating.row_spans import Ints

STATE: Final = ("holder", "allowance", "period_start", "used", "scale")


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


@dataclass(frozen=True)
class Owners:
    """All who have allowances of their own: accounts, then SIMs, then pools, numbered through."""

    accounts: pl.Series
    sims: pl.Series
    pools: pl.Series

    def kinds(self) -> list[tuple[str, int, pl.Series]]:
        """Prefix, first number and names of each kind."""
        sims = len(self.accounts)
        return [
            ("account:", 0, self.accounts), ("sim:", sims, self.sims),
            ("pool:", sims + len(self.sims), self.pools),
        ]

    @cached_property
    def texts(self) -> pl.Series:
        """The names of all as charges have them: `account:A1`."""
        return pl.concat([prefix + names.rename("holder") for prefix, _, names in self.kinds()])

    def named(self, owner: Ints) -> pl.Series:
        """The `texts` of owners."""
        return self.texts[pl.Series(owner.astype(np.uint32))]


class CodedState(NamedTuple):
    """A state, and what its rows name as numbers."""

    state: pl.DataFrame
    """table allowance_use"""
    key: Ints
    """owner and allowance as `Stores` has them, -1: not in the catalog"""
    start: Ints
    """period_start in seconds"""


class Kinds(NamedTuple):
    """Allowances and counters by number."""

    names: pl.Series
    scales: Ints


@dataclass(frozen=True)
class Held:
    """What the events of a batch hold."""

    holder: Ints
    """per event, -1: nobody (also in the next three)"""
    sim: Ints
    place: Ints
    walk: Ints
    """events of different walks never draw on the same"""
    matrices: AllowanceMatrices
    used: Ints
    """per bucket, from the state; the charging function writes into it"""
    owner: Ints
    """of each holding"""
    stores: Stores
    starts: Ints
    """when the period of each bucket begins"""
    loaded: Ints
    """buckets that the state has a row for"""
    left: CodedState
    """rows of the state that are of none of the buckets"""
    recent: list[CodedState]
    """the book's note of the last state that was made"""
    owners: Owners
    kinds: Kinds
    clocks: Clocks

    def drawn(self, draws: Ints) -> pl.DataFrame:
        """Per row of the draw matrix, in its order, the fields of a charge's draw.

        allowance, holder, period_start, units, before, taken, scale.
        """
        holding = draws[:, D_HOLDING]
        named = self._named(self.matrices.holdings[holding, H_ALLOWANCE], self.owner[holding])
        return pl.DataFrame({
            "allowance": named["allowance"], "holder": named["holder"],
            "period_start": _times(self.starts[draws[:, D_BUCKET]]),
            "units": draws[:, D_UNITS], "before": draws[:, D_BEFORE],
            "taken": draws[:, D_TAKEN], "scale": named["scale"],
        })

    def state_after(self, used: Ints) -> pl.DataFrame:
        """ALLOWANCE_USE after the batch: holder, allowance, period_start, used, scale.

        All rows of the state before, with what `used` says where the batch has a bucket.
        """
        told = used != 0
        told[self.loaded] = True
        bucket = np.flatnonzero(told)
        holding = self._holding_of(bucket)
        allowance, owner = self.matrices.holdings[holding, H_ALLOWANCE], self.owner[holding]
        named = self._named(allowance, owner)
        state = pl.concat([self.left.state, pl.DataFrame({
            "holder": named["holder"], "allowance": named["allowance"],
            "period_start": _times(self.starts[bucket]), "used": used[bucket],
            "scale": named["scale"],
        })])
        self.recent[:] = [CodedState(
            state, np.append(self.left.key, self.stores.of_buckets(self.stores.key)[bucket]),
            np.append(self.left.start, self.starts[bucket]),
        )]
        return state

    def _named(self, allowance: Ints, owner: Ints) -> dict[str, pl.Series]:
        return {
            "allowance": self.kinds.names[pl.Series(allowance.astype(np.uint32))],
            "holder": self.owners.named(owner),
            "scale": pl.Series(self.kinds.scales[allowance]),
        }

    def _holding_of(self, bucket: Ints) -> Ints:
        return self.stores.of_buckets(self.stores.holding)[bucket]


def _times(at: Ints) -> pl.Series:
    return pl.Series(at * 1_000_000).cast(pl.Datetime("us"))
