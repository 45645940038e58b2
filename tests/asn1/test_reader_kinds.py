"""RAP and NRTRDE files are read as TAP ones are, and so are several files in one."""

from typing import Any

import pytest

from asn1 import reader
from asn1.encode import encode, encode_transfer_batch
from asn1.rap_header import RapHeader
from asn1.tap import read

CALL = {
    "mobileOriginatedCall": {
        "basicCallInformation": {
            "chargeableSubscriber": {"simChargeableSubscriber": {"imsi": "238011234567890"}},
            "totalCallEventDuration": 73,
        },
    },
}
RETURNS: dict[str, Any] = {
    "rapBatchControlInfoRap": {
        "sender": "BBB01", "recipient": "AAA01", "rapFileSequenceNumber": "00003",
        "rapFileCreationTimeStamp": {"localTimeStamp": "20260107010000", "utcTimeOffset": "+0100"},
        "rapFileAvailableTimeStamp": {"localTimeStamp": "20260107020000", "utcTimeOffset": "+0100"},
        "specificationVersionNumber": 3, "releaseVersionNumber": 12,
        "rapSpecificationVersionNumber": 1, "rapReleaseVersionNumber": 5,
        "fileTypeIndicator": "T", "roamingPartner": "CCC01",
        "tapDecimalPlaces": 3, "tapCurrency": "SDR",
    },
    "returnDetails": [
        {"missingReturn": {"startMissingSeqNumber": "00004"}},
        {
            "severeReturn": {
                "fileSequenceNumber": "00042", **CALL,
                "errorDetail": [
                    {
                        "errorContext": [{"pathItemId": 1, "itemLevel": 1}],
                        "errorCode": 200,
                    },
                ],
            },
        },
    ],
    "rapAuditControlInfo": {
        "totalSevereReturnValue": 0, "returnDetailsCount": 2, "totalSevereReturnTax": 0,
    },
}
NRTRDE: dict[str, Any] = {
    "specificationVersionNumber": 2, "releaseVersionNumber": 1,
    "sender": "AAA01", "recipient": "BBB01", "sequenceNumber": "0000042",
    "fileAvailableTimeStamp": "20260105120000", "utcTimeOffset": "+0100",
    "callEvents": [
        {
            "moc": {
                "imsi": "238011234567890", "callEventStartTimeStamp": "20260105101500",
                "utcTimeOffset": "+0100", "callEventDuration": 73,
                "serviceCode": {"teleServiceCode": "11"},
            },
        },
        {"gprs": {"imsi": "238011234567890", "dataVolumeIncoming": 5_000_000_000}},
    ],
    "callEventsCount": 2,
}


@pytest.mark.parametrize("lengths", ["definite", "indefinite"])
def test_returns(lengths: Any) -> None:
    file = read(encode("returnBatch", RETURNS, lengths=lengths))
    assert (file.kind, file.errors, file.complete) == ("return_batch", [], True)
    assert file.header == RapHeader(
        "return_batch", "BBB01", "AAA01", 3, "1.5", "3.12", "T", "20260107010000+0100",
        "20260107020000+0100", "CCC01", 3, "SDR", 0, 0, 2,
    )
    assert file.records["kind"].to_list() == ["missingReturn", "severeReturn"]
    assert file.tables["event"]["imsi"].to_list() == ["238011234567890"]
    assert file.tables["error_detail"]["error_code"].to_list() == [200]
    assert file.groups["rapAuditControlInfo"]["returnDetailsCount"] == 2


def test_returns_without_decimal_places_are_those_of_the_tap_file() -> None:
    control = dict(RETURNS["rapBatchControlInfoRap"])
    del control["tapDecimalPlaces"], control["tapCurrency"]
    file = read(encode("returnBatch", RETURNS | {"rapBatchControlInfoRap": control}))
    assert isinstance(file.header, RapHeader)
    assert (file.header.tap_decimal_places, file.header.tap_currency) == (None, None)
    assert file.complete


def test_acknowledgement() -> None:
    file = read(
        encode(
            "acknowledgement",
            {
                "sender": "AAA01", "recipient": "BBB01", "rapFileSequenceNumber": "00003",
                "ackFileCreationTimeStamp": {
                    "localTimeStamp": "20260107010000", "utcTimeOffset": "+0000",
                },
                "ackFileAvailableTimeStamp": {"localTimeStamp": "20260107020000"},
            },
        )
    )
    assert (file.kind, file.complete, file.records.height) == ("acknowledgement", True, 0)
    assert file.header == RapHeader(
        "acknowledgement", "AAA01", "BBB01", 3, created="20260107010000+0000",
        available="20260107020000",
    )


