"""Tariffs, rates, calendars and time zones of a catalog, laid out for the charging function."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.local_time import Calendars, TimeZones, band_numbers
from rating.price_arrays import (
    DOWN,
    HALF_EVEN,
    HALF_UP,
    INTERVALS_DOWN,
    INTERVALS_NEAREST,
    INTERVALS_UP,
    STAGE_EVENT,
    STAGE_PART,
    UP,
    Book,
)
from rating.rate_candidates import Candidate, nearest
from rating.rate_cards import Deck, RateCards, heads
from rating.rate_tiers import RateTiers
from rating.row_spans import Ints
from rating.zone_chains import DIRECTION_WORDS, Words, ZoneChains

_MODES: Final = {"half_up": HALF_UP, "half_even": HALF_EVEN, "up": UP, "down": DOWN}
_STAGES: Final = {"part": STAGE_PART, "event": STAGE_EVENT}
_INTERVALS: Final = {
    "up": INTERVALS_UP, "nearest": INTERVALS_NEAREST, "down": INTERVALS_DOWN,
}
Frames = Mapping[str, pl.DataFrame]


class TariffMatrices(NamedTuple):
    """Those fields of `Book` that only depend on the catalog; int64, C-contiguous."""

    tariffs: Ints
    rates: Ints
    tiers: Ints
    day_from: Ints
    slots: Ints
    holiday_from: Ints
    holidays: Ints
    shift_from: Ints
    shifts: Ints


@dataclass(frozen=True)
class TariffBook:
    """How to price by any tariff of the catalog."""

    bands: list[str]
    """names of the bands by number; 0 is *"""
    tariffs: pl.DataFrame
    """tariff, tariff_no, currency, band_time, calendar, rounding ("event half_up 2")"""
    time_zones: dict[str, int]
    """number of each IANA zone among the shifts: all of accounts, networks, tenants and home"""
    matrices: TariffMatrices
    chains: ZoneChains
    _tiers: RateTiers
    _cards: RateCards
    _zones: TimeZones

    @classmethod
    def of(cls, frames: Frames, home_zone: str) -> "TariffBook":
        """The book of a catalog's typed frames."""
        bands = band_numbers(frames["calendars"])
        calendars = Calendars.of(frames["calendars"], frames["holidays"], bands)
        zones = TimeZones.of([
            home_zone,
            *(zone for name in ("accounts", "networks", "tenants")
              for zone in frames[name]["timezone"].unique().sort() if zone),
        ])
        tariffs = frames["tariffs"].sort("line")
        words = Words(tariffs["tariff"].to_list())
        chains = ZoneChains.of(frames["zones"])
        rows = frames["rates"]
        base = rows.filter(pl.col("from_units") == 0).sort("line")
        head = heads(base, words)
        tiers = RateTiers.of(
            base, rows.filter(pl.col("from_units") > 0), head // DIRECTION_WORDS.count,
            _counters(frames),
        )
        return cls(
            list(bands), _described(tariffs), zones.numbers,
            TariffMatrices(
                _tariff_matrix(tariffs, calendars.numbers), tiers.rate_matrix, tiers.tier_matrix,
                calendars.day_from, calendars.slots, calendars.holiday_from, calendars.holidays,
                zones.shift_from, zones.shifts,
            ),
            chains, tiers, RateCards.of(base, head, chains, words, bands), zones,
        )

    @cached_property
    def rates(self) -> pl.DataFrame:
        """What is told of each rate, in the order of their numbers.

        rate (number), rate_line, tariff, band, unit_size, first_interval and
        next_interval in base units, setup_fee_micros, markup_ppm.
        """
        return self._tiers.rates_frame()

    @cached_property
    def tiers(self) -> pl.DataFrame:
        """What is told of each tier: tier, rate_line, price_micros, price_units in base units."""
        return self._tiers.tiers_frame()

    def cards(self, asked: pl.DataFrame) -> Ints:
        """The rate cards of the questions in `asked` (columns QUESTION, text): places in `deck`.

        Numbers of cards stay valid.
        """
        return self._cards.cards(asked)

    @property
    def deck(self) -> Deck:
        """All cards asked for so far; it grows with new questions."""
        return self._cards.deck

    def offsets_at(self, zone: pl.Series, at: pl.Series) -> pl.Series:
        """The offsets in seconds, Int64, of the zones (numbers, -1: null) at the moments."""
        return self._zones.offsets_at(zone, at)

    def candidates(
        self, question: Mapping[str, str], band: str = "", at: datetime | None = None,
        limit: int = 10,
    ) -> list[Candidate]:
        """The rates of the question's tariff nearest to a match, the nearest first.

        `question` has the columns QUESTION; without `band` and `at` these always match.
        """
        return nearest(self._tiers.base, self.chains, question, band, at)[:limit]


def _counters(frames: Frames) -> dict[str, int]:
    """The number of each counter among allowances and counters."""
    allowances = frames["allowances"].height
    return {
        name: allowances + place
        for place, name in enumerate(frames["counters"].sort("line")["counter"])
    }


def _described(tariffs: pl.DataFrame) -> pl.DataFrame:
    return tariffs.select(
        "tariff", pl.int_range(pl.len(), dtype=pl.Int64).alias("tariff_no"), "currency",
        "band_time", "calendar",
        pl.format("{} {} {}", "rounding_stage", "rounding", "decimals").alias("rounding"),
    )


def _tariff_matrix(tariffs: pl.DataFrame, calendars: dict[str, int]) -> Ints:
    rows = [
        (
            calendars.get(row["calendar"], -1), _STAGES[row["rounding_stage"]],
            _MODES[row["rounding"]], 10 ** (6 - row["decimals"]), int(row["tax_included"] == "yes"),
            _INTERVALS[row["interval_rounding"]],
        )
        for row in tariffs.iter_rows(named=True)
    ]
    return np.array(rows, np.int64).reshape(-1, 6)


def as_lists(book: Book) -> Book:
    """The same book for plain Python, where numbers from arrays would be slow."""
    return Book._make(np.asarray(table).tolist() for table in book)
