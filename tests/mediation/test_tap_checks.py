"""TAP validation: a sound file has no error, and each error is found and costs what it should."""

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_faults import (
    BATCH_FAULTS,
    CHARGE,
    GPRS,
    MOC_BASIC,
    NOTIFICATION_FAULTS,
    OUTSIDE,
    SIM,
    changed,
    notification,
    sound,
)

from asn1.encode import encode_notification, encode_transfer_batch
from mediation.codes import CODES
from mediation.decoded import Decoded
from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Verdict
from mediation.mediate import Mediated, mediate
from mediation.profile import Profile, TapChecks
from mediation.tap import decode_tap, normalize_tap
from mediation.tap_checks import FILE_CHECKS
from mediation.tap_checks_records import RECORD_CHECKS
from mediation.tap_errors import TAP_ERRORS

NAME = "CDNORNTAUTRM00007"
CTX = FileContext("nordtel", "ab" * 32, NAME, datetime(2026, 10, 1))
PROFILE = msgspec.convert(
    {
        "name": "nordtel", "title": "NordTel", "sender": "NORNT", "recipient": "AUTRM",
        "collect": {"connection": "sftp_nordtel"},
        "format": {"kind": "tap"},
        "identity": {
            "voice_mo": ["imsi", "started_at"], "voice_mt": ["imsi", "started_at"],
            "sms_mt": ["imsi", "started_at"],
            "data_mo": ["imsi", "started_at", "charging_id"],
        },
        "gate": {"reject_share_max": 1},
    },
    Profile,
)
PAGE = Path(__file__).parents[2] / "docs" / "tap_validation.md"


class Open:
    """A gate that lets all files pass."""

    def check(self, *_: Any) -> Verdict:
        return Verdict()


def decoded(changes: dict[str, Any], profile: Profile = PROFILE, name: str = NAME) -> Decoded:
    data = encode_transfer_batch(changed(sound(), changes))
    return decode_tap(data, profile, replace(CTX, name=name))


def told(found: Decoded) -> set[str]:
    """The errors that a file's fault, notes and records name."""
    notes = (re.match(r"(TAP_\w+) \(", note) for note in found.header.notes)
    names = {note[1] for note in notes if note}
    if found.header.fault:
        names.add(found.header.fault[0])
    if "tap_code" in found.records.columns:
        names |= set(found.records["tap_code"].drop_nulls())
    return names


def mediated(
    changes: dict[str, Any], profile: Profile = PROFILE, earlier: pl.DataFrame | None = None
) -> Mediated:
    data = encode_transfer_batch(changed(sound(), changes))
    before = pl.DataFrame(schema=EARLIER) if earlier is None else earlier
    known = pl.DataFrame(schema=KNOWN)
    return mediate(data, profile, CTX, before, lambda _: known, Open())


def accepting(*names: str) -> Profile:
    return msgspec.structs.replace(PROFILE, tap=TapChecks(accept=names))


def test_a_sound_file_has_no_tap_error() -> None:
    found = decoded({})
    assert (found.header.fault, found.header.notes) == (None, ())
    assert told(found) == set()
    done = mediated({})
    assert done.figures["state"] == "mediated"
    assert done.usage["record_index"].to_list() == [0, 1, 2]


def test_a_sound_notification_has_no_tap_error() -> None:
    found = decode_tap(encode_notification(notification()), PROFILE, CTX)
    assert (found.header.fault, found.header.notes) == (None, ())


@pytest.mark.parametrize("name", BATCH_FAULTS)
def test_each_tap_error_is_found(name: str) -> None:
    found = decoded(BATCH_FAULTS[name])
    assert name in told(found)
    severity = TAP_ERRORS[name].severity
    if severity == "fatal":
        done = mediated(BATCH_FAULTS[name])
        state = "test" if found.header.kind == "test" else "quarantined"
        assert done.figures["state"] == state
        assert name in done.figures["notes"]
        assert done.usage.is_empty()
    elif severity == "severe":
        done = mediated(BATCH_FAULTS[name])
        (row,) = done.rejects.filter(pl.col("code") == name).iter_rows(named=True)
        assert (row["stage"], row["outcome"], row["severity"]) == (
            "validate", "suspended", "severe")
        assert row["detail"]
        assert row["raw"]
    else:
        assert mediated(BATCH_FAULTS[name]).usage.height == mediated({}).usage.height


@pytest.mark.parametrize("name", NOTIFICATION_FAULTS)
def test_each_tap_error_of_a_notification_is_found(name: str) -> None:
    value = changed(notification(), NOTIFICATION_FAULTS[name])
    assert name in told(decode_tap(encode_notification(value), PROFILE, CTX))


