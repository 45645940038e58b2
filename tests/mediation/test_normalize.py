"""Text records to usage: every record in one place, with the reason that a person can act on."""

from datetime import datetime
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.codes import CODES
from mediation.decoded import Decoded, FileHeader
from mediation.delimited import decode_delimited
from mediation.file_context import FileContext
from mediation.normalize import normalize
from mediation.outcome import Outcome, conserved
from mediation.profile import Check, Collect, Condition, Drop, Field, Format, Profile, ProfileError
from mediation.schema import USAGE

CTX = FileContext("alpenfon", "f" * 64, "CDR_00042.csv", datetime(2026, 10, 1))
FIELDS = {
    "record_type": Field(column="type"),
    "service": Field(read="map", column="type",
                     map={"MOC": "voice", "MTC": "voice", "SMS": "sms", "MMS": "mms"}),
    "direction": Field(read="map", column="type",
                       map={"MOC": "mo", "MTC": "mt", "SMS": "mo", "MMS": "mo"}),
    "imsi": Field(read="digits", column="imsi", optional=True),
    "other_party": Field(read="number", column="other", country_code="420", optional=True),
    "serving_network": Field(read="const", value="CZECL"),
    "started_at": Field(read="local_time", column=("date", "time"), zone="Europe/Prague",
                        format="%d.%m.%Y %H:%M:%S"),
    "duration_s": Field(read="duration", column="dur", where={"type": ("MOC", "MTC")}),
    "events": Field(read="const", value=1, where={"type": ("SMS",)}),
    "partner_charge_micros": Field(read="decimal_micros", column="amount", decimal=","),
    "partner_currency": Field(read="const", value="EUR"),
}
PROFILE = Profile(
    name="alpenfon", title="", sender="", recipient="",
    collect=Collect(connection="sftp_alpenfon"),
    format=Format(kind="delimited", delimiter=";"), fields=FIELDS,
    drop=(Drop(rule="INTERNAL_TEST", column="type", equals=("TST",)),
          Drop(rule="ZERO_CALL", column="dur", equals=("0", "00"))),
    identity={"voice_mo": ("imsi", "started_at", "other_party"),
              "voice_mt": ("imsi", "started_at"), "sms_mo": ("imsi", "started_at")},
)
NAMES = "type;imsi;other;date;time;dur;amount"
MOC = "MOC;232991;0699123;01.09.2026;12:00:00;61;0,25"


def run(*lines: str, header: dict[str, Any] | None = None, **changes: Any) -> Outcome:
    profile = msgspec.structs.replace(PROFILE, **changes)
    decoded = decode_delimited("\n".join([NAMES, *lines]).encode(), profile, CTX)
    if header:
        decoded = Decoded(FileHeader(**header), decoded.records, decoded.rejects)
    outcome = normalize(decoded, profile, CTX)
    return conserved("normalize", decoded.records["record_index"], outcome)


def reasons(outcome: Outcome) -> list[tuple[int, str, str]]:
    return outcome.rejects.select("record_index", "code", "detail").rows()


def test_a_record_becomes_usage() -> None:
    out = run(MOC, "SMS;232991;;01.12.2026;08:00:00;x;,5")
    call, sms = out.passed.to_dicts()
    assert out.passed.schema == USAGE.polars
    assert out.rejects.is_empty()
    assert call == {c.name: None for c in USAGE.columns} | {
        "partner": "alpenfon", "file_id": "f" * 64, "record_index": 0, "byte_offset": 37,
        "byte_length": 46, "usage_key": call["usage_key"], "record_type": "MOC",
        "service": "voice", "direction": "mo", "imsi": "232991", "other_party": "420699123",
        "serving_network": "CZECL", "started_at": datetime(2026, 9, 1, 10), "utc_offset_s": 7200,
        "duration_s": 61, "partner_charge_micros": 250_000, "partner_currency": "EUR",
    }
    assert (sms["events"], sms["duration_s"], sms["utc_offset_s"]) == (1, None, 3600)
    assert (sms["started_at"], sms["partner_charge_micros"]) == (datetime(2026, 12, 1, 7), 500_000)
    assert len(call["usage_key"]) == len(sms["usage_key"]) == 32


AMOUNT = (
    "partner_charge_micros: column amount: text '0.25' is not an amount with at most 6 decimals "
    "after ','"
)
TIME = "a time as %d.%m.%Y %H:%M:%S that exists in Europe/Prague"
NUMBER = (
    f"other_party: column other: text '{'x' * 80}' is not a number that the dialling rules turn "
    "into E.164 digits"
)


