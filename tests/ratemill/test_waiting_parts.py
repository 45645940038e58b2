"""Parts of sessions over the files of a home: recycled when the others come, whatever the order."""

import json
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from charging.checks import check
from charging.ledger import Ledger
from mediation.profile import Profile
from mediation.schema import USAGE
from ratemill import pipeline
from ratemill.decisions import Author, write_off
from ratemill.funnel import equation, file_status, totals
from ratemill.lake import Lake
from ratemill.partials import changed, parts_of
from ratemill.profile_check import doubts
from ratemill.profile_sample import read_sample, sample_doubts
from ratemill.recycle import recycle_awaited
from ratemill.refs import receipt_path, split
from ratemill.rollback import find_file, roll_back_file
from ratemill.run import finish
from ratemill.screen import Bars
from ratemill.settings import clock
from ratemill.suspense import cases, suspended

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import PROFILE, RECEIVED, arrived

SESSIONS = PROFILE.replace("[fields]", """[fields]
charging_id = { read = "integer", column = "id" }
volume_down_bytes = { read = "integer", column = "down" }
partial_indicator = { column = "part", optional = true }""").replace(
    'value = "voice"', 'value = "data"').replace(
    'voice_mo = ["imsi", "started_at", "duration_s"]',
    'data_mo = ["imsi", "charging_id", "started_at"]') + """
[partials]
key = ["charging_id", "imsi"]
"""
HEAD = "type;imsi;to;net;start;secs;charge;id;down;part"
START = datetime.fromisoformat("2026-11-10 10:00")


def part(sign="", minute=0, *, minutes=1, id_=7, down=1_000_000, imsi="232990000000001"):
    at = START + timedelta(minutes=minute)
    return (f"GPRS;{imsi};43664123456;AUTRM;{at:%Y-%m-%d %H:%M};{60 * minutes};0.10;{id_};{down};"
            f"{sign}")


F, I, L = part("F", 0, down=1), part("I", 1, down=2), part("L", 2, down=4)


@pytest.fixture
def sessions(small, unpublished):
    """A home whose partner alpenfon sends sessions in parts."""
    (small.root / "partners").mkdir()
    (small.root / "partners" / "alpenfon.toml").write_text(SESSIONS)
    return small


def came(home, name, *lines):
    return arrived(home, "alpenfon", name, "\n".join([HEAD, *lines, ""]).encode())


def done(home, *refs):
    return finish(home, refs, now=clock(home.settings), progress=Bars())


def ends(home):
    """Posted, duplicate, suspended and dropped, after all proofs."""
    rows = file_status(home)
    assert all("≠" not in equation(totals([row])) for row in rows)
    pipeline.reconcile(home, pipeline.find(home))
    with Ledger(home.ledger) as ledger:
        assert check(ledger) == []
    sums = totals(rows)
    return sums["posted"], sums["duplicate"], sums["suspended"], sums["dropped"]


def charged(home):
    """What is charged, without where it is: usage with its postings' amounts by leg."""
    lake = Lake(home.lake)
    found = []
    for ref in pipeline.find(home):
        usage = lake.load(USAGE, *split(ref), "mediate")
        with Ledger(home.ledger) as ledger:
            postings = ledger.postings(*split(ref))
        amounts = postings.group_by("record_index").agg(pl.col("amount_micros").sum())
        found += usage.join(amounts, on="record_index").select(
            "usage_key", "started_at", "duration_s", "volume_down_bytes", "partner_charge_micros",
            "amount_micros").rows()
    return sorted(found)


