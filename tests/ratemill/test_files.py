"""`ratemill files`: states, gaps, late ones, copies, and the money that waits."""

import json
from datetime import datetime

import polars as pl
import pytest

from mediation.schema import ARRIVAL, FILE, REJECT
from ratemill.files import findings, look
from ratemill.home import Home
from ratemill.lake import Lake

SETTINGS = """
operator = "AUTRM"
title = "Small"
zone = "Europe/Vienna"

[demo]
partner_server = "sftp"
clock = 2026-10-09T09:00:00Z
"""
PROFILE = """
name = "{name}"
title = "{name}"
sender = "NORNT"
recipient = "AUTRM"
identity = {{}}

[collect]
connection = "sftp_x"

[format]
kind = "{kind}"
{more}
"""
DAILY = """
[calendar]
by = "06:00"
grace = "2h"
"""
NOW = datetime(2026, 10, 9, 9)
SINCE = datetime(2026, 10, 2, 9)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "partners").mkdir()
    (tmp_path / "ratemill.toml").write_text(SETTINGS)
    profile(tmp_path, "nordtel", "tap", DAILY)
    profile(tmp_path, "quiet", "delimited")
    return Home.find(tmp_path, {})


def profile(root, name, kind, more=""):
    text = PROFILE.format(name=name, kind=kind, more=more)
    (root / "partners" / f"{name}.toml").write_text(text)


def arrive(home, name, sequence=None, day=1, hour=5, state="posted", **stated):
    """A file of a partner in the lake, as its last stage left it."""
    lake = Lake(home.lake)
    row = {
        "partner": "nordtel", "file_id": name, "file_number": len(lake.files(FILE)) + 1,
        "name": name, "size_bytes": 1, "received_at": datetime(2026, 10, day, hour),
        "stage": "post", "state": state, "sequence": sequence, "sender": "NORNT",
        "recipient": "AUTRM", "records": 10, "posted": 10, "suspended": 0, **stated,
    }
    path = lake.path(FILE, row["partner"], name, row["stage"])
    lake.write(FILE, path, FILE.fill(pl.DataFrame([row])))
    return row


def suspend(home, file, *money, stage="mediate", outcome="suspended", first=0):
    """Rejects of a file; money is amount and currency, or None for a record without."""
    lake = Lake(home.lake)
    rows = [
        {"partner": file["partner"], "file_id": file["file_id"], "record_index": first + i,
         "stage": "gate", "outcome": outcome, "code": "X", "severity": "severe", "detail": "",
         "money_at_risk_micros": amount, "currency": currency}
        for i, (amount, currency) in enumerate(money)
    ]
    path = lake.path(REJECT, file["partner"], file["file_id"], stage)
    lake.write(REJECT, path, REJECT.fill(pl.DataFrame(rows, infer_schema_length=None)))


def gaps_of(home):
    return [(g.partner, g.test, g.first, g.last, g.missing) for g in look(home, NOW, SINCE).gaps]


def test_gaps_are_of_each_counter_apart(home):
    arrive(home, "a", 36)
    arrive(home, "b", 40, day=2)
    arrive(home, "c", 38, day=3, state="quarantined")
    arrive(home, "note", 41, day=4, state="notification")
    arrive(home, "gone", 42, state="refused")
    arrive(home, "far", 50_000, state="quarantined", notes="SEQUENCE_REUSED: was used by z")
    arrive(home, "t1", 1, state="test")
    arrive(home, "t3", 3, state="test", day=5)
    arrive(home, "out", 99, sender="AUTRM", recipient="NORNT")
    arrive(home, "zip", None, state="unpacked")
    assert gaps_of(home) == [
        ("nordtel", False, 37, 37, 1), ("nordtel", False, 39, 39, 1), ("nordtel", True, 2, 2, 1)]
    first = look(home, NOW, SINCE).gaps[0]
    assert (first.before, first.after, first.since) == ("a", "c", datetime(2026, 10, 2, 5))
    partner = look(home, NOW, SINCE).partners[0]
    assert (partner.next_sequence, partner.missing) == (42, 3)