@pytest.mark.parametrize(("line", "code", "detail"), [
    (";232991;;01.09.2026;12:00:00;61;0,25", "FIELD_MISSING", "record_type: column type is empty"),
    (MOC.replace("61", ""), "FIELD_MISSING", "duration_s: column dur is empty"),
    (MOC.replace("61", "6l"), "FIELD_INVALID",
     "duration_s: column dur: text '6l' is not a whole number of seconds"),
    (MOC.replace("0,25", "0.25"), "FIELD_INVALID", AMOUNT),
    (MOC.replace("01.09", "29.03").replace("12:", "02:"), "FIELD_INVALID",
     f"started_at: column date + time: text '29.03.2026 02:00:00' is not {TIME}"),
    (MOC.replace("0699123", "x" * 100), "FIELD_INVALID", NUMBER),
    (MOC.replace("MOC", "XXX"), "VALUE_UNMAPPED",
     "service: column type: text 'XXX' is not in the profile's map"),
    (MOC.replace("232991", ""), "KEY_FIELD_MISSING", "imsi is empty; identity.voice_mo needs it"),
    (MOC.replace("MOC", "MMS"), "SERVICE_UNKNOWN",
     "service mms_mo: the profile's identity has no entry for it"),
    (MOC.replace("MOC", "TST"), "INTERNAL_TEST", "column type is 'TST'"),
    (MOC.replace("61", " 0"), "ZERO_CALL", "column dur is '0'"),
])
def test_each_reason(line: str, code: str, detail: str) -> None:
    out = run(MOC, line, MOC)
    assert reasons(out) == [(1, code, detail)]
    row = out.rejects.row(0, named=True)
    assert row["byte_offset"] == len(NAMES) + len(MOC) + 2
    told = CODES.get(code)
    assert (row["stage"], row["outcome"], row["severity"]) == (
        (told.stage, told.outcome, told.severity) if told else ("normalize", "dropped", "warning"))
    readable = "0.25" not in line
    assert row["money_at_risk_micros"] == (250_000 if readable else None)
    assert row["currency"] == ("EUR" if readable else None)


def test_the_first_field_in_the_profile_s_order_is_named() -> None:
    out = run("MOC;x;y;z;;;")
    assert reasons(out)[0][1:] == (
        "FIELD_INVALID", "imsi: column imsi: text 'x' is not digits only")


def test_drop_rules_come_before_everything() -> None:
    out = run("TST;x;;;;0;", header={"kind": "test"})
    assert [code for _, code, _ in reasons(out)] == ["INTERNAL_TEST"]


def test_drop_rules_of_several_conditions() -> None:
    both = Drop(rule="BOTH", where={"type": Condition(matches="^MO"), "dur": Condition(at_most=5)})
    either = Drop(rule="EITHER", any=({"type": ("SMS",), "other": Condition(empty=True)},
                                      {"amount": Condition(equals=("0,25",), negate=True)}))
    mixed = Drop(rule="MIXED", column="imsi", equals=("9",), where={"dur": Condition(empty=False)})
    out = run(MOC.replace("61", "5"), MOC, MOC.replace("0,25", "1"), "SMS;1;;;;;0,25",
              "SMS;1;0699;01.12.2026;08:00:00;x;0,25", MOC.replace("232991", "9"),
              drop=(both, either, mixed))
    assert reasons(out) == [
        (0, "BOTH", "column type is 'MOC', column dur is '5'"),
        (2, "EITHER", "column type is 'MOC', column other is '0699123', column amount is '1'"),
        (3, "EITHER", "column type is 'SMS', column other is '', column amount is '0,25'"),
        (5, "MIXED", "column imsi is '9', column dur is '61'"),
    ]
    assert out.passed["record_index"].to_list() == [1, 4]


@pytest.mark.parametrize("rule", [
    Drop(rule="NOTHING"), Drop(rule="HALF", column="type"), Drop(rule="OTHER", equals=("x",)),
    Drop(rule="BAD", where={"type": Condition(matches="[")}), Drop(rule="ANY", any=({},)),
])
def test_drop_rules_that_cannot_be_meant(rule: Drop) -> None:
    with pytest.raises(ProfileError, match=f"drop.{rule.rule}"):
        run(MOC, drop=(rule,))


LONG = Check(rule="LONG_CALL", says="no call lasts so long", where={"dur": Condition(at_least=99)})
OWN = Check(rule="OWN_NUMBER", says="we call ourselves", column="other", equals=("0699123",))


