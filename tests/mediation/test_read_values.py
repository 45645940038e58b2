"""Kernels give what the expressions give, for any texts: the expressions are the measure."""

import random
import runpy
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from mediation import few_kernel, number_kernel, value_kernel
from mediation.profile import Case, Condition, Field
from mediation.quick_fields import is_quick
from mediation.read_values import exact_values, read_values
from mediation.readers import Reading, reading
from mediation.value_warm import warm

Rows = dict[str, list[str | None]]
STRANGE = "0159 +-.,:/()TZPHMSxé\u00a0\u0663\u2003\t'*"


def frame_of(rows: Rows) -> pl.DataFrame:
    height = len(next(iter(rows.values())))
    place = {"record_index": pl.Series(range(height), dtype=pl.Int32),
             "byte_offset": pl.Series([0] * height, dtype=pl.Int64),
             "byte_length": pl.Series([0] * height, dtype=pl.Int32)}
    return pl.DataFrame({**place, **{n: pl.Series(v, dtype=pl.String) for n, v in rows.items()}})


def faulty(exact: pl.DataFrame, readings: Sequence[Reading]) -> pl.Series:
    told = pl.any_horizontal(f for r in readings for f in (r.missing, r.invalid))
    return exact.filter(told)["record_index"]


def assert_agree(fields: dict[str, Field], rows: Rows) -> int:
    """The number of records that were doubted."""
    records = frame_of(rows)
    readings = [reading(name, field, set(rows)) for name, field in fields.items()]
    found = read_values(records, readings, ())
    exact = exact_values(records, readings)
    assert_frame_equal(found.read, exact.select(found.read.columns))
    doubted = found.doubted["record_index"] if len(found.doubted) else pl.Series([], dtype=pl.Int32)
    assert faulty(exact, readings).is_in(doubted.implode()).all()
    return len(doubted)


def mutated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    """Texts of the form, some of them with a character changed, added or taken, or with blanks."""
    def change(given: tuple[str, int, int, str]) -> str:
        text, what, place, char = given
        at = place % (len(text) + 1)
        return [text, f" {text} ", text[:at] + char + text[at:], text[:at] + text[at + 1:],
                text[:at] + char + text[at + 1:], char + text, text + char, text][what]

    drawn = st.tuples(texts, st.integers(0, 7), st.integers(0, 40), st.sampled_from(STRANGE))
    return st.one_of(st.none(), st.just(""), st.text(STRANGE, max_size=22), drawn.map(change),
                     drawn.map(change), drawn.map(change))


def whole(sizes: int) -> st.SearchStrategy[str]:
    return st.integers(-10**sizes, 10**sizes).map(str)


AMOUNTS = st.tuples(st.integers(-10**13, 10**13), st.integers(0, 999_999_999)).map(
    lambda two: f"{two[0]}.{str(two[1])[: two[1] % 8]}".rstrip("."))
CLOCKS = st.tuples(st.integers(0, 120_000), st.integers(0, 61), st.integers(0, 61),
                   st.sampled_from([":", ""])).map(
    lambda four: four[3].join(
        f"{part:02}" for part in (four[0] % 10 ** (1 + four[1] % 6), four[1], four[2])))
DIALLED = st.tuples(
    st.sampled_from(["", "+", "00", "0", "011", "1", "++", "+ 00", "(0)"]),
    st.text("0123456789", min_size=1, max_size=22), st.sampled_from(["", " ", "-", "/"]),
).map(lambda three: f"{three[0]}{three[1][:3]}{three[2]}{three[1][3:]}")

KINDS: list[tuple[str, st.SearchStrategy[str], dict[str, Any]]] = [
    ("apn", st.text("abcé ", max_size=15), {}),
    ("apn", st.sampled_from(["anonymous", "-", "a"]), {"empty": ("-", "anonymous", "é")}),
    ("imsi", st.text("0123456789", max_size=18), {"read": "digits"}),
    ("imsi", st.text("0123456789", max_size=18), {"read": "digits", "empty": ("0",)}),
    ("volume_up_bytes", whole(20), {"read": "integer"}),
    ("volume_up_bytes", whole(18), {"read": "integer", "scale": 1024}),
    ("volume_up_bytes", whole(18), {"read": "integer", "unit": "GiB"}),
    ("cause_for_term", whole(10), {"read": "integer"}),
    ("volume_up_bytes", whole(6), {"read": "integer", "thousands": ","}),
    ("partner_charge_micros", AMOUNTS, {"read": "decimal_micros"}),
    ("partner_charge_micros", AMOUNTS.map(lambda t: t.replace(".", ",")),
     {"read": "decimal_micros", "decimal": ","}),
    ("partner_charge_micros", AMOUNTS, {"read": "decimal_micros", "charge_scale": 100}),
    ("duration_s", whole(12), {"read": "duration", "unit": "min"}),
    ("duration_s", CLOCKS, {"read": "duration", "format": "hms"}),
    ("duration_s", CLOCKS, {"read": "duration", "format": "hms", "scale": 7}),
    *[("duration_s", whole(17), {"read": "duration", "format": unit, "rounding": rounding})
      for unit in ("ms", "us") for rounding in ("up", "down", "nearest")],
    *[("duration_s", AMOUNTS, {"read": "duration", "format": "s.f", "rounding": rounding})
      for rounding in ("up", "down", "nearest")],
    ("duration_s", CLOCKS, {"read": "duration", "format": "m:s"}),
    ("other_party", DIALLED, {"read": "number", "country_code": "420"}),
    ("other_party", DIALLED, {"read": "number", "country_code": "1", "national_prefix": "1",
                              "international_prefix": "011"}),
    ("other_party", DIALLED, {"read": "number"}),
    ("other_party", DIALLED, {"read": "number", "national_prefix": "", "country_code": "4312345"}),
    ("other_party", DIALLED, {"read": "number", "extract": "([0-9]+)"}),
]


