"""Validation: each check fires alone, the first in the table decides, bounds are inclusive."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediation.codes import CODES
from mediation.file_context import FileContext
from mediation.outcome import conserved
from mediation.profile import Profile
from mediation.schema import USAGE
from mediation.tables import conform
from mediation.validate import CHECKS, validate

ARRIVED = datetime(2026, 10, 1, 12)
CTX = FileContext("alpenfon", "ab" * 32, "a.csv", ARRIVED)
PROFILE = msgspec.convert(
    {
        "name": "alpenfon",
        "title": "Alpenfon",
        "sender": "CZECL",
        "recipient": "AUTRM",
        "collect": {"connection": "sftp_alpenfon"},
        "format": {"kind": "delimited"},
        "identity": {},
        "gate": {"charge_max_micros": 5000},
        "validity": {
            "duration_max_s": 3600,
            "volume_max_bytes": 1000,
            "age_max_days": 30,
            "future_max_s": 60,
        },
    },
    Profile,
)
VOICE = {
    "partner": "alpenfon",
    "file_id": CTX.file_id,
    "byte_offset": 40,
    "usage_key": "00",
    "record_type": "MOC",
    "service": "voice",
    "direction": "mo",
    "imsi": "232991200000001",
    "serving_network": "CZECL",
    "started_at": ARRIVED,
    "utc_offset_s": 7200,
    "duration_s": 60,
    "partner_charge_micros": 100,
    "partner_currency": "EUR",
}
DATA = {"service": "data", "duration_s": None, "volume_up_bytes": 1, "volume_down_bytes": None}


def usage(*rows: dict[str, Any]) -> pl.DataFrame:
    """A USAGE frame of voice calls, each changed as given."""
    full = [VOICE | {"record_index": i} | row for i, row in enumerate(rows)]
    kinds = {k: v for k, v in USAGE.polars.items() if any(k in row for row in full)}
    return USAGE.fill(pl.DataFrame(full, schema=kinds))


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"imsi": "12345"}, "IMSI_INVALID", "imsi 12345"),
        ({"imsi": "1234567890123456"}, "IMSI_INVALID", "6 to 15"),
        ({"imsi": "23299a200000001"}, "IMSI_INVALID", "imsi 23299a"),
        ({"imsi": ""}, "IMSI_INVALID", "imsi"),
        ({"imsi": "232991\n"}, "IMSI_INVALID", "imsi"),
        ({"imsi": None}, "SUBSCRIBER_MISSING", "neither"),
        ({"started_at": ARRIVED + timedelta(seconds=61)}, "START_IN_FUTURE", "12:01:01 UTC"),
        ({"started_at": ARRIVED - timedelta(days=30, seconds=1)}, "START_TOO_OLD", "30 days"),
        ({"duration_s": -1}, "DURATION_OUT_OF_RANGE", "duration_s -1"),
        ({"duration_s": 3601}, "DURATION_OUT_OF_RANGE", "0 to 3600"),
        ({"duration_s": None}, "DURATION_OUT_OF_RANGE", "is absent"),
        (DATA | {"duration_s": -1}, "DURATION_OUT_OF_RANGE", "duration_s -1"),
        (DATA | {"volume_up_bytes": -1}, "VOLUME_OUT_OF_RANGE", "volume_up_bytes -1"),
        (DATA | {"volume_down_bytes": 1001}, "VOLUME_OUT_OF_RANGE", "volume_down_bytes 1001"),
        (DATA | {"volume_up_bytes": None}, "VOLUME_OUT_OF_RANGE", "volume_up_bytes absent"),
        ({"partner_charge_micros": -1}, "CHARGE_OUT_OF_RANGE", "-1: 0 to 5000"),
        ({"partner_charge_micros": 5001}, "CHARGE_OUT_OF_RANGE", "5001"),
    ],
)
def test_an_unbelievable_record_is_turned_away(
    change: dict[str, Any], code: str, words: str
) -> None:
    frame = usage({}, change)
    outcome = conserved("validate", frame["record_index"], validate(frame, PROFILE, CTX))
    assert outcome.passed["record_index"].to_list() == [0]
    assert outcome.rejects["code"].to_list() == [code]
    assert words in outcome.rejects["detail"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"imsi": "123456"},
        {"imsi": "123456789012345"},
        {"imsi": None, "msisdn": "436995550001"},
        {"started_at": ARRIVED + timedelta(seconds=60)},
        {"started_at": ARRIVED - timedelta(days=30)},
        {"duration_s": 0},
        {"duration_s": 3600},
        {"service": "sms", "duration_s": None},
        DATA,
        DATA | {"volume_up_bytes": 0, "volume_down_bytes": 1000},
        {"partner_charge_micros": None, "partner_currency": None},
        {"partner_charge_micros": 5000},
    ],
)
def test_a_record_on_the_edge_passes_unchanged(change: dict[str, Any]) -> None:
    frame = usage(change)
    outcome = validate(frame, PROFILE, CTX)
    assert outcome.rejects.is_empty()
    assert conform(USAGE, outcome.passed).equals(frame)


def test_the_first_failing_check_of_the_table_decides() -> None:
    worst = {
        "imsi": "1",
        "started_at": ARRIVED + timedelta(days=1),
        "duration_s": -1,
        "volume_up_bytes": -1,
        "partner_charge_micros": -1,
    }
    codes = []
    repairs = [
        {},
        {"imsi": None},
        {"imsi": VOICE["imsi"]},
        {"started_at": datetime(2020, 1, 1)},
        {"started_at": ARRIVED},
        {"duration_s": 1},
        {"volume_up_bytes": 1},
    ]
    for repair in repairs:
        worst |= repair
        codes.append(validate(usage(worst), PROFILE, CTX).rejects["code"][0])
    assert codes == [check.code for check in CHECKS]


def test_a_reject_carries_what_suspense_needs() -> None:
    row = validate(usage({"imsi": "1"}), PROFILE, CTX).rejects.row(0, named=True)
    assert row["money_at_risk_micros"] == 100
    assert row["currency"] == "EUR"
    assert row["usage_key"] == "00"
    assert row["byte_offset"] == 40
    assert (row["stage"], row["outcome"], row["severity"]) == ("validate", "suspended", "severe")


def test_the_checks_are_the_codes_of_this_stage() -> None:
    of_validate = [c.code for c in CODES.values() if c.stage == "validate"]
    declared = [code for code in of_validate if not code.startswith("TAP_")]
    assert [check.code for check in CHECKS] == declared


def test_no_rows_are_no_trouble() -> None:
    outcome = validate(USAGE.empty(), PROFILE, CTX)
    assert outcome.passed.is_empty()
    assert outcome.rejects.is_empty()


@settings(max_examples=20)
@given(st.lists(st.one_of(st.none(), st.from_regex(r"[0-9]{4,17}", fullmatch=True),
                          st.text("0123456789+- ._eE\n\0٣", max_size=18)), min_size=1,
                max_size=20))
@example(["+123456", "-123456", "-000000", "123456 ", " 123456", "12345.0", "123_456", "1e1000"])
def test_an_imsi_is_six_to_fifteen_digits_and_nothing_else(imsis) -> None:
    frame = usage(*({"imsi": imsi, "msisdn": "436995550001"} for imsi in imsis))
    digits = pl.Series(imsis, dtype=pl.String).str.contains(r"^[0-9]{6,15}$")
    outcome = validate(frame, PROFILE, CTX)
    assert outcome.passed.equals(frame.filter(digits.fill_null(value=True)))
    assert outcome.rejects["code"].to_list() == ["IMSI_INVALID"] * (
        frame.height - outcome.passed.height)