def test_parts_wait_in_suspense_until_the_last_has_come(sessions, ratemill):
    one = came(sessions, "A_1.csv", F, part(id_=8))
    assert done(sessions, one).finished == [one]
    assert ends(sessions) == (1, 0, 1, 0)
    assert [(c.code, c.records, c.money_micros) for c in cases(suspended(sessions))] == [
        ("PARTIAL_WAITING", 1, {"EUR": 100_000})]
    listed = ratemill("suspense", "list", home=sessions).stdout
    assert "PARTIAL_WAITING" in listed
    status = ratemill("status", "--json", home=sessions).stdout
    assert "partial records: 1 wait for the others" in json.loads(status)["files"][0]["notes"]

    two = came(sessions, "A_2.csv", L, I)
    assert done(sessions, two).finished == [two, one]
    assert ends(sessions) == (2, 0, 0, 2)
    assert (7, 300_000) in [row[3:5] for row in charged(sessions)]
    assert suspended(sessions).is_empty()
    assert receipt_path(sessions, *split(one)).exists()
    assert changed(sessions, clock(sessions.settings)) == []
    assert pipeline.pending(sessions) == []


def test_files_mediated_by_two_workers_find_each_other_in_the_next_run(sessions):
    one, two = came(sessions, "A_1.csv", F, I), came(sessions, "A_2.csv", L)
    for ref in (two, one):
        pipeline.mediate(sessions, [ref])
    # the younger was mediated first and saw nobody, the older sees what it brings
    states = parts_of(Lake(sessions.lake), "alpenfon").sort("file_number")["state"].to_list()
    assert states == ["merged", "merged", "waiting"]
    assert recycle_awaited(sessions) == [two]
    done(sessions, *pipeline.pending(sessions))
    assert ends(sessions) == (1, 0, 0, 2)


def test_running_any_file_again_changes_nothing(sessions):
    refs = [came(sessions, f"A_{n}.csv", line) for n, line in enumerate((I, L, F))]
    done(sessions, *refs)
    before = charged(sessions), ends(sessions)
    for ref in (*refs, *reversed(refs)):
        pipeline.reset(sessions, [ref], "mediate")
        assert done(sessions, ref).finished == [ref]
        assert (charged(sessions), ends(sessions)) == before


def test_parts_whose_time_is_over_are_charged_by_the_next_run(sessions):
    profile = sessions.root / "partners" / "alpenfon.toml"
    profile.write_text(SESSIONS + 'orphans = "rate"\ntimeout_hours = 6\n')
    ref = came(sessions, "A_1.csv", F, I)
    # received at midnight; the clock of the example stands at six
    done(sessions, ref)
    assert ends(sessions) == (1, 0, 0, 1)
    profile.write_text(SESSIONS + "timeout_hours = 7\n")
    settings = sessions.root / "ratemill.toml"
    again = type(sessions)(sessions.root, sessions.ledger)
    other = came(again, "A_2.csv", part("F", id_=9))
    done(again, other)
    assert ends(again) == (1, 0, 1, 1)
    settings.write_text(settings.read_text().replace("06:00:00Z", "07:00:00Z"))
    later = type(sessions)(sessions.root, sessions.ledger)
    assert recycle_awaited(later) == [other]
    done(later, other)
    assert suspended(later)["code"].to_list() == ["PARTIAL_ORPHAN"]
    assert ends(later) == (1, 0, 1, 1)


def test_a_session_of_which_a_part_is_written_off_is_never_charged(sessions):
    one = came(sessions, "A_1.csv", F)
    done(sessions, one)
    write_off(sessions, one, [0], Author("anna", "a test card", clock(sessions.settings)))
    pipeline.reset(sessions, [one], "mediate")
    done(sessions, one)
    assert ends(sessions) == (0, 0, 0, 1)
    two = came(sessions, "A_2.csv", I, L)
    done(sessions, two)
    assert ends(sessions) == (0, 0, 0, 3)
    details = Lake(sessions.lake).rejects(*split(two))["detail"].to_list()
    assert all("the session was written off" in text for text in details)


