"""What reading gives beside the tables: where it reads from, notes, raw octets, unknown tags."""

import sys
from pathlib import Path
from typing import Any

import pytest

import asn1
from asn1 import reader, tap
from asn1.ber import read_header
from asn1.encode import encode, encode_transfer_batch
from asn1.layout import SelectionError
from asn1.tap import NotTapError, read

ENGINES: list[tap.EngineName] = ["walker", "kernel"]
PLACE = ["byte_offset", "byte_length"]


def tlv(tag: bytes, content: bytes) -> bytes:
    return tag + b"\x84" + len(content).to_bytes(4, "big") + content


def parts(value: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """What stands before the list of records, the records, and what stands behind it."""
    data = encode_transfer_batch(value)
    _, _, first = read_header(data, 0, len(data))
    pos = first
    while True:
        start = pos
        _, length, at = read_header(data, start, len(data))
        pos = at + length
        if data[start] == 0x63:
            return data[first:start], data[at:pos], data[pos:]


def call(seconds: bytes = b"\x5f\x81\x5f\x01\x05", start: bytes = b"20260105101500") -> bytes:
    """A call by hand, whose duration and start may be anything."""
    time = tlv(b"\x6c", tlv(b"\x50", start)).replace(b"\x6c", b"\x7f\x2c", 1)
    return tlv(b"\x69", tlv(b"\x7f\x81\x13", time + seconds))


@pytest.mark.parametrize("engine", ENGINES)
def test_files_are_read_from_paths_and_octets(
    release_312: dict[str, Any], tmp_path: Path, engine: tap.EngineName
) -> None:
    data = encode_transfer_batch(release_312)
    path = tmp_path / "CDAAA01BBB0100042"
    path.write_bytes(data)
    for source in (path, str(path), data):
        file = asn1.read(source, engine=engine)
        assert bytes(file.data) == data
        assert file.records["imsi"].to_list() == ["238011234567890"] * 3
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", engine=engine)
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(NotTapError, match="it is empty"):
        read(empty, engine=engine)


def test_the_kernel_is_loaded_for_large_files_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "asn1.kernel_run", raising=False)
    large = tmp_path / "large"
    large.write_bytes(bytes(tap.KERNEL_PAYS_FROM))
    assert tap._chosen(large, "auto") == "kernel"
    assert tap._chosen(bytes(tap.KERNEL_PAYS_FROM - 1), "auto") == "walker"
    assert tap._chosen(large, "walker") == "walker"
    monkeypatch.setitem(sys.modules, "asn1.kernel_run", sys)
    assert tap._chosen(bytes(tap.LOADED_KERNEL_PAYS_FROM), "auto") == "kernel"
    assert tap._chosen(bytes(tap.LOADED_KERNEL_PAYS_FROM - 1), "auto") == "walker"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_list_of_records_is_read_too(
    release_312: dict[str, Any], engine: tap.EngineName
) -> None:
    content_record = {"contentTransaction": {"contentServiceUsed": [
        {"chargeInformationList": [{"chargeDetailList": [{"chargeType": "00", "charge": 8}]}]},
    ]}}
    before, records, behind = parts(release_312)
    release_312["callEventDetails"] = [content_record] * 2
    _, more, _ = parts(release_312)
    one = read(tlv(b"\x61", before + tlv(b"\x63", records + more) + behind), engine=engine)
    lists = tlv(b"\x63", records) + tlv(b"\x63", more)
    two = read(tlv(b"\x61", before + lists + behind), engine=engine)
    assert (two.complete, two.errors) == (True, [])
    assert two.tables.keys() == one.tables.keys()
    for name, frame in one.tables.items():
        other = two.tables[name]
        assert frame.drop(PLACE, strict=False).equals(other.drop(PLACE, strict=False)), name


@pytest.mark.parametrize("engine", ENGINES)
def test_values_that_cannot_be_meant_are_noted(
    release_312: dict[str, Any], engine: tap.EngineName
) -> None:
    before, _, behind = parts(release_312)
    records = [call(), call(b"\x5f\x81\x5f\x01\xfb"), call(start=b"2026010510150x")]
    file = read(tlv(b"\x61", before + tlv(b"\x63", b"".join(records)) + behind), engine=engine)
    assert (file.complete, file.errors) == (True, [])
    assert file.records["total_call_event_duration"].to_list() == [5, -5, 5]
    assert [(n.record_index, n.code, n.raw) for n in file.notes] == [
        (1, "NEGATIVE", b""), (2, "TIME", b""),
    ]
    assert "mobileOriginatedCall.basicCallInformation.totalCallEventDuration" in (
        file.notes[0].detail
    )
    assert "2026010510150x" in file.notes[1].detail
    assert [file.raw(i) for i in range(3)] == records


