"""A TAP file is read whole where it is sound, and record by record where it is not."""

from dataclasses import replace
from functools import cache
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1.ber import INDEFINITE, MAX_DEPTH, read_header
from asn1.encode import encode_transfer_batch
from asn1.tap import EngineName, NotTapError, TapFile, read
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


def same_records(left: TapFile, right: TapFile) -> bool:
    """Whether all tables are equal, but for where the records lie."""
    return left.tables.keys() == right.tables.keys() and all(
        frame.drop(PLACE, strict=False).equals(right.tables[name].drop(PLACE, strict=False))
        for name, frame in left.tables.items()
    )


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


def test_records_and_their_parts(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    file = read(data)
    assert (file.errors, file.notes, file.unknown_tags, file.complete) == ([], [], {}, True)
    assert file.kind == "transfer_batch"
    assert list(file.groups) == [
        "batchControlInfo", "accountingInfo", "networkInfo", "auditControlInfo",
    ]
    moc, mtc, gprs = file.records.to_dicts()
    assert moc.items() >= {
        "record_index": 0, "event": "mobileOriginatedCall", "imsi": "238011234567890",
        "imei": "35123456789012", "dialled_digits": "12345678", "call_reference": b"\x00\xab\x12",
        "call_event_start_utc_offset_code": 1, "camel_invocation_fee": 11,
    }.items()
    assert mtc.items() >= {
        "event": "mobileTerminatedCall", "calling_number": "45998877", "sms_originator": "Bank",
        "total_call_event_duration": 0, "imei": None,
    }.items()
    assert gprs.items() >= {
        "event": "gprsCall", "access_point_name_ni": "internet",
        "data_volume_incoming": 5_000_000_000, "charging_id": 0xFEDCBA98,
    }.items()
    for row, tag in zip((moc, mtc, gprs), b"\x69\x6a\x6e", strict=True):
        octets = file.raw(row["record_index"])
        assert octets[0] == tag
        assert data[row["byte_offset"] :].startswith(octets)
        assert len(octets) == row["byte_length"]
    charges = file.tables["charge_detail"]
    assert charges["charge"].to_list() == [120, 115, 5, 30, 25, 5, 40, 35, 5, 900, 895, 5]
    assert charges["record_index"].to_list() == [0] * 6 + [1] * 3 + [2] * 3
    assert charges["parent"].to_list() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_both_releases_give_one_table(
    release_312: dict[str, Any], release_39: dict[str, Any]
) -> None:
    new, old = read(encode_transfer_batch(release_312)), read(encode_transfer_batch(release_39))
    assert new.data != old.data
    assert old.unknown_tags == {}
    assert old.header == replace(new.header, release="3.9")
    shared = [c for c in old.records.columns if c not in PLACE]
    assert new.records.select(shared).equals(old.records.select(shared))
    moved = pl.col("data_volume_incoming", "data_volume_outgoing").sum()
    assert old.tables["gprs_service_usage"].select(moved).equals(new.records.select(moved))
    for table in ("charge_information", "charge_detail", "tax_information"):
        assert new.tables[table].equals(old.tables[table])


@pytest.mark.parametrize("segments", [False, True])
def test_indefinite_lengths(release_312: dict[str, Any], *, segments: bool) -> None:
    data = encode_transfer_batch(release_312)
    other = indefinite(data, segments=segments)
    assert other[1] == 0x80
    file = read(other + b"\0\0\0 \r\n")
    assert (file.errors, file.complete) == ([], True)
    assert same_records(file, read(data))
    assert file.header == read(data).header


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
    assert same_records(file, read(data))
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
    assert file.records["record_index"].to_list() == [0, 2, 3]
    assert file.complete


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("69 03 9f 89 89", "HEADER_CUT"),
        ("69 04 7f 81 13 05", "LENGTH_BEYOND"),
        ("69 04 5f 81 13 00", "group, but primitive"),
        ("69 08 7f 81 13 04 5f 81 5f 00", "without octets"),
        ("69 05 00 00 c5 01 00", "EOC_UNEXPECTED"),
        ("69 04 6a 02 c5 00", "a record, inside MobileOriginatedCall"),
        ("69 80 7f 81 13 02 c5 05 00 00", "LENGTH_BEYOND"),
        ("69 0c 7f 81 13 08 5f 3a 01 01 5f 3a 01 01", "REPEATED"),
        ("6e 11 7f 79 0e 5f 81 7a 0a 01 00 00 00 00 00 00 00 00 00", "does not fit 64 bits"),
        ("69 07 7f 81 13 03 5f 3a 00", "causeForTerm: offset 651: VALUE: is a number without"),
        ("49 00", "SHAPE"),
    ],
)
@pytest.mark.parametrize("engine", ["walker", "kernel"])
def test_a_bad_record_is_rolled_back(
    release_312: dict[str, Any], bad: str, says: str, engine: EngineName
) -> None:
    data = encode_transfer_batch(release_312)
    octets = bytes.fromhex(bad)
    file = read(rebuilt(data, lambda r: [r[0], octets, *r[1:]]), engine=engine)
    (error,) = file.errors
    assert (error.record_index, error.code) == (1, "BER_INVALID")
    assert says in error.detail
    assert (error.raw, error.length) == (octets, len(octets))
    assert file.records["record_index"].to_list() == [0, 2, 3]
    assert file.unknown_tags == {}
    assert file.complete


