"""Damage by text-mode transfers is undone where that can be proved, and else named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1.damage import REPLACEMENT, first_replaced, repairs
from asn1.encode import encode, encode_transfer_batch
from asn1.tap import NotTapError, read


def batch(value: dict[str, Any], *, durations: list[int]) -> bytes:
    """The batch with calls of those durations, of which 10 and 3338 are line ends."""
    call = value["callEventDetails"][0]["mobileOriginatedCall"]
    value["callEventDetails"] = [
        {
            "mobileOriginatedCall": call | {
                "basicCallInformation": call["basicCallInformation"] | {
                    "totalCallEventDuration": seconds,
                },
            },
        }
        for seconds in durations
    ]
    value["auditControlInfo"] = {
        "totalCharge": len(durations) * (120 + 30 + 11), "callEventDetailsCount": len(durations),
    }
    return encode_transfer_batch(value)


def in_ascii_mode(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def as_utf8(data: bytes) -> bytes:
    return data.decode("latin-1").encode()


def replaced(data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode()


@pytest.mark.parametrize("durations", [[10], [10, 73, 3338], [0x0D0A0D, 10]])
def test_ascii_mode_is_undone(release_312: dict[str, Any], durations: list[int]) -> None:
    data = batch(release_312, durations=durations)
    file = read(in_ascii_mode(data))
    assert bytes(file.data) == data
    assert file.records.equals(read(data).records)
    places = data.count(b"\n")
    assert file.repaired
    assert file.repaired.endswith(f"(places undone: {places})")
    assert (file.complete, file.errors) == (True, [])
    assert read(data).repaired is None


def test_a_whole_file_with_line_ends_in_it_is_left_alone(release_312: dict[str, Any]) -> None:
    data = batch(release_312, durations=[3338])
    assert b"\r\n" in data
    file = read(data)
    assert (file.repaired, file.records["total_call_event_duration"].to_list()) == (None, [3338])


def test_no_repair_without_its_proof(release_312: dict[str, Any]) -> None:
    data = in_ascii_mode(batch(release_312, durations=[10, 73]))
    cut = read(data[:-1])
    assert (cut.repaired, cut.complete) == (None, False)
    lone = read(data + b"\n")
    assert (lone.repaired, lone.complete) == (None, False)
    release_312["auditControlInfo"]["totalCharge"] = 1
    wrong = read(in_ascii_mode(encode_transfer_batch(release_312)))
    assert (wrong.repaired, wrong.complete) == (None, False)


def test_all_files_behind_must_be_whole_too(release_312: dict[str, Any]) -> None:
    data = batch(release_312, durations=[10])
    both = read(in_ascii_mode(data + data))
    assert (both.repaired is not None, len(both.following)) == (True, 1)
    assert read(in_ascii_mode(data + data[:-1])).repaired is None


def test_a_selection_still_needs_the_whole_audit(release_312: dict[str, Any]) -> None:
    data = batch(release_312, durations=[10])
    file = read(in_ascii_mode(data), columns={"event": ["imsi"]})
    assert file.repaired
    assert list(file.tables) == ["event"]
    release_312["auditControlInfo"]["totalCharge"] = 1
    wrong = in_ascii_mode(encode_transfer_batch(release_312))
    assert read(wrong, columns={"event": ["imsi"]}).repaired is None


def test_near_real_time_files_are_repaired_by_their_count() -> None:
    value = {
        "specificationVersionNumber": 2, "releaseVersionNumber": 1, "sequenceNumber": "0000001",
        "callEvents": [{"moc": {"imsi": "238011234567890", "callEventDuration": 10}}],
        "callEventsCount": 1,
    }
    file = read(in_ascii_mode(encode("nrtrde", value)))
    assert (file.repaired is not None, file.records["call_event_duration"][0]) == (True, 10)
    other = read(in_ascii_mode(encode("nrtrde", value | {"callEventsCount": 2})))
    assert other.repaired is None


def test_latin_1_written_as_utf_8_is_undone(release_312: dict[str, Any]) -> None:
    data = batch(release_312, durations=[73, 200])
    file = read(as_utf8(data))
    assert bytes(file.data) == data
    assert file.repaired
    assert "Latin-1" in file.repaired
    both = read(as_utf8(in_ascii_mode(batch(release_312, durations=[10]))))
    assert both.repaired
    assert "ASCII" in both.repaired


def test_replaced_octets_are_named_and_cannot_be_restored(release_312: dict[str, Any]) -> None:
    data = replaced(batch(release_312, durations=[73]))
    with pytest.raises(NotTapError, match="transfer the file as binary") as refused:
        read(data)
    assert refused.value.offset == data.index(REPLACEMENT)
    with pytest.raises(NotTapError, match="text conversion"):
        read(data[: data.rindex(REPLACEMENT) + 2])


def test_a_file_that_only_speaks_of_replaced_octets_is_read(release_312: dict[str, Any]) -> None:
    party = release_312["callEventDetails"][1]["mobileTerminatedCall"]["basicCallInformation"]
    party["callOriginator"]["sMSOriginator"] = REPLACEMENT
    data = encode_transfer_batch(release_312)
    assert read(data).records["sms_originator"].to_list() == [None, "ï¿½", None]
    assert not read(data[:-1]).complete


@given(st.binary(max_size=40))
def test_every_repair_is_the_inverse_of_its_damage(data: bytes) -> None:
    if b"\n" in data:
        assert next(repairs(in_ascii_mode(data))).data == data
    if not data.isascii():
        assert data in [r.data for r in repairs(as_utf8(data))]
        assert first_replaced(as_utf8(data)) is None
    found = first_replaced(replaced(data))
    at = replaced(data).find(REPLACEMENT)
    assert found == (None if at < 0 else at)
