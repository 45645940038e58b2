"""Who was granted which allowance: products, accounts, SIMs and pools as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.local_time import ALWAYS_S, NEVER_S, seconds
from rating.row_spans import Ints, bounds, spread
from rating.text_index import TextIndex
from rating.zone_chains import Words

Frames = Mapping[str, pl.DataFrame]
_TIME_BITS: Final = 40
_TIME_BIAS: Final = 2**39


class Spans(NamedTuple):
    """Rows of a table by owner: those of owner n are rows[start[n]:start[n + 1]]."""

    start: Ints
    rows: Ints

    @classmethod
    def of(cls, owner: Ints, owners: int, rows: Ints) -> "Spans":
        """The rows in their order by owner; rows of the owner -1 are left out."""
        known = owner >= 0
        order = np.argsort(owner[known], kind="stable")
        counts = np.bincount(owner[known], minlength=owners).astype(np.int64)
        return cls(bounds(counts), rows[known][order])

    def of_owners(self, owner: Ints) -> tuple[Ints, Ints]:
        """For each row of these owners: which of `owner`, and the row."""
        first = self.start[owner]
        which, at = spread(first, self.start[owner + 1] - first)
        return which, self.rows[at]


def keyed(owner: Ints, at: Ints) -> Ints:
    """Owner and moment as one number that ascends with both."""
    return (owner << _TIME_BITS) + np.clip(at, -_TIME_BIAS, _TIME_BIAS - 1) + _TIME_BIAS


@dataclass(frozen=True, slots=True)
class Pools:
    """The pools of accounts; which they are changes at the account's cuts."""

    names: pl.Series
    members: Spans
    """memberships by account"""
    pool: Ints
    """per membership"""
    begins: Ints
    ends: Ints
    cuts: Ints
    """account and moment (`keyed`) of each change of pools, ascending"""
    cut_from: Ints
    """per account its first cut"""

    @classmethod
    def of(cls, pools: pl.DataFrame, accounts: TextIndex) -> "Pools":
        """Those of the catalog table pools."""
        account = accounts.find(pools["account"])
        begins, ends = seconds(pools["valid_from"]), seconds(pools["valid_to"])
        both = np.concatenate([begins, ends])
        twice = np.tile(account, 2)
        cuts = np.unique(
            keyed(twice, both)[(twice >= 0) & (both > ALWAYS_S) & (both < NEVER_S)]
        )
        owners = len(accounts.texts)
        names = pools["pool"].unique().sort()
        return cls(
            names, Spans.of(account, owners, np.arange(pools.height, dtype=np.int64)),
            Words(names.to_list()).codes(pools["pool"]), begins, ends, cuts,
            bounds(np.bincount(cuts >> _TIME_BITS, minlength=owners).astype(np.int64)),
        )

    def stages(self) -> int:
        """How many stages an account has at most."""
        return int(np.diff(self.cut_from).max(initial=0)) + 1

    def stage(self, account: Ints, at: Ints) -> Ints:
        """How many cuts of each account were made up to a moment; account -1: 0."""
        found = np.zeros(len(account), np.int64)
        if not len(self.cuts):
            return found
        asked = np.flatnonzero((account >= 0) & (np.diff(self.cut_from)[account] > 0))
        key = keyed(account[asked], at[asked])
        found[asked] = np.searchsorted(self.cuts, key, side="right") - self.cut_from[account[asked]]
        return found

    def of_accounts(self, account: Ints, stage: Ints) -> tuple[Ints, Ints]:
        """For each pool of these accounts in these stages: which of `account`, and the pool."""
        which, member = self.members.of_owners(account)
        moment = np.full(len(account), ALWAYS_S, np.int64)
        later = np.flatnonzero(stage > 0)
        cut = self.cuts[self.cut_from[account[later]] + stage[later] - 1]
        moment[later] = (cut & ((1 << _TIME_BITS) - 1)) - _TIME_BIAS
        holds = (self.begins[member] <= moment[which]) & (moment[which] < self.ends[member])
        return which[holds], self.pool[member[holds]]


@dataclass(frozen=True, slots=True)
class Grants:
    """The rows of the catalog table grants, in the order of drawing, and by holder.

    One more row at the end is that of all counters.
    """

    allowance: Ints
    begins: Ints
    ends: Ints
    line: Ints
    begin_no: Ints
    """the beginnings numbered"""
    products: Words
    """products with grants"""
    by_product: Spans
    by_account: Spans
    sims: TextIndex
    """SIMs with grants, by IMSI"""
    by_sim: Spans
    pools: Pools
    by_pool: Spans
    first_held: Ints
    """account x products + product (ascending) of each account's subscriptions to them"""
    first_held_at: Ints
    """when the first of these began"""

    @classmethod
    def of(cls, frames: Frames, accounts: TextIndex, names: Words, rank: Ints) -> "Grants":
        """The grants of a catalog; `names` are the allowances, `rank` their order of drawing."""
        grants = frames["grants"]
        allowance = names.codes(grants["allowance"])
        order = np.lexsort((grants["line"].to_numpy(), rank[allowance]))
        grants, allowance = grants[order], allowance[order]
        kind = grants["holder_kind"]
        rows = np.arange(grants.height, dtype=np.int64)

        def of_kind(name: str) -> tuple[pl.Series, Ints]:
            chosen = (kind == name).to_numpy()
            return grants["holder"].filter(pl.Series(chosen)), rows[chosen]

        product, of_product = of_kind("product")
        account, of_account = of_kind("account")
        sim, of_sim = of_kind("sim")
        pool, of_pool = of_kind("pool")
        products = Words(product.unique().sort().to_list())
        sims = TextIndex.of(sim.unique().sort())
        pools = Pools.of(frames["pools"], accounts)
        pool_words = Words(pools.names.to_list())
        begins = np.append(seconds(grants["valid_from"]), ALWAYS_S)
        return cls(
            allowance, begins, np.append(seconds(grants["valid_to"]), NEVER_S),
            np.append(grants["line"].to_numpy(), 0),
            np.unique(begins, return_inverse=True)[1].astype(np.int64),
            products, Spans.of(products.codes(product), products.count, of_product),
            Spans.of(accounts.find(account), len(accounts.texts), of_account),
            sims, Spans.of(sims.find(sim), len(sims.texts), of_sim),
            pools, Spans.of(pool_words.codes(pool), pool_words.count, of_pool),
            *_first_held(frames["subscriptions"], accounts, products),
        )

    def held_since(self, account: Ints, product: Ints) -> Ints:
        """When each account first subscribed to each product; ALWAYS_S where it did not."""
        key = account * self.products.count + product
        place = np.minimum(np.searchsorted(self.first_held, key), len(self.first_held) - 1)
        if not len(self.first_held):
            return np.full(len(key), ALWAYS_S, np.int64)
        return np.where(self.first_held[place] == key, self.first_held_at[place], ALWAYS_S)


def _first_held(
    subscriptions: pl.DataFrame, accounts: TextIndex, products: Words
) -> tuple[Ints, Ints]:
    product = products.codes(subscriptions["product"])
    account = accounts.find(subscriptions["account"])
    counted = (product < products.count - 1) & (account >= 0)
    key = (account * products.count + product)[counted]
    begins = seconds(subscriptions["valid_from"])[counted]
    order = np.lexsort((begins, key))
    distinct, first = np.unique(key[order], return_index=True)
    return distinct, begins[order][first]