def test_a_record_longer_than_its_list_ends_the_list(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    file = read(rebuilt(data, lambda r: [r[0], b"\x69\x84\x00\x00\x00\x05", r[2][:2]]))
    (error,) = file.errors
    assert (error.record_index, error.code) == (1, "BER_INVALID")
    assert not file.complete
    assert file.records.height == 1
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
    for data in samples():
        whole = read(data)
        assert whole.records.height == 4
        ends = (whole.records["byte_offset"] + whole.records["byte_length"]).to_list()
        starts = whole.records["byte_offset"].to_list()
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
    # A column that no record fills is absent.
    assert file.records.equals(whole.records.head(complete).select(file.records.columns))
    (error,) = file.errors
    assert error.code == "FILE_TRUNCATED"
    assert error.record_index == (complete if inside else None)
    assert not file.complete
    assert data.endswith(error.raw)


def test_octets_behind_the_end_are_told(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    file = read(data + data[3:])
    assert file.records.height == 3
    assert (file.errors[0].record_index, file.errors[0].length) == (None, len(data) - 3)
    assert (file.complete, file.following) == (False, ())


def test_amounts_need_sound_decimal_places(release_312: dict[str, Any]) -> None:
    release_312["accountingInfo"]["tapDecimalPlaces"] = 7
    file = read(encode_transfer_batch(release_312))
    assert not file.complete
    assert "tapDecimalPlaces is 7" in file.errors[0].detail


def test_nesting_beyond_the_limit_is_a_bad_record(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    deep = b"\x69\x80" + b"\x7f\x87\x01\x80" * (MAX_DEPTH + 9) + b"\0\0" * (MAX_DEPTH + 10)
    bomb = rebuilt(data, lambda r: [r[0], tlv(b"\x69", deep), *r[1:]])
    assert read(bomb).records["record_index"].to_list() == [0, 2, 3]


@given(st.data())
def test_mutated_files_never_raise(sample: st.DataObject) -> None:
    data = bytearray(sample.draw(st.sampled_from(samples())))
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
    indexes = file.records["record_index"].to_list()
    bad = [e.record_index for e in file.errors if e.record_index is not None]
    assert sorted(indexes + bad) == list(range(len(indexes) + len(bad)))
    assert all(file.raw(index) is not None for index in indexes + bad)


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


@cache
def samples() -> list[bytes]:
    return [sample_batch(), indefinite(sample_batch())]
