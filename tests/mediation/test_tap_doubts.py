"""What cannot be meant in a TAP file is never posted, and said: damage, sums, signs, more files."""

from datetime import datetime
from typing import Any

import msgspec
import polars as pl
import pytest
from tap_groups import TIMES, accounting, audit, network

from asn1.encode import encode_transfer_batch
from mediation.decoded import Decoded
from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Verdict
from mediation.mediate import mediate
from mediation.outcome import Outcome, conserved
from mediation.profile import Profile
from mediation.tap import REPAIRED, decode_tap, normalize_tap
from mediation.validate import validate

CTX = FileContext("nordtel", "ab" * 32, "CDNORNTAUTRM00007", datetime(2026, 10, 1))
PROFILE = msgspec.convert(
    {
        "name": "nordtel",
        "title": "NordTel",
        "sender": "NORNT",
        "recipient": "AUTRM",
        "collect": {"connection": "sftp_nordtel"},
        "format": {"kind": "tap"},
        "identity": {"voice_mo": ["imsi", "started_at", "duration_s"],
                     "data_mo": ["imsi", "started_at", "charging_id"]},
        "validity": {"age_max_days": 60},
        "tap": {"accept": ["TAP_58_20", "TAP_397_20"]},
    },
    Profile,
)
START = {"localTimeStamp": "20260901101500", "utcTimeOffsetCode": 2}
SUBSCRIBER = {"simChargeableSubscriber": {"imsi": "232991200000001"}}
MOST = 2**63 - 1
NO_TIME = {"localTimeStamp": "20260230101500", "utcTimeOffsetCode": 2}


def charged(*charges: int, taxes: tuple[int, ...] = ()) -> dict[str, Any]:
    return {
        "chargedItem": "D",
        "chargeDetailList": [{"chargeType": "00", "charge": c} for c in charges],
        "taxInformation": [{"taxCode": 1, "taxValue": t} for t in taxes],
    }


def call(*charges: int, taxes: tuple[int, ...] = (), **other: Any) -> dict[str, Any]:
    basic = {
        "chargeableSubscriber": SUBSCRIBER,
        "callEventStartTimeStamp": START,
        "totalCallEventDuration": 60,
    }
    used = {
        "basicService": {"serviceCode": {"teleServiceCode": "11"}},
        "chargeInformationList": [charged(*charges, taxes=taxes)],
    }
    return {"mobileOriginatedCall": {
        "basicCallInformation": basic | other, "basicServiceUsedList": [used]}}


def fee(amount: int, charge: int) -> dict[str, Any]:
    event = call(charge)
    event["mobileOriginatedCall"]["camelServiceUsed"] = {"camelInvocationFee": amount}
    return event


def session(*volumes: int) -> dict[str, Any]:
    return {"gprsCall": {
        "gprsBasicCallInformation": {
            "gprsChargeableSubscriber": {"chargeableSubscriber": SUBSCRIBER},
            "callEventStartTimeStamp": START, "totalCallEventDuration": 60, "chargingId": 7,
        },
        "gprsServiceUsed": {
            "gprsServiceUsageList": [{"dataVolumeIncoming": v} for v in volumes],
            "chargeInformationList": [charged(10)],
        },
    }}


def batch(*events: dict[str, Any], total: int = 0, **control: Any) -> bytes:
    """A file of those events; each charge is stated in micro-units."""
    return encode_transfer_batch({
        "batchControlInfo": {
            "sender": "NORNT", "recipient": "AUTRM", "fileSequenceNumber": "00007",
            "specificationVersionNumber": 3, "releaseVersionNumber": 12, **TIMES, **control,
        },
        "accountingInfo": accounting(6),
        "networkInfo": network(c2="+0200"),
        "callEventDetails": list(events),
        "auditControlInfo": audit(total, len(events)),
    })


def run(data: bytes) -> tuple[Decoded, Outcome]:
    decoded = decode_tap(data, PROFILE, CTX)
    outcome = normalize_tap(decoded, PROFILE, CTX)
    return decoded, conserved("normalize", decoded.records["record_index"], outcome)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (call(MOST, MOST), f"charge {2 * MOST} does not fit 64 bits in micro-units"),
        (fee(MOST, MOST), f"charge {2 * MOST} does not fit 64 bits in micro-units"),
        (call(5, taxes=(MOST, 1)), f"tax {2**63} does not fit 64 bits in micro-units"),
        (session(MOST, 1), f"volume_incoming {2**63} does not fit 64 bits"),
        (call(5, causeForTerm=2**32), f"cause for termination {2**32} does not fit 32 bits"),
        (call(5, causeForTerm=-(2**63)), f"cause for termination {-(2**63)} does not fit 32 bits"),
    ],
)
def test_numbers_that_usage_cannot_hold_are_rejected(event: dict[str, Any], words: str) -> None:
    _, outcome = run(batch(event))
    assert outcome.passed.is_empty()
    assert outcome.rejects.select("code", "detail").rows() == [("FIELD_INVALID", words)]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (call(100, -40), "charge -40 is negative"),
        (fee(-3, 100), "camel_fee -3 is negative"),
        (call(100, taxes=(-7,)), "tax -7 is negative"),
        (session(100, -1), "volume_incoming -1 is negative"),
    ],
)
def test_a_negative_part_of_a_sum_is_no_discount(event: dict[str, Any], words: str) -> None:
    decoded, outcome = run(batch(event))
    assert outcome.passed.is_empty()
    assert outcome.rejects.select("code", "detail").rows() == [("FIELD_INVALID", words)]
    assert any(note.startswith("negative numbers: 1, first in record 0: ")
               for note in decoded.header.notes)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (call(-100), "CHARGE_OUT_OF_RANGE"),
        (session(-100), "VOLUME_OUT_OF_RANGE"),
        (call(100, totalCallEventDuration=-1), "DURATION_OUT_OF_RANGE"),
    ],
)
def test_negative_totals_are_left_to_validate(event: dict[str, Any], code: str) -> None:
    _, outcome = run(batch(event))
    assert validate(outcome.passed, PROFILE, CTX).rejects["code"].to_list() == [code]


