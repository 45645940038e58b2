"""Local time as integers: shifts of time zones, clocks of periods, and days of calendars."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from rating.catalog_column import ANY
from rating.catalog_read import ALWAYS, NEVER
from rating.price_arrays import MIN_S
from rating.row_spans import Ints, bounds, spread

DAY_S: Final = 86_400
_FIRST: Final = datetime(1990, 1, 1)  # noqa: DTZ001
_LAST: Final = datetime(2060, 1, 1)  # noqa: DTZ001
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001
ALWAYS_S: Final = (ALWAYS - _EPOCH) // timedelta(seconds=1)
NEVER_S: Final = (NEVER - _EPOCH) // timedelta(seconds=1)
PERIODS: Final = ("day", "week", "month")
DAY_TYPES: Final = 8


def seconds(times: pl.Series) -> Ints:
    """Seconds since 1970 of naive UTC times."""
    return times.dt.epoch("s").cast(pl.Int64).to_numpy()


@cache
def shifts(zone: str) -> tuple[tuple[int, int], ...]:
    """From when on (seconds UTC) an IANA zone has which offset (seconds); the first from MIN_S.

    Changes before 1990 and from 2060 on are left out.
    """
    rules = ZoneInfo(zone)
    probes = _probes()
    # the weekly probes are local times: telling their offset is ten times quicker than from UTC
    offsets = [rules.utcoffset(probe) for probe in probes]
    found = [(MIN_S, _whole(offsets[0]))]
    for index in range(1, len(probes)):
        if offsets[index] != offsets[index - 1]:
            begin = _second(probes[index - 1]) - DAY_S
            change = _change(rules, begin, _second(probes[index]) + DAY_S)
            if change[0] > found[-1][0] and change[1] != found[-1][1]:
                found.append(change)
    return tuple(found)


@cache
def _probes() -> list[datetime]:
    weeks = (_LAST - _FIRST).days // 7
    return [_FIRST + timedelta(weeks=week) for week in range(weeks + 1)]


def _second(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(seconds=1)


def _whole(offset: timedelta | None) -> int:
    return (offset or timedelta()) // timedelta(seconds=1)


def _change(rules: ZoneInfo, before: int, after: int) -> tuple[int, int]:
    """The moment between the two from which the later one's offset holds, and that offset."""
    origin = _EPOCH.replace(tzinfo=rules)

    def offset(second: int) -> timedelta | None:
        return rules.fromutc(origin + timedelta(seconds=second)).utcoffset()

    wanted = offset(after)
    # nearly all changes are on the hour: look for the hour first
    for step in (3600, 1):
        while after - before > step:
            middle = before + (after - before) // (2 * step) * step
            if offset(middle) == wanted:
                after = middle
            else:
                before = middle
        if step > 1 and offset(after - 1) != wanted:
            break
    return after, _whole(wanted)


@dataclass(frozen=True, slots=True)
class TimeZones:
    """The shifts of several time zones as `Book` has them."""

    numbers: dict[str, int]
    shift_from: Ints
    shifts: Ints

    @classmethod
    def of(cls, names: Iterable[str]) -> "TimeZones":
        """The zones of these names, numbered in order; a name counts once."""
        zones = list(dict.fromkeys(names))
        rows = [shifts(zone) for zone in zones]
        table = np.array([row for zone in rows for row in zone], np.int64).reshape(-1, 2)
        return cls(
            {zone: number for number, zone in enumerate(zones)},
            bounds(np.array([len(zone) for zone in rows], np.int64)), table,
        )

    def offsets_at(self, zone: pl.Series, at: pl.Series) -> pl.Series:
        """The offset in seconds of each numbered zone at a naive UTC time; null for -1 or null."""
        numbers = zone.cast(pl.Int64).fill_null(-1).to_numpy()
        times = seconds(at.fill_null(_EPOCH))
        # one ascending vector for all zones: zone in the high bits, seconds in the low ones
        keys = np.repeat(np.arange(len(self.numbers)), np.diff(self.shift_from))
        row = np.searchsorted(
            _keyed(keys, self.shifts[:, 0]), _keyed(numbers, times), side="right"
        ) - 1
        known = numbers >= 0
        offsets = np.where(known, self.shifts[np.where(known, row, 0), 1], 0)
        given = pl.Series(known) & at.is_not_null()
        return pl.DataFrame({"offset": offsets, "given": given}).select(
            pl.when("given").then("offset").alias("offset_s")
        ).to_series()


def _keyed(numbers: Ints, times: Ints) -> Ints:
    return (numbers << 40) + np.clip(times, -(2**38), 2**38) + 2**39


