from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asn1.ber import INDEFINITE, MAX_DEPTH, read_header
from asn1.encode import encode_transfer_batch
from asn1.events import COLUMNS
from asn1.tap import NotTapError, TapFile, read
from asn1.tree import tree

PLACE = ["byte_offset", "byte_length"]


def tlv(ident: bytes, content: bytes) -> bytes:
    return ident + b"\x84" + len(content).to_bytes(4, "big") + content


def elements(data: bytes, pos: int, end: int) -> list[tuple[bytes, bytes, bool]]:
    """The (tag octets, content, constructed) of the definite elements between pos and end."""
    found = []
    while pos < end:
        ident, length, at = read_header(data, pos, end)
        assert length != INDEFINITE
        size = 1 + (0 if data[pos] & 31 != 31 else 1 + (data[pos + 1] > 127))
        found.append((data[pos : pos + size], data[at : at + length], bool(ident & 1)))
        pos = at + length
    return found


def indefinite(data: bytes, *, segments: bool = False) -> bytes:
    """The same elements with indefinite lengths, and strings cut in two where asked."""
    out = b""
    for tag, content, constructed in elements(data, 0, len(data)):
        if constructed:
            out += tag + b"\x80" + indefinite(content, segments=segments) + b"\0\0"
        elif segments and tag in {b"\x5f\x81\x01", b"\x5f\x82\x05", b"\x5f\x81\x44"}:
            head, rest = content[:3], content[3:]
            halves = b"".join(b"\x04" + bytes([len(h)]) + h for h in (head, rest))
            out += bytes([tag[0] | 32]) + tag[1:] + b"\x80" + halves + b"\0\0"
        else:
            out += tag + bytes([len(content)]) + content
    return out


def same_events(left: TapFile, right: TapFile) -> bool:
    return left.events.drop(PLACE).equals(right.events.drop(PLACE))


def test_header_tables_and_audit(release_312: dict[str, Any]) -> None:
    header = read(encode_transfer_batch(release_312)).header
    assert (header.kind, header.sender, header.recipient) == ("transfer_batch", "AAA01", "BBB01")
    assert (header.sequence, header.release, header.file_type) == (42, "3.12", "T")
    assert header.available == "20260106013000+0100"
    assert (header.tap_decimal_places, header.tap_currency) == (3, "SDR")
    assert header.local_currency == "EUR"
    assert header.utc_offsets == {0: 0, 1: -(3 * 3600 + 30 * 60)}
    assert header.rec_entities == {3: (1, "4599000001")}
    assert header.exchange_rates == {0: (5, 123_456)}
    assert (header.audit_total_charge, header.audit_event_count) == (1101, 3)


