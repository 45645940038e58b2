"""TAP events to usage: services, times, numbers, money, and what cannot become usage."""

from datetime import datetime
from typing import Any

import msgspec
import polars as pl
import pytest
from tap_groups import TIMES, accounting, audit, network

from asn1.encode import encode_notification, encode_transfer_batch
from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.outcome import Outcome, conserved
from mediation.profile import Profile
from mediation.schema import USAGE
from mediation.tables import conform
from mediation.tap import decode_tap, normalize_tap

CTX = FileContext("nordtel", "ab" * 32, "CDNORNTAUTRM00007", datetime(2026, 10, 1))
PROFILE = msgspec.convert(
    {
        "name": "nordtel", "title": "NordTel", "sender": "NORNT", "recipient": "AUTRM",
        "collect": {"connection": "sftp_nordtel"},
        "format": {"kind": "tap"},
        "identity": {
            "voice_mo": ["imsi", "started_at", "other_party"],
            "voice_mt": ["imsi", "started_at"],
            "sms_mo": ["imsi", "started_at", "other_party"],
            "sms_mt": ["imsi", "started_at"],
            "data_mo": ["imsi", "started_at", "charging_id"],
        },
    },
    Profile,
)
CONTROL = {
    "sender": "NORNT", "recipient": "AUTRM", "fileSequenceNumber": "00007",
    "specificationVersionNumber": 3, "releaseVersionNumber": 12,
    **TIMES,
}
START = {"localTimeStamp": "20260901101500", "utcTimeOffsetCode": 2}
SUBSCRIBER = {"simChargeableSubscriber": {"imsi": "232991200000001", "msisdn": "436995550001"}}
FORWARDING = {"supplServiceEvent": {"chargeableSubscriber": SUBSCRIBER}}


def charged(charge: int) -> list[dict[str, Any]]:
    return [{"chargedItem": "D", "chargeDetailList": [{"chargeType": "00", "charge": charge}]}]


def mobile(
    event: str = "mobileOriginatedCall",
    service: str = "11",
    number: dict[str, Any] | None = None,
    charge: int = 120,
    **other: Any,
) -> dict[str, Any]:
    party = "destination" if event == "mobileOriginatedCall" else "callOriginator"
    default = {"calledNumber": "4790000001"} if party == "destination" else {
        "callingNumber": "4790000002"
    }
    basic = {
        "chargeableSubscriber": SUBSCRIBER,
        party: default if number is None else number,
        "callEventStartTimeStamp": START,
        "totalCallEventDuration": 73,
    }
    used = {
        "basicService": {"serviceCode": {"teleServiceCode": service}},
        "chargeInformationList": charged(charge),
    }
    return {event: {"basicCallInformation": basic | other, "basicServiceUsedList": [used]}}


def session(**other: Any) -> dict[str, Any]:
    return {
        "gprsCall": {
            "gprsBasicCallInformation": {
                "gprsChargeableSubscriber": {"chargeableSubscriber": SUBSCRIBER},
                "gprsDestination": {"accessPointNameNI": "internet"},
                "callEventStartTimeStamp": START,
                "totalCallEventDuration": 600,
                "chargingId": 991,
            },
            "gprsServiceUsed": {
                "dataVolumeIncoming": 5000,
                "dataVolumeOutgoing": 70,
                "chargeInformationList": charged(500),
            },
        }
        | other
    }


def batch(*events: dict[str, Any], places: int = 3, **groups: Any) -> bytes:
    """A TAP 3.12 file with an audit that fits unless given."""
    value = {
        "batchControlInfo": CONTROL,
        "accountingInfo": accounting(places),
        "networkInfo": network(c2="+0200", c3="-0330"),
        "callEventDetails": list(events),
        "auditControlInfo": audit(120, len(events)),
    }
    return encode_transfer_batch(value | groups)


def run(data: bytes) -> tuple[Decoded, Outcome]:
    decoded = decode_tap(data, PROFILE, CTX)
    outcome = normalize_tap(decoded, PROFILE, CTX)
    conserved("normalize", decoded.records["record_index"], outcome)
    return decoded, outcome