@cache
def _local_starts(period: str) -> Ints:
    """The local midnights, as seconds, at which the periods of a kind begin."""
    if period == "month":
        months = np.arange("1990-01", "2060-01", dtype="datetime64[M]")
        return months.astype("datetime64[s]").astype(np.int64)
    # 1990-01-01 was a Monday
    step = DAY_S * (7 if period == "week" else 1)
    return np.arange(_second(_FIRST), _second(_LAST), step, dtype=np.int64)


@cache
def period_starts(zone: str, period: str) -> Ints:
    """When (seconds UTC) the days, weeks or months of a time zone begin, from 1990 to 2060.

    A day begins with the first moment whose local clock shows its 00:00 or later. The first
    period begins at MIN_S. A day that the zone leaves out is none.
    """
    table = np.array(shifts(zone), np.int64)
    begins, offsets = table[:, 0], table[:, 1]
    # until which local time each offset holds; after clocks go back the earlier one told more
    local_ends = np.maximum.accumulate(
        np.append(begins[1:] + offsets[:-1], np.iinfo(np.int64).max)
    )
    local = _local_starts(period)
    row = np.searchsorted(local_ends, local, side="right")
    starts = np.unique(np.maximum(begins[row], local - offsets[row]))
    starts[0] = MIN_S
    return starts


@dataclass(slots=True)
class Clocks:
    """The clocks that have been asked for, numbered, as `Book` has them; more are added.

    Time zones with the same days are one clock.
    """

    zones: list[str]
    clock_from: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    periods: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    """(place in `zones`, place in PERIODS) to clock"""
    _same: dict[bytes, int] = field(default_factory=dict)

    def numbered(self, zones: Iterable[int], kinds: Iterable[int]) -> Ints:
        """The clock of each place in `zones` (rows) and place in PERIODS (columns).

        It is -1 but for those asked for.
        """
        found = np.full((len(self.zones), len(PERIODS)), -1, np.int64)
        for zone, kind in product(zones, kinds):
            if (zone, kind) not in self._numbers:
                self._numbers[zone, kind] = self._clock(zone, kind)
            found[zone, kind] = self._numbers[zone, kind]
        return found

    def _clock(self, zone: int, kind: int) -> int:
        starts = period_starts(self.zones[zone], PERIODS[kind])
        clock = self._same.setdefault(starts.tobytes(), len(self._same))
        if clock == len(self.clock_from) - 1:
            self.clock_from = np.append(self.clock_from, self.clock_from[-1] + len(starts))
            self.periods = np.append(self.periods, starts)
        return clock


@dataclass(frozen=True, slots=True)
class Calendars:
    """Calendars, numbered by first line, as `Book` has them."""

    numbers: dict[str, int]
    day_from: Ints
    slots: Ints
    holiday_from: Ints
    holidays: Ints

    @classmethod
    def of(
        cls, calendars: pl.DataFrame, holidays: pl.DataFrame, bands: dict[str, int]
    ) -> "Calendars":
        """The catalog tables calendars and holidays; `bands` has the number of each band."""
        names = calendars["calendar"].unique(maintain_order=True).to_list()
        numbers = {name: number for number, name in enumerate(names)}
        calendar = _codes(calendars["calendar"], numbers)
        first = calendars["first_day"].to_numpy()
        row, day = spread(first, calendars["last_day"].to_numpy() - first + 1)
        day_key = calendar[row] * DAY_TYPES + day
        slots = np.stack([
            calendars["from_minute"].to_numpy()[row] * 60, _codes(calendars["band"], bands)[row],
        ], axis=1).astype(np.int64)
        order = np.lexsort((slots[:, 0], day_key))
        sizes = np.bincount(day_key, minlength=len(names) * DAY_TYPES).astype(np.int64)
        marked = holidays.select("calendar", "date").unique()
        of_day = _codes(marked["calendar"], numbers)
        days = marked["date"].dt.epoch("d").cast(pl.Int64).to_numpy()
        by_day = np.lexsort((days, of_day))
        return cls(
            numbers, bounds(sizes), np.ascontiguousarray(slots[order]),
            bounds(np.bincount(of_day, minlength=len(names)).astype(np.int64)), days[by_day],
        )


def band_numbers(calendars: pl.DataFrame) -> dict[str, int]:
    """The number of each band: 0 for *, then the bands of the calendars by their first line."""
    names = calendars["band"].unique(maintain_order=True).to_list()
    return {name: number for number, name in enumerate(dict.fromkeys([ANY, *names]))}


def _codes(names: pl.Series, numbers: dict[str, int]) -> Ints:
    return np.array([numbers[name] for name in names], np.int64)
