"""Field readers: exact values, and null (a reject) for whatever is not quite the declared form."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.profile import Collect, Control, Field, Format, Profile, ProfileError
from mediation.readers import reading

CTX = FileContext("alpenfon", "f" * 64, "CDR_00042.csv", datetime(2026, 10, 1))
INT64_MAX = 2**63 - 1


def read_all(name: str, field: Field, rows: dict[str, list[str | None]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String))
    found = reading(name, field, set(rows))
    out = frame.select(found.source).with_columns(found.value)
    if found.offset is not None:
        out = out.with_columns(found.offset.alias("offset"))
    return out.with_columns(found.missing.alias("missing"), found.invalid.alias("invalid"))


def read(name: str, texts: list[str | None], **field: Any) -> list[Any]:
    return read_all(name, Field(column="c", **field), {"c": texts})[name].to_list()


def test_texts_lose_blanks_and_empties_are_null() -> None:
    assert read("apn", [" a b ", "", "  ", None, "-"], empty=("-",)) == ["a b"] + [None] * 4


def test_digits() -> None:
    assert read("imsi", ["0123", "12a", "+1", "\u0663"], read="digits") == ["0123"] + [None] * 3


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [("7", 1, 7), ("-007", 1, -7), ("+5", 1024, 5120), ("1.0", 1, None), ("1_0", 1, None),
     ("0x1F", 1, None), ("1e3", 1, None), (str(INT64_MAX), 1, INT64_MAX),
     (str(INT64_MAX + 1), 1, None), (str(INT64_MAX // 1024 + 1), 1024, None)],
)
def test_integers(text: str, scale: int, value: int | None) -> None:
    assert read("volume_up_bytes", [text], read="integer", scale=scale) == [value]


def test_an_integer_too_large_for_its_column_is_invalid() -> None:
    got = read_all("cause_for_term", Field(column="c", read="integer"), {"c": ["2147483648", "4"]})
    assert got["cause_for_term"].to_list() == [None, 4]
    assert got["invalid"].to_list() == [True, False]


@pytest.mark.parametrize(
    "text", ["1.2345678", "1,5", "1.", ".", "", "1e2", "1 000", "--1", "9223372036854.775808",
             "99999999999999", "NaN"],
)
def test_amounts_that_are_refused(text: str) -> None:
    assert read("partner_charge_micros", [text], read="decimal_micros") == [None]


@given(
    micros=st.integers(-INT64_MAX + 10**6, INT64_MAX), places=st.integers(0, 6),
    mark=st.sampled_from([".", ","]),
)
@example(micros=-1, places=6, mark=",")
def test_amounts_are_exact(micros: int, places: int, mark: str) -> None:
    micros -= micros % 10 ** (6 - places)
    text = f"{Decimal(micros).scaleb(-6):.{places}f}".replace(".", mark)
    got = read("partner_charge_micros", [text], read="decimal_micros", decimal=mark)
    assert got == [micros]


def test_amounts_without_a_leading_zero() -> None:
    assert read("partner_charge_micros", [".5", "-.25", "+1.5"], read="decimal_micros") == [
        500_000, -250_000, 1_500_000
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:01:05", 65), ("000105", 65), ("100:00:00", 360_000), ("-00:00:05", -5), ("1:00:00", 3600),
     ("00:60:00", None), ("0130", None), ("00:01", None), ("12:3045", None), ("1-2:30:45", None)],
)
def test_durations_as_hms(text: str, seconds: int | None) -> None:
    assert read("duration_s", [text], read="duration", format="hms") == [seconds]


def test_durations_in_minutes() -> None:
    assert read("duration_s", ["2", "-1", "2.5"], read="duration", scale=60) == [120, -60, None]


@pytest.mark.parametrize(
    ("text", "digits"),
    [("+43 699/123-45 (6)", "4369912345" + "6"), ("0043699123", "43699123"),
     ("0699123", "420699123"), ("420699123", "420699123"), ("anonymous", None), ("+0123", None),
     ("*100#", None), ("0", "420"), ("+" + "1" * 21, None), ("+", None)],
)
def test_numbers(text: str, digits: str | None) -> None:
    assert read("other_party", [text], read="number", country_code="420") == [digits]


def test_numbers_without_national_prefix_are_national_unless_marked() -> None:
    got = read("other_party", ["2125550100", "01143699123", "+43699123"], read="number",
               country_code="1", national_prefix="", international_prefix="011")
    assert got == ["12125550100", "43699123", "43699123"]


def test_a_national_number_without_country_code_is_invalid() -> None:
    assert read("other_party", ["0699123", "43699123"], read="number") == [None, "43699123"]


def test_maps() -> None:
    got = read_all("cause_for_term", Field(column="c", read="map", map={"N": "0", "D": "4"}),
                   {"c": ["N", " D ", "X", None]})
    assert got["cause_for_term"].to_list() == [0, 4, None, None]
    assert got["invalid"].to_list() == [False, False, True, False]
    assert got["missing"].to_list() == [False, False, False, True]


def test_where_decides_whether_a_field_is_read() -> None:
    rows: dict[str, list[str | None]] = {"c": ["x", "5", None, None], "kind": ["S", "V ", "V", "S"]}
    field = Field(column="c", read="integer", where={"kind": ("V",)})
    got = read_all("events", field, rows)
    assert got["events"].to_list() == [None, 5, None, None]
    assert got["invalid"].to_list() == [False] * 4
    assert got["missing"].to_list() == [False, False, True, False]
    const = read_all("events", Field(read="const", value=1, where={"kind": ("V",)}), rows)
    assert const["events"].to_list() == [None, 1, 1, None]
    assert not const["missing"].any()
    gone = read_all("events", Field(column="c", where={"no": ("V",)}, read="integer"), rows)
    assert gone["events"].to_list() == [None] * 4


FORMAT = "%Y-%m-%d %H:%M:%S"
TIME: dict[str, Any] = {"read": "local_time", "format": FORMAT}


@pytest.mark.parametrize(
    "text", ["2026-9-01 12:00:00", "26-09-01 12:00:00", "2026-09-01 12:00", "2026-02-30 12:00:00",
             "2026-09-01 24:00:00", "2026-09-01 12:00:60", "2026-09-01T12:00:00", "x",
             "2026-09-01 12:00:00 "],
)
def test_times_of_another_form_are_refused(text: str) -> None:
    assert read("started_at", [text], zone="Europe/Vienna", **TIME) == (
        [datetime(2026, 9, 1, 10)] if text.endswith("00 ") else [None]
    )


def test_packed_times_need_every_digit() -> None:
    got = read("started_at", ["20260901123000", "2026090112300", "20260901 123000"],
               read="utc_time", format="%Y%m%d%H%M%S")
    assert got == [datetime(2026, 9, 1, 12, 30), None, None]


def test_hours_at_the_clock_changes() -> None:
    got = read_all("started_at", Field(column="c", zone="Europe/Prague", **TIME), {"c": [
        "2026-10-25 02:30:00", "2026-03-29 02:30:00", "2026-10-25 03:00:00"]})
    assert got["started_at"].to_list() == [
        datetime(2026, 10, 25, 0, 30), None, datetime(2026, 10, 25, 2)]
    assert got["offset"].to_list() == [7200, None, 3600]
    assert got["invalid"].to_list() == [False, True, False]


ZONES = ["Europe/Prague", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES))
def test_local_times_agree_with_zoneinfo(instant: datetime, zone: str) -> None:
    instant = instant.replace(microsecond=0)
    there = instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
    earlier = there.replace(fold=0)
    offset = earlier.utcoffset()
    assert offset is not None
    text = there.strftime(FORMAT)
    got = read_all("started_at", Field(column="c", zone=zone, **TIME), {"c": [text]}).row(
        0, named=True)
    assert got["started_at"] == there.replace(tzinfo=None) - offset
    assert got["offset"] == offset.total_seconds()
    if there.fold == 0:
        assert got["started_at"] == instant


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
       st.integers(-14 * 60, 14 * 60), st.sampled_from(["", ":"]))
def test_offsets_beside_and_within_the_text(instant: datetime, minutes: int, colon: str) -> None:
    instant = instant.replace(microsecond=0)
    size = abs(minutes)
    offset = f"{'-' if minutes < 0 else '+'}{size // 60:02}{colon}{size % 60:02}"
    local = instant + timedelta(minutes=minutes)
    beside = Field(column=("d", "t"), offset_column="o", **TIME)
    rows: dict[str, list[str | None]] = {
        "d": [local.strftime("%Y-%m-%d")], "t": [local.strftime(" %H:%M:%S")], "o": [offset]}
    within = Field(column="c", read="local_time", format="%Y-%m-%dT%H:%M:%S%z")
    for got in (
        read_all("started_at", beside, rows),
        read_all("started_at", within, {"c": [local.strftime("%Y-%m-%dT%H:%M:%S") + offset]}),
    ):
        assert got.select("started_at", "offset").row(0) == (instant, minutes * 60)


def test_offsets_that_are_absent_or_wrong() -> None:
    field = Field(column="c", offset_column="o", **TIME)
    noon = "2026-09-01 12:00:00"
    got = read_all("started_at", field, {
        "c": [noon, noon, noon, noon, None], "o": ["Z", None, "+9900", "0200", "+0200"]})
    assert got["started_at"].to_list() == [datetime(2026, 9, 1, 12)] + [None] * 4
    assert got["invalid"].to_list() == [False, True, True, True, False]
    assert got["missing"].to_list() == [False] * 4 + [True]


def test_utc_times_take_only_the_offset_from_their_place() -> None:
    noon = datetime(2026, 9, 1, 12)
    text: dict[str, list[str | None]] = {"c": ["2026-09-01 12:00:00"], "o": ["+0200"]}
    places: list[tuple[dict[str, Any], int]] = [
        ({}, 0), ({"zone": "Europe/Berlin"}, 7200), ({"offset_column": "o"}, 7200)]
    for place, offset in places:
        field = Field(column="c", read="utc_time", format=FORMAT, **place)
        got = read_all("started_at", field, text)
        assert got.select("started_at", "offset").row(0) == (noon, offset)


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [("colour", {"column": "c"}, "no usage column"),
     ("imsi", {"column": "c", "read": "integer"}, "does not fit"),
     ("imsi", {}, "names no column"),
     ("imsi", {"read": "const"}, "const needs a value"),
     ("imsi", {"read": "const", "value": 1}, "not of the column's type"),
     ("events", {"read": "const", "value": "1"}, "not of the column's type"),
     ("service", {"column": "c", "read": "map"}, "needs entries"),
     ("events", {"column": "c", "read": "map", "map": {"a": "x"}}, "no number"),
     ("duration_s", {"column": "c", "read": "duration", "format": "min"}, "not 's' or 'hms'"),
     ("started_at", {"column": "c", **TIME}, "exactly one of zone"),
     ("started_at", {"column": "c", "zone": "UTC", "offset_column": "o", **TIME}, "exactly one"),
     ("started_at", {"column": "c", "zone": "Europe/Wien", **TIME}, "not an IANA"),
     ("started_at", {"column": "c", "read": "utc_time", "format": "%Y %Q"}, "%Q in format")],
)
def test_fields_that_cannot_be_read_as_declared(
    name: str, field: dict[str, Any], words: str
) -> None:
    with pytest.raises(ProfileError, match=words):
        reading(name, Field(**field), {"c"})


def profile(**control: Any) -> Profile:
    return Profile(
        name="alpenfon", title="", sender="", recipient="", identity={},
        collect=Collect(connection="sftp_alpenfon"), format=Format(kind="fixed"),
        control=Control(**control),
    )


def test_the_file_header_by_control() -> None:
    wanted = profile(sequence="hdr.no", records="trl.n", charge="trl.sum", charge_decimal=",",
                     charge_scale=100, currency="hdr.cur")
    variables = {"hdr.no": "0007", "trl.n": "12", "trl.sum": "1234,5", "hdr.cur": "EUR"}
    header = file_header(wanted, CTX, variables)
    assert (header.sequence, header.declared_records, header.currency) == (7, 12, "EUR")
    assert header.declared_charge_micros == 12_345_000
    assert (header.complete, header.notes) == (True, ())


def test_statements_that_cannot_be_read_are_notes() -> None:
    wanted = profile(sequence="hdr.no", records="trl.n", charge="trl.sum", charge_scale=1000)
    header = file_header(wanted, CTX, {"hdr.no": "x", "trl.sum": "0.0001"})
    assert (header.sequence, header.declared_records, header.declared_charge_micros) == (None,) * 3
    assert header.notes == (
        "hdr.no: 'x' is not a number", "trl.n: '' is not a number",
        "trl.sum: '0.0001' is not an amount in whole micro-units")
    cut = file_header(wanted, CTX, {"hdr.no": "3"}, complete=False)
    assert (cut.sequence, cut.complete, cut.notes) == (3, False, ())


def test_the_sequence_from_the_name() -> None:
    assert file_header(profile(sequence_from_name=r"CDR_(\d+)\."), CTX, {}).sequence == 42
    none = file_header(profile(sequence_from_name=r"TST_(\d+)\."), CTX, {})
    assert (none.sequence, len(none.notes)) == (None, 1)
    for pattern in ("CDR_", "("):
        with pytest.raises(ProfileError, match="needs one group"):
            file_header(profile(sequence_from_name=pattern), CTX, {})