def test_a_gap_closes_when_the_file_comes(home):
    for name, number in (("a", 99_998), ("b", 2)):
        arrive(home, name, number)
    assert gaps_of(home) == [("nordtel", False, 99_999, 1, 2)]
    for name, number in (("c", 99_999), ("d", 1)):
        arrive(home, name, number)
    assert gaps_of(home) == []


def test_numbers_of_other_formats_are_counted_as_the_profile_says(home):
    profile(home.root, "rounds", "delimited",
            "[control]\nsequence_range = [1, 10]\nsequence_skipped = [[4, 5]]")
    for name, number in (("x9", 9), ("x2", 2), ("x7", 7)):
        arrive(home, name, number, partner="rounds", sender=None, recipient=None)
    found = [(g.first, g.last) for g in look(home, NOW, SINCE, "rounds").gaps]
    assert found == [(10, 1), (3, 3), (6, 6)]


def test_late_and_missing_by_the_calendar(home):
    for day in (1, 2, 3, 4, 5, 7):
        arrive(home, f"f{day}", day, day=day)
    # the file of the 6th is no CDR file; that of the 8th came too late; none came on the 9th
    arrive(home, "f6", 6, day=6, state="refused")
    arrive(home, "f8", 8, day=8, hour=11)
    arrive(home, "t9", 1, day=9, state="test")
    found = look(home, NOW, SINCE)
    assert [(d.due_at.day, d.state) for d in found.due] == [
        (6, "missing"), (8, "late"), (9, "missing")]
    assert {f.name: f.late_s for f in found.files if f.late_s} == {"f8": 3 * 3600}
    line = found.partners[0]
    assert line.late == 3
    assert line.expected is not None
    assert line.expected.late_after == datetime(2026, 10, 10, 8)
    assert look(home, datetime(2026, 10, 9, 8), SINCE).due[-1].state == "waiting"
    # the other partner has no calendar
    assert found.partners[1].expected is None


def test_money_at_risk_by_file_and_currency(home):
    held = arrive(home, "held", 1, day=8, state="quarantined", suspended=4)
    suspend(home, held, (5, "SDR"), (7, "SDR"), (1, "EUR"), (None, "SDR"))
    suspend(home, held, (3, "SDR"), stage="post", outcome="duplicate", first=4)
    rated = arrive(home, "rated", 2, day=8, suspended=1)
    suspend(home, rated, (100, "SDR"), stage="rate")
    dropped = arrive(home, "dropped", 3, day=8, dropped=1)
    suspend(home, dropped, (9, "SDR"), outcome="dropped")
    again = arrive(home, "again", 4, day=8, suspended=1, stage="mediate")
    suspend(home, again, (2, "SDR"))
    # left over from before the file was reset to mediate
    suspend(home, again, (50, "SDR"), stage="rate", first=1)
    found = look(home, NOW, SINCE)
    risk = {f.name: (f.at_risk_micros, f.without_money) for f in found.files}
    assert risk == {"held": ({"EUR": 1, "SDR": 12}, 1), "rated": ({"SDR": 100}, 0),
                    "dropped": ({}, 0), "again": ({"SDR": 2}, 0)}
    partner = found.partners[0]
    assert (partner.suspended, partner.at_risk_micros, partner.without_money) == (
        6, {"EUR": 1, "SDR": 114}, 1)


def test_money_that_cannot_be_meant_is_at_risk_too(home):
    most = (1 << 63) - 1
    for name in "ab":
        suspend(home, arrive(home, name, day=8, suspended=2), (most, "SDR"), (most, "SDR"))
    found = look(home, NOW, SINCE)
    assert found.files[0].at_risk_micros == {"SDR": most}
    assert found.partners[0].at_risk_micros == {"SDR": most}


def test_copies_are_shown_beside_their_original(home):
    original = arrive(home, "a", 1, day=8)
    lake = Lake(home.lake)
    for i, copy_of in enumerate((None, "a")):
        row = {**original, "arrival_id": str(i), "name": f"a{i}", "remote_path": "x",
               "modified_at": NOW, "copy_of": copy_of}
        lake.write(ARRIVAL, lake.arrival_path("nordtel", str(i)),
                   ARRIVAL.fill(pl.DataFrame([row], infer_schema_length=None)))
    found = look(home, NOW, SINCE).files
    assert [(f.name, f.state, f.copy_of, f.records) for f in found] == [
        ("a", "posted", None, 10), ("a1", "copy", "a", 0)]


