"""Returns: a RAP file for what of a TAP file breaks TD.57, made once and numbered without gaps."""

import json
import sys
from datetime import datetime
from pathlib import Path

import pytest

from asn1.encode import encode_transfer_batch
from asn1.tap import read
from asn1.tree import tree
from ratemill import pipeline
from ratemill.decisions import Author
from ratemill.errors import RatemillError
from ratemill.mediating import decoded
from ratemill.returns import return_file, return_missing, returned
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parents[1] / "mediation"))
sys.path.insert(0, str(Path(__file__).parent))

from collected_files import arrived, collected, with_nordtel, with_profile
from tap_faults import BATCH_FAULTS, changed, sound

EVENTS = "callEventDetails"
SEVERE = {
    f"{EVENTS}.0.mobileOriginatedCall.basicCallInformation.causeForTerm": 0,
    f"{EVENTS}.1.mobileTerminatedCall.basicCallInformation.causeForTerm": 2,
}
NAME = "CDNORNTAUTRM00007"


@pytest.fixture
def home(small):
    return with_nordtel(with_profile(small))


def mediated(home, changes, name=NAME):
    data = encode_transfer_batch(changed(sound(), changes))
    ref = arrived(home, "nordtel", name, data)
    pipeline.mediate(home, [ref])
    return ref, data


def author(home, why="breaks TD.57"):
    return Author("anna", why, clock(home.settings))


def rap(home, row):
    return (home.outbox / row["partner"] / row["name"]).read_bytes()


def test_severe_records_are_given_back_with_their_octets(home):
    ref, data = mediated(home, SEVERE)
    row = return_file(home, ref, author(home))
    assert (row["kind"], row["name"], row["details"], row["who"]) == (
        "severe", "RCAUTRMNORNT00001", 2, "anna")
    octets, tap = rap(home, row), read(data)
    assert [tap.raw(n) in octets for n in range(3)] == [True, True, False]
    found = read(octets)
    assert (found.errors, found.complete, found.record_count) == ([], True, 2)
    header = found.header
    assert (header.sender, header.recipient, header.sequence, header.release) == (
        "AUTRM", "NORNT", 1, "1.5")
    assert (header.tap_release, header.tap_currency, header.tap_decimal_places) == (
        "3.12", "SDR", 3)
    charges = decoded(home, ref).records.head(2)["charge_stated"].sum()
    assert (header.audit_total_value, header.audit_count) == (charges, 2)
    assert row["charge_micros"] == charges * 1000
    said = [(line.name, line.value_text) for line in tree(octets)]
    assert [value for name, value in said if name == "errorCode"] == ["20", "20"]
    ways = [value for name, value in said if name == "pathItemId"]
    assert ways.count("58") == 2
    assert [value for name, value in said if name == "itemOccurrence"] == ["1", "2"]


def test_a_file_is_given_back_once(home):
    ref, _ = mediated(home, SEVERE)
    first = return_file(home, ref, author(home))
    octets = rap(home, first)
    assert return_file(home, ref, author(home, "again")) == first
    assert rap(home, first) == octets
    assert returned(home).height == 1


def test_a_fatal_error_gives_the_whole_file_back(home):
    ref, data = mediated(home, BATCH_FAULTS["TAP_135_10"])
    row = return_file(home, ref, author(home))
    assert (row["kind"], row["details"], row["charge_micros"]) == ("fatal", 1, 0)
    octets = rap(home, row)
    names = {line.name for line in tree(octets)}
    assert {"fatalReturn", "accountingInfoError"} <= names
    group = next(line for line in tree(data) if line.name == "accountingInfo")
    end = group.offset + group.header_length + group.length
    assert data[group.offset:end] in octets


def test_numbers_are_dense_for_each_partner_and_for_tests(home):
    rows = [return_missing(home, "nordtel", 3, 5, author(home)),
            return_missing(home, "nordtel", 9, 9, author(home)),
            return_missing(home, "nordtel", 3, 5, author(home)),
            return_missing(home, "alpenfon", 3, 5, author(home))]
    assert [row["name"][-5:] for row in rows] == ["00001", "00002", "00001", "00001"]
    said = {line.name: line.value_text for line in tree(rap(home, rows[0]))}
    assert (said["startMissingSeqNumber"], said["endMissingSeqNumber"]) == ('"00003"', '"00005"')
    assert returned(home, "nordtel")["subject"].to_list() == ["missing:3-5", "missing:9-9"]


@pytest.mark.parametrize(("first", "last"), [(0, 1), (5, 4), (1, 100_000)])
def test_a_range_that_is_none_is_refused(home, first, last):
    with pytest.raises(RatemillError, match="is no range"):
        return_missing(home, "nordtel", first, last, author(home))
    assert returned(home).is_empty()


def test_there_must_be_something_to_give_back(home):
    ref, _ = mediated(home, {})
    with pytest.raises(RatemillError, match="nothing in suspense that breaks"):
        return_file(home, ref, author(home))
    other = collected(home, "A_1.csv", "MOC;1;0664123456;AUTRM;2026-11-10 10:00;60;0.10")
    pipeline.mediate(home, [other])
    with pytest.raises(RatemillError, match="is no TAP file"):
        return_file(home, other, author(home))
    assert returned(home).is_empty()


def test_the_commands_say_where_the_file_is(home, ratemill):
    ref, _ = mediated(home, SEVERE)
    shown = ratemill("rap", "file", NAME, "--why", "codes", home=home).stdout
    assert "RCAUTRMNORNT00001: 2 records given back" in shown
    assert ref.startswith("nordtel/")
    asked = ratemill("rap", "missing", "nordtel", 8, "--why", "gap", "--json", home=home).stdout
    assert json.loads(asked)["subject"] == "missing:8-8"
    listed = ratemill("rap", "list", home=home).stdout
    assert listed.count("RCAUTRMNORNT0000") == 2
    wrong = ratemill("rap", "missing", "nobody", 8, "--why", "gap", home=home)
    assert (wrong.returncode, "no profile of nobody" in wrong.stderr) == (2, True)
    trail = json.loads(ratemill("ledger", "audit", "--json", home=home).stdout)
    assert [row["subject"] for row in trail if row["action"] == "return"] == [
        "nordtel/missing:8-8", ref]


def test_a_file_made_at_the_turn_of_the_clock_states_local_time(home):
    late = Author("anna", "x", datetime.fromisoformat("2026-07-01T22:30"))
    said = [line.value_text for line in tree(rap(home, return_missing(
        home, "nordtel", 1, 1, late))) if line.name in {"localTimeStamp", "utcTimeOffset"}]
    assert said[:2] == ["20260702003000", '"+0200"']
