"""`ratemill run` killed, or several at once: in the end it is as after one undisturbed run."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl
import pytest

from charging.allowance_use import used
from charging.ledger import Ledger
from ratemill.demo import prepare_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MOMENTS = 10
LONGEST_S = 400


@contextmanager
def running(home):
    """A run of the home in a process of its own, which ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from ratemill.cli import main; main()", "run",
         "--home", str(home.root)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "TZ": "UTC"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def ended(process):
    """How a run ended by itself: its exit code and what it said."""
    _, errors = process.communicate(timeout=LONGEST_S)
    return process.returncode, errors.decode()


def finish(home):
    with running(home) as process:
        code, errors = ended(process)
    assert code == 0, errors


def outputs(home):
    """Everything a run writes and keeps, as the number that marks how far it is."""
    return sum(1 for top in ("archive", "lake", "outbox") for p in (home.root / top).rglob("*")
               if p.is_file() and ".part" not in p.name)


def picture(home):
    """Lake, ledger, archive and outbox as comparable values."""
    lake = {str(p.relative_to(home.lake)): pl.read_parquet(p)
            for p in sorted(home.lake.rglob("*.parquet"))}
    with sqlite3.connect(home.ledger) as ledger:
        names = [n for (n,) in ledger.execute(
            "select name from sqlite_master where type = 'table' order by name")]
        tables = {}
        for name in names:
            columns = [c[1] for c in ledger.execute("select * from pragma_table_info(?)", (name,))]
            tables[name] = sorted(
                map(repr, ledger.execute("select " + ",".join(columns) + " from " + name)))
    ledger.close()
    kept = {str(p.relative_to(home.root)): p.read_bytes()
            for top in ("archive", "outbox") for p in sorted((home.root / top).rglob("*"))
            if p.is_file()}
    return lake, tables, kept


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    home = prepare_home(tmp_path_factory.mktemp("undisturbed") / "home")
    finish(home)
    return outputs(home), picture(home)


@pytest.mark.seeds
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_and_run_again(moment, undisturbed, tmp_path):
    total, (lake, tables, kept) = undisturbed
    home = prepare_home(tmp_path / "home")
    threshold = round(total * (moment + 0.5) / MOMENTS)
    with running(home) as process:
        while process.poll() is None and outputs(home) < threshold:
            time.sleep(0.002)
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"
    finish(home)
    lake_now, tables_now, kept_now = picture(home)
    assert list(lake_now) == list(lake)
    for name, frame in lake.items():
        assert frame.equals(lake_now[name]), name
    assert tables_now == tables
    assert kept_now == kept
    assert not list(Path(home.root).rglob(".*.part*"))


def sums(home):
    """Balances and used allowances: whichever file came first, late events are made up for."""
    with Ledger(home.ledger) as ledger:
        balances = ledger.balances().select("account", "currency", "balance_micros")
        use = used(ledger).filter(pl.col("used") != 0).drop("last_event_at")
    return balances.rows(), use.rows()


def test_three_runs_at_once_charge_once(tmp_path):
    alone = prepare_home(tmp_path / "alone")
    finish(alone)
    home = prepare_home(tmp_path / "home")
    with ExitStack() as at_once:
        for process in [at_once.enter_context(running(home)) for _ in range(3)]:
            code, errors = ended(process)
            # 3: a partner was being collected by another run.
            assert code in (0, 3), errors
    finish(home)
    assert sums(home) == sums(alone)