def test_every_tap_error_has_a_check_a_file_that_has_it_and_a_row_in_the_docs() -> None:
    checks = {c.name for c in FILE_CHECKS} | {c.name for c in RECORD_CHECKS}
    in_file_control = {"TAP_4_37", "TAP_4_40"}
    assert checks | in_file_control == set(TAP_ERRORS)
    assert {*BATCH_FAULTS, *NOTIFICATION_FAULTS, *OUTSIDE} == set(TAP_ERRORS)
    row = re.compile(r"^\| `(TAP_\w+)` \| (\w+) \| (\w+) \| (.+?) \|$", re.MULTILINE)
    assert row.findall(PAGE.read_text()) == [
        (e.name, e.item, e.severity, e.meaning) for e in TAP_ERRORS.values()
    ]


def test_a_tap_reject_code_is_what_costs_a_record_or_a_file() -> None:
    ours = {code for code in CODES if code.startswith("TAP_")}
    assert ours == {e.name for e in TAP_ERRORS.values() if e.severity != "warning"}
    assert all(CODES[name].severity == TAP_ERRORS[name].severity for name in ours)


def test_of_two_severe_errors_the_first_decides_and_the_record_is_turned_away_once() -> None:
    done = mediated(BATCH_FAULTS["TAP_427_30"] | BATCH_FAULTS["TAP_65_20"])
    assert done.rejects.filter(pl.col("record_index") == 0)["code"].to_list() == ["TAP_427_30"]
    assert done.rejects["money_at_risk_micros"][0] == 1_000_000


def test_an_accepted_error_is_noted_and_costs_nothing() -> None:
    severe, fatal = BATCH_FAULTS["TAP_65_20"], BATCH_FAULTS["TAP_15_31"]
    done = mediated(severe | fatal, accepting("TAP_65_20", "TAP_15_31"))
    assert done.figures["state"] == "mediated"
    assert done.usage.height == 3
    assert done.figures["notes"].splitlines()[1:] == [
        "TAP_15_31 (accepted): totalTaxValue is absent",
        "TAP_65_20 (accepted): 1 times, first in record 0: chargeableUnits is -1",
    ]


def test_an_error_that_nobody_looks_for_cannot_be_accepted() -> None:
    with pytest.raises(msgspec.ValidationError, match="no TAP error TAP_9_9"):
        msgspec.convert({"accept": ["TAP_9_9"]}, TapChecks)


def test_both_subscriber_numbers_are_one_too_many() -> None:
    # The grammar's CHOICE takes one: the second stands beside it, as releases until 3.10 wrote it.
    found = decoded({f"{MOC_BASIC}.minChargeableSubscriber": {"min": "1234567890"}})
    assert told(found) == {"TAP_427_31"}


def test_an_msisdn_is_needed_where_that_was_agreed() -> None:
    lacking = {f"{MOC_BASIC}.chargeableSubscriber": {SIM: {"imsi": "232991200000001"}}}
    assert told(decoded(lacking)) == set()
    agreed = msgspec.structs.replace(PROFILE, tap=TapChecks(msisdn_needed=True))
    assert told(decoded(lacking, agreed)) == {"TAP_427_32"}


def test_a_live_file_with_the_name_of_a_test_file_is_not_charged() -> None:
    assert told(decoded({}, name="TD" + NAME[2:])) == {"TAP_4_39"}
    assert told(decoded({}, name="from.zip/TD" + NAME[2:])) == {"TAP_4_39"}
    assert told(decoded({"batchControlInfo.fileTypeIndicator": "T"}, name="TD" + NAME[2:])) == set()


@pytest.mark.parametrize(
    ("notes", "rap", "expected"),
    [
        ("TAP_415_100: totalCharge is 1", None, "TAP_4_37 (warning)"),
        ("TAP_415_100: totalCharge is 1", "00003", None),
        ("FILE_INCOMPLETE: the file was cut", None, None),
        ("FILE_INCOMPLETE: the file was cut", "00003", "TAP_4_40 (warning)"),
    ],
)
def test_a_file_that_comes_again_says_so(notes: str, rap: str | None, expected: str | None) -> None:
    earlier = pl.DataFrame(
        [{"file_id": "cd" * 32, "name": NAME, "sequence": 7, "kind": "live",
          "state": "quarantined", "sender": "NORNT", "recipient": "AUTRM", "notes": notes}],
        schema=EARLIER,
    )
    changes = {"batchControlInfo.rapFileSequenceNumber": rap} if rap else {}
    done = mediated(changes, earlier=earlier)
    assert done.figures["state"] == "mediated"
    said = done.figures["notes"] or ""
    assert ("TAP_4_" in said) == (expected is not None)
    assert (expected or "") in said


