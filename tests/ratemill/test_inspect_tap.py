"""`ratemill inspect` of TAP, RAP and NRTRDE files: summary, tree, record, Parquet, wrong use."""

import gzip
import json
import sys
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl
import pytest

from asn1.encode import encode
from asn1.tap import read
from ratemill.cli import main

STAMP = {"localTimeStamp": "20260106010000", "utcTimeOffset": "+0100"}
START = {"localTimeStamp": "20260105101500", "utcTimeOffsetCode": 1}
SUBSCRIBER = {"simChargeableSubscriber": {"imsi": "238011234567890"}}


class Shown(NamedTuple):
    """What a command printed and ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def inspect(capfd, monkeypatch, tmp_path):
    """`ratemill inspect` in this process, with a home that does not exist."""

    def call(*arguments):
        home = ["--home", str(tmp_path / "nowhere")]
        monkeypatch.setattr(sys, "argv", ["ratemill", "inspect", *map(str, arguments), *home])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Shown(code, *capfd.readouterr())

    return call


def call_made(charge: int) -> dict[str, Any]:
    detail = {"chargeType": "00", "charge": charge, "chargedUnits": 60}
    return {"mobileOriginatedCall": {
        "basicCallInformation": {
            "chargeableSubscriber": SUBSCRIBER, "callEventStartTimeStamp": START,
            "totalCallEventDuration": 73,
        },
        "basicServiceUsedList": [{
            "basicService": {"serviceCode": {"teleServiceCode": "11"}},
            "chargeInformationList": [{"chargedItem": "D", "chargeDetailList": [detail]}],
        }],
    }}


def batch() -> dict[str, Any]:
    return {
        "batchControlInfo": {
            "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00042",
            "fileAvailableTimeStamp": STAMP, "specificationVersionNumber": 3,
            "releaseVersionNumber": 12, "fileTypeIndicator": "T",
        },
        "accountingInfo": {
            "localCurrency": "DKK", "tapCurrency": "SDR", "tapDecimalPlaces": 3,
            "currencyConversionInfo": [
                {"exchangeRateCode": 0, "numberOfDecimalPlaces": 5, "exchangeRate": 884_314},
            ],
            "taxation": [{"taxCode": 4, "taxType": "01", "taxRate": "0700000"}],
            "discounting": [
                {"discountCode": 1, "discountApplied": {"discountRate": 1500}},
                {"discountCode": 2, "discountApplied": {"fixedDiscountValue": 250}},
            ],
        },
        "networkInfo": {
            "utcTimeOffsetInfo": [{"utcTimeOffsetCode": 1, "utcTimeOffset": "+0200"}],
            "recEntityInfo": [
                {"recEntityCode": n, "recEntityType": 1, "recEntityId": f"45990000{n:02d}"}
                for n in range(30)
            ],
        },
        "callEventDetails": [call_made(1_200), call_made(34)],
        "auditControlInfo": {
            "earliestCallTimeStamp": {"localTimeStamp": "20260105101500", "utcTimeOffset": "+0200"},
            "totalCharge": 1_235, "totalTaxValue": 0, "totalDiscountValue": 0,
            "callEventDetailsCount": 2,
        },
    }


@pytest.fixture
def tap(tmp_path):
    path = tmp_path / "CDAAA01BBB0100042"
    path.write_bytes(encode("transferBatch", batch()))
    return path


def test_a_person_gets_a_summary(tap, inspect):
    shown = inspect(tap)
    assert (shown.code, shown.err) == (0, "")
    for words in (
        "CDAAA01BBB0100042: TAP transfer batch 3.12, AAA01 → BBB01, number 42, ",
        "T (test data)", "2026-01-06 01:00:00 +0100", "1 SDR = 8.84314 DKK",
        "   4  national  7.00000 %", "   1  15.00 %", "   2  0.250 SDR", "   1  +0200",
        "Recording entities (30)", "   3  MSC       4599000003", "… 20 more",
        "1,235 (1.235 SDR)", "1,234 (1.234 SDR)", "-1 (-0.001 SDR)",
        "2026-01-05 08:15:00 UTC",
    ):
        assert words in shown.out
    lines = [line.split() for line in shown.out.splitlines()]
    assert ["mobileOriginatedCall", "2"] in lines
    assert ["charge_detail", "2"] in lines
    assert "Errors" not in shown.out


def test_a_program_gets_the_same_with_stable_names(tap, inspect):
    summary = json.loads(inspect(tap, "--json").out)
    assert (summary["kind"], summary["release"]) == ("transfer_batch", "3.12")
    assert (summary["header"]["sender"], summary["header"]["tap_decimal_places"]) == ("AAA01", 3)
    assert summary["groups"]["accountingInfo"]["taxation"][0]["taxRate"] == "0700000"
    assert summary["records"] == {"mobileOriginatedCall": 2}
    assert summary["rows"]["charge_detail"] == 2
    assert {t["name"]: t["difference"] for t in summary["audit"]} == {
        "callEventDetailsCount": 0, "totalCharge": -1, "totalTaxValue": 0,
        "totalDiscountValue": 0, "earliestCallTimeStamp": 0, "latestCallTimeStamp": None,
    }
    assert summary["complete"]
    assert summary["following"] == summary["errors"] == summary["notes"] == []


def test_errors_notes_and_unknown_tags_are_told(tap, inspect):
    value = batch()
    value["callEventDetails"][0]["mobileOriginatedCall"]["basicCallInformation"][
        "callEventStartTimeStamp"] = {"localTimeStamp": "2026013x101500"}
    data = encode("transferBatch", value)
    # totalCallEventDuration of the first call gets an unknown tag; that of the second a length
    # that reaches out of its group.
    first = data.index(bytes.fromhex("5f815f"))
    second = data.index(bytes.fromhex("5f815f"), first + 1)
    damaged = bytearray(data)
    damaged[first : first + 3] = bytes.fromhex("5f847f")
    damaged[second + 3] = 0x7F
    tap.write_bytes(damaged)
    shown = inspect(tap)
    assert shown.code == 0
    assert "MoBasicCallInformation.[APPLICATION 639]" in shown.out
    assert "not read" in shown.out
    assert f"record 1: BER_INVALID: mobileOriginatedCall.basicCallInformation: offset {second}: " \
        in shown.out
    assert "Notes on records that were read (1)" in shown.out
    assert "2026013x101500" in shown.out
    told = json.loads(inspect(tap, "--json").out)
    assert (told["record_count"], told["error_count"], told["note_count"]) == (2, 1, 1)
    assert told["errors"][0]["record_index"] == 1
    assert told["unknown_tags"] == {"MoBasicCallInformation.[APPLICATION 639]": 1}
    bad = inspect(tap, "--record", 1)
    assert bad.code == 0
    assert "LENGTH_BEYOND" in bad.out
    assert "imsi" in bad.out


def test_only_as_many_findings_as_asked_for(tap, inspect):
    value = batch()
    value["callEventDetails"] = [call_made(-n) for n in range(1, 31)]
    tap.write_bytes(encode("transferBatch", value))
    assert "… 10 more" in inspect(tap).out
    assert "… 25 more" in inspect(tap, "--limit", 5).out
    told = json.loads(inspect(tap, "--limit", 5, "--json").out)
    assert (told["note_count"], len(told["notes"])) == (30, 5)


def test_the_tree_of_a_file_and_of_a_record(tap, inspect):
    lines = inspect(tap, "--tree", "--limit", 3).out.splitlines()
    assert [line.split()[1] for line in lines] == ["transferBatch", "batchControlInfo", "sender",
                                                  "the"]
    assert lines[2].endswith('4141413031            "AAA01"')
    record = inspect(tap, "--record", 1).out.splitlines()
    assert record[0].split()[1] == "mobileOriginatedCall"
    assert sum("mobileOriginatedCall" in line for line in record) == 1
    assert any(line.endswith("238011234567890f      238011234567890") for line in record)
    told = json.loads(inspect(tap, "--record", 1, "--json").out)
    assert told[0]["depth"] == 0
    assert told[0]["offset"] == read(tap).records["byte_offset"][1]


def test_what_a_file_holds_does_not_steer_the_terminal(tap, inspect):
    value = batch()
    value["batchControlInfo"]["sender"] = "\x1b[31m"
    tap.write_bytes(encode("transferBatch", value))
    for arguments in ((), ("--tree",)):
        shown = inspect(tap, *arguments).out
        assert "\x1b" not in shown
        assert "\\x1b[31m" in shown


@pytest.mark.parametrize(
    ("root", "value", "words"),
    [
        ("notification", {"sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00007"},
         ("TAP notification, AAA01 → BBB01, number 7",)),
        ("returnBatch", {
            "rapBatchControlInfoRap": {
                "sender": "BBB01", "recipient": "AAA01", "rapFileSequenceNumber": "00003",
                "rapSpecificationVersionNumber": 1, "rapReleaseVersionNumber": 5,
                "roamingPartner": "CCC01", "tapDecimalPlaces": 3, "tapCurrency": "SDR",
            },
            "returnDetails": [
                {"severeReturn": {"fileSequenceNumber": "00042", **call_made(77)}},
            ],
            "rapAuditControlInfo": {"totalSevereReturnValue": 77, "returnDetailsCount": 1},
        }, ("RAP return batch 1.5", "CCC01", "severeReturn", "77 (0.077 SDR)", "none")),
        ("acknowledgement", {"sender": "AAA01", "recipient": "BBB01",
                             "rapFileSequenceNumber": "00003", "ackFileAvailableTimeStamp": STAMP},
         ("RAP acknowledgement, AAA01 → BBB01, number 3", "2026-01-06 01:00:00 +0100")),
        ("nrtrde", {
            "specificationVersionNumber": 2, "releaseVersionNumber": 1, "sender": "AAA01",
            "recipient": "BBB01", "sequenceNumber": "0000042",
            "callEvents": [{"gprs": {"imsi": "238011234567890", "dataVolumeIncoming": 5}}],
            "callEventsCount": 1,
        }, ("NRTRDE file 2.1", "number 42", "gprs", "callEventsCount")),
    ],
)
def test_every_kind_of_file(tmp_path, inspect, root, value, words):
    path = tmp_path / "FILE"
    path.write_bytes(encode(root, value))
    shown = inspect(path)
    assert (shown.code, shown.err) == (0, "")
    assert [w for w in words if w not in shown.out] == []
    assert json.loads(inspect(path, "--json").out)["complete"]
    if root in {"returnBatch", "nrtrde"}:
        assert "imsi" in inspect(path, "--record", 0).out
    assert inspect(path, "--parquet", tmp_path / "tables").code == 0


def test_compressed_repaired_and_further_files(tmp_path, inspect):
    data = encode("transferBatch", batch())
    value = batch()
    value["auditControlInfo"]["totalCharge"] = 1_234
    text_mode = encode("transferBatch", value).replace(b"\n", b"\r\n")
    assert b"\r\n" in text_mode
    (tmp_path / "packed.gz").write_bytes(gzip.compress(data))
    (tmp_path / "text").write_bytes(text_mode)
    (tmp_path / "two").write_bytes(data + data)
    assert "transfer batch 3.12" in inspect(tmp_path / "packed.gz").out
    assert "repaired: a transfer in ASCII mode" in inspect(tmp_path / "text").out
    assert "offsets are in the repaired file" in inspect(tmp_path / "text", "--record", 0).out
    assert "two, file 2 in it: TAP transfer batch" in inspect(tmp_path / "two").out
    assert len(json.loads(inspect(tmp_path / "two", "--json").out)["following"]) == 1


def test_a_cut_file_is_shown_as_far_as_it_goes(tap, inspect):
    data = tap.read_bytes()
    second = read(data).records["byte_offset"][1]
    tap.write_bytes(data[: second + 20])
    shown = inspect(tap).out
    assert "not complete" in shown
    assert "FILE_TRUNCATED" in shown
    tap.write_bytes(data[:4])
    assert inspect(tap, "--tree").out.splitlines()[-1].split()[1] == "?"


def test_all_tables_as_parquet(tap, tmp_path, inspect):
    folder = tmp_path / "tables"
    written = json.loads(inspect(tap, "--parquet", folder, "--json").out)
    file = read(tap)
    names = {f"{name}.parquet" for name in (*file.tables, "unknown", "errors")}
    assert {p.name for p in folder.iterdir()} == names
    assert {row["path"]: row["rows"] for row in written}[str(folder / "event.parquet")] == 2
    for name, frame in file.tables.items():
        assert pl.read_parquet(folder / f"{name}.parquet").equals(frame)
    events = pl.read_parquet(folder / "event.parquet")
    assert events["call_event_start_local"][0] == datetime(2026, 1, 5, 10, 15)


def test_unknown_elements_and_errors_as_parquet(tap, tmp_path, inspect):
    data = bytearray(tap.read_bytes())
    first = data.index(bytes.fromhex("5f815f"))
    second = data.index(bytes.fromhex("5f815f"), first + 1)
    data[first : first + 3] = bytes.fromhex("5f847f")
    data[second + 3] = 0x7F
    tap.write_bytes(data + data)
    folder = tmp_path / "tables"
    assert inspect(tap, "--parquet", folder).code == 0
    for own in (folder, folder / "file_2"):
        unknown = pl.read_parquet(own / "unknown.parquet")
        assert unknown["raw"].to_list() == [data[first : first + 5]]
        errors = pl.read_parquet(own / "errors.parquet")
        assert errors.select("severity", "record_index", "code").rows() == [
            ("error", 1, "BER_INVALID")]
        assert errors["raw"][0] == read(tap).raw(1)


def test_the_folder_is_renewed_but_never_one_with_other_files(tap, tmp_path, inspect):
    folder = tmp_path / "tables"
    data = tap.read_bytes()
    tap.write_bytes(data + data)
    assert inspect(tap, "--parquet", folder).code == 0
    (folder / ".event.parquet.99999.part").write_bytes(b"PAR1")
    tap.write_bytes(encode("notification", {"sender": "AAA01", "recipient": "BBB01"}))
    assert inspect(tap, "--parquet", folder).code == 0
    assert {p.name for p in folder.iterdir()} <= {
        "event.parquet", "unknown.parquet", "errors.parquet"}
    pl.DataFrame({"mine": [1]}).write_parquet(folder / "charge_detail.parquet")
    before = {p: p.read_bytes() for p in folder.iterdir()}
    tap.write_bytes(data)
    shown = inspect(tap, "--parquet", folder)
    assert shown.code == 2
    assert "holds charge_detail.parquet" in shown.err
    assert {p: p.read_bytes() for p in folder.iterdir()} == before
    for content in ("PAR1", ""):
        (folder / "charge_detail.parquet").write_text(content)
        assert inspect(tap, "--parquet", folder).code == 2
    assert "is no folder" in inspect(tap, "--parquet", tap).err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--record", 2), "has no record 2"),
        (("--tree", "--partner", "nordtel"), "--partner and --tree: exclude each other"),
        (("--record", 0, "--parquet", "x"), "--tree and --parquet: exclude each other"),
        (("--partner", "nobody"), "no profile"),
        (("--record", -1), "Invalid value"),
        (("--limit", 0), "Invalid value"),
    ],
)
def test_wrong_use_is_one_line(tap, inspect, arguments, words):
    shown = inspect(tap, *arguments)
    assert shown.code == 2
    assert words in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"plain text", "not a TAP file"),
        (encode("transferBatch", batch()).decode("utf-8", "replace").encode(), "EF BF BD"),
        (b"\x1f\x8b\x08\0", "archive"),
    ],
)
def test_no_file_of_ours(tmp_path, inspect, content, words):
    path = tmp_path / "FILE"
    path.write_bytes(content)
    for arguments in ((), ("--record", 0), ("--parquet", tmp_path / "tables")):
        shown = inspect(path, *arguments)
        assert shown.code == 2
        assert words in shown.err
        assert shown.err.count("\n") == 1
    assert not (tmp_path / "tables").exists()
    assert "No such file" in inspect(tmp_path / "missing").err