def test_findings_name_what_a_person_must_look_at(home):
    arrive(home, "a", 1)
    held = arrive(home, "b", 3, day=2, state="quarantined", suspended=1,
                  notes="a warning\nGATE_FAILED: too dear")
    suspend(home, held, (5_000_000, "SDR"))
    arrive(home, "old", state="refused")
    arrive(home, "new", state="refused", day=8)
    listed = findings(home, NOW)
    found = {f.kind: f for f in listed}
    assert [f.kind for f in listed] == ["gap", "late", "quarantine", "refused", "suspense"]
    assert found["gap"].what == "2 missing between a and b"
    assert found["late"].what == "no file for 2026-10-03 06:00 UTC, and at 6 more"
    assert found["late"].since == datetime(2026, 10, 3, 8)
    assert found["quarantine"].what == "b: GATE_FAILED: too dear"
    assert found["quarantine"].at_risk_micros == {"SDR": 5_000_000}
    assert found["refused"].what == "new"
    assert (found["suspense"].records, found["suspense"].since) == (1, datetime(2026, 10, 2, 5))


def test_nothing_to_find(home):
    assert findings(home, NOW) == []
    for day in range(1, 10):
        arrive(home, f"f{day}", day, day=day)
    assert findings(home, NOW) == []
    # the next file is due, and not yet late
    assert findings(home, datetime(2026, 10, 10, 7)) == []


def test_the_command_shows_all_or_what_is_asked(home, ratemill):
    arrive(home, "a", 36, day=7)
    arrive(home, "b", 40, day=8, hour=9)
    shown = ratemill("files", home=home).stdout
    for words in ("Partners", "37 to 39", "late by 1 h 0 min", "2026-10-10 10:00", "nordtel"):
        assert words in shown
    only = ratemill("files", "nordtel", "--gaps", home=home).stdout
    assert "37 to 39" in only
    assert "41 by 2026-10-10 10:00" in only
    assert "Partners" not in only
    late = ratemill("files", "--late", "--since", "3d", home=home).stdout
    assert "missing" in late
    assert "37 to 39" not in late
    assert "No number is missing" in ratemill("files", "quiet", "--gaps", home=home).stdout
    assert "came in time" in ratemill("files", "quiet", "--late", home=home).stdout


def test_the_command_as_json(home, ratemill):
    arrive(home, "a", 36, day=2)
    arrive(home, "b", 40, day=8)
    told = json.loads(ratemill("files", "--json", "--since", "2026-10-05", home=home).stdout)
    assert set(told) == {"now", "since", "partners", "files", "gaps", "due"}
    assert told["since"] == "2026-10-04T22:00:00"
    assert [f["name"] for f in told["files"]] == ["b"]
    assert set(json.loads(ratemill("files", "--gaps", "--json", home=home).stdout)) == {
        "now", "since", "partners", "gaps"}
    late = json.loads(ratemill("files", "--late", "--json", home=home).stdout)
    assert {d["state"] for d in late["due"]} == {"missing"}


def test_the_example_lacks_two_files(example, ratemill):
    told = json.loads(ratemill("files", "--json", home=example).stdout)
    assert [(g["partner"], g["first"], g["last"]) for g in told["gaps"]] == [
        ("alpenfon", 6, 6), ("nordtel", 8, 8)]
    files = {f["name"]: f for f in told["files"]}
    assert files["CDNORNTAUTRM00002.resent"]["copy_of"] == "CDNORNTAUTRM00002"
    assert files["CDNORNTAUTRM00005.other"]["at_risk_micros"]["SDR"] > 0
    waiting = {p["partner"]: p["suspended"] for p in told["partners"]}
    assert waiting == {p: sum(f["suspended"] for f in told["files"] if f["partner"] == p)
                       for p in waiting}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("nobody",), "no profile of nobody"), (("--since", "soon"), "how far back"),
     (("--since", "0d"), "how far back")],
)
def test_what_cannot_be_meant_is_told(home, ratemill, arguments, words):
    shown = ratemill("files", *arguments, home=home)
    assert shown.returncode == 2
    assert words in shown.stderr
