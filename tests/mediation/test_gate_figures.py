"""What the gate knows of a file's traffic."""

from datetime import datetime, timedelta
from typing import get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.gate_figures import _SERVICES, Traffic, _country_code, traffic_of
from mediation.limits import GATE_NAMES_MAX
from mediation.profile import IdentityKind
from mediation.schema import USAGE
from mediation.tables import as_words

AT = datetime(2026, 10, 1)


def usage(*rows: tuple[str, str, str, str | None, int, str | None]) -> pl.DataFrame:
    """Table usage of (network, service, direction, other party, age in seconds, currency)."""
    return USAGE.fill(pl.DataFrame([
        {"partner": "p", "file_id": "f", "record_index": at, "usage_key": str(at),
         "record_type": "X", "serving_network": network, "service": service,
         "direction": direction, "other_party": other, "started_at": AT - timedelta(seconds=age),
         "utc_offset_s": 0, "partner_currency": currency}
        for at, (network, service, direction, other, age, currency) in enumerate(rows)
    ]))


ROWS = usage(
    ("NORNT", "voice", "mo", "436641234567", 100, "EUR"),
    ("NORTE", "voice", "mt", "12025550123", 300, None),
    ("NORNT", "sms", "mo", "37369123456", 5000, "EUR"),
    ("NORNT", "data", "mo", None, 200, "EUR"),
)


def test_names_ages_and_currency_are_those_of_the_records() -> None:
    want = Traffic(("NORNT", "NORTE"), ("data_mo", "sms_mo", "voice_mo", "voice_mt"),
                   ("373", "43"), 250, 5000, "EUR")
    assert traffic_of(ROWS, AT) == want
    words = ROWS.with_columns(as_words(ROWS[c.name]) for c in USAGE.columns if c.kind == "word")
    assert traffic_of(words, AT) == want


def plainly(frame: pl.DataFrame) -> tuple[set[str], set[str], set[str]]:
    """Networks, services and destinations record by record."""
    rows = frame.rows(named=True)
    called = {row["other_party"] for row in rows if row["direction"] != "mt"} - {None, ""}
    return ({row["serving_network"] for row in rows},
            {f"{row['service']}_{row['direction']}" for row in rows},
            {_country_code(number[:3]) for number in called})


@given(st.lists(st.tuples(
    st.sampled_from(["NORNT", "NORTE", "A long name of a network"]),
    st.sampled_from(get_args(IdentityKind)),
    st.one_of(st.none(), st.text("0123456789", max_size=20)),
), min_size=1), st.data())
def test_names_are_those_found_record_by_record(
    drawn: list[tuple[str, str, str | None]], data: st.DataObject
) -> None:
    whole = usage(*((network, *kind.split("_"), number, 0, None)
                    for network, kind, number in drawn))
    frame = whole.slice(data.draw(st.integers(0, len(drawn) - 1)))
    if data.draw(st.booleans()):
        frame = frame.with_columns(
            as_words(frame[c.name]) for c in USAGE.columns if c.kind == "word")
    found = traffic_of(frame, AT)
    want = plainly(frame)
    assert set(found.networks) == {network.replace(" ", "_") for network in want[0]}
    assert (set(found.services), set(found.destinations)) == want[1:]


def test_what_is_no_digit_is_no_country_code() -> None:
    found = traffic_of(usage(("A", "sms", "mo", "4A6", 0, None), ("A", "sms", "mo", "", 0, None),
                             ("A", "sms", "mo", "*#1", 0, None), ("A", "sms", "mo", "46", 0, None)),
                       AT)
    assert found.destinations == ("46",)


def test_services_are_told_from_each_other() -> None:
    assert len(set(_SERVICES.values())) == len(_SERVICES) == len(get_args(IdentityKind))


def test_a_file_without_records_has_no_traffic() -> None:
    found = traffic_of(USAGE.empty(), AT)
    assert found == Traffic()
    assert found.columns() == {"age_median_s": None, "age_max_s": None, "networks": "",
                               "services": "", "destinations": ""}


def test_events_of_the_future_have_an_age_below_zero() -> None:
    assert traffic_of(usage(("A", "sms", "mo", "1", -90, None)), AT).age_median_s == -90


def test_several_currencies_are_none() -> None:
    two = usage(("A", "sms", "mo", "1", 0, "EUR"), ("A", "sms", "mo", "1", 0, "CHF"))
    assert traffic_of(two, AT).currency is None


def test_what_a_row_keeps_of_names_is_bounded_and_has_no_blanks() -> None:
    many = usage(*((f"N {at:05d}", "sms", "mo", None, 0, None)
                   for at in range(GATE_NAMES_MAX + 5)))
    found = traffic_of(many, AT)
    assert len(found.columns()["networks"].split()) == GATE_NAMES_MAX
    assert found.networks[0] == "N_00000"


@pytest.mark.parametrize("code", [
    "1", "7", "20", "211", "27", "299", "30", "351", "36", "373", "39", "40", "420", "43", "49",
    "500", "51", "591", "60", "670", "66", "81", "800", "82", "852", "86", "883", "90", "971", "98",
    "998",
])
def test_country_codes_are_those_of_the_numbering_plan(code: str) -> None:
    assert _country_code(f"{code}66412345"[:3]) == code
    assert _country_code(code) == code
