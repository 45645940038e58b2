"""Killed at any moment or raced by another process, the ledger ends in the same sums."""

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, event

import charging
from charging.ledger import Ledger

ChargeFrame = Callable[..., pl.DataFrame]
ROOT = Path(charging.__file__).parents[1]
NOW = datetime.fromisoformat("2026-03-02T12:00:00")
KILLED = -9

# Posts the files of the folder in the order given. With a number above zero it kills itself at
# that tick of SQLite's virtual machine; it prints the ticks it took to the end.
WORKER = """
import os, signal, sqlite3, sys
from datetime import datetime
from pathlib import Path
import polars as pl
from sqlalchemy import Engine, event
from charging.ledger import Ledger

path, folder, deadline, names = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
ticks = 0

def tick():
    global ticks
    ticks += 1
    if ticks == deadline:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0

@event.listens_for(Engine, "connect")
def count(raw, entry):
    raw.set_progress_handler(tick, 1000)

files = [(name, pl.read_parquet(folder / f"{name}.parquet")) for name in names]
print("ready", flush=True)
sys.stdin.readline()
with Ledger(path) as ledger:
    for name, charges in files:
        ledger.post("alpha", name, charges, datetime.fromisoformat("2026-03-02T12:00:00"))
print(ticks)
"""


def start(ledger: Path, folder: Path, deadline: int, names: list[str]) -> subprocess.Popen[str]:
    """A worker that loads everything and then waits for a line."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(ledger), str(folder), str(deadline), *names],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )


def go(*workers: subprocess.Popen[str]) -> None:
    """Let workers begin at once, as soon as all of them are ready."""
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def write_files(folder: Path, charge_frame: ChargeFrame, names: list[str], records: int) -> None:
    """Files of which each shares half of its usage keys with the one before; two legs a record.

    A charge depends on its key only, so the sums do not depend on which file came first.
    """
    for i, name in enumerate(names):
        first = i * records // 2
        legs = [
            (index, leg, key, account, "EUR", 1000 + key)
            for index, key in enumerate(range(first, first + records))
            for leg, account in (("retail", f"a{key % 97}"), ("wholesale", "partner:alpha"))
        ]
        charge_frame("alpha", name, legs).write_parquet(folder / f"{name}.parquet")


def all_or_nothing(ledger: Ledger, before: dict[str, tuple[int, int]]) -> None:
    """Prove that the ledger is whole, and that each file is posted wholly or not at all."""
    assert ledger.check() == []
    states = ledger.file_states().select("file_id", "state", "postings", "refused")
    for name, state, postings, refused in states.iter_rows():
        assert ledger.postings("alpha", name).height == postings
        assert (postings, refused) == (before[name] if state == "posted" else (0, 0))


class Snapshots:
    """Copies of the ledger's files, as a kill would leave them, before each new statement."""

    def __init__(self, ledger: Path, folder: Path) -> None:
        self.ledger = ledger
        self.folder = folder
        self.last = ""
        self.taken: list[Path] = []

    def listen(self, raw: sqlite3.Connection, _entry: object) -> None:
        raw.set_trace_callback(self.take)

    def take(self, statement: str) -> None:
        # A bulk statement is traced once for each row, with its values: its first words tell.
        words = statement.split("(", 1)[0]
        if words == self.last:
            return
        self.last = words
        copy = self.folder / f"snapshot{len(self.taken)}.db"
        for end in ("", "-wal"):
            file = self.ledger.with_name(self.ledger.name + end)
            if file.exists():
                shutil.copy(file, copy.with_name(copy.name + end))
        self.taken.append(copy)


