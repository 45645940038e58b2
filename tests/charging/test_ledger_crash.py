"""Killed at any moment or raced by another process, the ledger ends in the same sums."""

import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event

from charging.checks import check
from charging.ledger import Ledger

sys.path.insert(0, str(Path(__file__).parent))
from ledger_killing import (
    KILLED,
    ChargeFrame,
    Files,
    Step,
    Workers,
    ended,
    finished,
    killed_after,
    prove_sums,
    workers_of,
)
from ledger_worker import REFUSED, post, rerate, take_back

Make = Callable[..., Files]
KILLS_OF_CORRECTIONS = 12


@pytest.fixture
def make(tmp_path: Path, charge_frame: ChargeFrame) -> Make:
    """Writes files of so many records to a folder of the test."""
    def made(names: str, records: int, accounts: int = 97) -> Files:
        files = Files(tmp_path / "files", tuple(names), records, accounts)
        files.folder.mkdir()
        files.write(charge_frame)
        return files

    return made


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the address of another ledger without rows with each call."""
    if request.param == "sqlite":
        numbers = iter(range(1_000))
        return lambda: f"sqlite:///{tmp_path}/ledger{next(numbers)}.db"
    server = request.getfixturevalue("postgres_server")
    return lambda: server.url(server.migrated())


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
    tmp_path: Path, make: Make
) -> None:
    files = make("fg", records=50)
    snapshots = Snapshots(tmp_path / "ledger.db", tmp_path)
    Ledger(snapshots.ledger).close()
    event.listen(Engine, "connect", snapshots.listen)
    try:
        with Ledger(snapshots.ledger) as ledger:
            for name in files.names:
                post(ledger, files.read(name), 0)
    finally:
        event.remove(Engine, "connect", snapshots.listen)
    posted = []
    for copy in snapshots.taken:
        with Ledger(copy) as ledger:
            posted.append(ledger.file_states().height)
            prove_sums(ledger, files, files.names[:posted[-1]])
    assert posted == sorted(posted)
    assert all(posted.count(number) > 5 for number in (0, 1)), "too few moments were seen"


def test_a_kill_before_the_commit_loses_and_doubles_nothing(
    make: Make, ledger_url: str
) -> None:
    files = make("fgh", records=200)
    with workers_of(files) as workers:
        # The first row of the trail is of f, the second of g, in one transaction with h.
        worker = workers.go(ledger_url, *posting(["f", "gh"]), die_at_audit=3)
        assert worker.wait(60) == KILLED
    with Ledger(ledger_url) as ledger:
        prove_sums(ledger, files, "f")
        assert check(ledger) == []
        assert post(ledger, files.read("f"), 0)
        assert not post(ledger, files.read("gh"), 0)
        prove_sums(ledger, files, "fgh")
        assert check(ledger) == []


def posting(transactions: Sequence[str]) -> list[Step]:
    """What to tell a worker: the files of each word in one transaction."""
    return [("post", names, 0) for names in transactions]


class Killer:
    """Lets workers do steps on a ledger and kills them, until all is done; then anew."""

    def __init__(self, workers: Workers, fresh: Callable[[], str], files: Files) -> None:
        self.workers, self.fresh, self.files = workers, fresh, files
        self.draw = random.Random(20_260_302)
        self.url = fresh()
        self.kills = 0

    def span_s(self) -> float:
        """How long a worker that nobody kills takes to post all."""
        began = time.monotonic()
        finished(self.workers.go(self.url, *posting(["".join(self.files.names)])))
        span_s = time.monotonic() - began
        self._prove()
        self.url = self.fresh()
        return span_s

    def kill(self, transactions: Sequence[str], times: int, longest_s: float) -> None:
        """Kill so often, each time within so long; the next worker does what is left.

        After each kill all of a transaction's files are there, or none; at last, all of all.
        """
        ends = [0, *accumulate(map(len, transactions))]
        left, until = list(transactions), self.kills + times
        while self.kills < until:
            if not left:
                self.url, left = self.fresh(), list(transactions)
            worker = self.workers.go(self.url, *posting(left))
            self.kills += killed_after(worker, self.draw.uniform(0, longest_s))
            with Ledger(self.url) as ledger:
                posted = ledger.file_states().filter(state="posted").height
                assert posted in ends[len(transactions) - len(left):]
                prove_sums(ledger, self.files, self.files.names[:posted])
                left = list(transactions)[ends.index(posted):]
        finished(self.workers.go(self.url, *posting(transactions)))
        self._prove()

    def _prove(self) -> None:
        with Ledger(self.url) as ledger:
            prove_sums(ledger, self.files, self.files.names)
            assert check(ledger) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_kills_while_half_a_million_charges_are_posted(
    make: Make, fresh: Callable[[], str], thinned: Callable[[int], int]
) -> None:
    files = make("fghij", records=50_000, accounts=20_011)
    with workers_of(files, waiting=1) as workers:
        killer = Killer(workers, fresh, files)
        span_s = killer.span_s()
        killer.kill(["fghij"], thinned(8), span_s)
        killer.kill(["fg", "hij"], thinned(12), span_s / 2)
        killer.kill("fghij", thinned(30), span_s / 4)
    assert killer.kills == sum(map(thinned, (8, 12, 30)))


OTHERS = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.mark.slow
def test_a_server_that_ends_the_connection_leaves_whole_files(
    make: Make, postgres_url: str
) -> None:
    files = make("fgh", records=20_000)
    draw, refusals = random.Random(20_260_302), 0
    with workers_of(files) as workers, psycopg.connect(postgres_url, autocommit=True) as control:
        for _ in range(6):
            worker = workers.go(postgres_url, *posting("fgh"))
            # What is posted already takes no time, so none is lost before the connection is there.
            while worker.poll() is None and not control.execute(OTHERS).fetchall():
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.3))
            control.execute(f"SELECT pg_terminate_backend(pid) FROM ({OTHERS}) AS others")
            said = ended(worker)
            assert worker.returncode in {0, REFUSED}, said
            refusals += worker.returncode == REFUSED
            assert said.startswith("retry=True") == (worker.returncode == REFUSED)
            with Ledger(postgres_url) as ledger:
                prove_sums(ledger, files, files.names[:ledger.file_states().height])
        finished(workers.go(postgres_url, *posting("fgh")))
    assert refusals >= 2
    with Ledger(postgres_url) as ledger:
        prove_sums(ledger, files, files.names)
        assert check(ledger) == []


@pytest.mark.slow
def test_a_kill_while_correcting_leaves_all_or_nothing(make: Make, ledger_url: str) -> None:
    files = make("f", records=15_000)
    draw, revision, kills, span_s = random.Random(20_260_302), 0, 0, 3.0
    with Ledger(ledger_url) as ledger:
        post(ledger, files.read("f"), 0)
    with workers_of(files, waiting=1) as workers:
        while kills < KILLS_OF_CORRECTIONS:
            step = ("rerate", "take_back")[kills % 2]
            worker = workers.go(ledger_url, (step, "f", revision))
            began = time.monotonic()
            killed = killed_after(worker, draw.uniform(0, span_s))
            kills += killed
            if not killed:
                span_s = time.monotonic() - began
            with Ledger(ledger_url) as ledger:
                state, now = ledger.file_states().select("state", "revision").row(0)
                if step == "take_back" and state == "rolled_back":
                    prove_sums(ledger, files, "")
                    assert now == revision + 1
                    assert not post(ledger, files.read("f"), now)
                    revision = now
                elif ledger.batch(f"f:{revision}").height:
                    revision += 1
                prove_sums(ledger, files, "f", revision)
    with Ledger(ledger_url) as ledger:
        assert not rerate(ledger, files.read("f"), revision)
        assert not take_back(ledger, files.read("f"), revision + 1)
        prove_sums(ledger, files, "")
        assert check(ledger) == []


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_workers_posting_overlapping_files_in_different_orders_end_in_exact_sums(
    make: Make, ledger_url: str, count: int
) -> None:
    files = make("fghij", records=4_000)
    orders = ["fghij", "jihgf", "hfjgi", "ijfgh"][:count]
    with workers_of(files, waiting=count - 1) as workers:
        racing = [workers.go(ledger_url, *posting(order)) for order in orders]
        for worker in racing:
            finished(worker)
    with Ledger(ledger_url) as ledger:
        prove_sums(ledger, files, ledger.file_states()["file_id"].to_list())
        assert check(ledger) == []