def test_notes_beyond_a_bound_have_no_words(
    release_312: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_EXPLAINED", 1)
    before, _, behind = parts(release_312)
    records = call(b"\x5f\x81\x5f\x01\xfb") * 2
    file = read(tlv(b"\x61", before + tlv(b"\x63", records) + behind))
    first, second = (note.detail for note in file.notes)
    assert "-5 is negative" in first
    assert second.startswith("offset ")
    assert second.endswith(": NEGATIVE")


@pytest.mark.parametrize("engine", ENGINES)
def test_raw_gives_the_octets_of_good_and_bad_records(
    release_312: dict[str, Any], engine: tap.EngineName
) -> None:
    before, _, behind = parts(release_312)
    records = [call(), b"\x69\x02\xc5\x05", b"\x7f\x87\x01\x00", call()]
    file = read(tlv(b"\x61", before + tlv(b"\x63", b"".join(records)) + behind), engine=engine)
    assert [e.code for e in file.errors] == ["BER_INVALID", "EVENT_UNKNOWN"]
    assert [file.raw(i) for i in range(4)] == records
    assert [e.raw for e in file.errors] == records[1:3]
    for none in (-1, 4):
        with pytest.raises(IndexError, match=f"no record {none}"):
            file.raw(none)


@pytest.mark.parametrize("engine", ENGINES)
def test_unknown_tags_of_groups_and_records_are_counted_together(
    release_312: dict[str, Any], engine: tap.EngineName
) -> None:
    before, records, behind = parts(release_312)
    unknown = b"\xc5\x01\x00"
    record = tlv(b"\x69", tlv(b"\x7f\x81\x13", unknown) + unknown)
    file = read(
        tlv(b"\x61", before + unknown + tlv(b"\x65", unknown)
            + tlv(b"\x63", records + record * 2) + behind),
        engine=engine,
    )
    assert file.unknown_tags == {
        "MoBasicCallInformation.[PRIVATE 5]": 2, "MobileOriginatedCall.[PRIVATE 5]": 2,
        "TransferBatch.[PRIVATE 5]": 1,
    }
    assert file.unknown["record_index"].to_list() == [3, 3, 4, 4]
    assert [file.raw(3)[-3:], bytes(file.data[file.unknown["byte_offset"][1] :][:3])] == [
        unknown, unknown,
    ]


def test_repeated_groups_are_told_and_the_first_one_counts(release_312: dict[str, Any]) -> None:
    before, records, behind = parts(release_312)
    second = tlv(b"\x64", tlv(b"\x5f\x81\x44", b"ZZZ99"))
    file = read(tlv(b"\x61", before + second + tlv(b"\x63", records) + behind))
    assert (file.header.sender, file.complete, file.records.height) == ("AAA01", False, 3)
    (error,) = file.errors
    assert (error.record_index, error.raw) == (None, second)
    assert "batchControlInfo twice" in error.detail


def test_a_list_longer_than_its_group_is_told(release_312: dict[str, Any]) -> None:
    before, records, _ = parts(release_312)
    long_list = b"\x63\x84" + (len(records) + 9).to_bytes(4, "big") + records
    file = read(tlv(b"\x61", before + long_list) + bytes(20))
    assert (file.records.height, file.complete) == (3, False)
    assert "does not end within its group" in file.errors[0].detail


def test_selections_that_name_nothing_are_refused() -> None:
    data = encode("nrtrde", {"specificationVersionNumber": 2})
    with pytest.raises(SelectionError, match="no table charge_detail"):
        read(data, columns={"charge_detail": ["charge"]})


def test_groups_are_values_by_element_name(release_312: dict[str, Any]) -> None:
    file = read(encode_transfer_batch(release_312))
    assert file.groups["batchControlInfo"] == release_312["batchControlInfo"]
    assert file.groups["auditControlInfo"] == release_312["auditControlInfo"]
    notification = encode("notification", {"sender": "AAA01", "fileTypeIndicator": "T"})
    assert read(notification).groups == {"sender": "AAA01", "fileTypeIndicator": "T"}


def test_a_record_too_large_for_the_tables_is_an_error_and_no_traceback(release_312, monkeypatch):
    from asn1 import kernel_run

    monkeypatch.setattr(kernel_run, "MAX_HEAP", 1000)
    dialled = {"destination": {"dialledDigits": "1" * 60_000}}
    release_312["callEventDetails"][1]["mobileTerminatedCall"] = {}
    release_312["callEventDetails"][0]["mobileOriginatedCall"]["basicCallInformation"] |= dialled
    file = read(encode_transfer_batch(release_312), engine="kernel")
    assert not file.complete
    assert [e.code for e in file.errors] == ["BER_INVALID"]
    assert "no record was read: offset" in file.errors[0].detail
