"""Who was granted which allowance: products, accounts, SIMs, pools and tariffs as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.allowance_owners import Named, Owners
from rating.local_time import ALWAYS_S, NEVER_S, seconds
from rating.row_spans import Ints, SmallInts, bounds, interleaved
from rating.validity import frozen
from rating.zone_chains import Words

Frames = Mapping[str, pl.DataFrame]

(AC_ZONE, AC_GRANT, AC_GRANTS, AC_MEMBER, AC_MEMBERS, AC_HELD, AC_HELDS) = range(7)
AC_COLUMNS: Final = 8
"""one more than there are: a row then never lies on two lines of the cache"""
G_ALLOWANCE, G_FROM_S, G_TO_S, G_LINE = range(4)
M_POOL, M_FROM_S, M_TO_S = range(3)
HE_PRODUCT, HE_SINCE_S = range(2)


class Spans(NamedTuple):
    """Rows of a table by owner: those of owner n are rows[start[n]:start[n + 1]]."""

    start: Ints
    rows: Ints

    @classmethod
    def of(cls, owner: Ints, owners: int, rows: Ints) -> "Spans":
        """The rows in their order by owner; rows of the owner -1 are left out."""
        known = owner >= 0
        order = np.argsort(owner[known], kind="stable")
        counts = np.bincount(owner[known], minlength=owners)
        return cls(frozen(bounds(counts)), frozen(rows[known][order]))


class GrantTables(NamedTuple):
    """Grants, counters and those who have them, as compiled code reads them.

    The columns of a table are the constants with the prefix in brackets.
    """

    accounts: SmallInts
    """[AC_] The place of each account's time zone among those of the clocks, and where its rows
    begin and end in of_accounts, members and held; one more row is of no account."""
    of_accounts: Ints
    """Grants by account."""
    members: Ints
    """[M_] Memberships in pools by account."""
    held: Ints
    """[HE_] By account the products with grants that it did not have always."""
    of_products: Spans
    of_sims: Spans
    of_pools: Spans
    counters: Spans
    """Counters by tariff."""
    grants: Ints
    """[G_] In the order of drawing; the counters come last, as if they were granted to all."""


@dataclass(frozen=True)
class Grants:
    """Who has what, and the numbers of those who have it."""

    products: Words
    """products with grants"""
    tariffs: Words
    """tariffs with counters"""
    owners: Owners
    tables: GrantTables

    @classmethod
    def of(cls, frames: Frames, zones: Words, names: Words, rank: Ints) -> "Grants":
        """Those of a catalog; `names` are the allowances and counters, `rank` their order.

        `zones` are the time zones of the clocks.
        """
        grants, allowance = _drawn_first(frames["grants"], names, rank)
        kind, rows = grants["holder_kind"], np.arange(grants.height, dtype=np.int64)

        def of_kind(name: str) -> tuple[pl.Series, Ints]:
            chosen = kind == name
            return grants["holder"].filter(chosen), rows[chosen.to_numpy()]

        product, of_product = of_kind("product")
        account, of_account = of_kind("account")
        sim, of_sim = of_kind("sim")
        pool, of_pool = of_kind("pool")
        products = Words(product.unique().sort().to_list())
        owners = Owners(*(Named(texts) for texts in (
            frames["accounts"]["account"], sim.unique().sort(),
            frames["pools"]["pool"].unique().sort(),
        )))
        own = Spans.of(owners.accounts.find(account), len(owners.accounts.texts), of_account)
        member_from, members = _members(frames["pools"], owners)
        held_from, held = _held(frames["subscriptions"], owners.accounts, products)
        tariffs, counters = _counters(frames["rates"], names)
        counters = counters._replace(
            rows=frozen(counters.rows - frames["allowances"].height + grants.height)
        )
        accounts = np.zeros((len(own.start), AC_COLUMNS), np.int32)
        accounts[:-1, AC_ZONE] = zones.codes(frames["accounts"]["timezone"])
        starts = (own.start, member_from, held_from)
        for column, start in zip((AC_GRANT, AC_MEMBER, AC_HELD), starts, strict=True):
            accounts[:-1, column], accounts[:-1, column + 1] = start[:-1], start[1:]
        return cls(products, tariffs, owners, GrantTables(
            accounts, own.rows, frozen(members), frozen(held),
            Spans.of(products.codes(product), products.count, of_product),
            Spans.of(owners.sims.find(sim), len(owners.sims.texts), of_sim),
            Spans.of(owners.pools.find(pool), len(owners.pools.texts), of_pool), counters,
            _table(grants, allowance, frames["allowances"].height, names.count - 1),
        ))


def _drawn_first(grants: pl.DataFrame, names: Words, rank: Ints) -> tuple[pl.DataFrame, Ints]:
    """The grants in the order of drawing, and the allowance of each."""
    allowance = names.codes(grants["allowance"])
    order = np.lexsort((grants["line"].to_numpy(), rank[allowance]))
    return grants[order], allowance[order]


def _table(grants: pl.DataFrame, allowance: Ints, counters_from: int, counters_to: int) -> Ints:
    """`GrantTables.grants`, of which the last ones are the counters."""
    counters = np.arange(counters_from, counters_to, dtype=np.int64)
    return frozen(interleaved([np.concatenate([column, of_counters]) for column, of_counters in (
        (allowance, counters),
        (seconds(grants["valid_from"]), np.full_like(counters, ALWAYS_S)),
        (seconds(grants["valid_to"]), np.full_like(counters, NEVER_S)),
        (grants["line"].to_numpy(), np.zeros_like(counters)),
    )]))


def _members(pools: pl.DataFrame, owners: Owners) -> tuple[Ints, Ints]:
    """Where each account's memberships begin, and they."""
    spans = Spans.of(
        owners.accounts.find(pools["account"]), len(owners.accounts.texts),
        np.arange(pools.height, dtype=np.int64),
    )
    return spans.start, interleaved([column[spans.rows] for column in (
        owners.pools.find(pools["pool"]), seconds(pools["valid_from"]), seconds(pools["valid_to"]),
    )])


def _held(subscriptions: pl.DataFrame, accounts: Named, products: Words) -> tuple[Ints, Ints]:
    """Where each account's products with grants begin that it did not have always, and they."""
    size = len(accounts.texts)
    product, since = products.codes(subscriptions["product"]), seconds(subscriptions["valid_from"])
    if not (since > ALWAYS_S).any():
        return np.zeros(size + 1, np.int64), np.zeros((0, 2), np.int64)
    account = accounts.find(subscriptions["account"])
    known = (product < products.count - 1) & (account >= 0)
    firsts = (
        pl.LazyFrame({"key": (account * products.count + product)[known], "since": since[known]})
        .group_by("key").agg(pl.col("since").min()).filter(pl.col("since") > ALWAYS_S)
        .sort("key").collect()
    )
    of_account, of_product = np.divmod(firsts["key"].to_numpy(), products.count)
    counts = np.bincount(of_account, minlength=size)
    return bounds(counts), interleaved([of_product, firsts["since"].to_numpy()])


def _counters(rates: pl.DataFrame, names: Words) -> tuple[Words, Spans]:
    """The tariffs with counters, and the counters of each."""
    pairs = (
        rates.lazy().filter(pl.col("counter") != "").select("tariff", "counter").unique()
        .collect()
    )
    tariffs = Words(pairs["tariff"].unique().sort().to_list())
    counters = np.sort(tariffs.codes(pairs["tariff"]) * names.count + names.codes(pairs["counter"]))
    return tariffs, Spans.of(
        counters // names.count, tariffs.count, counters % names.count
    )