def test_a_negative_number_that_is_no_amount_harms_nothing() -> None:
    event = call(100)
    event["mobileOriginatedCall"]["locationInformation"] = {"networkLocation": {"cellId": -1}}
    decoded, outcome = run(batch(event, total=100))
    assert outcome.passed.height == 1
    (note,) = decoded.header.notes
    assert "cellId" in note


def test_times_that_are_none_are_noted_and_quoted_in_their_reject() -> None:
    bad = call(2, callEventStartTimeStamp=NO_TIME)
    decoded, outcome = run(batch(call(1), bad, bad, total=5))
    (note,) = decoded.header.notes
    assert note.startswith("times that are none: 2, first in record 1: mobileOriginatedCall.")
    assert outcome.passed["record_index"].to_list() == [0]
    details = outcome.rejects["detail"].to_list()
    assert all("time '20260230101500' is no time" in d for d in details)
    assert outcome.rejects["code"].to_list() == ["TAP_44_20"] * 2


def test_the_time_of_a_service_beside_a_call_is_not_its_start() -> None:
    event = call(1)
    del event["mobileOriginatedCall"]["basicCallInformation"]["callEventStartTimeStamp"]
    event["mobileOriginatedCall"]["valueAddedServiceUsedList"] = [{"chargingTimeStamp": NO_TIME}]
    assert run(batch(event))[1].rejects["code"].to_list() == ["FIELD_MISSING"]


def test_files_behind_the_first_are_told_and_not_read() -> None:
    first, second = batch(call(1), total=1), batch(call(2), total=2, fileSequenceNumber="00008")
    third = batch(sender="DEUFX", fileSequenceNumber="00099")
    decoded, outcome = run(first + b"\0\0" + second + third)
    assert outcome.passed["partner_charge_micros"].to_list() == [1]
    assert decoded.header.complete
    row = decoded.rejects.row(0, named=True)
    assert (decoded.rejects.height, row["code"], row["record_index"]) == (1, "FILE_FOLLOWS", None)
    assert row["raw"] == second + third
    assert "NORNT, sequence 8, a transfer batch of DEUFX, sequence 99, not read" in row["detail"]
    assert row["detail"].endswith(decoded.header.notes[0])
    many = decode_tap(first * 9, PROFILE, CTX)
    assert "and 3 more, not read" in many.header.notes[0]


class Open:
    """A gate that lets all files pass."""

    def check(self, *_: Any) -> Verdict:
        return Verdict()


def mediated(data: bytes) -> Any:
    known = pl.DataFrame(schema=KNOWN)
    earlier = pl.DataFrame(schema=EARLIER)
    return mediate(data, PROFILE, CTX, earlier, lambda _: known, Open())


def test_damage_undone_is_noted_and_offsets_are_in_the_repaired_file() -> None:
    calls = [call(i, totalCallEventDuration=10) for i in range(2)] + [call(3)]
    whole = batch(*calls, session(5), total=14)
    damaged = whole.replace(b"\n", b"\r\n")
    assert len(damaged) == len(whole) + whole.count(b"\n") > len(whole) + 1
    done, sound = mediated(damaged), mediated(whole)
    assert done.usage.equals(sound.usage)
    assert done.figures["notes"].startswith(REPAIRED)
    assert done.rejects.equals(sound.rejects)
    assert sound.figures["notes"] is None


def test_rejects_of_a_repaired_file_carry_the_repaired_octets() -> None:
    unknown = call(1, totalCallEventDuration=10)
    unknown["mobileOriginatedCall"]["basicServiceUsedList"][0]["basicService"] = {
        "serviceCode": {"teleServiceCode": "61"}
    }
    whole = batch(call(1, totalCallEventDuration=10), unknown, total=2)
    done = mediated(whole.replace(b"\n", b"\r\n"))
    row = done.rejects.row(0, named=True)
    assert row["code"] == "SERVICE_UNKNOWN"
    assert row["raw"][0] == 0x69
    assert whole[row["byte_offset"] :].startswith(row["raw"])


def test_a_file_that_a_text_conversion_destroyed_is_refused_with_the_reason() -> None:
    data = batch(call(1, totalCallEventDuration=200), total=1)
    destroyed = data.decode("utf-8", "replace").encode()
    decoded = decode_tap(destroyed, PROFILE, CTX)
    row = decoded.rejects.row(0, named=True)
    assert row["code"] == "NOT_A_CDR_FILE"
    assert "a text conversion has replaced octets" in row["detail"]
