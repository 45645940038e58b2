"""The gate over a month of a partner's files, and what it takes from the lake."""

import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import RECEIVED, collected, with_profile

from mediation.schema import FILE
from ratemill import pipeline
from ratemill.decisions import Author, release
from ratemill.history import History
from ratemill.lake import Lake

DAYS = 30
LINE = "MOC;23299000000000{imsi};4790000{to:03d};{net};{at:%Y-%m-%d %H:%M};{secs};{charge:.2f}"
FIGURES = ("state", "notes", "records", "rejected", "charge_micros", "networks", "services",
           "destinations", "age_median_s", "age_max_s")


def lines(seed, count, *, price=0.004, days=0, net="NORNT", odd_net=""):
    """Calls of the day before, `days` earlier still; one in a hundred cannot be read."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        secs = rng.randrange(20, 600)
        at = RECEIVED - timedelta(days=days, minutes=rng.randrange(60, 26 * 60))
        found.append(LINE.format(
            imsi=1 + number % 2, to=number, net=odd_net if odd_net and not number else net, at=at,
            secs="?" if rng.random() < 0.01 else secs, charge=secs * price))
    return found


def month(home):
    """References of thirty files of steady traffic."""
    rng = random.Random(1)
    return [collected(home, f"{day:02d}.csv", *lines(day, rng.randrange(110, 190)))
            for day in range(DAYS)]


ODD = {
    "tenfold.csv": ({"count": 1500}, "1,500 records: the 30 accepted files before had "),
    "network.csv": ({"count": 150, "odd_net": "SWEXX"},
                    "networks that no accepted file had before: SWEXX"),
    "old.csv": ({"count": 150, "days": 20}, " days from event to arrival (median): the 30 "),
    "dear.csv": ({"count": 150, "price": 0.008}, " charged a record: the 30 accepted "),
    "cut.csv": ({"count": 12}, "12 records: the 30 accepted files before had "),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The home after the month and the odd files, and the rows of table file by name."""
    from ratemill.home import Home

    root = tmp_path_factory.mktemp("month")
    (root / "ratemill.toml").write_text(
        'operator = "AUTRM"\ntitle = "Small"\nzone = "Europe/Vienna"\n'
        '[demo]\npartner_server = "sftp"\nclock = 2026-12-01T06:00:00Z\n')
    home = with_profile(Home.find(root, {}))
    refs = month(home)
    refs += [collected(home, name, *lines(name, **odd))
             for name, (odd, _) in ODD.items()]
    rows = pipeline.mediate(home, refs)
    return home, refs, {row["name"]: row for row in rows}


def test_steady_traffic_passes_thirty_times_of_thirty(judged):
    _, _, rows = judged
    steady = [rows[f"{day:02d}.csv"] for day in range(DAYS)]
    assert [row["state"] for row in steady] == ["mediated"] * DAYS
    notes = [row["notes"] or "" for row in steady]
    assert [note.startswith("history: no verdict by earlier files (") for note in notes] == [
        day < 10 for day in range(DAYS)]
    assert notes[10:] == [""] * 20
    assert sum(row["rejected"] for row in steady) > 10


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_of_the_month_is_held_for_what_is_odd(judged, name):
    home, refs, rows = judged
    row = rows[name]
    assert row["state"] == "quarantined"
    assert row["notes"].startswith("GATE_FAILED: ")
    assert ODD[name][1] in row["notes"]
    ref = refs[DAYS + list(ODD).index(name)]
    held = Lake(home.lake).rejects(*ref.split("/")).filter(code="GATE_FAILED")
    assert held.height == row["records"] - row["rejected"]
    assert row["suspended"] == row["records"]


def test_the_month_judged_again_comes_to_the_same(judged):
    home, refs, rows = judged
    # those in the middle while later ones are there, then the last ones
    for some in (refs[8:12], refs[28:]):
        pipeline.reset(home, some, "mediate")
        for row in pipeline.mediate(home, some):
            assert [row[key] for key in FIGURES] == [rows[row["name"]][key] for key in FIGURES]


def test_a_released_file_teaches_the_gate(small):
    home = with_profile(small)
    refs = [collected(home, f"{day}.csv", *lines(day, 20)) for day in range(10)]
    refs += [collected(home, f"new{at}.csv", *lines(200 + at, 20, odd_net="SWEXX"))
             for at in range(2)]
    states = [row["state"] for row in pipeline.mediate(home, refs)]
    assert states == ["mediated"] * 10 + ["quarantined"] * 2
    release(home, refs[10], Author("anna", "a new agreement", datetime(2026, 12, 2)))
    pipeline.reset(home, refs[10:], "mediate")
    rows = pipeline.mediate(home, refs[10:])
    assert [row["state"] for row in rows] == ["mediated"] * 2
    assert "released by anna: a new agreement (GATE_FAILED: networks" in rows[0]["notes"]
    assert rows[1]["notes"] is None


def file_row(number, **changes):
    return dict.fromkeys(FILE.names) | {
        "partner": "p", "file_number": number, "state": "mediated", "received_at": RECEIVED,
        "records": number, "networks": "A", "services": "sms_mo", "destinations": "",
    } | changes


def frame(rows):
    return pl.DataFrame([*rows], schema=FILE.polars, orient="row")


@given(st.permutations(range(1, 12)), st.integers(1, 12))
def test_only_smaller_numbers_count_in_whatever_order_they_come(order, number):
    rows = [file_row(at, networks=f"A N{at % 4}") for at in order]
    history = History(frame(rows[:3]))
    for row in rows[3:]:
        history.add(row)
    before = history.before("p", number)
    assert [file.records for file in before.newest(4)] == list(range(number - 1, 0, -1))[:4]
    assert before.named() == number - 1
    seen = {f"N{at % 4}" for at in range(1, number)}
    assert before.unseen("networks", ["N0", "N1", "N2", "N3", "N4"]) == [
        f"N{at}" for at in range(5) if f"N{at}" not in seen]


def test_other_partners_held_files_and_unknown_names_do_not_count():
    history = History(frame([
        file_row(1), file_row(2, partner="q", networks="B"), file_row(3, state="quarantined"),
        file_row(4, state="test"), file_row(5, services=None, networks=None, destinations=None),
    ]))
    before = history.before("p", 9)
    assert [file.records for file in before.newest(9)] == [5, 1]
    assert before.named() == 1
    assert before.unseen("networks", ["A", "B"]) == ["B"]
    assert history.before("nobody", 9).newest(9) == []


def test_a_file_mediated_again_counts_once():
    history = History(frame([file_row(1), file_row(2)]))
    history.add(file_row(1, records=70))
    before = history.before("p", 3)
    assert [file.records for file in before.newest(9)] == [2, 70]
    assert before.named() == 2


def test_files_of_a_weekday_are_found():
    rows = [file_row(at, received_at=RECEIVED + timedelta(days=at)) for at in range(1, 22)]
    before = History(frame(rows)).before("p", 21)
    assert [file.records for file in before.newest(2, RECEIVED.weekday())] == [14, 7]
