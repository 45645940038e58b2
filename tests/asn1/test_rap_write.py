"""RAP files that we write: what is given back keeps its octets, and errors lead to their items."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1.encode import encode
from asn1.indefinite import to_indefinite
from asn1.item_path import group_with, path_in_record
from asn1.rap_header import RapHeader
from asn1.rap_write import (
    ReturnError,
    Step,
    acknowledgement,
    fatal_return,
    missing_return,
    return_batch,
    severe_return,
    stop_return,
)
from asn1.tap import read
from asn1.tree import tree

CONTROL = {"sender": "BBB01", "recipient": "AAA01", "rapFileSequenceNumber": "00003"}
ERROR = ReturnError(20, (Step(1), Step(3, 2), Step(9), Step(43)))


def tap(lengths: str = "definite") -> bytes:
    charge = {"chargedItem": "D", "chargeDetailList": [{"chargeType": "00", "charge": 12},
                                                       {"chargeType": "01", "charge": 1}]}
    call: dict[str, Any] = {"mobileOriginatedCall": {
        "basicCallInformation": {"totalCallEventDuration": 73},
        "basicServiceUsedList": [{"chargeInformationList": [charge, charge]}],
    }}
    octets = encode("transferBatch", {
        "batchControlInfo": {"sender": "AAA01", "recipient": "BBB01",
                             "fileSequenceNumber": "00001", "specificationVersionNumber": 3,
                             "releaseVersionNumber": 12},
        "networkInfo": {"utcTimeOffsetInfo": [
            {"utcTimeOffsetCode": n, "utcTimeOffset": "+0100"} for n in range(2)]},
        "callEventDetails": [call, call],
    })
    return to_indefinite(octets) if lengths == "indefinite" else octets


@pytest.mark.parametrize("lengths", ["definite", "indefinite"])
def test_a_record_is_given_back_as_it_came(lengths: str) -> None:
    raw = read(tap(lengths)).raw(1)
    octets = return_batch(CONTROL, [severe_return("00001", raw, [ERROR]) for _ in range(2)],
                          {"totalSevereReturnValue": 24, "returnDetailsCount": 2})
    assert octets.count(raw) == 2
    found = read(octets)
    assert (found.kind, found.record_count, found.errors, found.complete) == (
        "return_batch", 2, [], True)
    names = [(line.name, line.value_text) for line in tree(octets)]
    assert ("errorCode", "20") in names
    assert [value for name, value in names if name == "pathItemId"][:4] == ["1", "3", "9", "43"]
    assert [value for name, value in names if name == "itemOccurrence"] == ["2", "2"]
    assert [value for name, value in names if name == "itemLevel"][:4] == ["1", "2", "3", "4"]


def test_a_file_is_given_back_for_one_of_its_groups() -> None:
    name, group, way = group_with(tap(), 231)
    assert (name, way) == ("networkInfoError", (
        Step(1), Step(6), Step(234), Step(233, 1), Step(231)))
    octets = return_batch(CONTROL, [fatal_return("00001", name, group, [ReturnError(20, way)])],
                          {"totalSevereReturnValue": 0, "returnDetailsCount": 1})
    assert group in octets
    assert read(octets).record_count == 1
    assert "networkInfoError" in {line.name for line in tree(octets)}


def test_what_is_in_no_group_is_an_error_of_the_batch() -> None:
    assert group_with(tap(), 415) == ("transferBatchError", b"", (Step(1),))
    octets = fatal_return("00001", "transferBatchError", b"", [ReturnError(36, (Step(1),))])
    found = read(return_batch(CONTROL, [octets], {"returnDetailsCount": 1}))
    assert (found.errors, found.complete) == ([], True)


@pytest.mark.parametrize("lengths", ["definite", "indefinite"])
def test_the_way_to_an_item_names_its_place_among_several(lengths: str) -> None:
    data = tap(lengths)
    raw = read(data).raw(1)
    start = data.rindex(raw)
    assert path_in_record(data, start, len(raw), 2, 223) == (
        Step(1), Step(3, 2), Step(9), Step(147), Step(223))
    charge = path_in_record(data, start, len(raw), 2, 62)
    assert [(step.tag, step.occurrence) for step in charge[-4:]] == [
        (69, 1), (64, None), (63, 1), (62, None)]
    assert path_in_record(data, start, len(raw), 2, 999) == (Step(1), Step(3, 2), Step(9))


@given(st.integers(1, 99_999), st.integers(0, 50))
def test_missing_files_are_asked_for_by_number(first: int, more: int) -> None:
    last = min(first + more, 99_999)
    octets = return_batch(CONTROL, [missing_return(f"{first:05d}", f"{last:05d}")],
                          {"returnDetailsCount": 1})
    said = {line.name: line.value_text for line in tree(octets)}
    assert said["startMissingSeqNumber"] == f'"{first:05d}"'
    assert said.get("endMissingSeqNumber") == (f'"{last:05d}"' if last > first else None)


def test_remarks_stand_behind_the_errors_of_a_record() -> None:
    raw = read(tap()).raw(0)
    detail = severe_return("00001", raw, [ERROR], ["ExpCharge:12", "Calculation:60 s"])
    octets = return_batch(CONTROL, [detail], {"returnDetailsCount": 1})
    found = read(octets)
    assert (found.record_count, found.errors, found.complete) == (1, [], True)
    lines = list(tree(octets))
    names = [line.name for line in lines]
    assert names.index("operatorSpecList") > names.index("errorCode")
    assert [line.value_text for line in lines if line.name == "operatorSpecInformation"] == [
        '"ExpCharge:12"', '"Calculation:60 s"']
    assert raw in octets


@given(st.integers(1, 99_999))
def test_a_stop_return_says_the_last_number(last: int) -> None:
    octets = return_batch(CONTROL, [stop_return(f"{last:05d}")], {"returnDetailsCount": 1})
    said = {line.name: line.value_text for line in tree(octets)}
    assert (said["lastSeqNumber"], "severeReturn" in said) == (f'"{last:05d}"', False)


def test_an_acknowledgement_is_read_as_it_was_written() -> None:
    moment = {"localTimeStamp": "20261130120000", "utcTimeOffset": "+0100"}
    octets = acknowledgement({
        "sender": "BBB01", "recipient": "AAA01", "rapFileSequenceNumber": "00003",
        "ackFileCreationTimeStamp": moment, "ackFileAvailableTimeStamp": moment,
        "fileTypeIndicator": "T",
    })
    assert octets[:3] == bytes.fromhex("7F8417")
    header = read(octets).header
    assert isinstance(header, RapHeader)
    assert (header.kind, header.sender, header.recipient, header.sequence, header.file_type,
            header.created, header.available) == (
        "acknowledgement", "BBB01", "AAA01", 3, "T", *("20261130120000+0100",) * 2)