@pytest.mark.parametrize(("name", "texts", "field"), KINDS)
@given(data=st.data())
def test_kernels_agree_with_expressions(
    name: str, texts: st.SearchStrategy[str], field: dict[str, Any], data: st.DataObject
) -> None:
    rows: Rows = {"c": data.draw(st.lists(mutated(texts), min_size=1, max_size=15))}
    assert_agree({name: Field(column="c", optional=data.draw(st.booleans()), **field)}, rows)


FORMS = [
    "%Y%m%d%H%M%S", "%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f", "%F %T", "%Y%m%d%H%M%S%.f",
    "%Y-%m-%d %H:%M", "%H:%M:%S é %d/%m/%Y", "%y%m%d%H%M%S", "%d.%m.%Y", "%d %b %Y %H:%M:%S",
]
ZONES = ["Europe/Prague", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata", "UTC",
         "Africa/Monrovia", "America/Santiago", "Pacific/Apia"]
TURNS = [datetime(2026, 10, 25, 1), datetime(2026, 3, 29, 1), datetime(2026, 4, 4, 15),
         datetime(2026, 10, 3, 15), datetime(2026, 11, 1, 4), datetime(2009, 11, 1, 2, 31),
         datetime(1972, 1, 7, 0, 44), datetime(2011, 12, 30, 10), datetime(2026, 2, 28, 23, 59)]
MOMENTS = st.one_of(
    st.datetimes(datetime(1899, 1, 1), datetime(2201, 12, 31)),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
    st.tuples(st.sampled_from(TURNS), st.integers(-15 * 3600, 15 * 3600)).map(
        lambda two: two[0] + timedelta(seconds=two[1])),
)
PLACES: list[dict[str, Any]] = [
    {"read": "utc_time"}, {"read": "utc_time", "zone": "Europe/Prague"},
    *({"read": "local_time", "zone": zone, "ambiguous": which}
      for zone in ZONES for which in ("earlier", "later", "reject")),
]


def written(form: str) -> st.SearchStrategy[str]:
    python = form.replace("%.f", ".%f").replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S")
    return MOMENTS.map(lambda moment: moment.strftime(python))


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_times_of_any_form_and_zone_agree(form: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(PLACES))
    rows: Rows = {"c": data.draw(st.lists(mutated(written(form)), min_size=1, max_size=15))}
    assert_agree({"started_at": Field(column="c", format=form, **place)}, rows)


OFFSETS = st.sampled_from(
    ["+0200", "-05:30", "Z", "+14:59", "", "+1500", " +0100", "0 +0200", "z", "x-0100", "Z Z"])


@pytest.mark.parametrize("read", ["local_time", "utc_time"])
@pytest.mark.parametrize("column", ["c", ("d", "c")])
@given(data=st.data())
def test_offsets_beside_and_within_agree(
    read: Any, column: str | tuple[str, ...], data: st.DataObject
) -> None:
    texts = data.draw(st.lists(mutated(written("%Y%m%d %H%M%S")), min_size=1, max_size=15))
    offsets = data.draw(st.lists(st.one_of(st.none(), OFFSETS), min_size=len(texts),
                                 max_size=len(texts)))
    joined = [None if t is None else f"{t}{o or ''}" for t, o in zip(texts, offsets, strict=True)]
    if column == "c":
        for gap in ("", " "):
            within = Field(column="c", read=read, format=f"%Y%m%d %H%M%S{gap}%z")
            assert_agree({"started_at": within}, {"c": joined})
    rows: Rows = {"c": texts, "o": offsets, "d": ["" if n % 3 else None for n in range(len(texts))]}
    beside = Field(column=column, read=read, format="%Y%m%d %H%M%S", offset_column="o")
    assert_agree({"started_at": beside}, rows)