def one(event: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """The usage row of a file of one good event."""
    _, outcome = run(batch(event, **kwargs))
    assert outcome.rejects.is_empty(), outcome.rejects["detail"].to_list()
    return conform(USAGE, outcome.passed).row(0, named=True)


def reject(event: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """The reject of a file of one bad event."""
    _, outcome = run(batch(event, **kwargs))
    assert outcome.passed.is_empty()
    return outcome.rejects.row(0, named=True)


def test_a_call_becomes_usage() -> None:
    row = one(mobile())
    assert {k: v for k, v in row.items() if v is not None and k != "usage_key"} == {
        "partner": "nordtel",
        "file_id": CTX.file_id,
        "record_index": 0,
        "byte_offset": row["byte_offset"],
        "byte_length": row["byte_length"],
        "record_type": "MOC",
        "service": "voice",
        "direction": "mo",
        "imsi": "232991200000001",
        "msisdn": "436995550001",
        "other_party": "4790000001",
        "other_party_raw": "4790000001",
        "serving_network": "NORNT",
        "started_at": datetime(2026, 9, 1, 8, 15),
        "utc_offset_s": 7200,
        "duration_s": 73,
        "partner_charge_micros": 120_000,
        "partner_currency": "SDR",
    }
    assert len(row["usage_key"]) == 32


@pytest.mark.parametrize(
    ("tap", "per_sdr"), [("NOK", 13_370_000_000), ("SDR", None), (None, None)]
)
def test_the_discount_and_the_rate_against_sdr(tap: str | None, per_sdr: int | None) -> None:
    event = mobile()
    information = event["mobileOriginatedCall"]["basicServiceUsedList"][0]["chargeInformationList"]
    information[0] |= {"exchangeRateCode": 4, "discountInformation": {"discount": 30}}
    accounting = {
        "localCurrency": "NOK", "tapDecimalPlaces": 3,
        "currencyConversionInfo": [
            {"exchangeRateCode": 4, "numberOfDecimalPlaces": 2, "exchangeRate": 1337}
        ],
    }
    row = one(event, accountingInfo=accounting | ({"tapCurrency": tap} if tap else {}))
    # the rate is for the local currency, in which the charge must be
    assert (row["partner_discount_micros"], row["partner_per_sdr_nanos"]) == (30_000, per_sdr)
    assert row["partner_charge_micros"] == 120_000


@pytest.mark.parametrize(
    ("event", "service", "expected"),
    [
        ("mobileOriginatedCall", "11", ("MOC", "voice", "mo", None)),
        ("mobileOriginatedCall", "12", ("MOC", "voice", "mo", None)),
        ("mobileOriginatedCall", "22", ("MOC", "sms", "mo", 1)),
        ("mobileTerminatedCall", "11", ("MTC", "voice", "mt", None)),
        ("mobileTerminatedCall", "21", ("MTC", "sms", "mt", 1)),
    ],
)
def test_the_service_follows_event_and_teleservice(
    event: str, service: str, expected: tuple[str, str, str, int | None]
) -> None:
    row = one(mobile(event, service))
    assert (row["record_type"], row["service"], row["direction"], row["events"]) == expected


def test_a_data_session_becomes_usage() -> None:
    row = one(session())
    assert (row["record_type"], row["service"], row["direction"]) == ("GPRS", "data", "mo")
    assert (row["volume_down_bytes"], row["volume_up_bytes"]) == (5000, 70)
    assert (row["charging_id"], row["apn"], row["duration_s"]) == (991, "internet", 600)
    assert row["partner_charge_micros"] == 500_000
    assert row["events"] is None


def test_numbers_of_the_other_party() -> None:
    assert one(mobile(number={"calledNumber": "479"}))["other_party"] == "479"
    dialled = one(mobile(number={"dialledDigits": "+4790"}))
    assert (dialled["other_party"], dialled["other_party_raw"]) == ("4790", "+4790")
    centre_and_goal = {"calledNumber": "4700", "sMSDestinationNumber": "4791"}
    assert one(mobile(service="22", number=centre_and_goal))["other_party"] == "4791"
    assert one(mobile("mobileTerminatedCall"))["other_party"] == "4790000002"
    withheld = one(mobile("mobileTerminatedCall", number={}))
    assert (withheld["other_party"], withheld["other_party_raw"]) == (None, None)


def test_what_is_no_number_is_kept_as_written_only() -> None:
    missing = reject(mobile(number={"dialledDigits": "*100#"}))
    assert missing["code"] == "KEY_FIELD_MISSING"
    assert "other_party" in missing["detail"]
    assert missing["money_at_risk_micros"] == 120_000


def test_utc_is_local_time_less_its_offset() -> None:
    west = {"localTimeStamp": "20260901233000", "utcTimeOffsetCode": 3}
    row = one(mobile(callEventStartTimeStamp=west))
    assert row["started_at"] == datetime(2026, 9, 2, 3, 0)
    assert row["utc_offset_s"] == -(3 * 3600 + 30 * 60)


@pytest.mark.parametrize("places", range(7))
def test_money_is_exact_at_every_number_of_decimal_places(places: int) -> None:
    assert one(mobile(charge=123), places=places)["partner_charge_micros"] == 123 * 10 ** (
        6 - places
    )


def test_the_camel_fee_is_part_of_the_charge_and_tax_is_not() -> None:
    event = mobile()
    call = event["mobileOriginatedCall"]
    call["camelServiceUsed"] = {"camelInvocationFee": 30}
    used = call["basicServiceUsedList"][0]
    used["chargeInformationList"][0]["taxInformation"] = [{"taxCode": 1, "taxValue": 24}]
    row = one(event)
    assert row["partner_charge_micros"] == 150_000
    assert row["partner_tax_micros"] == 24_000


def test_no_charge_is_null_and_not_zero() -> None:
    event = mobile()
    del event["mobileOriginatedCall"]["basicServiceUsedList"][0]["chargeInformationList"]
    row = one(event)
    assert row["partner_charge_micros"] is None
    assert row["partner_currency"] is None
    assert one(mobile(charge=0))["partner_charge_micros"] == 0


@pytest.mark.parametrize(
    ("event", "code", "words"),
    [
        (mobile(service="61"), "SERVICE_UNKNOWN", "mobileOriginatedCall with teleservice 61"),
        (mobile("mobileTerminatedCall", "22"), "SERVICE_UNKNOWN", "teleservice 22"),
        (FORWARDING, "SERVICE_UNKNOWN", "supplServiceEvent"),
        (mobile(callEventStartTimeStamp={}), "FIELD_MISSING", "no local start time"),
        (
            mobile(callEventStartTimeStamp=START | {"localTimeStamp": "20260230101500"}),
            "TAP_44_20",
            "20260230101500",
        ),
        (
            mobile(callEventStartTimeStamp=START | {"localTimeStamp": "2026090110150"}),
            "TAP_44_10",
            "time '2026090110150' is no time",
        ),
        (
            mobile(callEventStartTimeStamp={"localTimeStamp": "20260901101500"}),
            "TAP_44_30",
            "no UTC offset code",
        ),
        (
            mobile(callEventStartTimeStamp=START | {"utcTimeOffsetCode": 9}),
            "OFFSET_CODE_UNKNOWN",
            "UTC offset code 9",
        ),
        (mobile(charge=1 << 62), "FIELD_INVALID", "does not fit 64 bits"),
    ],
)
def test_what_cannot_be_usage_is_rejected(event: dict[str, Any], code: str, words: str) -> None:
    row = reject(event)
    assert row["code"] == code
    assert words in row["detail"]
    assert row["byte_offset"] > 0


def test_a_file_without_offset_table_rejects_its_records() -> None:
    assert reject(mobile(), networkInfo={})["code"] == "OFFSET_CODE_UNKNOWN"


def test_an_offset_code_beyond_all_bounds_harms_nothing() -> None:
    wild = {"utcTimeOffsetInfo": [{"utcTimeOffsetCode": 1 << 40, "utcTimeOffset": "+0100"}]}
    assert reject(mobile(), networkInfo=wild)["code"] == "OFFSET_CODE_UNKNOWN"


def test_a_service_that_the_identity_lacks_is_rejected() -> None:
    narrow = msgspec.structs.replace(PROFILE, identity={"voice_mt": ("imsi",)})
    decoded = decode_tap(batch(mobile()), narrow, CTX)
    outcome = normalize_tap(decoded, narrow, CTX)
    assert outcome.rejects["code"].to_list() == ["SERVICE_UNKNOWN"]


def test_the_header_tells_what_the_file_states() -> None:
    header = run(batch(mobile()))[0].header
    assert (header.kind, header.release, header.sequence) == ("live", "3.12", 7)
    assert (header.sender, header.recipient, header.currency) == ("NORNT", "AUTRM", "SDR")
    assert (header.declared_records, header.declared_charge_micros) == (1, 120_000)
    assert header.complete
    assert header.notes == ()


def test_an_audit_that_differs_is_noted() -> None:
    header = run(batch(mobile(), auditControlInfo=audit(121, 2)))[0].header
    assert header.notes == (
        "audit: callEventDetailsCount is 2, the events give 1",
        "audit: totalCharge is 121, the events give 120",
        "TAP_415_100 (fatal): totalCharge is 121, the records add up to 120",
    )
    assert header.fault == (
        "TAP_43_100", "callEventDetailsCount is 2, the file has 1 records"
    )


def test_audit_totals_beyond_64_bits_stay_different_from_all_sums() -> None:
    header = run(batch(mobile(), auditControlInfo=audit((1 << 63) - 1, 1)))[0].header
    assert header.declared_charge_micros == (1 << 63) - 1


def test_a_test_file_is_read_and_dropped() -> None:
    data = batch(mobile(), mobile(service="61"), batchControlInfo=CONTROL | {
        "fileTypeIndicator": "T"
    })
    decoded, outcome = run(data)
    assert decoded.header.kind == "test"
    assert outcome.passed.is_empty()
    assert outcome.rejects["code"].to_list() == ["TEST_FILE", "TEST_FILE"]
    assert set(outcome.rejects["outcome"]) == {"dropped"}


def test_a_notification_has_no_records() -> None:
    data = encode_notification(CONTROL)
    decoded, outcome = run(data)
    assert decoded.header.kind == "notification"
    assert decoded.header.sequence == 7
    assert outcome.passed.is_empty()
    assert outcome.rejects.is_empty()


def test_a_cut_file_gives_the_records_before_the_cut() -> None:
    data = batch(mobile(), mobile(), mobile())
    whole = run(data)[0].records
    cut = whole["byte_offset"][2] + 5
    decoded, outcome = run(data[:cut])
    assert not decoded.header.complete
    assert outcome.passed["record_index"].to_list() == [0, 1]
    assert decoded.rejects["code"].to_list() == ["FILE_TRUNCATED"]
    assert decoded.rejects["record_index"].to_list() == [2]
    assert decoded.rejects["raw"][0] == data[whole["byte_offset"][2] : cut]
    assert decoded.received.to_list() == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "likeness"),
    [
        (b"", "an empty file"),
        (b"imsi;start;duration\r\n232991;20260901;17\r\n", "text"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><a/>", "an XML document"),
        (b"<!doctype html><p>404</p>", "an HTML page"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (bytes.fromhex("7f841605") + b"\x00" * 5, "a RAP file"),
        (bytes.fromhex("61055f29020201"), "an NRTRDE file"),
        (bytes(range(128, 200)), "binary data of another kind"),
    ],
)
def test_what_is_not_tap_is_refused_and_named(data: bytes, likeness: str) -> None:
    decoded = decode_tap(data, PROFILE, CTX)
    assert decoded.records.is_empty()
    assert decoded.received.is_empty()
    row = decoded.rejects.row(0, named=True)
    assert (row["code"], row["record_index"]) == ("NOT_A_CDR_FILE", None)
    assert f"is {likeness}, not TAP" in row["detail"]


def test_release_3_9_gives_the_same_usage() -> None:
    event = mobile(number={"calledNumberUntil310": "4790000001"}, **SUBSCRIBER)
    call = event["mobileOriginatedCall"]
    del call["basicCallInformation"]["chargeableSubscriber"]
    call["basicServiceUsedList"][0]["basicService"] = {"teleServiceCode": "11"}
    old = batch(event, batchControlInfo=CONTROL | {"releaseVersionNumber": 9})
    place = ["byte_offset", "byte_length"]
    decoded, outcome = run(old)
    assert decoded.header.release == "3.9"
    new = run(batch(mobile()))[1]
    assert outcome.passed.drop(place).equals(new.passed.drop(place))


def test_usage_keys_do_not_depend_on_place_in_the_file() -> None:
    _, outcome = run(batch(mobile(), session(), mobile()))
    keys = outcome.passed["usage_key"]
    assert keys[0] == keys[2] != keys[1]
    assert outcome.passed.select(pl.col("record_index")).to_series().to_list() == [0, 1, 2]