@pytest.mark.parametrize("lengths", ["definite", "indefinite"])
def test_near_real_time_events(lengths: Any) -> None:
    file = read(encode("nrtrde", NRTRDE, lengths=lengths))
    assert (file.kind, file.errors, file.complete) == ("nrtrde", [], True)
    header = file.header
    assert (header.kind, header.sender, header.recipient) == ("nrtrde", "AAA01", "BBB01")
    assert (header.sequence, header.release) == (42, "2.1")
    assert (header.available, file.groups["callEventsCount"]) == ("20260105120000+0100", 2)
    assert file.records["event"].to_list() == ["moc", "gprs"]
    assert file.records["data_volume_incoming"].to_list() == [None, 5_000_000_000]
    assert str(file.records["call_event_start_local"][0]) == "2026-01-05 10:15:00"


def test_nrtrde_may_have_no_events() -> None:
    empty = {k: v for k, v in NRTRDE.items() if k != "callEvents"}
    file = read(encode("nrtrde", empty | {"callEventsCount": 0}))
    assert (file.complete, file.records.height) == (True, 0)
    assert file.records.columns == ["record_index", "byte_offset", "byte_length", "event"]


def test_damage_of_one_header_element_leaves_the_others() -> None:
    data = encode("nrtrde", NRTRDE)
    file = read(data.replace(b"\x5f\x29\x01\x02", b"\x7f\x29\x01\x02", 1))
    assert [e.detail.split(":")[0] for e in file.errors] == ["specificationVersionNumber"]
    assert (file.header.sender, file.header.release, file.records.height) == ("AAA01", None, 2)
    assert not file.complete


@pytest.mark.parametrize(
    ("kind", "value", "records"),
    [("returnBatch", RETURNS, 2), ("nrtrde", NRTRDE, 2)],
)
def test_cut_files_keep_their_whole_records(kind: Any, value: dict[str, Any], records: int) -> None:
    data = encode(kind, value)
    whole = read(data).records
    ends = (whole["byte_offset"] + whole["byte_length"]).to_list()
    assert len(ends) == records
    for cut in range(20, len(data)):
        file = read(data[:cut])
        assert file.records.height == sum(end <= cut for end in ends)
        assert file.errors[-1].code == "FILE_TRUNCATED"
        assert not file.complete


def test_several_files_in_one(release_312: dict[str, Any]) -> None:
    batch = encode_transfer_batch(release_312)
    returns = encode("returnBatch", RETURNS)
    nrtrde = encode("nrtrde", NRTRDE)
    file = read(batch + b"\r\n" + returns + nrtrde + b"\0\0")
    assert [f.kind for f in file.all_files()] == ["transfer_batch", "return_batch", "nrtrde"]
    assert all(f.complete for f in file.all_files())
    second, third = file.following
    assert second.records["byte_offset"][0] > len(batch)
    assert batch + b"\r\n" + returns + nrtrde == bytes(file.data[:-2])
    assert third.raw(0) == read(nrtrde).raw(0)
    assert third.following == ()


def test_a_file_behind_a_damaged_one_is_read(release_312: dict[str, Any]) -> None:
    batch = bytearray(encode_transfer_batch(release_312))
    accounting = batch.index(b"\x65")
    batch[accounting + 1] = 0x80  # a length that is none: the rest of the first batch is lost
    file = read(bytes(batch) + encode("nrtrde", NRTRDE))
    assert [f.complete for f in file.all_files()] == [False, True]
    assert sum(e.length for e in file.errors) <= len(batch)


def test_octets_behind_the_last_file_are_its_error() -> None:
    file = read(encode("nrtrde", NRTRDE) * 2 + b"\0trailer")
    assert [f.complete for f in file.all_files()] == [True, False]
    (error,) = file.following[0].errors
    assert (error.detail, error.length) == ("7 octets stand behind the end of the file", 8)


def test_the_number_of_files_in_one_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_FILES", 3)
    tiny = bytes.fromhex("7f 84 17 00")
    assert [f.complete for f in read(tiny * 3).all_files()] == [True, True, True]
    assert [f.complete for f in read(tiny * 4).all_files()] == [True, True, False]


def test_columns_are_those_of_the_first_files_grammar(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312) + encode("nrtrde", NRTRDE)
    file = read(data, columns={"charge_detail": ["charge"]})
    assert file.tables["charge_detail"].columns == ["record_index", "parent", "place", "charge"]
    assert "tax_information" not in file.tables
    assert file.records.columns == ["record_index", "byte_offset", "byte_length", "event"]
    assert "imsi" in file.following[0].records.columns


@pytest.mark.parametrize("engine", ["walker", "kernel"])
def test_a_list_whose_header_crosses_the_end_of_its_root_is_damage(engine):
    control = encode("transferBatch", {"batchControlInfo": {"sender": "AAA01"}})[2:]
    group = control[: 2 + control[1]]
    inside = group + b"\x63"
    data = b"\x61" + bytes([len(inside)]) + inside + b"\x80" + b"\0" * 12
    file = read(data, engine=engine)
    assert not file.complete
    assert "HEADER_CUT" in file.errors[0].detail
