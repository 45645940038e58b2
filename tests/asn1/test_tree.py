"""The lines of a tree: names of each kind of file, octets and values, one record, damage."""

from typing import Any

import pytest

from asn1.encode import encode, encode_notification, encode_transfer_batch
from asn1.tap import read
from asn1.tree import record_tree, tree

RETURNS: dict[str, Any] = {
    "rapBatchControlInfoRap": {"sender": "BBB01", "recipient": "AAA01"},
    "returnDetails": [
        {"missingReturn": {"startMissingSeqNumber": "00004"}},
        {
            "severeReturn": {
                "fileSequenceNumber": "00042",
                "supplServiceEvent": {"supplServiceUsed": {"supplServiceCode": "21"}},
            },
        },
    ],
}
NRTRDE: dict[str, Any] = {
    "specificationVersionNumber": 2, "releaseVersionNumber": 1, "sender": "AAA01",
    "callEvents": [{"gprs": {"imsi": "238011234567890", "accessPointNameNI": "internet"}}],
}


def test_lines_name_what_the_grammar_knows(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    lines = list(tree(data))
    assert (lines[0].name, lines[0].depth, lines[0].tag) == ("transferBatch", 0, "[APPLICATION 1]")
    assert lines[0].header_length + lines[0].length == len(data)
    imsi = next(line for line in lines if line.name == "imsi")
    assert imsi.value_text == "238011234567890"
    assert imsi.depth == 6
    assert data[imsi.offset :].startswith(b"\x5f\x81\x01\x08")
    assert {line.name for line in lines} >= {"sender", "chargeDetail", "totalCharge"}
    assert all(line.name for line in lines)
    inner = [line for line in lines if line.value_text]
    assert sum(line.header_length for line in lines) + sum(line.length for line in inner) == len(
        data
    )


def test_any_ber_is_shown() -> None:
    data = bytes.fromhex("30 80 02 01 05 a1 03 04 01 ff 00 00 61 02 c4 00 00 0a")
    assert [(n.offset, n.depth, n.tag, n.name, n.length) for n in tree(data)] == [
        (0, 0, "[UNIVERSAL 16]", None, -1),
        (2, 1, "[UNIVERSAL 2]", None, 1),
        (5, 1, "[1]", None, 3),
        (7, 2, "[UNIVERSAL 4]", None, 1),
        (12, 0, "[APPLICATION 1]", "transferBatch", 2),
        (14, 1, "[PRIVATE 4]", None, 0),
    ]


def test_the_last_line_tells_what_is_wrong(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    for cut in range(1, len(data), 7):
        last = list(tree(data[:cut]))[-1]
        assert last.tag == "error"
        assert last.value_text.startswith(("HEADER_CUT", "LENGTH_BEYOND"))
    deep = list(tree(b"\x61\x80" * 50))
    assert deep[-1].value_text.startswith("DEPTH")
    assert list(tree(b"")) == []


def test_a_value_that_is_none_is_shown_as_octets() -> None:
    # transferBatch > batchControlInfo > releaseVersionNumber without octets
    lines = list(tree(bytes.fromhex("61 06 64 04 5f 81 3d 00")))
    assert lines[-1].name == "releaseVersionNumber"
    assert "without octets" in lines[-1].value_text


def test_octets_stand_beside_what_they_mean(release_312: dict[str, Any]) -> None:
    lines = {n.name: n for n in tree(encode_transfer_batch(release_312))}
    shown = {name: (lines[name].raw_text, lines[name].value_text) for name in (
        "transferBatch", "sender", "imsi", "totalCallEventDuration", "callReference",
        "localTimeStamp")}
    assert shown == {
        "transferBatch": ("", ""),
        "sender": ("4141413031", '"AAA01"'),
        "imsi": ("238011234567890f", "238011234567890"),
        "totalCallEventDuration": ("0e10", "3600"),
        "callReference": ("00ab12", "00ab12"),
        "localTimeStamp": ("3230323630313035313031353030", "20260105101500"),
    }


def test_long_values_are_shortened(release_312: dict[str, Any]) -> None:
    release_312["batchControlInfo"]["operatorSpecInformation"] = ["x" * 5_000]
    lines = tree(encode_transfer_batch(release_312))
    line = next(n for n in lines if n.name == "operatorSpecInformation" and n.length == 5_000)
    assert line.raw_text == "78" * 32 + "…"
    assert line.value_text == f'"{"x" * 200}…"'


def test_names_are_those_of_the_kind_of_file() -> None:
    returns = {n.name for n in tree(encode("returnBatch", RETURNS))}
    assert returns >= {"returnBatch", "missingReturn", "severeReturn", "supplServiceCode"}
    events = {n.name: n.value_text for n in tree(encode("nrtrde", NRTRDE))}
    assert events["accessPointNameNI"] == '"internet"'
    assert None not in returns | set(events)


def test_each_root_has_its_own_names() -> None:
    first = encode_notification({"sender": "AAA01", "recipient": "BBB01"})
    data = first + b"\0 \r\n" + encode("nrtrde", NRTRDE) + b"\n"
    roots = [(n.offset, n.name) for n in tree(data) if n.depth == 0]
    assert roots == [(0, "notification"), (len(first) + 4, "nrtrde")]


@pytest.mark.parametrize("lengths", ["definite", "indefinite"])
def test_one_record(release_312: dict[str, Any], lengths: Any) -> None:
    data = encode("transferBatch", release_312, lengths=lengths)
    start, length = read(data).records.select("byte_offset", "byte_length").row(1)
    lines = list(record_tree(memoryview(data), "tap", start, start + length))
    assert [(n.name, n.depth) for n in lines if n.depth == 0] == [("mobileTerminatedCall", 0)]
    whole = [n for n in tree(data) if start <= n.offset < start + length]
    assert [n.value_text for n in lines] == [n.value_text for n in whole]
    assert {n.name for n in lines} >= {"sMSOriginator", "chargeDetail"}


def test_one_record_of_a_return() -> None:
    data = encode("returnBatch", RETURNS)
    start, length = read(data).records.select("byte_offset", "byte_length").row(1)
    names = [n.name for n in record_tree(data, "rap", start, start + length)]
    assert names == [
        "severeReturn", "fileSequenceNumber", "supplServiceEvent", "supplServiceUsed",
        "supplServiceCode",
    ]


def test_a_bad_record_is_shown_up_to_where_it_breaks() -> None:
    # mobileOriginatedCall > basicCallInformation > something that is longer than the record
    data = bytes.fromhex("69 06 7f 81 13 02 41 09")
    lines = list(record_tree(data, "tap", 0, len(data)))
    assert [n.name for n in lines] == ["mobileOriginatedCall", "basicCallInformation", None]
    assert lines[-1].value_text.startswith("LENGTH_BEYOND")