def test_a_check_of_the_profile_sends_records_to_suspense() -> None:
    lines = (MOC, MOC.replace("61", "100"), MOC.replace("61", "1oo"), "TST;1;0699;;;100;",
             MOC.replace("61", "101").replace("0699123", "0699"))
    out = run(*lines, check=(LONG, OWN))
    assert reasons(out) == [
        (0, "OWN_NUMBER", "we call ourselves, column other is '0699123'"),
        (1, "LONG_CALL", "no call lasts so long, column dur is '100'"),
        (2, "FIELD_INVALID",
         "duration_s: column dur: text '1oo' is not a whole number of seconds"),
        (3, "INTERNAL_TEST", "column type is 'TST'"),
        (4, "LONG_CALL", "no call lasts so long, column dur is '101'"),
    ]
    ends = out.rejects.filter(pl.col("code").is_in(["OWN_NUMBER", "LONG_CALL"]))
    assert ends.select("stage", "outcome", "severity", "money_at_risk_micros").unique().rows() == [
        ("validate", "suspended", "severe", 250_000)]
    assert out.passed.is_empty()
    assert [code for _, code, _ in reasons(run(*lines, check=(LONG,), header={"kind": "test"}))] \
        == ["TEST_FILE"] * 3 + ["INTERNAL_TEST", "TEST_FILE"]


@pytest.mark.parametrize("check", [
    Check(rule="NOTHING", says="x"), Check(rule="HALF", says="x", column="type"),
    Check(rule="IMSI_INVALID", says="x", column="imsi", equals=("",)),
])
def test_checks_that_cannot_be_meant(check: Check) -> None:
    with pytest.raises(ProfileError, match=f"check.{check.rule}"):
        run(MOC, check=(check,))


def test_a_test_file_is_dropped_whole() -> None:
    out = run(MOC, "MOC;x;;;;;", "TST;;;;;;", header={"kind": "test"})
    assert [code for _, code, _ in reasons(out)] == ["TEST_FILE", "TEST_FILE", "INTERNAL_TEST"]
    assert out.rejects["outcome"].to_list() == ["dropped"] * 3
    assert out.rejects["money_at_risk_micros"].to_list() == [250_000, None, None]
    assert out.passed.is_empty()


def test_a_column_that_the_file_lacks_is_missing_in_every_record() -> None:
    fields = FIELDS | {"apn": Field(column="apn"), "imei": Field(column="imei", optional=True)}
    out = run(MOC, MOC, fields=fields)
    assert reasons(out) == [
        (i, "FIELD_MISSING", "apn: column apn is empty") for i in (0, 1)]


def test_what_usage_needs_cannot_be_left_out_by_a_record() -> None:
    network = Field(read="const", value="CZECL", where={"type": ("SMS",)})
    kind = Field(column="imsi", optional=True)
    out = run(MOC, MOC.replace("232991", ""), "SMS;232991;;01.12.2026;08:00:00;x;,5",
              fields=FIELDS | {"serving_network": network, "record_type": kind})
    missing = "nothing in the record gives it, and every usage needs it"
    assert reasons(out) == [
        (0, "FIELD_MISSING", f"serving_network: {missing}"),
        (1, "FIELD_MISSING", f"record_type: {missing}")]


def test_the_file_s_currency_serves_where_records_name_none() -> None:
    fields = {k: v for k, v in FIELDS.items() if k != "partner_currency"}
    fields["partner_charge_micros"] = Field(read="decimal_micros", column="amount", optional=True)
    out = run(MOC.replace("0,25", "1"), MOC.replace("0,25", ""), fields=fields,
              header={"currency": "CZK"})
    assert out.passed["partner_currency"].to_list() == ["CZK", None]
    del fields["partner_charge_micros"]
    assert run(MOC, fields=fields).passed["partner_charge_micros"].to_list() == [None]


def test_an_offset_field_of_its_own_holds() -> None:
    out = run(MOC, fields=FIELDS | {"utc_offset_s": Field(read="const", value=-3600)})
    assert out.passed.select("started_at", "utc_offset_s").row(0) == (
        datetime(2026, 9, 1, 10), -3600)


@pytest.mark.parametrize(("fields", "words"), [
    ({k: v for k, v in FIELDS.items() if k != "service"}, "lack .*service"),
    (FIELDS | {"usage_key": Field(column="type")}, "made by us"),
    (FIELDS | {"colour": Field(column="type")}, "no usage column"),
])
def test_field_maps_that_cannot_make_usage(fields: dict[str, Field], words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        run(MOC, fields=fields)


def test_no_records() -> None:
    out = run()
    assert (out.passed.height, out.rejects.height) == (0, 0)
    assert out.passed.schema == USAGE.polars
    none = decode_delimited(b"", PROFILE, CTX)
    assert normalize(none, PROFILE, CTX).passed.is_empty()


CELL = st.sampled_from(["", " ", "MOC", "SMS", "TST", "0", "61", "0,25", "x", "01.09.2026", "00",
                        "12:00:00", "232991", "0699123", "-1", "99999999999999999999"])


@given(st.lists(st.lists(CELL, min_size=7, max_size=7).map(";".join) | st.just(MOC), max_size=20))
def test_records_are_conserved(lines: list[str]) -> None:
    out = run(*lines)
    assert out.passed.height + out.rejects.height == len(lines)
    assert out.passed["usage_key"].null_count() == 0
    assert out.rejects.select(pl.col("detail").null_count()).item() == 0