def test_limits_of_the_profile_decide() -> None:
    lenient = msgspec.structs.replace(PROFILE, tap=TapChecks(
        age_max_days=90, tax_tolerance_micros=21_000, available_ahead_max_s=100 * 86_400,
    ))
    for name in ("TAP_9_261", "TAP_397_22", "TAP_107_104"):
        assert name in told(decoded(BATCH_FAULTS[name]))
        assert name not in told(decoded(BATCH_FAULTS[name], lenient))


def test_a_tax_within_the_tolerance_of_its_rate_is_right() -> None:
    # 10 % of 1.000 is 0.100; 0.020 to either side is rounding
    tax = "callEventDetails.0.mobileOriginatedCall.basicServiceUsedList.0.chargeInformationList.0"
    for value, right in ((80, True), (120, True), (79, False), (121, False)):
        found = decoded({f"{tax}.taxInformation.0.taxValue": value})
        assert ("TAP_397_22" not in told(found)) == right
    stated = {"taxCode": 1, "taxValue": 50, "taxableAmount": 500}
    assert "TAP_397_22" not in told(decoded({f"{tax}.taxInformation": [stated]}))


def test_a_release_is_held_to_its_own_rules() -> None:
    older = {"batchControlInfo.releaseVersionNumber": 3}
    early = decoded(older | {f"{MOC_BASIC}.causeForTerm": 16})
    assert "TAP_58_20" not in told(early)
    assert "TAP_58_20" in told(decoded({f"{MOC_BASIC}.causeForTerm": 16}))
    # until 3.8 a broken cut-off time is not this error
    assert "TAP_227_20" not in told(decoded(older | BATCH_FAULTS["TAP_227_20"]))


def test_a_cut_file_is_not_asked_for_what_was_cut_off() -> None:
    data = encode_transfer_batch(sound())
    records = decode_tap(data, PROFILE, CTX).records
    cut = decode_tap(data[: records["byte_offset"][3] + 4], PROFILE, CTX)
    assert not cut.header.complete
    assert told(cut) == set()


def test_sums_are_not_asked_for_when_a_record_could_not_be_read() -> None:
    data = bytearray(encode_transfer_batch(sound()))
    start = decode_tap(bytes(data), PROFILE, CTX).records["byte_offset"][2]
    place = data.index(b"\x5f\x81\x01", start)  # an IMSI, of more octets than its record
    data[place + 3] = 0x7F
    found = decode_tap(bytes(data), PROFILE, CTX)
    assert found.rejects["code"].to_list() == ["BER_INVALID"]
    assert told(found) == set()


def test_a_test_file_is_dropped_whatever_its_records_are() -> None:
    changes = {"batchControlInfo.fileTypeIndicator": "T"} | BATCH_FAULTS["TAP_65_20"]
    found = decoded(changes)
    assert set(normalize_tap(found, PROFILE, CTX).rejects["code"]) == {"TEST_FILE"}


def test_what_has_no_code_is_noted() -> None:
    first = {"localTimeStamp": "20260901095959", "utcTimeOffset": "+0000"}
    last = {"localTimeStamp": "20260901100000", "utcTimeOffset": "+0000"}
    times = {"earliestCallTimeStamp": first, "latestCallTimeStamp": last}
    changes = {f"auditControlInfo.{name}": stamp for name, stamp in times.items()}
    found = decoded(changes | {"callEventDetails": sound()["callEventDetails"][:3],
                               "auditControlInfo.callEventDetailsCount": 3})
    (note,) = found.header.notes
    assert note.startswith("audit: earliestCallTimeStamp is 2026-09-01 09:59:59 UTC, the events")
    again = {f"{CHARGE}.chargeDetailList.+": {"charge": 0}}
    parts = {f"{GPRS}.gprsServiceUsed.chargeInformationList.0.chargeDetailList.0.chargeType": "01",
             "auditControlInfo.totalCharge": 1000}
    assert decoded(again | parts).header.notes == (
        "charges with no total (charge type 00): 1, first in record 2",
        "charges with more than one total (charge type 00): 1, first in record 0",
    )


@given(st.data())
def test_damaged_files_are_validated_without_an_exception(draw: st.DataObject) -> None:
    data = bytearray(encode_transfer_batch(sound()))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(2, len(data) - 1))] = draw.draw(st.integers(0, 255))
    known = pl.DataFrame(schema=KNOWN)
    before = pl.DataFrame(schema=EARLIER)
    # mediate() proves that no record is lost or in two places
    done = mediate(bytes(data), PROFILE, CTX, before, lambda _: known, Open())
    assert done.figures["state"] in {"mediated", "quarantined", "refused", "test", "notification"}
