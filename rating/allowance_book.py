"""Allowances, their scopes and holders, laid out for the events of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rating import allowance_claims as claims_of
from rating.allowance_claims import Claims, Holders, Timed
from rating.allowance_grants import Grants, Spans
from rating.allowance_held import STATE, AllowanceMatrices, CodedState, Held, Kinds, Owners
from rating.allowance_scopes import QUESTION, Quantities, ScopeBook
from rating.allowance_stores import Stores, rescaled
from rating.local_time import PERIODS, Clocks, seconds
from rating.price_arrays import A_PRIORITY, A_ROLL
from rating.row_spans import Ints, bounds, interleaved, numbered
from rating.text_index import TextIndex
from rating.zone_chains import Words, ZoneChains

_LAST_PRIORITY: Final = 1_000_000


@dataclass(frozen=True)
class AllowanceBook:
    """What accounts, SIMs and pools hold, by the catalog."""

    names: Words
    """allowances, then counters"""
    kinds: Kinds
    allowances: Ints
    """[A_] of `Book`"""
    scopes: Ints
    """[SC_] of `Book`"""
    period: Ints
    """per allowance its place in PERIODS, -1 for once"""
    rank: Ints
    """per allowance its place in the order of drawing"""
    scope_book: ScopeBook
    accounts: TextIndex
    zone: Ints
    """per account the place of its time zone among those of the clocks; home has the first"""
    clocks: Clocks
    grants: Grants
    tariffs: Words
    """tariffs with counters"""
    counters: Spans
    """counters by tariff"""

    @classmethod
    def of(
        cls, frames: Mapping[str, pl.DataFrame], home_zone: str, bands: list[str]
    ) -> "AllowanceBook":
        """The book of a catalog's typed frames; `bands` are those of the TariffBook."""
        allowances, counters = frames["allowances"].sort("line"), frames["counters"].sort("line")
        scopes = frames["scopes"].sort("line")
        names = [*allowances["allowance"], *counters["counter"]]
        words = Words(names)
        of_scope = words.codes(scopes["allowance"])
        quantities = Quantities.of(allowances, scopes, of_scope)
        table = _allowance_matrix(allowances, counters.height, quantities.quantities)
        accounts = TextIndex.of(frames["accounts"]["account"])
        zones = list(dict.fromkeys([home_zone, *frames["accounts"]["timezone"].unique().sort()]))
        tariffs, of_tariff = _counted(frames["rates"], words)
        kinds = Kinds(
            pl.Series("allowance", names, pl.String),
            np.array([*quantities.scales, *[1] * counters.height], np.int64),
        )
        rank = np.argsort(np.argsort(table[:, A_PRIORITY], kind="stable"), kind="stable")
        periods = [*allowances["period"], *counters["period"]]
        return cls(
            words, kinds, table, np.array(quantities.costs, np.int64).reshape(-1, 1),
            np.array([PERIODS.index(p) if p in PERIODS else -1 for p in periods], np.int64),
            rank,
            ScopeBook.of(scopes, ZoneChains.of(frames["zones"]), of_scope, len(table), bands),
            accounts, Words(zones).codes(frames["accounts"]["timezone"]), Clocks(zones),
            Grants.of(frames, accounts, words, rank), tariffs, of_tariff,
        )

    def hold(self, events: pl.DataFrame, state: pl.DataFrame) -> Held:
        """What the events hold, with what was used before as `state` (ALLOWANCE_USE) says.

        `events` has account, imsi, product, tariff, started_at, service, direction, relation,
        serving_zone, destination_zone and partner. It may have account_no (row in accounts, -1:
        none) and place_key (Int64, equal where the last six are); both save time.
        """
        account = (
            events["account_no"].fill_null(-1).to_numpy() if "account_no" in events.columns
            else self.accounts.find(events["account"])
        )
        product = self.grants.products.codes(events["product"])
        tariff, sim = self.tariffs.codes(events["tariff"]), self._sims(events["imsi"])
        # the account -1 has the last place, and holds nothing
        has = np.append(self._account_has, values=False)[account] | (sim >= 0)
        has |= (product < self.grants.products.count - 1) | (tariff < self.tariffs.count - 1)
        those = np.flatnonzero(has & (account >= 0))
        at = seconds(events["started_at"])
        holder, holders = self._holders(account[those], product[those], at[those])
        claims = self._claims(holders, holder, sim[those], tariff[those])
        place = self._places(events, those)
        walk = self._walks(holders, claims.claims)[holder]
        return self._held(claims, len(holders.account), state, *(
            _scattered(column, those, len(at)) for column in (holder, sim[those], place, walk)
        ))

    @property
    def has_sims(self) -> bool:
        """Whether any SIM has grants."""
        return len(self.grants.sims.texts) > 0

    @cached_property
    def _account_has(self) -> npt.NDArray[np.bool_]:
        """Per account whether it has grants of its own or pools."""
        return (np.diff(self.grants.by_account.start) > 0) | (
            np.diff(self.grants.pools.members.start) > 0
        )

    @cached_property
    def _pools(self) -> TextIndex:
        return TextIndex.of(self.grants.pools.names)

    @cached_property
    def _owners(self) -> Owners:
        return Owners(self.accounts.texts, self.grants.sims.texts, self.grants.pools.names)

    def _sims(self, imsis: pl.Series) -> Ints:
        """The number of each SIM with grants, -1 for the others."""
        if not self.has_sims:
            return np.full(len(imsis), -1, np.int64)
        return self.grants.sims.find(imsis)

    def _places(self, events: pl.DataFrame, those: Ints) -> Ints:
        """The places of those events."""
        if "place_key" not in events.columns or not len(those):
            return self.scope_book.places(_questions(events, those))
        keys = events["place_key"].to_numpy()[those]
        least = int(keys.min())
        distinct, which = numbered(keys - least, int(keys.max()) - least + 1)
        one_of_each = np.empty(len(distinct), np.int64)
        one_of_each[which] = those
        places: Ints = self.scope_book.places(_questions(events, one_of_each))[which]
        return places

    def _holders(self, account: Ints, product: Ints, at: Ints) -> tuple[Ints, Holders]:
        """The holder of each event, and all holders, ascending by account."""
        pools = self.grants.pools
        products, stages = self.grants.products.count, pools.stages()
        keys, holder = _pairs_numbered(
            account, product * stages + pools.stage(account, at),
            len(self.accounts.texts), products * stages,
        )
        first = np.full(len(keys), np.iinfo(np.int64).max)
        last = np.full(len(keys), np.iinfo(np.int64).min)
        np.minimum.at(first, holder, at)
        np.maximum.at(last, holder, at)
        rest, stage = np.divmod(keys, stages)
        of_account, of_product = np.divmod(rest, products)
        return holder, Holders(of_account, of_product, stage, self.zone[of_account], first, last)

    def _claims(self, holders: Holders, holder: Ints, sim: Ints, tariff: Ints) -> Timed:
        """All that holders have at a time within their events, in the order of drawing."""
        grants = self.grants
        accounts = len(self.accounts.texts)
        claims = claims_of.joined([
            claims_of.of_products(grants, holders),
            claims_of.of_accounts(grants, holders),
            claims_of.of_pools(grants, holders, accounts + len(grants.sims.texts)),
            claims_of.of_sims(grants, holders, holder, sim, accounts),
            claims_of.of_counters(grants, holders, holder, tariff, self.counters),
        ])
        first, last = holders.first[claims.holder], holders.last[claims.holder]
        held = (claims.since <= last) & (grants.ends[claims.grant] > first)
        # grants stand in the order of drawing
        key = claims.holder * len(grants.begins) + claims.grant
        if not held.all() or (key[1:] < key[:-1]).any():
            order = np.argsort(key, kind="stable")
            order = order[held[order]]
            claims, first, last = claims.rows(order), first[order], last[order]
        clock = self.clocks.numbered(claims.zone, self.period[claims.allowance])
        now = self.clocks.period_at(clock, first)
        oldest = np.maximum(now - self.allowances[claims.allowance, A_ROLL], 0)
        newer = np.flatnonzero(claims.since > self.clocks.start_of(clock, oldest))
        oldest[newer] = np.maximum(
            oldest[newer], self.clocks.period_at(clock[newer], claims.since[newer])
        )
        return Timed(claims, clock, oldest, self.clocks.period_at(clock, last))

    def _walks(self, holders: Holders, claims: Claims) -> Ints:
        """A number for each holder, the same for those who may draw on the same.

        That is the account, and one number for all who share with another account.
        """
        account = holders.account[claims.holder]
        shares = np.zeros(len(self.accounts.texts), np.bool_)
        shares[account[claims.owner != account]] = True
        return np.where(shares[holders.account], len(shares), holders.account)

    def _store_keys(self, timed: Timed) -> tuple[Ints, Ints]:
        """Owner and allowance of each holding as one number, and with its clock as another.

        In place of a clock, a quantity given once has the beginning of its grant.
        """
        claims, clocks = timed.claims, len(self.clocks.kinds)
        own = claims.owner * len(self.rank) + self.rank[claims.allowance]
        begin = self.grants.begin_no[claims.grant]
        clock = np.where(timed.clock < 0, clocks + begin, timed.clock)
        return own, own * (clocks + len(self.grants.begins)) + clock

    def _matrices(self, holders: int, timed: Timed, bucket: Ints) -> AllowanceMatrices:
        claims = timed.claims
        holdings = interleaved([
            claims.allowance, claims.sim, self.grants.begins[claims.grant],
            self.grants.ends[claims.grant], timed.clock, bucket, timed.oldest,
            self.grants.line[claims.grant],
        ])
        counts = np.bincount(claims.holder, minlength=holders).astype(np.int64)
        return AllowanceMatrices(
            bounds(counts), holdings, self.allowances, self.clocks.clock_from,
            self.clocks.periods, self.scope_book.scope_at(), self.scopes,
            np.array([self.scope_book.place_count(), self.scope_book.bands], np.int64),
        )

    @cached_property
    def _recent(self) -> list[CodedState]:
        """The last state that a batch left: the next batch mostly begins with it."""
        return []

    def _coded(self, state: pl.DataFrame) -> CodedState:
        for known in self._recent:
            if known.state is state:
                return known
        owner = np.full(state.height, -1, np.int64)
        for (prefix, first, _), index in zip(
            self._owners.kinds(), (self.accounts, self.grants.sims, self._pools), strict=True
        ):
            if not len(index.texts):
                continue
            of_kind = state["holder"].str.starts_with(prefix)
            found = index.find(state["holder"].filter(of_kind).str.slice(len(prefix)))
            owner[of_kind.to_numpy()] = np.where(found >= 0, found + first, -1)
        allowance = self.names.codes(state["allowance"])
        rank = np.append(self.rank, -1)[allowance]
        key = np.where((owner >= 0) & (rank >= 0), owner * len(self.rank) + rank, -1)
        return CodedState(state.select(*STATE), key, seconds(state["period_start"]))

    def _held(
        self, timed: Timed, holders: int, state: pl.DataFrame,
        holder: Ints, sim: Ints, place: Ints, walk: Ints,
    ) -> Held:
        stores, bucket = Stores.of(*self._store_keys(timed), timed)
        matrices = self._matrices(holders, timed, bucket)
        coded, starts = self._coded(state), stores.starts(matrices.holdings, self.clocks)
        rows, loaded = stores.buckets_of(
            coded.key, coded.start, starts, matrices.holdings, self.clocks
        )
        used = np.zeros(stores.bucket_from[-1], np.int64)
        allowance = np.argsort(self.rank)[coded.key[rows] % max(len(self.rank), 1)]
        used[loaded] = rescaled(
            coded.state["used"][rows], coded.state["scale"][rows], self.kinds.scales[allowance]
        )
        left = np.ones(state.height, np.bool_)
        left[rows] = False
        rest = CodedState(coded.state.filter(pl.Series(left)), coded.key[left], coded.start[left])
        return Held(
            holder, sim, place, walk, matrices, used, timed.claims.owner, stores, starts, loaded,
            rest, self._recent, self._owners, self.kinds, self.clocks,
        )


