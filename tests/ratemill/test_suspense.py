"""Suspense: cases with their money, and the ways out of it: recycle, edit, write off."""

import json
import sys
from pathlib import Path

import pytest

from charging.checks import check
from charging.ledger import Ledger
from mediation.codes import CODES
from ratemill import pipeline
from ratemill.decisions import Author, write_off
from ratemill.funnel import equation, file_status, totals
from ratemill.recycle import recycle_awaited, tried
from ratemill.refs import receipt_path
from ratemill.run import finish
from ratemill.screen import Bars
from ratemill.settings import clock
from ratemill.suspense import cases, suspended

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import collected, with_profile

GOOD = "MOC;232990000000001;0664123456;AUTRM;2026-11-10 10:00;60;0.10"
UNKNOWN = "MOC;232990000000009;0664123456;AUTRM;2026-11-10 10:0{};60;0.20"
NOWHERE = "MOC;232990000000001;0037368{}1;AUTRM;2026-11-11 10:0{};60;0.30"
NEW_SIM = ",232990000000009,43699000009,A1,2026-01-01,\n"
LONG = "MOC;232990000000001;0664123456;AUTRM;2026-11-12 10:00;-60;0.40"
LINES = [GOOD, *(UNKNOWN.format(n) for n in range(2)),
         *(NOWHERE.format(n, n) for n in range(3)), LONG]


@pytest.fixture
def waiting(small, begun):
    """A home with a file of which six of seven records are in suspense."""
    def made():
        home = with_profile(small)
        ref = collected(home, "A_1.csv", *LINES)
        done = finish(home, [ref], now=clock(home.settings), progress=Bars())
        assert (done.finished, done.not_posted) == ([ref], None)
        return ref

    return small, begun(small, "suspense", made)


def ends(home):
    """Posted, duplicate, suspended and dropped, which are all that was received."""
    sums = totals(file_status(home))
    assert "≠" not in equation(sums)
    with Ledger(home.ledger) as ledger:
        assert check(ledger) == []
    return sums["posted"], sums["duplicate"], sums["suspended"], sums["dropped"]


def test_records_that_wait_for_one_thing_are_one_case(waiting):
    home, _ = waiting
    assert ends(home) == (1, 0, 6, 0)
    found = cases(suspended(home))
    assert [(c.code, c.records, c.money_micros, c.waits_for) for c in found] == [
        ("DESTINATION_UNKNOWN", 3, {"EUR": 900_000}, "prefix 37368"),
        ("SUBSCRIBER_UNKNOWN", 2, {"EUR": 400_000}, "IMSI 232990000000009"),
        ("DURATION_OUT_OF_RANGE", 1, {"EUR": 400_000},
         f"alpenfon: {CODES['DURATION_OUT_OF_RANGE'].meaning.rstrip('.')}"),
    ]
    collected_later = collected(home, "A_2.csv", UNKNOWN.format(7))
    finish(home, [collected_later], now=clock(home.settings), progress=Bars())
    again = {c.case: (c.records, c.files) for c in cases(suspended(home))}
    assert again == {found[0].case: (3, 1), found[1].case: (3, 2), found[2].case: (1, 1)}


def everything_but_catalogs(home):
    """Every file of a home and when it was written, without the catalog and what is made of it."""
    of_catalog = {home.catalog, home.catalog_cache}
    return {path: path.stat().st_mtime_ns for path in home.root.rglob("*")
            if path.is_file() and not of_catalog & set(path.parents)}


def test_a_test_says_what_would_become_of_each_and_writes_nothing(waiting, write_catalog):
    home, _ = waiting
    before = everything_but_catalogs(home)
    # With the second plan the prefix is there, but no rate of the tariff for where it leads.
    for zone, code_now in (("eea", None), ("world", "RATE_MISSING")):
        plan = f"prefix,destination,zone,valid_from,valid_to\n43,Austria,home,,\n373,M,{zone},,\n"
        write_catalog(home.catalog, number_plan=plan)
        found = tried(home, suspended(home))
        assert found.group_by("code", "code_now").len().sort("code").rows() == [
            ("DESTINATION_UNKNOWN", code_now, 3),
            ("DURATION_OUT_OF_RANGE", "DURATION_OUT_OF_RANGE", 1),
            ("SUBSCRIBER_UNKNOWN", "SUBSCRIBER_UNKNOWN", 2),
        ]
    assert everything_but_catalogs(home) == before