@pytest.mark.parametrize(("form", "least", "most"), [
    ("epoch_s", 0, 10**12), ("epoch_ms", 0, 10**15), ("epoch_us", 0, 10**17)])
@pytest.mark.parametrize("zone", ["", "Europe/Prague"])
@given(data=st.data())
def test_machine_times_agree(
    form: str, least: int, most: int, zone: str, data: st.DataObject
) -> None:
    numbers = st.tuples(st.integers(least, most), st.integers(0, 9_999_999)).map(
        lambda two: f"{two[0]}.{two[1]}" if two[1] % 2 else str(two[0]))
    rows: Rows = {"c": data.draw(st.lists(mutated(numbers), min_size=1, max_size=15))}
    assert_agree({"started_at": Field(column="c", read="utc_time", format=form, zone=zone)}, rows)


FIELDS = {
    "record_type": Field(column=("type", "kind")),
    "service": Field(read="map", column="type", map={"V": "voice", "D": "data"}),
    "direction": Field(read="map", column="kind", map={"1": "mo"}, otherwise="mt"),
    "serving_network": Field(column="network", empty=("-",)),
    "imsi": Field(read="digits", column="imsi", optional=True),
    "other_party": Field(read="number", country_code="43", optional=True, cases=(
        Case(where={"type": ("V",)}, column="other"), Case(value="112"))),
    "other_party_raw": Field(compose="{type}/{other}", optional=True),
    "started_at": Field(read="local_time", column="start", format="%Y%m%d%H%M%S",
                        offset_column="offset"),
    "duration_s": Field(read="duration", column="dur", where={"type": ("V",), "none": ("",)}),
    "volume_up_bytes": Field(read="integer", column="up", where={
        "type": Condition(equals=("V",), negate=True), "dur": Condition(at_least=5)}),
    "events": Field(read="const", value=1, where={"type": ("S",)}),
    "call_reference": Field(column="absent", optional=True),
    "charging_id": Field(read="integer", column="absent", where={"up": ("7",)}),
    "partner_currency": Field(read="const", value="EUR"),
}


def drawn_records(rng: random.Random, height: int) -> Rows:
    def some(*texts: str | None) -> list[str | None]:
        return [rng.choice(texts) for _ in range(height)]

    def numbers(strange: float = 0.1) -> list[str | None]:
        return [rng.choice(["x", "", None, " 7 "]) if rng.random() < strange
                else str(rng.randrange(10**rng.randrange(1, 9))) for _ in range(height)]

    return {
        "type": some("V", "D", "S", " V", None, "X"), "kind": some("1", "2", "", "1 "),
        "network": some("CZECL", "AUTRM  ", "-", "a network of a long name", "a network of a long"),
        "imsi": numbers(), "other": numbers(0.3), "dur": numbers(), "up": numbers(),
        "start": some("20260901120000", "20261025023000", "2026090112000", "20260230120000"),
        "offset": some("+0200", "-0500", "Z", "", "+02"),
    }


@pytest.mark.parametrize("height", [0, 1, 7, 300, 3000])
def test_whole_records_agree(height: int) -> None:
    rng = random.Random(height)
    for _ in range(6 if height < 1000 else 2):
        doubted = assert_agree(FIELDS, drawn_records(rng, height))
        assert height < 300 or 0 < doubted < height


def test_columns_of_many_texts_agree() -> None:
    rows = drawn_records(random.Random(1), 2000)
    for name in ("type", "kind", "offset", "network"):
        rows[name] = [f"{text}{n % 700 or ''}" for n, text in enumerate(rows[name])]
    assert_agree(FIELDS, rows)


def test_a_needed_column_that_is_null_is_doubted() -> None:
    records = frame_of({"c": ["A", None]})
    readings = [reading("apn", Field(column="c", optional=True), {"c"})]
    assert len(read_values(records, readings, ()).doubted) == 0
    assert read_values(records, readings, ["apn"]).doubted["record_index"].to_list() == [1]


def test_threads_and_pieces_of_columns_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediation.read_values.THREADS_FROM_ROWS", 1)
    rows = drawn_records(random.Random(2), 500)
    whole_one = frame_of(rows)
    readings = [reading(name, field, set(rows)) for name, field in FIELDS.items()]
    pieces = pl.concat([whole_one[:77], whole_one[77:300], whole_one[300:]], rechunk=False)
    for records in (whole_one, pieces, pl.concat([whole_one, whole_one])[500:]):
        found = read_values(records, readings, ())
        assert_frame_equal(found.read, exact_values(records, readings).select(found.read.columns))