def _questions(events: pl.DataFrame, rows: Ints) -> pl.DataFrame:
    at = pl.Series(rows)
    return pl.DataFrame([events[name][at] for name in QUESTION])


def _pairs_numbered(one: Ints, other: Ints, ones: int, others: int) -> tuple[Ints, Ints]:
    """The distinct pairs as numbers `one * others + other`, and per pair its place among them."""
    of_one = np.zeros(ones, np.int64)
    of_one[one] = other
    if (of_one[one] != other).any():
        return numbered(one * others + other, ones * others)
    # each has but one other
    distinct, place = numbered(one, ones)
    return distinct * others + of_one[distinct], place


def _scattered(values: Ints, at: Ints, size: int) -> Ints:
    """The values at their ascending places, -1 elsewhere."""
    if len(at) == size:
        return values
    found = np.full(size, -1, np.int64)
    found[at] = values
    return found


def _allowance_matrix(allowances: pl.DataFrame, counters: int, quantities: list[int]) -> Ints:
    rows = [
        (priority, quantity, roll_over, 0)
        for (priority, roll_over), quantity in zip(
            allowances.select("priority", "roll_over").iter_rows(), quantities, strict=True)
    ]
    return np.array([*rows, *[(_LAST_PRIORITY, 0, 0, 1)] * counters], np.int64).reshape(-1, 4)


def _counted(rates: pl.DataFrame, names: Words) -> tuple[Words, Spans]:
    """The tariffs with counters, and the counters of each."""
    pairs = (
        rates.lazy().filter(pl.col("counter") != "").select("tariff", "counter").unique()
        .sort("tariff", "counter").collect()
    )
    tariffs = Words(pairs["tariff"].unique(maintain_order=True).to_list())
    return tariffs, Spans.of(
        tariffs.codes(pairs["tariff"]), tariffs.count, names.codes(pairs["counter"])
    )
