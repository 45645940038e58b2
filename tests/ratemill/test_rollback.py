"""A file rolled back: all it did undone, in ledger and lake, and posted anew only when rerun."""

import json
import sys
from pathlib import Path

import pytest

from charging.ledger import Ledger
from mediation.schema import REJECT
from ratemill import pipeline, rollback
from ratemill.correction_lake import finish
from ratemill.errors import RatemillError
from ratemill.lake import Lake
from ratemill.rollback import find_file, roll_back_file, rollback_of
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from corrected_home import A1, A2, NOW, UNKNOWN, contents, posted, prove, revisions
from mediated_files import Event, usage_of, write_mediated


@pytest.fixture
def write(small):
    """Writes a mediated file with calls (IMSI, day of November, seconds, key)."""
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)

    def made(name, *calls):
        return write_mediated(small, name, usage_of(catalog, [
            Event(imsi, f"2026-11-{day:02d}T12:00:00", seconds, f"{key:032x}")
            for imsi, day, seconds, key in calls
        ]))

    return made


@pytest.fixture
def two(small, write, begun):
    """Two posted files; record 1 of the second was refused for the sake of the first."""
    def made():
        refs = [write("aaaa", (A1, 3, 90, 1), (A2, 4, 60, 2)),
                write("bbbb", (A2, 5, 90, 3), (A2, 4, 60, 2))]
        posted(small, refs)
        return refs

    return begun(small, "rollback", made)


def balances(home):
    with Ledger(home.ledger) as ledger:
        return dict(ledger.balances().select("account", "balance_micros").iter_rows())


def rolled_back(home, name="aaaa", why="wrong rates"):
    with Ledger(home.ledger) as ledger:
        return roll_back_file(home, ledger, find_file(home, name), NOW, who="ann", why=why)


def test_all_that_a_file_did_is_undone(small, two):
    file = find_file(small, "aaaa")
    told = rollback_of(small, file)
    assert (told.records, [(g.leg, g.currency, g.charges) for g in told.given_back]) == (2, [
        ("retail", "CHF", 1), ("retail", "EUR", 1), ("wholesale", "SDR", 2)])
    assert [(u.holder, u.used) for u in told.units_given_back] == [
        ("sim:232990000000002", 60)]
    assert [(o.name, o.records) for o in told.others] == [("bbbb", 1)]
    before = balances(small)
    done = rolled_back(small)
    assert not done.repeated
    after = balances(small)
    for given in told.given_back:
        account = {"EUR": "A1", "CHF": "A3", "SDR": "partner:p"}[given.currency]
        assert after[account] - before[account] == given.amount_micros
    prove(small)
    rejects = Lake(small.lake).load(REJECT, "p", "aaaa", "post")
    assert rejects["code"].to_list() == ["ROLLED_BACK"] * 2
    assert "by ann: wrong rates" in rejects["detail"][0]
    assert revisions(small, two[0]) == {}


def test_again_it_does_nothing(small, two):
    first = rolled_back(small)
    before = contents(small)
    again = rolled_back(small)
    assert (again.repeated, again.key) == (True, first.key)
    assert contents(small) == before
    prove(small)


def test_it_is_posted_anew_only_when_rerun(small, two):
    start = balances(small)
    rolled_back(small)
    assert pipeline.rate(small, two, now=NOW)[0]["state"] == "rolled_back"
    pipeline.post(small, two, now=NOW)
    assert revisions(small, two[0]) == {}
    pipeline.reset(small, two[:1], "rate")
    posted(small, two[:1])
    prove(small)
    assert {revision for revision, _ in revisions(small, two[0]).values()} == {1}
    assert balances(small) == start
    rolled_back(small)
    prove(small)
    pipeline.reset(small, two[:1], "rate")
    posted(small, two[:1])
    prove(small)
    assert {revision for revision, _ in revisions(small, two[0]).values()} == {2}


def test_what_was_refused_for_its_sake_can_be_posted(small, two):
    rolled_back(small)
    pipeline.reset(small, two[1:], "rate")
    (row,) = posted(small, two[1:])
    assert (row["posted"], row["duplicate"]) == (2, 0)
    prove(small)


def test_cut_short_after_the_ledger_it_is_finished(small, two, monkeypatch):
    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rollback, "follow", cut)
        with pytest.raises(KeyboardInterrupt):
            rolled_back(small)
    assert Lake(small.lake).load(REJECT, "p", "aaaa", "post").is_empty()
    assert rolled_back(small).repeated
    prove(small)
    assert Lake(small.lake).load(REJECT, "p", "aaaa", "post").height == 2


def test_cut_short_before_the_ledger_nothing_is_left(small, two, monkeypatch):
    before = contents(small)

    def cut(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rollback, "roll_back", cut)
        with pytest.raises(KeyboardInterrupt):
            rolled_back(small)
    prove(small)
    with Ledger(small.ledger) as ledger:
        assert finish(small, ledger) == []
    left = {path for path in contents(small).keys() - before.keys() if "late" not in path.parts}
    assert left == set()


def test_files_are_found_by_reference_id_and_name(small, two):
    for name in ("p/aaaa", "aaaa", "aa"):
        assert find_file(small, name)["file_id"] == "aaaa"
    for name in ("", "cc"):
        with pytest.raises(RatemillError, match="no file is called so"):
            find_file(small, name)


def test_the_command_shows_then_does(small, two, ratemill):
    before = contents(small)
    shown = ratemill("rollback", "aaaa", "--why", "wrong rates", "--dry-run", home=small)
    assert "2 records would be rolled back" in shown.stdout
    assert "1 records of bbbb" in shown.stdout
    assert contents(small) == before
    done = json.loads(
        ratemill("rollback", "aaaa", "--why", "wrong rates", "--json", home=small).stdout)
    assert (done["done"], done["postings"], done["repeated"]) == (True, 4, False)
    assert "was rolled back before" in ratemill("rollback", "aaaa", "--why", "x",
                                                home=small).stdout
    prove(small)
    explained = ratemill("explain", "aaaa:0", home=small).stdout
    assert "rolled back" in explained
    wrong = ratemill("rollback", "zzzz", "--why", "x", home=small)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("stage", ["mediate", "rate", "post"])
def test_whatever_step_it_is_rerun_from_it_gets_new_charges(small, two, stage):
    rolled_back(small)
    pipeline.reset(small, two[:1], stage)
    assert not Lake(small.lake).done("p", "aaaa", "rate")


def test_a_file_without_charges_is_rolled_back_too(small, write):
    ref = write("cccc", (UNKNOWN, 3, 90, 1))
    posted(small, [ref])
    rolled_back(small, "cccc")
    assert find_file(small, "cccc")["state"] == "rolled_back"
    assert pipeline.pending(small) == []
    prove(small)
