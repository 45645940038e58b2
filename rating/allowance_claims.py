"""Holdings in the making: what each holder of a batch has by product, account, pool and SIM."""

from typing import NamedTuple

import numpy as np

from rating.allowance_grants import Grants, Spans
from rating.local_time import ALWAYS_S
from rating.row_spans import Ints, numbered


class Holders(NamedTuple):
    """Those who hold something in a batch: an account with a product, in a stage of its pools."""

    account: Ints
    product: Ints
    stage: Ints
    zone: Ints
    """place of the account's time zone"""
    first: Ints
    """start of the holder's first event"""
    last: Ints


class Claims(NamedTuple):
    """One row per holder and grant, or counter."""

    holder: Ints
    grant: Ints
    """row of the grants; for a counter the last one"""
    allowance: Ints
    sim: Ints
    """-1: any"""
    owner: Ints
    """whose use is counted: account, SIM or pool, numbered through"""
    zone: Ints
    since: Ints
    """the moment whose period is the first that counts"""

    def rows(self, chosen: Ints) -> "Claims":
        """The chosen rows."""
        return Claims(*(column[chosen] for column in self))


class Timed(NamedTuple):
    """Claims with their clocks, and the periods that count for the events of the batch."""

    claims: Claims
    clock: Ints
    oldest: Ints
    newest: Ints


def joined(parts: list[Claims]) -> Claims:
    """The rows of all parts."""
    some = [part for part in parts if len(part.holder)] or parts[:1]
    if len(some) == 1:
        return some[0]
    return Claims(*(np.concatenate(column) for column in zip(*some, strict=True)))


def of_products(grants: Grants, holders: Holders) -> Claims:
    """What accounts have for themselves by their products, since they first had the product."""
    which, grant = grants.by_product.of_owners(holders.product)
    since = grants.held_since(holders.account, holders.product)[which]
    return _granted(grants, holders, which, grant, holders.account[which])._replace(
        since=np.maximum(grants.begins[grant], since)
    )


def of_accounts(grants: Grants, holders: Holders) -> Claims:
    """What accounts were granted."""
    which, grant = grants.by_account.of_owners(holders.account)
    return _granted(grants, holders, which, grant, holders.account[which])


def of_pools(grants: Grants, holders: Holders, first_owner: int) -> Claims:
    """What the pools of accounts were granted, by the clock of the first time zone."""
    who, pool = grants.pools.of_accounts(holders.account, holders.stage)
    which, grant = grants.by_pool.of_owners(pool)
    return _granted(grants, holders, who[which], grant, first_owner + pool[which])._replace(
        zone=np.zeros(len(which), np.int64)
    )


def of_sims(
    grants: Grants, holders: Holders, holder: Ints, sim: Ints, first_owner: int
) -> Claims:
    """What the SIMs of the events (-1: none) were granted."""
    known = np.flatnonzero(sim >= 0)
    who, which_sim = _pairs(holder[known], sim[known], len(grants.sims.texts))
    which, grant = grants.by_sim.of_owners(which_sim)
    return _granted(
        grants, holders, who[which], grant, first_owner + which_sim[which]
    )._replace(sim=which_sim[which])


def of_counters(
    grants: Grants, holders: Holders, holder: Ints, tariff: Ints, counters: Spans
) -> Claims:
    """The counters of the tariffs of the events; the last tariff has none."""
    tariffs = len(counters.start) - 1
    known = np.flatnonzero(tariff < tariffs - 1)
    who, which_tariff = _pairs(holder[known], tariff[known], tariffs)
    which, counter = counters.of_owners(which_tariff)
    holder_counter = _pairs(who[which], counter, int(counters.rows.max(initial=0)) + 1)
    owner = holders.account[holder_counter[0]]
    every = np.full(len(owner), len(grants.begins) - 1, np.int64)
    return Claims(
        holder_counter[0], every, holder_counter[1], np.full_like(every, -1), owner,
        holders.zone[holder_counter[0]], np.full_like(every, ALWAYS_S),
    )


def _granted(
    grants: Grants, holders: Holders, holder: Ints, grant: Ints, owner: Ints
) -> Claims:
    return Claims(
        holder, grant, grants.allowance[grant], np.full(len(grant), -1, np.int64), owner,
        holders.zone[holder], grants.begins[grant],
    )


def _pairs(one: Ints, other: Ints, others: int) -> tuple[Ints, Ints]:
    """The distinct pairs, ascending; the second numbers are below `others`."""
    if not len(one):
        return one, other
    distinct, _ = numbered(one * others + other, (int(one.max()) + 1) * others)
    first, second = np.divmod(distinct, others)
    return first, second