def test_a_stop_before_any_statement_leaves_all_or_nothing(
    tmp_path: Path, charge_frame: ChargeFrame
) -> None:
    names = ["f", "g"]
    write_files(tmp_path, charge_frame, names, records=100)
    counts = {"f": (200, 0), "g": (100, 50)}
    snapshots = Snapshots(tmp_path / "ledger.db", tmp_path)
    Ledger(snapshots.ledger).close()
    event.listen(Engine, "connect", snapshots.listen)
    try:
        with Ledger(snapshots.ledger) as ledger:
            for name in names:
                ledger.post("alpha", name, pl.read_parquet(tmp_path / f"{name}.parquet"), NOW)
    finally:
        event.remove(Engine, "connect", snapshots.listen)
    posted = []
    for copy in snapshots.taken:
        with Ledger(copy) as ledger:
            all_or_nothing(ledger, counts)
            posted.append(ledger.file_states().height)
    assert posted == sorted(posted)
    assert all(posted.count(files) > 5 for files in (0, 1)), "too few moments were seen"


def kill_and_finish(
    tmp_path: Path, charge_frame: ChargeFrame, records: int, ticks_drawn: int, delays_drawn: int
) -> None:
    """Kill posting at drawn ticks and drawn times; each time reopen, prove, finish, compare."""
    names = ["f", "g", "h"]
    write_files(tmp_path, charge_frame, names, records)
    undisturbed = tmp_path / "undisturbed.db"
    worker = start(undisturbed, tmp_path, 0, names)
    go(worker)
    began = time.monotonic()
    ticks = int(worker.communicate(timeout=60)[0])
    took_s = time.monotonic() - began
    with Ledger(undisturbed) as ledger:
        want = ledger.balances()
        counts = {r[0]: r[1:] for r in
                  ledger.file_states().select("file_id", "postings", "refused").iter_rows()}
    assert sum(postings + 2 * refused for postings, refused in counts.values()) == 6 * records
    draw = random.Random(20_260_302)
    moments: list[tuple[int, float]] = [(draw.randint(1, ticks), 0) for _ in range(ticks_drawn)]
    moments += [(0, draw.uniform(0, took_s)) for _ in range(delays_drawn)]
    for number, (tick, delay_s) in enumerate(moments):
        path = tmp_path / f"killed{number}.db"
        worker = start(path, tmp_path, tick, names)
        go(worker)
        if tick == 0:
            time.sleep(delay_s)
            worker.kill()
        worker.communicate(timeout=60)
        assert worker.returncode == KILLED or tick == 0
        with Ledger(path) as ledger:
            all_or_nothing(ledger, counts)
            for name in names:
                ledger.post("alpha", name, pl.read_parquet(tmp_path / f"{name}.parquet"), NOW)
            all_or_nothing(ledger, counts)
            assert ledger.balances().equals(want)


@pytest.mark.slow
def test_a_kill_while_posting_loses_and_doubles_nothing(
    tmp_path: Path, charge_frame: ChargeFrame
) -> None:
    kill_and_finish(tmp_path, charge_frame, records=600, ticks_drawn=1, delays_drawn=0)


@pytest.mark.slow
def test_many_kills_while_posting_lose_and_double_nothing(
    tmp_path: Path, charge_frame: ChargeFrame
) -> None:
    kill_and_finish(tmp_path, charge_frame, records=3400, ticks_drawn=8, delays_drawn=6)


@pytest.mark.slow
def test_two_processes_posting_overlapping_files_end_in_exact_sums(
    tmp_path: Path, charge_frame: ChargeFrame
) -> None:
    names = ["f", "g", "h", "i"]
    write_files(tmp_path, charge_frame, names, records=1000)
    path = tmp_path / "ledger.db"
    workers = [start(path, tmp_path, 0, order) for order in (names, names[::-1])]
    go(*workers)
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    with Ledger(path) as ledger:
        assert ledger.check() == []
        assert ledger.file_states()["state"].to_list() == ["posted"] * 4
        totals = {row[0]: row[3] for row in ledger.balances().iter_rows()}
    keys = range(2500)
    assert totals.pop("partner:alpha") == -sum(1000 + key for key in keys)
    assert totals == {
        f"a{rest}": -sum(1000 + key for key in keys if key % 97 == rest) for rest in range(97)
    }
