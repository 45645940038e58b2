"""Acknowledgements of RAP files: a partner's of ours is noted once, ours of his is made once."""

import json
import sys
from pathlib import Path

import pytest

from asn1.encode import encode
from asn1.rap_write import acknowledgement, missing_return, return_batch, stop_return
from asn1.tap import read
from asn1.tree import tree
from ratemill.decisions import Author
from ratemill.errors import RatemillError
from ratemill.rap_acks import acknowledge
from ratemill.returns import return_missing, return_stop, returned
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import arrived, with_nordtel, with_profile

NOW = {"localTimeStamp": "20261130120000", "utcTimeOffset": "+0100"}
RAP_RELEASE = {"rapSpecificationVersionNumber": 1, "rapReleaseVersionNumber": 5}


@pytest.fixture
def home(small):
    return with_nordtel(with_profile(small))


def anna(home):
    return Author("anna", "it came", clock(home.settings))


def ack_of(number, sender="NORNT", recipient="AUTRM", **more):
    return acknowledgement({
        "sender": sender, "recipient": recipient, "rapFileSequenceNumber": f"{number:05d}",
        "ackFileCreationTimeStamp": NOW, "ackFileAvailableTimeStamp": NOW, **more,
    })


def rap_of(number, sender="NORNT", recipient="AUTRM", **more):
    return return_batch(
        {"sender": sender, "recipient": recipient, "rapFileSequenceNumber": f"{number:05d}",
         "rapFileCreationTimeStamp": NOW, "rapFileAvailableTimeStamp": NOW, **RAP_RELEASE, **more},
        [missing_return("00003", "00004")],
        {"totalSevereReturnValue": 0, "returnDetailsCount": 1},
    )


@pytest.mark.parametrize("order", [("NORNT", "AUTRM"), ("AUTRM", "NORNT")])
def test_the_acknowledgement_of_our_file_is_noted_once(home, order):
    ours = return_missing(home, "nordtel", 3, 4, anna(home))
    row = acknowledge(home, ack_of(1, *order), "AC1", anna(home))
    assert (row["kind"], row["subject"], row["name"], row["rap_sequence"], row["details"]) == (
        "acknowledged", ours["name"], "ACNORNTAUTRM00001", 1, 0)
    assert acknowledge(home, ack_of(1), "AC1", anna(home)) == row
    assert returned(home)["kind"].to_list() == ["acknowledged", "missing"]
    assert [path.name for path in (home.outbox / "nordtel").iterdir()] == [ours["name"]]
    following = return_missing(home, "nordtel", 9, 9, anna(home))
    assert following["name"] == "RCAUTRMNORNT00002"


def test_an_acknowledgement_of_nothing_of_ours_is_refused(home):
    return_missing(home, "nordtel", 3, 4, anna(home))
    for data, why in (
        (ack_of(2), "RCAUTRMNORNT00002, which is no RAP file of ours"),
        (ack_of(1, fileTypeIndicator="T"), "RTAUTRMNORNT00001, which is no RAP file of ours"),
        (ack_of(1, "XXXXX"), "no profile of a TAP partner"),
        (rap_of(1, "AUTRM", "NORNT"), "no profile of a TAP partner"),
        (b"no file", "not a TAP file"),
        (encode("acknowledgement", {"sender": "NORNT", "recipient": "AUTRM"}), "states no RAP"),
        (encode("notification", {"sender": "NORNT"}), "is neither a RAP file nor"),
    ):
        with pytest.raises(RatemillError, match=why):
            acknowledge(home, data, "X", anna(home))
    assert returned(home).height == 1


@pytest.mark.parametrize(("more", "name"), [
    ({}, "ACAUTRMNORNT00007"), ({"fileTypeIndicator": "T"}, "ATAUTRMNORNT00007"),
])
def test_the_rap_file_of_a_partner_is_acknowledged_once(home, more, name):
    row = acknowledge(home, rap_of(7, **more), "RC7", anna(home))
    assert (row["kind"], row["name"]) == ("acknowledgement", name)
    path = home.outbox / "nordtel" / name
    header = read(path.read_bytes()).header
    assert (header.kind, header.sender, header.recipient, header.sequence, header.file_type) == (
        "acknowledgement", "AUTRM", "NORNT", 7, more.get("fileTypeIndicator"))
    assert (header.created, header.available) == ("20261201070000+0100",) * 2
    stamp = path.stat().st_mtime_ns
    assert acknowledge(home, rap_of(7, **more), "RC7", anna(home)) == row
    assert path.stat().st_mtime_ns == stamp


def test_the_commands_take_a_path_or_a_received_file(home, ratemill, tmp_path):
    return_missing(home, "nordtel", 3, 4, anna(home))
    arrived(home, "nordtel", "ACNORNTAUTRM00001", ack_of(1))
    shown = ratemill("rap", "ack", "ACNORNTAUTRM00001", home=home)
    assert (shown.returncode, shown.stdout) == (
        0, "RCAUTRMNORNT00001 is acknowledged by nordtel.\n")
    theirs = tmp_path / "RCNORNTAUTRM00002"
    theirs.write_bytes(rap_of(2))
    assert "acknowledges RCNORNTAUTRM00002" in ratemill("rap", "ack", theirs, home=home).stdout
    listed = json.loads(ratemill("rap", "list", "--json", home=home).stdout)
    assert {row["name"]: row["acknowledged_at"] for row in listed} == {
        "RCAUTRMNORNT00001": "2026-12-01T06:00:00", "ACAUTRMNORNT00002": None}
    assert "2026-12-01" in ratemill("rap", "list", home=home).stdout
    trail = json.loads(ratemill("ledger", "audit", "--json", home=home).stdout)
    assert [row["subject"] for row in trail if row["action"] == "acknowledge"] == [
        "nordtel/RCNORNTAUTRM00002", "nordtel/RCAUTRMNORNT00001"]


def test_a_stop_return_names_the_last_file_once(home, ratemill):
    row = return_stop(home, "nordtel", 42, anna(home))
    assert (row["kind"], row["subject"], row["name"]) == ("stop", "stop:42", "RCAUTRMNORNT00001")
    octets = (home.outbox / "nordtel" / row["name"]).read_bytes()
    assert stop_return("00042") in octets
    said = {line.name: line.value_text for line in tree(octets)}
    assert (said["lastSeqNumber"], said["returnDetailsCount"]) == ('"00042"', "1")
    shown = ratemill("rap", "stop", "nordtel", 42, "--why", "again", home=home).stdout
    assert "RCAUTRMNORNT00001: 1 stop" in shown
    for last in (0, 100_000):
        with pytest.raises(RatemillError, match="is no sequence number"):
            return_stop(home, "nordtel", last, anna(home))
    assert returned(home).height == 1