def test_events(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    file = read(data)
    assert (file.errors, file.unknown_tags, file.complete) == ([], {}, True)
    assert file.events.columns == [c.name for c in COLUMNS]
    moc, mtc, gprs = file.events.to_dicts()
    assert moc.items() >= {
        "record_index": 0, "event": "mobileOriginatedCall", "imsi": "238011234567890",
        "msisdn": "4520304050", "imei": "35123456789012", "called_number": "4512345678",
        "dialled_digits": "12345678", "start_local": "20260105101500", "utc_offset_code": 1,
        "duration_s": 73, "tele_service_code": "11", "call_reference": "00ab12",
        "cause_for_term": 4, "rec_entity_code": 3, "cell_id": 60001, "location_area": 1001,
        "charge": 150, "camel_fee": 11, "tax": 9, "charged_units": 91, "exchange_rate_code": 0,
        "call_type_level1": 1, "call_type_level2": 2, "call_type_level3": 0,
        "calling_number": None, "volume_incoming": None, "bearer_service_code": None,
    }.items()
    assert mtc.items() >= {
        "record_index": 1, "event": "mobileTerminatedCall", "calling_number": "45998877",
        "sms_originator": "Bank", "duration_s": 0, "tele_service_code": "21", "charge": 40,
        "tax": 0, "camel_fee": None, "imei": None,
    }.items()
    assert gprs.items() >= {
        "record_index": 2, "event": "gprsCall", "apn_ni": "internet",
        "volume_incoming": 5_000_000_000, "volume_outgoing": 123_456, "charging_id": 0xFEDCBA98,
        "partial_indicator": "I", "rec_entity_code": 3, "charge": 900,
    }.items()
    for row, tag in zip((moc, mtc, gprs), b"\x69\x6a\x6e", strict=True):
        ident, length, at = read_header(data, row["byte_offset"], len(data))
        assert data[row["byte_offset"]] == tag
        assert ident & 1
        assert row["byte_length"] == at - row["byte_offset"] + length


def test_both_releases_give_one_table(
    release_312: dict[str, Any], release_39: dict[str, Any]
) -> None:
    new, old = encode_transfer_batch(release_312), encode_transfer_batch(release_39)
    assert new != old
    assert same_events(read(new), read(old))
    assert read(old).unknown_tags == {}
    assert read(old).header == replace(read(new).header, release="3.9")


@pytest.mark.parametrize("segments", [False, True])
def test_indefinite_lengths(release_312: dict[str, Any], *, segments: bool) -> None:
    data = encode_transfer_batch(release_312)
    other = indefinite(data, segments=segments)
    assert other[1] == 0x80
    file = read(other + b"\0\0\0 \r\n")
    assert (file.errors, file.complete) == ([], True)
    assert same_events(file, read(data))
    assert file.header == read(data).header


def test_sessions_and_messages_over_ip(release_312: dict[str, Any]) -> None:
    party = {"imsi": "238011234567890", "msisdn": "4520304050", "imei": "3512345678901234"}
    start = {"localTimeStamp": "20260105101500", "utcTimeOffsetCode": 0}
    tax = [{"taxCode": 0, "taxValue": 3}]
    release_312["callEventDetails"] = [
        {
            "mobileSession": {
                "mobileSessionService": 1, "chargedParty": party, "eventReference": "abc@x",
                "serviceStartTimestamp": start, "totalCallEventDuration": 61,
                "recEntityCodeList": [9, 8], "locationArea": 2, "cellId": 3,
                "sessionChargeInfoList": [
                    {
                        "chargedItem": "D", "exchangeRateCode": 0, "taxInformationList": tax,
                        "chargeDetailList": [{"chargeType": "00", "charge": 70, "chargedUnits": 90},
                                             {"chargeType": "01", "charge": 70}],
                    },
                ],
            },
        },
        {
            "messagingEvent": {
                "messagingEventService": 1, "chargedParty": party, "serviceStartTimestamp": start,
                "charge": 20, "taxInformationList": tax,
            },
        },
        {"aggregatedUsageRecord": {"aggregatedUsageCharge": 5, "callTypeLevel1": 2}},
        {
            "contentTransaction": {
                "contentServiceUsed": [
                    {
                        "chargeRefundIndicator": 1, "dataVolumeIncoming": 4,
                        "chargeInformationList": [
                            {"chargeDetailList": [{"chargeType": "00", "charge": 8}]},
                        ],
                    },
                ],
            },
        },
    ]
    events = read(encode_transfer_batch(release_312)).events
    assert events["charge"].to_list() == [70, 20, 5, 8]
    assert events["tax"].to_list() == [3, 3, None, None]
    assert events["imei"].to_list() == ["3512345678901234"] * 2 + [None] * 2
    assert events["duration_s"].to_list() == [61, None, None, None]
    assert events["start_local"].drop_nulls().to_list() == ["20260105101500"] * 2
    assert events["charged_units"].to_list() == [90, None, None, None]
    assert events["rec_entity_code"][0] == 9
    assert events["event_reference"][0] == "abc@x"
    assert events["call_type_level1"][2] == 2
    assert events["charge_refund_indicator"][3] == 1


def rebuilt(data: bytes, change: Any) -> bytes:
    """The batch with its list of records (tag octet, content) put through change."""
    ((root, batch, _),) = elements(data, 0, len(data))
    groups = b""
    for tag, content, _ in elements(batch, 0, len(batch)):
        if tag != b"\x63":
            groups += tlv(tag, content)
            continue
        records = [tlv(t, c) for t, c, _ in elements(content, 0, len(content))]
        groups += tlv(tag, b"".join(change(records)))
    return tlv(root, groups)


def test_unknown_tags_are_counted_and_what_follows_is_read(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    unknown = bytes.fromhex("7f 87 01 80 04 01 00 00 00") + bytes.fromhex("c5 01 00")

    def first_with_unknown(records: list[bytes]) -> list[bytes]:
        ((tag, content, _),) = elements(records[0], 0, len(records[0]))
        return [tlv(tag, unknown + content), *records[1:]]

    file = read(rebuilt(data, first_with_unknown))
    assert same_events(file, read(data))
    assert file.unknown_tags == {
        "MobileOriginatedCall.[PRIVATE 5]": 1, "MobileOriginatedCall.[APPLICATION 897]": 1,
    }
    assert file.complete


def test_unknown_call_event_is_kept_as_an_error(release_312: dict[str, Any]) -> None:
    strange = bytes.fromhex("7f 87 01 80 04 01 00 00 00")
    data = encode_transfer_batch(release_312)
    file = read(rebuilt(data, lambda r: [r[0], strange, *r[1:]]))
    (error,) = file.errors
    assert (error.record_index, error.code, error.raw) == (1, "EVENT_UNKNOWN", strange)
    assert "[APPLICATION 897]" in error.detail
    assert file.events["record_index"].to_list() == [0, 2, 3]
    assert file.complete


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("69 03 9f 89 89", "HEADER_CUT"),
        ("69 04 7f 81 13 05", "LENGTH_BEYOND"),
        ("69 04 5f 81 13 00", "group, but primitive"),
        ("69 08 7f 81 13 04 5f 81 5f 00", "without octets"),
        ("69 05 00 00 c5 01 00", "EOC_UNEXPECTED"),
        ("69 04 6a 02 c5 00", "mobileTerminatedCall inside MobileOriginatedCall"),
        ("69 80 7f 81 13 02 c5 05 00 00", "LENGTH_BEYOND"),
        ("69 08 7f 81 13 00 7f 81 13 00", "basicCallInformation twice"),
        ("6e 11 7f 79 0e 5f 81 7a 0a 01 00 00 00 00 00 00 00 00 00", "does not fit 64 bits"),
        ("69 07 7f 81 13 03 5f 3a 00", "causeForTerm is a number without octets"),
        ("69 0c 7f 81 13 08 5f 3a 05 01 00 00 00 00", "cause_for_term is 4294967296"),
    ],
)
def test_a_bad_record_is_rolled_back(release_312: dict[str, Any], bad: str, says: str) -> None:
    data = encode_transfer_batch(release_312)
    octets = bytes.fromhex(bad)
    file = read(rebuilt(data, lambda r: [r[0], octets, *r[1:]]))
    (error,) = file.errors
    assert (error.record_index, error.code) == (1, "BER_INVALID")
    assert says in error.detail
    assert (error.raw, error.length) == (octets, len(octets))
    assert file.events["record_index"].to_list() == [0, 2, 3]
    assert file.unknown_tags == {}
    assert file.complete


