"""`ratemill health`: what is wrong with a home, in a line each, and the exit code."""

import json
import shutil
import sqlite3
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from charging.holds import hold
from charging.ledger import Ledger
from ratemill import health as health_module
from ratemill.health import DISK_FAILS, health
from ratemill.home import Home
from ratemill.proven import keep_proof
from tests.ratemill.collected_files import collected, with_profile

NOW = datetime.fromisoformat("2026-12-01T06:00")
GOOD = "MOC;232990000000002;+4791234567;NORNT;2026-11-30 12:00;60;0.10"


@pytest.fixture(autouse=True)
def _roomy(monkeypatch):
    """The machine of the tests may be short of room."""
    free(monkeypatch, 1 << 40)


def free(monkeypatch, octets):
    usage = shutil.disk_usage("/")._replace(free=octets)
    monkeypatch.setattr(health_module.shutil, "disk_usage", lambda _: usage)


def states(found):
    return {check.name: check.state for check in found.checks}


def what(found, name):
    return next(check.what for check in found.checks if check.name == name)


def test_a_new_home_is_well(small):
    found = health(with_profile(small), NOW, NOW)
    assert set(states(found).values()) == {"ok"}
    assert (found.state, found.code) == ("ok", 0)
    assert list(states(found)) == ["settings", "disk", "lake", "ledger", "proof", "queue"]


def test_a_home_without_a_ledger_gets_none(small):
    (small.root / "ledger.db").unlink()
    found = health(with_profile(small), NOW, NOW)
    assert found.code == 0
    assert what(found, "ledger") == "not made yet: the first run makes it"
    assert not (small.root / "ledger.db").exists()


def test_a_hold_means_that_sums_do_not_add_up(small):
    with Ledger(small.ledger) as ledger:
        hold(ledger, NOW, who="someone", why="balances differ")
    found = health(with_profile(small), NOW, NOW)
    assert (found.state, found.code) == ("fail", 4)
    assert what(found, "ledger") == "posting is on hold: balances differ"


def test_proofs_that_failed_or_are_old(small):
    with_profile(small)
    keep_proof(small, NOW, ["account A1: 1 and 2"])
    found = health(small, NOW, NOW)
    assert (found.code, what(found, "proof")) == (4, "account A1: 1 and 2")
    keep_proof(small, NOW, [])
    assert health(small, NOW, NOW).state == "ok"
    old = health(small, NOW, NOW + timedelta(days=3))
    assert (old.state, old.code) == ("warn", 0)


def test_a_ledger_of_another_release(small):
    with sqlite3.connect(small.ledger) as ledger:
        ledger.execute("UPDATE ledger_revision SET version_num = '0001'")
    ledger.close()
    found = health(with_profile(small), NOW, NOW)
    assert found.code == 2
    assert "is at revision 0001" in what(found, "ledger")


def test_a_ledger_that_is_none(small):
    (small.root / "ledger.db").write_bytes(b"no database at all" * 100)
    found = health(with_profile(small), NOW, NOW)
    assert (found.code, states(found)["ledger"]) == (2, "fail")


def test_files_that_wait_too_long(small):
    with_profile(small)
    collected(small, "a.csv", GOOD)
    late = health(small, NOW, NOW)
    assert states(late)["queue"] == "ok"
    assert what(late, "queue") == "1 files wait, the oldest for 6.0 h"
    assert states(health(small, NOW + timedelta(hours=1), NOW))["queue"] == "warn"


def test_a_disk_that_is_full(small, monkeypatch):
    with_profile(small)
    free(monkeypatch, DISK_FAILS - 1)
    found = health(small, NOW, NOW)
    assert (found.code, states(found)["disk"]) == (2, "fail")
    free(monkeypatch, DISK_FAILS)
    assert states(health(small, NOW, NOW))["disk"] == "warn"


def test_settings_and_profiles_that_cannot_be_used(small):
    (small.root / "partners").mkdir()
    (small.root / "partners" / "x.toml").write_text("name = 1")
    assert states(health(small, NOW, NOW))["settings"] == "fail"
    (small.root / "ratemill.toml").write_text("nonsense = 1")
    found = health(Home.find(small.root, {}), NOW, NOW)
    assert "nonsense" in what(found, "settings")


@pytest.fixture
def airflow():
    """An Airflow that says what it is given."""
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(self.server.parts).encode()
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "all parts are healthy"),
        ({"scheduler": {"status": "unhealthy"}}, "not healthy: scheduler (unhealthy)"),
        ({"triggerer": {"status": None}}, "not healthy: triggerer (not running)"),
    ],
)
def test_the_health_of_airflow(small, airflow, changed, said):
    parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    airflow.parts = {name: {"status": "healthy"} for name in parts} | changed
    found = health(with_profile(small), NOW, NOW, airflow.url)
    assert what(found, "airflow") == said
    assert found.code == (2 if changed else 0)


def test_something_else_than_airflow(small, airflow):
    with_profile(small)
    airflow.parts = ["hello"]
    assert what(health(small, NOW, NOW, airflow.url), "airflow") == "not healthy: no Airflow"
    assert what(health(small, NOW, NOW, f"{airflow.url}/x"), "airflow") == "answers 404"
    assert "http" in what(health(small, NOW, NOW, "file:///etc/passwd"), "airflow")
    assert what(health(small, NOW, NOW, "http://127.0.0.1:1"), "airflow").startswith(
        "does not answer")


def test_the_command_of_health(small, ratemill):
    with_profile(small)
    shown = ratemill("health", home=small)
    assert shown.returncode == 0
    assert "takes charges" in shown.stdout
    (small.root / "ratemill.toml").write_text("nonsense = 1")
    shown = ratemill("health", "--json", home=small)
    assert shown.returncode == 2
    assert json.loads(shown.stdout)["state"] == "fail"


def test_no_home_at_all(tmp_path, ratemill):
    shown = ratemill("health", "--json", "--home", tmp_path / "nowhere")
    assert shown.returncode == 2
    assert json.loads(shown.stdout)["checks"][0]["name"] == "settings"