@pytest.mark.parametrize(("name", "field", "quick"), [
    ("started_at", {"format": "%Y%m%d%H%M%S"}, True), ("started_at", {"format": "%F %T"}, True),
    ("started_at", {"format": "%Y-%m-%dT%H:%M:%S%.f%z"}, True),
    ("started_at", {"format": "epoch_ms", "read": "utc_time"}, True),
    ("started_at", {"format": "%y%m%d%H%M%S"}, False),
    ("started_at", {"format": "%Y%m%d%H"}, False),
    ("duration_s", {"read": "duration", "format": "iso8601"}, False),
    ("duration_s", {"read": "duration", "format": "hms"}, True),
    ("volume_up_bytes", {"read": "integer", "thousands": ","}, False),
    ("volume_up_bytes", {"read": "integer", "scale": 2**62}, False),
    ("other_party", {"read": "number", "country_code": "1" * 17}, False),
    ("imsi", {"read": "digits", "extract": "([0-9]+)"}, False), ("imsi", {"read": "digits"}, True),
])
def test_which_fields_kernels_read(name: str, field: dict[str, Any], quick: Any) -> None:
    assert is_quick(name, Field(column="c", **field)) is quick


def test_plain_texts_are_not_doubted() -> None:
    """Where kernels doubted all, the expressions would read all, and these tests prove nothing."""
    plain: list[tuple[str, dict[str, Any], str]] = [
        ("apn", {}, "internet.example.org"), ("imsi", {"read": "digits"}, " 232990000000001 "),
        ("volume_up_bytes", {"read": "integer", "scale": 1024}, "+123456"),
        ("partner_charge_micros", {"read": "decimal_micros"}, "-.25"),
        ("partner_charge_micros", {"read": "decimal_micros", "charge_scale": 100}, "1250"),
        ("duration_s", {"read": "duration", "format": "hms"}, "-100:00:59"),
        ("duration_s", {"read": "duration", "format": "hms"}, "000105"),
        ("duration_s", {"read": "duration", "format": "ms"}, "1001"),
        ("duration_s", {"read": "duration", "format": "s.f"}, "1.5"),
        ("other_party", {"read": "number", "country_code": "420"}, "(0) 699/123-45"),
        ("started_at", {"read": "local_time", "zone": "Europe/Prague",
                        "format": "%d.%m.%Y %H:%M:%S"}, "25.10.2026 04:30:00"),
        ("started_at", {"read": "utc_time", "format": "%FT%T%.f%z"}, "2026-02-28T23:59:59.5-05:30"),
        ("started_at", {"read": "utc_time", "format": "epoch_ms"}, "1790000000123.5"),
    ]
    for name, field, text in plain:
        rows: Rows = {"c": [text, text]}
        assert assert_agree({name: Field(column="c", **field)}, rows) == 0, (name, field)


def kernels() -> dict[str, Any]:
    modules = (few_kernel, number_kernel, value_kernel)
    return {name: one for module in modules for name, one in vars(module).items()
            if hasattr(one, "py_func") and hasattr(one, "stats")}


def test_a_warmed_process_compiles_no_values():
    runpy.run_module("mediation.warm", run_name="__main__")
    code = (
        "from mediation.value_warm import warm; warm();"
        "from mediation import few_kernel, number_kernel, value_kernel;"
        "modules = few_kernel, number_kernel, value_kernel;"
        "kernels = {n: k for m in modules for n, k in vars(m).items() if hasattr(k, 'py_func')};"
        "found = {name: kernel.stats for name, kernel in kernels.items()};"
        "print(sum(len(one[2]) for one in found.values()), *(n for n in found if found[n][1]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    misses, *hits = done.stdout.split()
    assert misses == "0"
    assert set(hits) == {
        "number_texts", "number_pairs", "read_texts", "read_dialled", "read_numbers", "read_hours",
        "read_times", "hour_range", "mark_hours", "shift_hours", "shift_each"}


def test_kernels_are_called_with_the_warmed_types_only():
    warm()
    before = {name: list(kernel.signatures) for name, kernel in kernels().items()}
    test_plain_texts_are_not_doubted()
    assert_agree(FIELDS, drawn_records(random.Random(3), 400))
    assert before == {name: list(kernel.signatures) for name, kernel in kernels().items()}


@pytest.mark.parametrize("place", PLACES[1:])
def test_hours_around_the_clock_changes_agree(place: dict[str, Any]) -> None:
    texts = [f"{turn + timedelta(minutes=10 * step):%Y%m%d%H%M%S}"
             for turn in TURNS for step in range(-90, 90)]
    assert_agree({"started_at": Field(column="c", format="%Y%m%d%H%M%S", **place)}, {"c": texts})


def test_the_longest_numbers_agree() -> None:
    texts = ["+" + "1" * size for size in (1, 19, 20, 21, 39, 40, 41, 60)]
    assert assert_agree({"other_party": Field(column="c", read="number")}, {"c": texts}) == 5