def test_the_record_of_a_whole_session_can_be_written_off(sessions):
    stranger = [part(sign, n, imsi="232990000000009") for n, sign in enumerate("FIL")]
    one, two = came(sessions, "A_1.csv", *stranger[:2]), came(sessions, "A_2.csv", stranger[2])
    done(sessions, one, two)
    assert ends(sessions) == (0, 0, 1, 2)
    assert [c.code for c in cases(suspended(sessions))] == ["SUBSCRIBER_UNKNOWN"]
    write_off(sessions, two, [0], Author("anna", "a test card", clock(sessions.settings)))
    pipeline.reset(sessions, [two], "mediate")
    done(sessions, two)
    done(sessions, *recycle_awaited(sessions))
    assert ends(sessions) == (0, 0, 0, 3)


def test_the_parts_of_a_file_that_was_rolled_back_wait_for_another(sessions):
    one, two = came(sessions, "A_1.csv", F), came(sessions, "A_2.csv", I, L, part(id_=8))
    done(sessions, one, two)
    assert ends(sessions) == (2, 0, 0, 2)
    with Ledger(sessions.ledger) as ledger:
        roll_back_file(sessions, ledger, find_file(sessions, two), clock(sessions.settings),
                       who="anna", why="bad file")
    done(sessions, *recycle_awaited(sessions))
    codes = dict(suspended(sessions).group_by("code").len().iter_rows())
    assert codes == {"PARTIAL_WAITING": 1, "ROLLED_BACK": 2}
    three = came(sessions, "A_3.csv", part("I", 1, down=20), part("L", 2, down=40))
    done(sessions, three)
    assert [row[3] for row in charged(sessions) if row[3] < 1000 and row[5]] == [61]


def test_a_rule_by_which_nothing_is_ever_whole_is_doubted():
    def told(more):
        profile = msgspec.toml.decode(SESSIONS + more, type=Profile)
        return [d.key for d in doubts(profile) if d.key.startswith("partials")]

    assert told("") == []
    assert told("last = []\nfirst = []\n") == ["partials.last", "partials.first"]
    assert told('intermediate = ["I", "L"]\n') == ["partials.intermediate"]


def test_a_sample_shows_what_its_parts_come_to():
    profile = msgspec.toml.decode(SESSIONS, type=Profile)
    data = "\n".join([HEAD, F, I, L, part("F", id_=8), ""]).encode()
    sample = read_sample(data, "A_1.csv", profile, RECEIVED)
    assert sample.usage["duration_s"].to_list() == [180]
    assert sample.rejects["code"].to_list() == ["PARTIAL_MERGED"] * 2 + ["PARTIAL_WAITING"]
    assert [d.what for d in sample_doubts(sample, "A_1.csv", profile)] == []


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_any_order_of_files_and_runs_charges_the_same(sessions, seed, tmp_path_factory):
    rng = random.Random(seed)
    lines = [part("FIIL"[n], n, id_=id_, down=10 * id_ + n) for id_ in range(4) for n in range(4)]
    whole = came(sessions, "W.csv", *lines, part(id_=5))
    done(sessions, whole)
    expected = charged(sessions)
    assert len(expected) == 5
    other = _another_home(sessions, tmp_path_factory.mktemp("other"))
    rng.shuffle(lines)
    lines += [part(id_=5), lines[0], lines[9]]
    refs = []
    while lines:
        size = rng.randint(1, 6)
        refs.append(came(other, f"P_{len(refs)}.csv", *lines[:size]))
        lines = lines[size:]
    while refs:
        batch = [refs.pop(rng.randrange(len(refs)))
                 for _ in range(rng.randint(1, len(refs)))]
        if rng.random() < 0.5:
            for ref in batch:
                pipeline.mediate(other, [ref])
        done(other, *batch)
    recycle_awaited(other)
    done(other, *pipeline.pending(other))
    assert charged(other) == expected
    posted, duplicate, waiting, dropped = ends(other)
    assert (posted, duplicate, waiting, dropped) == (5, 2, 0, 12)


def _another_home(home, root):
    """A home of the same operator to which nothing has come yet."""
    import shutil

    for name in ("catalog", "partners", "cache"):
        shutil.copytree(home.root / name, root / name, symlinks=True)
    shutil.copy(home.root / "ratemill.toml", root)
    return type(home).find(root, {})
