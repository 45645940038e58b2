"""Nested values become files of every kind; what has no place in the grammar is refused."""

import textwrap
from typing import Any

import pyasn1.codec.ber.decoder
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.type import univ

import asn1.encode
from asn1.ber import NO_LIMIT, read_header
from asn1.encode import EncodeError, bcd, encode, encode_notification, encode_transfer_batch
from asn1.grammar import load_plan
from asn1.tap import read
from asn1.values import ValueReader


def walk(data: bytes, grammar: str = "tap") -> Any:
    plan = load_plan(grammar)
    ident, length, at = read_header(data, 0, NO_LIMIT)
    node = plan.contexts[0].nodes[ident >> 1]
    value, behind = ValueReader(data, plan).element(node, ident, at, length, len(data), 1)
    assert behind == len(data)
    return value


def test_a_small_batch() -> None:
    data = encode_transfer_batch(
        {
            "batchControlInfo": {
                "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00001",
                "specificationVersionNumber": 3, "releaseVersionNumber": 12,
            },
            "accountingInfo": {"localCurrency": "EUR", "tapDecimalPlaces": 3},
            "callEventDetails": [
                {
                    "mobileOriginatedCall": {
                        "basicCallInformation": {
                            "chargeableSubscriber": {
                                "simChargeableSubscriber": {"imsi": "238011234567890"},
                            },
                            "totalCallEventDuration": 73,
                        },
                    },
                },
            ],
            "auditControlInfo": {"totalCharge": 0, "callEventDetailsCount": 1},
        }
    )
    file = read(data)
    assert file.tables["event"]["imsi"].to_list() == ["238011234567890"]
    assert file.tables["event"]["total_call_event_duration"].to_list() == [73]
    assert file.complete


def test_the_docstring_example_is_a_file() -> None:
    doc = asn1.encode.__doc__ or ""
    example = doc[doc.index("    encode_transfer_batch(") : doc.index("Release 3.9 writes")]
    file = read(eval(textwrap.dedent(example), vars(asn1.encode)))
    assert file.tables["charge_detail"]["charge"].to_list() == [120]
    assert (file.complete, file.errors, file.unknown_tags) == (True, [], {})


def test_reads_back_what_was_written(
    release_312: dict[str, Any], release_39: dict[str, Any]
) -> None:
    for batch in (release_312, release_39):
        assert walk(encode_transfer_batch(batch)) == stripped(batch)


def stripped(value: Any) -> Any:
    match value:
        case dict():
            return {name: stripped(v) for name, v in value.items()}
        case list():
            return [stripped(v) for v in value]
        case str():
            return value.strip(" ")
    return value


def test_notification() -> None:
    data = encode_notification({"sender": "AAA01", "fileSequenceNumber": "00007"})
    assert data[0] == 0x62
    assert walk(data) == {"sender": "AAA01", "fileSequenceNumber": "00007"}


def test_bytes_go_out_as_they_are() -> None:
    data = encode_transfer_batch({"batchControlInfo": {"sender": b"\xc6\x00"}})
    assert data.endswith(b"\x5f\x81\x44\x02\xc6\x00")
    assert walk(data) == {"batchControlInfo": {"sender": "\u00c6\0"}}


def used(call: dict[str, Any]) -> dict[str, Any]:
    return {"callEventDetails": [{"gprsCall": call}]}


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"batchControlInfo": {"sendr": "X"}}, "batchControlInfo: BatchControlInfo has no sendr"),
        ({"auditControlInfo": {"totalCharge": "1"}}, r"auditControlInfo\.totalCharge: '1' where"),
        ({"callEventDetails": [{}]}, r"callEventDetails\[0\]: a CHOICE takes one"),
        ({"callEventDetails": ["x"]}, r"callEventDetails\[0\]: a CHOICE takes one"),
        ({"callEventDetails": {}}, r"callEventDetails: {} where the grammar has CallEventDetailL"),
        ({"accountingInfo": []}, r"accountingInfo: \[\] where the grammar has AccountingInfo"),
        ({"accountingInfo": {"localCurrency": "\u20ac"}}, r"localCurrency: '\u20ac' where"),
        (used({"gprsBasicCallInformation": {"chargingId": -1}}), "chargingId: -1 where"),
        (used({"equipmentIdentifier": {"imei": "12 34"}}), "imei: '12 34' where"),
        (used({"equipmentIdentifier": {"imei": "12x"}}), "imei: '12x' where"),
        (used({"equipmentIdentifier": {"imei": 12}}), "imei: 12 where"),
    ],
)
def test_refuses_what_has_no_place(batch: dict[str, Any], message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        encode_transfer_batch(batch)


@pytest.mark.parametrize(
    ("kind", "grammar", "value"),
    [
        ("notification", "tap", {"sender": "AAA01", "fileSequenceNumber": "00007"}),
        ("returnBatch", "rap", {"rapBatchControlInfoRap": {"sender": "AAA01"}}),
        ("acknowledgement", "rap", {"sender": "AAA01", "recipient": "BBB01"}),
        ("nrtrde", "nrtrde", {"sender": "AAA01", "callEventsCount": 0}),
    ],
)
def test_files_of_every_kind(kind: Any, grammar: str, value: dict[str, Any]) -> None:
    assert walk(encode(kind, value), grammar) == value
    assert walk(encode(kind, value, lengths="indefinite"), grammar) == value


def test_indefinite_lengths_end_by_marks() -> None:
    data = encode("notification", {"sender": "A"}, lengths="indefinite")
    assert data == bytes.fromhex("6280 5f81440141 0000")


def test_a_release_refuses_what_it_does_not_have(release_312: dict[str, Any]) -> None:
    written = encode_transfer_batch(release_312)
    assert encode("transferBatch", release_312, release=12) == written
    with pytest.raises(EncodeError, match=r"^transferBatch\..*: release 3\.9 does not have"):
        encode("transferBatch", release_312, release=9)


@given(st.text("0123456789abcde", min_size=1, max_size=20))
def test_bcd_reads_back(digits: str) -> None:
    packed = bcd(digits)
    assert len(packed) == (len(digits) + 1) // 2
    assert packed[0] >> 4 == int(digits[0], 16)
    assert packed.hex().rstrip("f") == digits


def test_asn1tools_decodes_the_same_values(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    specification = asn1.encode._grammar("tap").specification
    kind, batch = specification.decode("DataInterChange", data)
    assert kind == "transferBatch"
    event, gprs = batch["callEventDetails"][2]
    volumes = gprs["gprsServiceUsed"]
    assert (event, volumes["dataVolumeIncoming"]) == ("gprsCall", 5_000_000_000)
    ours = read(data).tables["event"].row(2, named=True)
    assert ours["data_volume_incoming"] == volumes["dataVolumeIncoming"]
    subscriber = gprs["gprsBasicCallInformation"]["gprsChargeableSubscriber"]
    imsi = subscriber["chargeableSubscriber"][1]["imsi"]
    assert imsi == bcd(ours["imsi"])


@pytest.mark.parametrize(
    "number", [0, 1, 127, 128, 255, 256, -1, -128, -129, 2**31, 2**63 - 1, -(2**63)]
)
def test_pyasn1_decodes_the_same_integers(number: int) -> None:
    data = encode_transfer_batch({"auditControlInfo": {"totalCharge": number}})
    start = data.index(b"\x5f\x83\x1f") + 3
    theirs, _ = pyasn1.codec.ber.decoder.decode(b"\x02" + data[start:], asn1Spec=univ.Integer())
    assert int(theirs) == number
    assert walk(data) == {"auditControlInfo": {"totalCharge": number}}
