"""Time zones, clocks and calendars against zoneinfo and plain datetime arithmetic."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rating import local_time
from rating.price_arrays import MIN_S

ZONES = [
    "Europe/Vienna", "America/New_York", "Asia/Tokyo", "Africa/Casablanca", "Australia/Lord_Howe",
    "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Apia",
    "America/Havana", "Asia/Gaza", "America/St_Johns", "UTC", "Europe/Dublin",
]
BOOK = local_time.TimeZones.of(ZONES)
MOMENTS = st.datetimes(datetime(1990, 1, 3), datetime(2059, 12, 1)).map(
    lambda time: time.replace(microsecond=0)
)
EDGES = [
    datetime.fromtimestamp(second + step, UTC).replace(tzinfo=None)
    for zone in ZONES for second, _ in local_time.shifts(zone)[1:] for step in (-1, 0, 1)
]


def local(zone, at):
    return at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))


@settings(max_examples=30)
@given(st.lists(MOMENTS | st.sampled_from(EDGES), min_size=1, max_size=20))
def test_offsets_equal_zoneinfo(moments):
    asked = [(number, at) for at in moments for number in range(len(ZONES))]
    got = BOOK.offsets_at(
        pl.Series([number for number, _ in asked]),
        pl.Series([at for _, at in asked], dtype=pl.Datetime("us")),
    )
    assert got.dtype == pl.Int64
    assert got.to_list() == [
        local(ZONES[number], at).utcoffset().total_seconds() for number, at in asked
    ]


def test_the_offset_of_no_zone_is_null():
    at = pl.Series([datetime(2026, 7, 1), None, datetime(2026, 7, 1)], dtype=pl.Datetime("us"))
    got = BOOK.offsets_at(pl.Series([0, 0, -1]), at)
    assert got.to_list() == [7200, None, None]


def test_the_first_shift_has_no_begin_and_offsets_change():
    for zone in ZONES:
        rows = local_time.shifts(zone)
        assert rows[0][0] == MIN_S
        assert all(a[0] < b[0] and a[1] != b[1] for a, b in pairwise(rows))


def first_day(period, day):
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period == "week" else day


@settings(max_examples=30)
@given(st.sampled_from(ZONES), st.sampled_from(local_time.PERIODS),
       st.lists(MOMENTS | st.sampled_from(EDGES), min_size=1, max_size=20))
@example("America/Sao_Paulo", "day", [datetime(2018, 11, 4, 3), datetime(2018, 11, 4, 2, 59, 59)])
def test_periods_equal_datetime_arithmetic(zone, period, moments):
    starts = local_time.period_starts(zone, period)
    at = np.array([round(m.replace(tzinfo=UTC).timestamp()) for m in moments])
    got = np.searchsorted(starts, at, side="right") - 1
    for moment, start in zip(moments, starts[got].tolist(), strict=True):
        if start == MIN_S:
            continue
        begin = datetime.fromtimestamp(start, UTC).replace(tzinfo=None)
        day = local(zone, moment).date()
        # clocks that go back over midnight show the day before once more
        assert first_day(period, day) <= local(zone, begin).date() <= day + timedelta(days=1)
        if local(zone, begin).date() <= day:
            assert local(zone, begin).date() == first_day(period, day) or zone == "Pacific/Apia"
        before = local(zone, begin - timedelta(seconds=1)).date()
        assert first_day(period, before) != first_day(period, local(zone, begin).date())


def test_a_day_that_is_left_out_is_no_period():
    starts = local_time.period_starts("Pacific/Apia", "day")
    near = [datetime.fromtimestamp(s, UTC) for s in starts.tolist()[1:]]
    dates = [at.astimezone(ZoneInfo("Pacific/Apia")).date() for at in near]
    assert date(2011, 12, 29) in dates
    assert date(2011, 12, 30) not in dates
    assert date(2011, 12, 31) in dates


def test_clocks_keep_their_numbers():
    clocks = local_time.Clocks(ZONES)
    first = clocks.numbered([0, 1], [0, 2])
    again = clocks.numbered([3, 1], [1, 2])
    assert first[:2].tolist() == [[0, -1, 1], [2, -1, 3]]
    assert (first[2:] == -1).all()
    assert again[[1, 3]].tolist() == [[-1, 6, 3], [-1, 4, 5]]
    for zone, kind in ((0, 2), (1, 0), (3, 1)):
        clock = max(first[zone, kind], again[zone, kind])
        periods = clocks.periods[clocks.clock_from[clock]:clocks.clock_from[clock + 1]]
        starts = local_time.period_starts(ZONES[zone], local_time.PERIODS[kind])
        assert np.array_equal(periods, starts)
    assert len(clocks.periods) == clocks.clock_from[-1]
    # Dublin's clocks are not Vienna's, Berlin's are
    twins = local_time.Clocks(["Europe/Vienna", "Europe/Berlin", "Europe/Dublin"])
    assert twins.numbered(range(3), [0])[:, 0].tolist() == [0, 0, 1]


@pytest.fixture
def calendars():
    return pl.DataFrame({
        "calendar": ["b", "b", "a", "b"], "first_day": [0, 7, 0, 0], "last_day": [6, 7, 6, 6],
        "from_minute": [480, 0, 0, 0], "to_minute": [1440, 1440, 1440, 480],
        "band": ["day", "off", "day", "night"], "line": [2, 3, 4, 5],
    })


def test_calendars_are_slots_by_day_type(calendars):
    bands = local_time.band_numbers(calendars)
    assert bands == {"*": 0, "day": 1, "off": 2, "night": 3}
    marked = pl.DataFrame({
        "calendar": ["b", "b"], "date": [date(2026, 12, 25), date(1969, 12, 31)],
        "name": ["", ""], "line": [2, 3],
    })
    book = local_time.Calendars.of(calendars, marked, bands)
    assert book.numbers == {"b": 0, "a": 1}
    assert book.slots[book.day_from[3]:book.day_from[4]].tolist() == [[0, 3], [28800, 1]]
    assert book.slots[book.day_from[7]:book.day_from[8]].tolist() == [[0, 2]]
    assert book.slots[book.day_from[8]:book.day_from[9]].tolist() == [[0, 1]]
    assert len(book.day_from) == 17
    assert book.holiday_from.tolist() == [0, 2, 2]
    assert book.holidays.tolist() == [-1, 20812]


def test_no_calendars():
    nothing = pl.DataFrame(schema={
        "calendar": pl.String, "first_day": pl.Int64, "last_day": pl.Int64,
        "from_minute": pl.Int64, "to_minute": pl.Int64, "band": pl.String,
    })
    none = pl.DataFrame(schema={"calendar": pl.String, "date": pl.Date})
    bands = local_time.band_numbers(nothing)
    book = local_time.Calendars.of(nothing, none, bands)
    assert (bands, book.day_from.tolist(), book.slots.shape) == ({"*": 0}, [0], (0, 2))
