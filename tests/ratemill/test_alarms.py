"""What of a home becomes an alarm, and when it is the same as before."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from charging.holds import hold, release
from charging.ledger import Ledger
from ratemill.alarms import alarms
from ratemill.alerts import Alarm, happened
from ratemill.proven import keep_proof

sys.path.insert(0, str(Path(__file__).parent))

from alert_receivers import Hook, serving
from collected_files import RECEIVED, collected, with_profile

NOW = datetime(2026, 12, 1, 6)
AT = datetime(2027, 3, 1)
GOOD = "MOC;232990000000001;0664123456;AUTRM;2026-11-10 10:00;60;0.10"
ALIEN = "MOC;999990000000009;0664123456;AUTRM;2026-11-10 10:00;60;0.50"


@pytest.fixture
def fed(small):
    """The small home with the partner alpenfon."""
    return with_profile(small)


def found(home, now=NOW, at=AT):
    return [(one.kind, one.about, one.what) for one in alarms(home, now, at)]


def test_a_home_where_all_is_well_has_none(fed):
    keep_proof(fed, AT, [])
    assert found(fed) == []


def test_a_hold_is_one_until_it_is_released(fed):
    with Ledger(fed.ledger) as ledger:
        hold(ledger, NOW, who="check", why="balances: account A1 is off")
        keep_proof(fed, AT, ["balances: account A1 is off"])
        (alarm,) = alarms(fed, NOW, AT)
        assert (alarm.kind, alarm.what, alarm.since) == ("hold", "balances: account A1 is off", NOW)
        release(ledger, NOW, who="ops", why="mended it")
        hold(ledger, NOW, who="check", why="balances: account A1 is off")
    (again,) = alarms(fed, NOW, AT)
    assert again.key != alarm.key


def test_a_proof_that_failed_or_is_old_is_one(fed):
    keep_proof(fed, AT, ["balances: off", "files: off"])
    assert found(fed) == [("check", "ledger", "balances: off, and 1 more")]
    keep_proof(fed, AT - timedelta(days=2), [])
    assert found(fed) == []
    keep_proof(fed, AT - timedelta(days=2, seconds=1), [])
    assert found(fed) == [("check", "ledger", "no proof was made since")]


def test_a_file_that_is_not_finished_in_time_is_one(fed):
    collected(fed, "a.csv", GOOD)
    collected(fed, "b.csv", GOOD.replace("10:00", "11:00"))
    assert found(fed, RECEIVED + timedelta(hours=6)) == []
    late = alarms(fed, RECEIVED + timedelta(hours=6, seconds=1), AT)
    assert [(one.kind, one.about, one.what) for one in late] == [
        ("stuck", "alpenfon", "a.csv and 1 more")]


def test_suspense_is_one_when_it_is_old(fed):
    from ratemill import pipeline

    ref = collected(fed, "a.csv", GOOD, ALIEN)
    pipeline.mediate(fed, [ref])
    pipeline.rate(fed, [ref], now=NOW)
    pipeline.post(fed, [ref], now=NOW)
    pipeline.deliver(fed, [ref])
    old = RECEIVED + timedelta(days=14)
    assert found(fed, old) == []
    (alarm,) = alarms(fed, old + timedelta(seconds=1), AT)
    assert (alarm.kind, alarm.about, alarm.records) == ("suspense", "alpenfon", 1)
    assert alarm.money_micros == {"EUR": 500_000}


def test_runs_that_failed_are_among_them(fed):
    failed = Alarm(kind="run", about="publish", what="disk full", same="disk full", since=AT)
    happened(fed, failed, AT)
    assert found(fed) == [("run", "publish", "disk full")]


@pytest.mark.parametrize(
    ("before", "after", "equal"),
    [
        ({"records": 3}, {"records": 9}, True),
        ({"since": NOW}, {"since": AT}, True),
        ({"what": "9 wait"}, {"what": "10 wait"}, True),
        ({"about": "a"}, {"about": "b"}, False),
        ({"kind": "gap"}, {"kind": "late"}, False),
        ({"same": "1"}, {"same": "2"}, False),
    ],
)
def test_what_is_the_same_thing(before, after, equal):
    plain = {"kind": "gap", "about": "p", "what": "w", "same": "s"}
    assert (Alarm(**plain | before).key == Alarm(**plain | after).key) is equal


def test_the_command_lists_and_tells_once(fed, ratemill, monkeypatch):
    with Ledger(fed.ledger) as ledger:
        hold(ledger, NOW, who="check", why="balances: account A1 is off")
    assert "balances: account A1 is off" in ratemill("alarms", home=fed).stdout
    nobody = ratemill("alarms", "--tell", home=fed)
    assert (nobody.returncode, "names nobody to tell" in nobody.stderr) == (2, True)
    path = fed.root / "ratemill.toml"
    path.write_text(path.read_text() + '\n[alerts]\nwebhook = "hook"\n')
    unset = ratemill("alarms", "--tell", home=fed)
    assert (unset.returncode, "AIRFLOW_CONN_HOOK" in unset.stderr) == (2, True)
    with serving(Hook()) as web:
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", f"http://127.0.0.1:{web.port}/x")
        first = json.loads(ratemill("alarms", "--tell", "--json", home=fed).stdout)
        again = json.loads(ratemill("alarms", "--tell", "--json", home=fed).stdout)
    assert (first["told"], again["told"]) == (["webhook"], [])
    assert first["alarms"] == again["alarms"]
    assert len(web.posts) == 1
