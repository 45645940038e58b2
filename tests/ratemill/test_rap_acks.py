"""Acknowledgements of RAP files: a partner's of ours is noted once, ours of his is made once."""

import gzip
import json
import sys
from pathlib import Path

import pytest

from asn1.encode import encode
from asn1.rap_write import acknowledgement, missing_return, return_batch, stop_return
from asn1.tap import read
from asn1.tree import tree
from ratemill import pipeline
from ratemill.decisions import Author
from ratemill.errors import RatemillError
from ratemill.funnel import file_status
from ratemill.rap_acks import acknowledge
from ratemill.returns import return_missing, return_stop, returned
from ratemill.run import finish
from ratemill.screen import Bars
from ratemill.settings import clock
from ratemill.suspense import suspended

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


def finished(home, name, data):
    """State, notes and reference of a file of nordtel after all stages."""
    ref = arrived(home, "nordtel", name, data)
    done = finish(home, [ref], now=clock(home.settings), progress=Bars())
    assert done.finished == [ref]
    row = next(row for row in file_status(home) if row.file_id == ref.split("/")[1])
    return row.state, row.notes, ref


def test_an_acknowledgement_among_the_tap_files_is_noted_by_itself(home, ratemill):
    return_missing(home, "nordtel", 3, 4, anna(home))
    state, notes, ref = finished(home, "CDNORNTAUTRM00001.gz", gzip.compress(ack_of(1)))
    assert (state, notes) == ("rap", "acknowledges RAP file RCAUTRMNORNT00001")
    assert suspended(home).is_empty()
    (row,) = pipeline.rows_of(home, [ref])
    assert (row["stage"], row["sequence"], row["records"], row["suspended"]) == ("post", None, 0, 0)
    # another run of the file finds it noted
    pipeline.reset(home, [ref], "mediate")
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    assert pipeline.rows_of(home, [ref]) == [row]
    assert returned(home).select("kind", "who").rows() == [
        ("acknowledged", "pipeline"), ("missing", "anna")]
    shown = json.loads(ratemill("files", "--json", home=home).stdout)
    assert [(file["state"], file["notes"]) for file in shown["files"]] == [(state, notes)]
    assert shown["gaps"] == []


def test_an_acknowledgement_of_nothing_of_ours_is_refused_until_it_is_of_something(home):
    state, _, ref = finished(home, "AC1", ack_of(1))
    assert state == "refused"
    (told,) = suspended(home)["detail"]
    assert told.startswith("AC1 is a RAP file, not TAP as profile nordtel says; AC1: is for RC")
    return_missing(home, "nordtel", 3, 4, anna(home))
    pipeline.reset(home, [ref], "mediate")
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    assert file_status(home)[0].state == "rap"
    assert suspended(home).is_empty()


def test_another_partners_acknowledgement_is_not_taken_from_this_one(home):
    text = (home.root / "partners" / "nordtel.toml").read_text()
    (home.root / "partners" / "other.toml").write_text(
        text.replace('"nordtel"', '"other"').replace("NORNT", "DNKXX"))
    home = type(home)(home.root, home.ledger)
    return_missing(home, "other", 3, 4, anna(home))
    state, _, _ = finished(home, "AC1", ack_of(1, "DNKXX"))
    assert state == "refused"
    assert "is other's, and came from nordtel" in suspended(home)["detail"][0]
    assert returned(home)["kind"].to_list() == ["missing"]


def test_the_rap_file_of_a_partner_waits_for_somebody_who_acknowledges_it(home, ratemill):
    state, _, _ = finished(home, "RCNORNTAUTRM00007", rap_of(7))
    assert state == "refused"
    assert suspended(home)["detail"][0].endswith(
        "; `ratemill rap ack RCNORNTAUTRM00007` acknowledges it")
    assert not (home.outbox / "nordtel" / "ACAUTRMNORNT00007").exists()
    shown = ratemill("rap", "ack", "RCNORNTAUTRM00007", home=home)
    assert (shown.returncode, "acknowledges RCNORNTAUTRM00007" in shown.stdout) == (0, True)
    (row,) = file_status(home)
    assert (row.state, row.notes) == (
        "rap", "RAP file RCNORNTAUTRM00007, acknowledged by ACAUTRMNORNT00007")
    assert suspended(home).is_empty()