def test_the_row_that_a_case_waits_for_has_its_records_charged(waiting):
    home, ref = waiting
    assert recycle_awaited(home) == []
    with (home.catalog / "sims.csv").open("a") as sims:
        sims.write(NEW_SIM)
    assert recycle_awaited(home) == [ref]
    assert recycle_awaited(home) == []
    with Ledger(home.ledger) as ledger:
        first = ledger.postings(*ref.split("/"))
    finish(home, pipeline.pending(home), now=clock(home.settings), progress=Bars())
    assert ends(home) == (3, 0, 4, 0)
    with Ledger(home.ledger) as ledger:
        assert ledger.postings(*ref.split("/")).join(first, on=first.columns, how="semi",
                                                     nulls_equal=True).equals(first)


def test_what_is_written_off_is_never_charged(waiting, ratemill):
    home, ref = waiting
    case = next(c.case for c in cases(suspended(home)) if c.code == "SUBSCRIBER_UNKNOWN")
    shown = ratemill("suspense", "write-off", case, "--why", "a test card", "--who", "anna",
                     home=home)
    assert (shown.returncode, "2 of 2 left suspense" in shown.stdout) == (0, True)
    assert ends(home) == (1, 0, 4, 2)
    with (home.catalog / "sims.csv").open("a") as sims:
        sims.write(NEW_SIM)
    pipeline.reset(home, [ref], "mediate")
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    assert ends(home) == (1, 0, 4, 2)
    trail = json.loads(ratemill("ledger", "audit", "--json", home=home).stdout)
    mine = next(row for row in trail if row["action"] == "write_off")
    assert (mine["who"], mine["why"], mine["subject"]) == ("anna", "a test card", ref)


def test_a_record_that_is_posted_cannot_be_written_off(waiting):
    home, ref = waiting
    write_off(home, ref, [0], Author("anna", "no", clock(home.settings)))
    pipeline.reset(home, [ref], "mediate")
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    assert ends(home) == (1, 0, 6, 0)


def test_an_edited_record_is_charged_and_says_who_edited_it(waiting, ratemill):
    home, ref = waiting
    record = f"{ref.split('/')[1][:8]}:6"
    shown = ratemill("suspense", "edit", record, "--set", "secs=60", "--why", "sign lost",
                     "--who", "anna", home=home)
    assert (shown.returncode, "1 of 1 left suspense" in shown.stdout) == (0, True)
    assert ends(home) == (2, 0, 5, 0)
    row = file_status(home)[0]
    assert "record 6: secs edited by anna: sign lost" in row.notes


@pytest.mark.parametrize(
    ("change", "why"),
    [("colour=red", "have no column colour"), ("secs", "COLUMN=VALUE is expected"),
     ("byte_offset=1", "have no column byte_offset")],
)
def test_an_edit_that_cannot_be_is_refused(waiting, ratemill, change, why):
    home, ref = waiting
    record = f"{ref.split('/')[1][:8]}:6"
    shown = ratemill("suspense", "edit", record, "--set", change, "--why", "x", home=home)
    assert (shown.returncode, why in shown.stderr) == (2, True)
    assert not (home.lake / "decision").exists()


def test_what_is_not_in_suspense_is_not_found(waiting, ratemill):
    home, ref = waiting
    file_id = ref.split("/")[1][:8]
    for what, why in (("00000000", "no case"), ("", "several cases"),
                      (f"{file_id}:0", "is not in suspense"), (f"{file_id}:x", "not in suspense")):
        shown = ratemill("suspense", "show", what, home=home)
        assert (shown.returncode, why in shown.stderr) == (2, True)