def test_sums_beyond_64_bits_are_no_amounts(release_312: dict[str, Any]) -> None:
    detail = {"chargeType": "00", "charge": 2**62}
    calls = release_312["callEventDetails"]
    used = calls[2]["gprsCall"]["gprsServiceUsed"]
    used["chargeInformationList"] = [{"chargeDetailList": [detail, detail]}]
    file = read(encode_transfer_batch(release_312))
    assert file.events.height == 2
    assert "charge is 9223372036854775808" in file.errors[0].detail


def test_a_record_longer_than_its_list_ends_the_list(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    file = read(rebuilt(data, lambda r: [r[0], b"\x69\x84\x00\x00\x00\x05", r[2][:2]]))
    (error,) = file.errors
    assert (error.record_index, error.code) == (1, "BER_INVALID")
    assert not file.complete
    assert file.events.height == 1
    assert file.header.audit_event_count == 3


def test_records_outside_their_list_are_not_lost(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    ((root, batch, _),) = elements(data, 0, len(data))
    stray = batch.replace(b"\x63\x82", b"\x63\x00\x69\x03\xc5\x01\x09\x5f\x87\x05\x82", 1)
    file = read(tlv(root, stray))
    assert [(e.record_index, e.raw) for e in file.errors] == [(0, b"\x69\x03\xc5\x01\x09")]
    assert not file.complete
    without = read(tlv(root, batch.replace(b"\x63\x82", b"\x5f\x87\x05\x82", 1)))
    assert "no list of call events" in without.errors[0].detail


def test_truncated_at_every_offset() -> None:
    for data in SAMPLES:
        whole = read(data)
        assert whole.events.height == 4
        ends = (whole.events["byte_offset"] + whole.events["byte_length"]).to_list()
        starts = whole.events["byte_offset"].to_list()
        for cut in range(len(data)):
            check_cut(data[:cut], whole, starts, ends)


def check_cut(data: bytes, whole: TapFile, starts: list[int], ends: list[int]) -> None:
    try:
        file = read(data)
    except NotTapError:
        assert len(data) < 14
        return
    complete = sum(end <= len(data) for end in ends)
    inside = any(s < len(data) < e for s, e in zip(starts, ends, strict=True))
    assert file.events.equals(whole.events.head(complete))
    (error,) = file.errors
    assert error.code == "FILE_TRUNCATED"
    assert error.record_index == (complete if inside else None)
    assert not file.complete
    assert data.endswith(error.raw)


def test_octets_behind_the_end_are_told(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    file = read(data + data)
    assert file.events.height == 3
    assert (file.errors[0].record_index, file.errors[0].length) == (None, len(data))
    assert not file.complete


def test_amounts_need_sound_decimal_places(release_312: dict[str, Any]) -> None:
    release_312["accountingInfo"]["tapDecimalPlaces"] = 7
    file = read(encode_transfer_batch(release_312))
    assert not file.complete
    assert "tapDecimalPlaces is 7" in file.errors[0].detail


def test_nesting_beyond_the_limit_is_a_bad_record(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    deep = b"\x69\x80" + b"\x7f\x87\x01\x80" * (MAX_DEPTH + 9) + b"\0\0" * (MAX_DEPTH + 10)
    bomb = rebuilt(data, lambda r: [r[0], tlv(b"\x69", deep), *r[1:]])
    assert read(bomb).events["record_index"].to_list() == [0, 2, 3]


@given(st.data())
@settings(max_examples=300)
def test_mutated_files_never_raise(sample: st.DataObject) -> None:
    data = bytearray(sample.draw(st.sampled_from(SAMPLES)))
    for _ in range(sample.draw(st.integers(1, 4))):
        at = sample.draw(st.integers(0, len(data) - 1))
        match sample.draw(st.sampled_from(["set", "insert", "delete"])):
            case "set":
                data[at] = sample.draw(st.integers(0, 255))
            case "insert":
                data[at:at] = sample.draw(st.binary(min_size=1, max_size=4))
            case _:
                del data[at : at + sample.draw(st.integers(1, 8))]
    list(tree(bytes(data)))
    try:
        file = read(bytes(data))
    except NotTapError:
        return
    indexes = file.events["record_index"].to_list()
    bad = [e.record_index for e in file.errors if e.record_index is not None]
    assert sorted(indexes + bad) == list(range(len(indexes) + len(bad)))
    assert file.events.schema["charge"] == pl.Int64


def sample_batch() -> bytes:
    def call(charge: int) -> dict[str, Any]:
        return {
            "mobileOriginatedCall": {
                "basicCallInformation": {
                    "simChargeableSubscriber": {"imsi": "238011234567890"},
                    "totalCallEventDuration": 73,
                },
                "basicServiceUsedList": [
                    {
                        "chargeInformationList": [
                            {"chargeDetailList": [{"chargeType": "00", "charge": charge}]},
                        ],
                    },
                ],
            },
        }

    return encode_transfer_batch(
        {
            "batchControlInfo": {"sender": "AAA01"},
            "accountingInfo": {"tapDecimalPlaces": 3},
            "callEventDetails": [call(n) for n in range(4)],
            "auditControlInfo": {"callEventDetailsCount": 4},
        }
    )


SAMPLES = [sample_batch(), indefinite(sample_batch())]
