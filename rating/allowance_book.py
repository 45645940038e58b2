"""Allowances, their scopes and holders, laid out for the events of a batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from rating.allowance_claims import H_COLUMNS, ST_COLUMNS, Holdings, Timing, find_holdings
from rating.allowance_grants import Grants
from rating.allowance_held import AllowanceMatrices, Held
from rating.allowance_holders import HO_COLUMNS, Askers, Found, find_holders
from rating.allowance_scopes import Quantities, ScopeBook
from rating.allowance_use import Kinds, Use
from rating.local_time import PERIODS, Clocks
from rating.price_arrays import A_COUNTER, A_PRIORITY
from rating.row_spans import Ints
from rating.validity import frozen
from rating.zone_chains import Words, ZoneChains

_LAST_PRIORITY: Final = 1_000_000


@dataclass(frozen=True)
class AllowanceBook:
    """What accounts, SIMs and pools hold, by the catalog."""

    kinds: Kinds
    allowances: Ints
    """[A_] of `Book`"""
    scopes: Ints
    """[SC_] of `Book`"""
    period: Ints
    """per allowance its place in PERIODS, -1 for once"""
    scope_book: ScopeBook
    clocks: Clocks
    """home has the first time zone"""
    grants: Grants

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
        zones = list(dict.fromkeys([home_zone, *frames["accounts"]["timezone"].unique().sort()]))
        rank = np.argsort(np.argsort(table[:, A_PRIORITY], kind="stable"), kind="stable")
        periods = [*allowances["period"], *counters["period"]]
        return cls(
            Kinds(words, pl.Series(names, dtype=words.kind),
                  np.array([*quantities.scales, *[1] * counters.height], np.int64)),
            table, np.array(quantities.costs, np.int64).reshape(-1, 1),
            frozen(np.array([PERIODS.index(p) if p in PERIODS else -1 for p in periods], np.int64)),
            ScopeBook.of(scopes, ZoneChains.of(frames["zones"]), of_scope, len(table), bands),
            Clocks(zones), Grants.of(frames, Words(zones), words, rank),
        )

    def hold(
        self, askers: Askers, texts: Callable[[Ints], pl.DataFrame], state: pl.DataFrame | Use
    ) -> Held:
        """What the events hold, with what was used before as `state` (ALLOWANCE_USE) says.

        Their places are numbers that for this book are always the same where service, direction,
        relation, zones and partner are the same; `texts` tells these (QUESTION) of numbers.
        """
        place = np.full(len(askers.place), -1, np.int64)
        if len(self.grants.tables.grants):
            place = self.scope_book.places(askers.place, texts)
        askers = Askers(*(frozen(column) for column in askers._replace(place=place)))
        found, room = self._holders(askers)
        held, (holdings, stores, buckets) = self._holdings(askers, found, room)
        use = self._use(state)
        matrices = AllowanceMatrices(
            held.holding_from, held.holdings[:holdings], self.allowances, self.clocks.clock_from,
            self.clocks.periods, self.scope_book.scope_at(), self.scopes,
            np.array([self.scope_book.place_count(), self.scope_book.bands], np.int64),
        )
        counted = held.stores[:stores]
        return Held(
            found.holder, askers.sim, place, found.walk, matrices, use, counted, held.store_of,
            use.load(counted, held.holdings, buckets, self.clocks),
        )

    @property
    def has_sims(self) -> bool:
        """Whether any SIM has grants."""
        return len(self.grants.owners.sims.texts) > 0

    def _holders(self, askers: Askers) -> tuple[Found, int]:
        """The holders of the events, and no fewer than their holdings."""
        size, tables = len(askers.account), self.grants.tables
        found = Found(
            tables.accounts.take(askers.account, axis=0), np.zeros(len(tables.accounts), np.int32),
            np.zeros(1 << (2 * size).bit_length(), np.int32),
            np.zeros(len(self.clocks.zones), np.int64), np.zeros(size, np.int64),
            np.empty((size, HO_COLUMNS), np.int64), np.empty(size, np.int64),
            np.empty(size, np.int64),
        )
        count, room = find_holders(askers, tables, found)
        return found._replace(holders=found.holders[:count]), room

    def _holdings(
        self, askers: Askers, found: Found, room: int
    ) -> tuple[Holdings, tuple[int, int, int]]:
        """The holdings of holders; how many there are, and how many stores and buckets."""
        clocks, owners = self.clocks, self.grants.owners
        # a pool has the time zone of the home network
        zones = {0, *np.flatnonzero(found.zones).tolist()}
        clock_of = clocks.numbered(zones, self._kinds)
        held = Holdings(
            self.scope_book.covers() | (self.allowances[:, A_COUNTER] == 1),
            np.zeros(len(found.holders) + owners.count - owners.first_sim, np.int32),
            np.zeros(len(found.holders) + 1, np.int64), np.empty((room, H_COLUMNS), np.int64),
            np.empty(room, np.int64), np.empty((room, ST_COLUMNS), np.int32),
        )
        sizes = find_holdings(askers, found, self.grants.tables, Timing(
            self.period, frozen(self.allowances), clock_of, frozen(clocks.clock_from),
            frozen(clocks.periods), np.zeros((len(clocks.clock_from), 3), np.int64),
        ), held)
        return held, sizes

    @cached_property
    def _kinds(self) -> list[int]:
        """The places in PERIODS that allowances have."""
        return [kind for kind in np.unique(self.period).tolist() if kind >= 0]

    def _use(self, state: pl.DataFrame | Use) -> Use:
        if isinstance(state, Use):
            if state.owners is self.grants.owners:
                return state.current
            state = state.frame
        return Use.of(state, self.grants.owners, self.kinds)


def _allowance_matrix(allowances: pl.DataFrame, counters: int, quantities: list[int]) -> Ints:
    rows = [
        (priority, quantity, roll_over, 0)
        for (priority, roll_over), quantity in zip(
            allowances.select("priority", "roll_over").iter_rows(), quantities, strict=True)
    ]
    return np.array([*rows, *[(_LAST_PRIORITY, 0, 0, 1)] * counters], np.int64).reshape(-1, 4)