def test_the_screen_shows_cases_records_and_columns(waiting, ratemill):
    home, ref = waiting
    listed = ratemill("suspense", "list", home=home).stdout
    assert "prefix 37368" in listed
    assert "6 records, 1.70 EUR" in listed
    shown = ratemill("suspense", "show", f"{ref.split('/')[1][:8]}:6", home=home).stdout
    assert "duration_s -60: 0 to 172800 is believable" in shown
    assert "secs" in shown
    tested = ratemill("suspense", "recycle", "--test", home=home).stdout
    assert "A test: nothing was written" in tested
    everything = json.loads(ratemill("suspense", "list", "--json", home=home).stdout)
    assert sum(case["records"] for case in everything) == 6


def test_a_home_without_files_has_no_suspense(small, ratemill):
    with_profile(small)
    assert ratemill("suspense", "list", home=small).stdout == "Nothing is in suspense.\n"
    assert recycle_awaited(small) == []


def test_trying_again_everything_changes_nothing(waiting, ratemill):
    home, _ = waiting
    with Ledger(home.ledger) as ledger:
        before = ledger.balances()
    shown = ratemill("suspense", "recycle", home=home)
    assert "0 of 6 left suspense" in shown.stdout
    with Ledger(home.ledger) as ledger:
        assert ledger.balances().equals(before)
    assert suspended(home)["record_index"].to_list() == [1, 2, 3, 4, 5, 6]


def test_a_file_that_is_held_back_passes_once_somebody_vouches_for_it(small, ratemill):
    home = with_profile(small)
    profile = home.root / "partners" / "alpenfon.toml"
    profile.write_text(profile.read_text().replace("reject_share_max = 1.0",
                                                   "file_charge_max_micros = 150_000"))
    ref = collected(home, "A_1.csv", GOOD, GOOD.replace("10:00", "11:00"))
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    assert ends(home) == (0, 0, 2, 0)
    shown = ratemill("suspense", "release", "A_1.csv", "--why", "the fair was in town",
                     "--who", "anna", home=home)
    assert (shown.returncode, "2 of 2 left suspense" in shown.stdout) == (0, True)
    assert ends(home) == (2, 0, 0, 0)
    (row,) = file_status(home)
    assert row.state == "posted"
    assert "released by anna: the fair was in town (GATE_FAILED: " in row.notes
    again = ratemill("suspense", "release", "A_1.csv", "--why", "x", home=home)
    assert (again.returncode, "not quarantined" in again.stderr) == (2, True)


CHECK = """
[[check]]
rule = "LONG_CALL"
says = "no call of this partner lasts an hour"
where = { secs = { at_least = 3600 } }
"""


def test_a_check_of_the_profile_has_a_case_a_remedy_and_a_line_in_the_receipt(small, ratemill):
    home = with_profile(small)
    profile = home.root / "partners" / "alpenfon.toml"
    profile.write_text(profile.read_text() + CHECK)
    ref = collected(home, "A_1.csv", GOOD, GOOD.replace(";60;", ";7200;"))
    finish(home, [ref], now=clock(home.settings), progress=Bars())
    assert ends(home) == (1, 0, 1, 0)
    (case,) = cases(suspended(home))
    assert (case.code, case.severity, case.money_micros) == ("LONG_CALL", "severe",
                                                            {"EUR": 100_000})
    assert case.waits_for == "alpenfon: no call of this partner lasts an hour"
    assert case.remedy.startswith("Correct the record, or the check in the profile")
    receipt = json.loads(receipt_path(home, *ref.split("/")).read_bytes())
    (told,) = receipt["rejects"]
    assert (told["code"], told["outcome"], told["meaning"]) == (
        "LONG_CALL", "suspended", "No call of this partner lasts an hour.")
    # without the check it passes
    profile.write_text(profile.read_text().replace("3600", "36000"))
    shown = ratemill("suspense", "recycle", case.case, home=home)
    assert "1 of 1 left suspense" in shown.stdout
    assert ends(home) == (2, 0, 0, 0)
