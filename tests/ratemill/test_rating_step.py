"""Files rated one after the other share their allowances, also when one is rated again."""

import sys
from datetime import datetime
from pathlib import Path

import pytest

from ratemill import pipeline
from ratemill.catalog_versions import manifests
from ratemill.lake import Lake
from rating.catalog import load_catalog
from rating.schema import CHARGE

sys.path.insert(0, str(Path(__file__).parent))

from mediated_files import Event, usage_of, write_mediated

NOW = datetime.fromisoformat("2026-12-01")


@pytest.fixture
def mediated(small):
    """Writes a mediated file with calls of A2 (imsi or None, day of November, seconds)."""
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)

    def write(name, *calls):
        return write_mediated(small, name, usage_of(catalog, [
            Event(imsi, f"2026-11-{day:02d}T12:00:00", seconds,
                  f"{name}{day:02d}".encode().hex().rjust(32, "0"))
            for imsi, day, seconds in calls
        ]))

    return write


A2 = "232990000000002"


def covered(small, name):
    """Per record: units covered, and used before them."""
    charges = Lake(small.lake).load(CHARGE, "p", name, "rate").filter(leg="retail")
    return [(row["record_index"], row["covered_units"], [d["before"] for d in row["draws"]])
            for row in charges.rows(named=True)]


def test_the_second_file_draws_on_what_the_first_left(small, mediated):
    refs = [mediated("a", (A2, 3, 90)), mediated("b", (A2, 4, 60), (A2, 5, 30))]
    rows = pipeline.rate(small, refs, now=NOW)
    assert [row["rated"] for row in rows] == [1, 2]
    assert covered(small, "a") == [(0, 90, [0])]
    assert covered(small, "b") == [(0, 30, [90]), (1, 0, [])]
    (kept,) = manifests(small)
    versions = Lake(small.lake).load(CHARGE, "p", "a", "rate")["catalog_version"].unique()
    assert versions.to_list() == [kept.version]


def test_one_call_each_gives_the_same(small, mediated):
    for ref in [mediated("a", (A2, 3, 90)), mediated("b", (A2, 4, 60), (A2, 5, 30))]:
        pipeline.rate(small, [ref], now=NOW)
    assert covered(small, "b") == [(0, 30, [90]), (1, 0, [])]


def test_rated_again_before_it_is_posted_a_file_does_not_count_itself(small, mediated):
    refs = [mediated("a", (A2, 3, 90)), mediated("b", (A2, 4, 60))]
    pipeline.rate(small, refs, now=NOW)
    pipeline.reset(small, refs[:1], "rate")
    pipeline.rate(small, refs, now=NOW)
    assert covered(small, "a") == [(0, 90, [30])]


def test_a_rerun_keeps_what_is_posted_and_draws_for_the_rest(small, mediated):
    unknown = "232990000000003"
    ref = mediated("a", (A2, 3, 90), (unknown, 4, 60))
    pipeline.rate(small, [ref], now=NOW)
    pipeline.post(small, [ref], now=NOW)
    before = Lake(small.lake).load(CHARGE, "p", "a", "rate")
    sims = small.catalog / "sims.csv"
    sims.write_text(sims.read_text() + f",{unknown},43699000003,A1,,\n")
    grants = small.catalog / "grants.csv"
    grants.write_text(grants.read_text() + "account,A1,minutes,,\n")
    pipeline.reset(small, [ref], "rate")
    (row,) = pipeline.rate(small, [ref], now=NOW)
    assert (row["rated"], row["suspended"]) == (2, 0)
    assert covered(small, "a") == [(0, 90, [0]), (1, 60, [0])]
    after = Lake(small.lake).load(CHARGE, "p", "a", "rate")
    assert after.filter(record_index=0).equals(before)
    assert len(manifests(small)) == 2


def test_why_not_of_a_record_in_suspense(small, mediated, ratemill):
    unknown = "232990000000003"
    ref = mediated("abc", (A2, 3, 90), (unknown, 4, 60))
    pipeline.rate(small, [ref], now=NOW)
    pipeline.post(small, [ref], now=NOW)
    waits = ratemill("why-not", "ab:1", home=small).stdout
    assert "No price: SUBSCRIBER_UNKNOWN" in waits
    assert f"  ,{unknown},?,?,2026-11-04,\n" in waits
    sims = small.catalog / "sims.csv"
    sims.write_text(sims.read_text() + f",{unknown},43699000003,A2,,\n")
    assert "Charge, retail: A3 for A2" in ratemill("why-not", "abc:1", home=small).stdout
    posted = ratemill("why-not", "abc:0", home=small)
    assert posted.returncode == 2
    assert "is posted" in posted.stderr


def test_what_was_drawn_shows_in_the_price_of_another_event(small, mediated, ratemill):
    pipeline.rate(small, [mediated("a", (A2, 3, 90))], now=NOW)
    shown = ratemill("rate", "--imsi", A2, "--at", "2026-11-20T12:00:00", "--to", "431",
                     "--seconds", "60", home=small).stdout
    assert "covers 30 s; 90 used before, 120 after" in shown


def test_a_lost_charge_comes_out_as_it_was(small, mediated):
    refs = [mediated("a", (A2, 3, 60)), mediated("b", (A2, 4, 30)), mediated("c", (A2, 5, 60))]
    pipeline.rate(small, refs, now=NOW)
    pipeline.post(small, refs, now=NOW)
    lake = Lake(small.lake)
    before = lake.load(CHARGE, "p", "b", "rate")
    lake.path(CHARGE, "p", "b", "rate").unlink()
    pipeline.rate(small, refs, now=NOW)
    assert lake.load(CHARGE, "p", "b", "rate").equals(before)
