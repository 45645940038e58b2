"""Readers of units, durations, amounts with marks, times of a machine, and texts put together."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.profile import Case, Condition, Field, ProfileError
from mediation.readers import columns_of, reading

Rows = dict[str, list[str | None]]


def taken(name: str, field: Field, rows: Rows) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String))
    found = reading(name, field, set(rows))
    out = frame.select(found.source).with_columns(found.value)
    if found.offset is not None:
        out = out.with_columns(found.offset.alias("offset"))
    return out.with_columns(found.missing.alias("missing"), found.invalid.alias("invalid"))


def one(name: str, text: str, **field: Any) -> Any:
    return taken(name, Field(column="c", **field), {"c": [text]})[name].item()


@pytest.mark.parametrize(("unit", "factor"), [
    ("B", 1), ("kB", 1000), ("MB", 10**6), ("GB", 10**9), ("KiB", 1024), ("MiB", 1024**2),
    ("GiB", 1024**3),
])
def test_units_of_volumes(unit: str, factor: int) -> None:
    assert one("volume_up_bytes", "7", read="integer", unit=unit) == 7 * factor


@pytest.mark.parametrize(("text", "form", "up", "down", "nearest"), [
    ("61", "s", 61, 61, 61), ("1001", "ms", 2, 1, 1), ("1500", "ms", 2, 1, 2),
    ("2000", "ms", 2, 2, 2), ("1499999", "us", 2, 1, 1), ("1.000001", "s.f", 2, 1, 1),
    ("1.5", "s.f", 2, 1, 2), ("59", "s.f", 59, 59, 59), ("-1.5", "s.f", -1, -2, -1),
    ("2:05", "m:s", 125, 125, 125), ("-0:05", "m:s", -5, -5, -5), ("100:00", "m:s", *[6000] * 3),
    ("PT1H2M3S", "iso8601", *[3723] * 3), ("P1DT1S", "iso8601", *[86_401] * 3),
    ("PT0.25S", "iso8601", 1, 0, 0), ("PT90M", "iso8601", *[5400] * 3),
    ("PT1,5S", "iso8601", 2, 1, 2), ("P2D", "iso8601", *[172_800] * 3),
    *((text, form, None, None, None) for text, form in (
        ("1.5", "ms"), ("1", "m:s"), ("1:60", "m:s"), ("P", "iso8601"), ("PT", "iso8601"),
        ("P1M", "iso8601"), ("1H", "iso8601"), ("P1DT", "iso8601"), ("1.1234567", "s.f"),
        ("1,5", "s.f"), ("9223372036854775807", "ms"), ("x", "us"))),
])
def test_durations(text: str, form: str, up: int | None, down: int | None,
                   nearest: int | None) -> None:
    got = [one("duration_s", text, read="duration", format=form, rounding=r)
           for r in ("up", "down", "nearest")]
    assert got == [up, down, nearest]


def test_units_of_durations() -> None:
    assert one("duration_s", "2", read="duration", unit="min") == 120
    assert one("duration_s", "1,5", read="duration", unit="min", format="s.f", decimal=",") == 90


@pytest.mark.parametrize(("text", "decimal", "thousands", "micros"), [
    ("1.234,5", ",", ".", 1_234_500_000), ("1,234,567.89", ".", ",", 1_234_567_890_000),
    ("1234,5", ",", ".", 1_234_500_000), ("1 234", ".", " ", 1_234_000_000),
    ("-12'345.6", ".", "'", -12_345_600_000), ("0,5", ",", ".", 500_000),
    ("1.23,5", ",", ".", None), ("1.2345", ",", ".", None), (".234,5", ",", ".", None),
    ("1234.567,0", ",", ".", None), ("1..234", ",", ".", None), ("1,234.5", ".", "", None),
])
def test_amounts_with_marks(text: str, decimal: str, thousands: str, micros: int | None) -> None:
    field = {"read": "decimal_micros", "decimal": decimal, "thousands": thousands}
    assert one("partner_charge_micros", text, **field) == micros


@given(st.integers(-10**15, 10**15), st.sampled_from([",", ".", " ", "'", "_"]))
def test_grouped_whole_numbers(number: int, mark: str) -> None:
    text = f"{number:,}".replace(",", mark)
    assert one("volume_up_bytes", text, read="integer", thousands=mark) == number
    assert one("volume_up_bytes", str(number), read="integer", thousands=mark) == number


@pytest.mark.parametrize(("text", "scale", "micros"), [
    ("1250", 100, 12_500_000), ("1", 10_000, 100), ("1", 3, None), ("3", 3, 1_000_000),
    ("0.01", 100, 100), ("0.000001", 100, None), ("-5", 100, -50_000),
])
def test_amounts_in_parts_of_the_currency(text: str, scale: int, micros: int | None) -> None:
    got = one("partner_charge_micros", text, read="decimal_micros", charge_scale=scale)
    assert got == micros


@pytest.mark.parametrize(("text", "form", "when"), [
    ("1790000000", "epoch_s", datetime(2026, 9, 21, 14, 13, 20)),
    ("1790000000.25", "epoch_s", datetime(2026, 9, 21, 14, 13, 20, 250_000)),
    ("1790000000123", "epoch_ms", datetime(2026, 9, 21, 14, 13, 20, 123_000)),
    ("1790000000123.5", "epoch_ms", datetime(2026, 9, 21, 14, 13, 20, 123_500)),
    ("1790000000123456", "epoch_us", datetime(2026, 9, 21, 14, 13, 20, 123_456)),
    ("0", "epoch_s", datetime(1970, 1, 1)), ("-1", "epoch_s", None),
    ("1790000000123", "epoch_s", None), ("1e9", "epoch_s", None), ("x", "epoch_us", None),
])
def test_times_of_a_machine(text: str, form: str, when: datetime | None) -> None:
    assert one("started_at", text, read="utc_time", format=form) == when


def test_times_of_a_machine_have_the_offset_of_their_zone_and_zero_may_be_empty() -> None:
    field = Field(column="c", read="utc_time", format="epoch_s", zone="Europe/Vienna", empty=("0",))
    got = taken("started_at", field, {"c": ["1790000000", "1770000000", "0"]})
    assert got["offset"].to_list() == [7200, 3600, None]
    assert got["missing"].to_list() == [False, False, True]


ELAPSED: dict[str, Any] = {"column": ("a", "b"), "read": "elapsed"}


@pytest.mark.parametrize(("a", "b", "seconds"), [
    ("20260901120000.250", "20260901120101.249", 60), ("20260901120000", "20260901120000", 0),
    ("20260901120000.250", "20260901120101.250", 61), ("20260901120001", "20260901120000", -1),
    ("20260901120000", "x", None),
])
def test_seconds_between_two_times(a: str, b: str, seconds: int | None) -> None:
    field = Field(format="%Y%m%d%H%M%S%.f", rounding="down", **ELAPSED)
    got = taken("duration_s", field, {"a": [a], "b": [b]}).row(0, named=True)
    assert (got["duration_s"], got["invalid"], got["missing"]) == (seconds, seconds is None, False)


def test_elapsed_needs_both_times_and_knows_zones_and_machines() -> None:
    field = Field(format="epoch_ms", empty=("0",), **ELAPSED)
    got = taken("duration_s", field, {"a": ["1000", "0", None], "b": ["2500", "2500", "1"]})
    assert got["duration_s"].to_list() == [2, None, None]
    assert got["missing"].to_list() == [False, True, True]
    local = Field(format="%Y-%m-%d %H:%M", zone="Europe/Prague", **ELAPSED)
    night = taken("duration_s", local, {"a": ["2026-03-29 01:30"], "b": ["2026-03-29 03:30"]})
    assert night["duration_s"].to_list() == [3600]


@pytest.mark.parametrize(("rule", "hour"), [("earlier", 0), ("later", 1), ("reject", None)])
def test_hours_that_the_clocks_show_twice(rule: str, hour: int | None) -> None:
    got = taken("started_at", Field(column="c", read="local_time", format="%Y-%m-%d %H:%M",
                                    zone="Europe/Prague", ambiguous=rule),  # type: ignore[arg-type]
                {"c": ["2026-10-25 02:30", "2026-10-25 03:30", "2026-03-29 02:30"]})
    expected = None if hour is None else datetime(2026, 10, 25, hour, 30)
    assert got["started_at"].to_list() == [expected, datetime(2026, 10, 25, 2, 30), None]
    assert got["offset"].to_list() == [None if hour is None else 7200 - 3600 * hour, 3600, None]
    assert got["invalid"].to_list() == [hour is None, False, True]


def test_columns_are_composed() -> None:
    field = Field(compose="{a}-{b}/x")
    got = taken("apn", field, {"a": [" 1 ", None, ""], "b": ["2", "3", None]})
    assert got["apn"].to_list() == ["1-2/x", "-3/x", None]
    assert got["missing"].to_list() == [False, False, True]
    assert columns_of(field) == ("a", "b")


def test_a_time_may_be_composed_with_its_offset() -> None:
    field = Field(compose="{t} {z}", extract=r"^([0-9]{14}) [01]([+-][0-9]{4})", read="local_time",
                  format="%Y%m%d%H%M%S%z")
    got = taken("started_at", field, {"t": ["20260901120000"] * 2, "z": ["1+020000", "2+020000"]})
    assert got["started_at"].to_list() == [datetime(2026, 9, 1, 10), None]
    assert got["offset"].to_list() == [7200, None]
    assert got["invalid"].to_list() == [False, True]


def test_a_pattern_takes_its_group_out_of_the_text() -> None:
    field = Field(column="c", extract="^[A-Z]+/([0-9]+)-", read="digits", optional=True)
    got = taken("imsi", field, {"c": ["SIP/100-0a", "100", None, "SIP/-1"]})
    assert got["imsi"].to_list() == ["100", None, None, None]
    assert got["invalid"].to_list() == [False, True, False, True]


CASES = (
    Case(where={"k": ("in",)}, column="src"),
    Case(where={"k": Condition(matches="^out")}, column="dst"),
    Case(where={"k": ("none",)}, value=0),
)


def test_the_first_case_that_applies_gives_the_text() -> None:
    rows: Rows = {"k": ["in", "out-1", "none", "x", "in", None],
                  "src": ["1", "1", "1", "1", "", ""], "dst": ["2"] * 6}
    got = taken("events", Field(read="integer", cases=CASES), rows)
    assert got["events"].to_list() == [1, 2, 0, None, None, None]
    assert got["missing"].to_list() == [False] * 3 + [True] * 3
    found = reading("events", Field(read="integer", cases=CASES), set(rows))
    assert (found.columns, columns_of(found.field)) == ("src or dst", ("src", "dst"))
    assert "none of its cases" in found.absent
    last = taken("apn", Field(cases=(*CASES, Case(value="rest"))), rows)
    assert last["apn"].to_list() == ["1", "2", "0", "rest", None, "rest"]


def test_a_map_may_have_a_value_for_the_rest() -> None:
    field = Field(column="c", read="map", map={"A": "16"}, otherwise="31")
    got = taken("cause_for_term", field, {"c": ["A", "B", None]})
    assert got["cause_for_term"].to_list() == [16, 31, None]
    assert got["missing"].to_list() == [False, False, True]


@pytest.mark.parametrize(("asked", "held"), [
    (Condition(equals=("5", "x")), [True, False, True, False, False]),
    (Condition(matches="^[0-9]+$"), [True, True, False, False, False]),
    (Condition(at_least=6), [False, True, False, False, False]),
    (Condition(at_least=5, at_most=6), [True, False, False, False, False]),
    (Condition(empty=True), [False, False, False, True, True]),
    (Condition(empty=False, negate=True), [False, False, False, True, True]),
    (Condition(equals=("5",), negate=True), [False, True, True, True, True]),
    (("", "x"), [False, False, True, True, True]),
])
def test_conditions(asked: tuple[str, ...] | Condition, held: list[bool]) -> None:
    rows: Rows = {"c": ["5", "77", " x ", None, " "]}
    got = taken("events", Field(read="const", value=1, where={"c": asked}), rows)
    assert got["events"].to_list() == [1 if h else None for h in held]


@pytest.mark.parametrize(("name", "field", "words"), [
    ("apn", {"column": "a", "compose": "{a}"}, "exclude each other"),
    ("apn", {"compose": "fixed"}, "names no column"),
    ("apn", {"cases": (Case(),)}, "either value or column"),
    ("apn", {"cases": (Case(value="a", column="b"),)}, "either value or column"),
    ("apn", {"column": "a", "where": {"b": Condition()}}, "asks nothing"),
    ("apn", {"column": "a", "where": {"b": Condition(matches="(")}}, "no regular expression"),
    ("apn", {"column": "a", "extract": "a"}, "has no group"),
    ("apn", {"column": "a", "extract": "("}, "no regular expression"),
    ("duration_s", {"column": "a", "read": "elapsed"}, "two columns"),
    ("duration_s", {**ELAPSED, "extract": "(a)"}, "not with elapsed"),
    ("duration_s", {"column": "a", "read": "duration", "unit": "KiB"}, "unit 'KiB' does not fit"),
    ("events", {"column": "a", "read": "integer", "unit": "MB", "scale": 2}, "no scale beside"),
    ("partner_charge_micros",
     {"column": "a", "read": "decimal_micros", "thousands": "."}, "same mark"),
    ("started_at", {"column": "a", "read": "local_time", "format": "epoch_s"}, "is UTC"),
    ("cause_for_term", {"column": "a", "read": "map", "map": {"a": "1"}, "otherwise": "x"},
     "no number"),
    ("events", {"read": "const", "value": 10**20}, "does not fit"),
    ("cause_for_term", {"read": "const", "value": 2**31}, "does not fit"),
    ("events", {"column": "a", "read": "map", "map": {"a": str(2**63)}}, "does not fit"),
    ("events", {"column": "a", "read": "map", "map": {"a": "1"}, "otherwise": "-" + "9" * 20},
     "does not fit"),
])
def test_fields_that_contradict_themselves(name: str, field: dict[str, Any], words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        reading(name, Field(**field), {"a", "b"})


@given(st.integers(0, 10**9), st.integers(0, 10**12))
def test_any_two_times_of_a_machine(start: int, micros: int) -> None:
    end = timedelta(seconds=start) + timedelta(microseconds=micros)
    field = Field(format="epoch_us", rounding="nearest", **ELAPSED)
    rows: Rows = {"a": [str(start * 10**6)], "b": [str(end // timedelta(microseconds=1))]}
    assert taken("duration_s", field, rows)["duration_s"].item() == (micros + 500_000) // 10**6
