"""Workers that post files of known sums, and the proof that a ledger has all of them or none."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
from ledger_worker import PARTNER
from sqlalchemy import func, select

import charging
from charging.ledger import Ledger
from charging.ledger_schema import POSTING, USAGE_KEY, USAGE_KEY_TWIN
from charging.posting_id import FILE_SHIFT

ChargeFrame = Callable[..., pl.DataFrame]
Step = tuple[str, Sequence[str], int]
ROOT = Path(charging.__file__).parents[1]
KILLED = -9
_LONGEST_S = 120.0
# Odd, so that different keys stay different; their first halves fall anywhere, as real ones do.
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835


@dataclass(frozen=True, slots=True)
class Files:
    """Files of which each shares a tenth of its usage with the one before; two legs a record.

    A charge depends on its usage only, so sums do not depend on which file came first.
    """

    folder: Path
    names: tuple[str, ...]
    records: int
    accounts: int

    def write(self, charge_frame: ChargeFrame) -> None:
        for name in self.names:
            legs = [
                (index, leg, key * _SPREAD % (1 << 128), account, "EUR", 1000 + key)
                for index, key in enumerate(self.keys(name))
                for leg, account in (("retail", f"a{key % self.accounts}"), ("wholesale", "alpha"))
            ]
            charge_frame(PARTNER, name, legs).write_parquet(self.folder / f"{name}.parquet")

    def read(self, names: str) -> dict[str, pl.DataFrame]:
        return {name: pl.read_parquet(self.folder / f"{name}.parquet") for name in names}

    def keys(self, name: str) -> range:
        first = self.names.index(name) * self.records * 9 // 10
        return range(first, first + self.records)


@cache
def sums_of(files: Files, names: tuple[str, ...], revision: int) -> dict[str, int]:
    """What the balances are when these files are posted."""
    sums: dict[str, int] = {}
    for key in {key for name in names for key in files.keys(name)}:
        for account in (f"a{key % files.accounts}", "alpha"):
            sums[account] = sums.get(account, 0) - 1000 - key - revision
    return sums


@cache
def new_of(files: Files, names: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """How many usages each file is the first to bring, in this order, and the sum of their keys."""
    before: set[int] = set()
    found = {}
    for name in names:
        new = set(files.keys(name)) - before
        before |= new
        found[name] = len(new), sum(new)
    return found


class Workers:
    """Workers that loaded the files and wait, so that none of them is waited for."""

    def __init__(self, files: Files, waiting: int) -> None:
        self._files = files
        self._all: list[subprocess.Popen[str]] = []
        self._waiting = deque(self._start() for _ in range(waiting))

    def go(self, url: str, *steps: Step, die_at_audit: int = 0) -> subprocess.Popen[str]:
        """A worker that has just been told its plan; another begins to wait in its place."""
        self._waiting.append(self._start())
        worker = self._waiting.popleft()
        assert worker.stdout is not None
        assert worker.stdin is not None
        assert worker.stdout.readline() == "ready\n"
        plan = {"url": url, "steps": steps, "die_at_audit": die_at_audit}
        worker.stdin.write(json.dumps(plan) + "\n")
        worker.stdin.flush()
        return worker

    def _start(self) -> subprocess.Popen[str]:
        script = Path(__file__).with_name("ledger_worker.py")
        worker = subprocess.Popen(
            [sys.executable, str(script), str(self._files.folder), *self._files.names], cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        self._all.append(worker)
        return worker

    def end(self) -> None:
        """End all of them."""
        for worker in self._all:
            worker.kill()
            worker.communicate(timeout=_LONGEST_S)


@contextmanager
def workers_of(files: Files, waiting: int = 0) -> Iterator[Workers]:
    """Workers that end with the block."""
    workers = Workers(files, waiting)
    try:
        yield workers
    finally:
        workers.end()


def ended(worker: subprocess.Popen[str]) -> str:
    """What a worker said until it came to its end: with its input closed it would end early."""
    worker.wait(_LONGEST_S)
    assert worker.stdout is not None
    return worker.stdout.read()


def finished(worker: subprocess.Popen[str]) -> None:
    """Wait for a worker that does all that it was told."""
    said = ended(worker)
    assert worker.returncode == 0, said


def killed_after(worker: subprocess.Popen[str], delay_s: float) -> bool:
    """Whether the worker was killed so long after its beginning, and had not ended before."""
    try:
        worker.wait(delay_s)
    except subprocess.TimeoutExpired:
        worker.kill()
    said = ended(worker)
    assert worker.returncode in {0, KILLED}, said
    return worker.returncode == KILLED


def prove_sums(ledger: Ledger, files: Files, names: Sequence[str], revision: int = 0) -> None:
    """Prove that just these files are posted, each whole, and that all has its exact sum."""
    states = ledger.file_states().filter(state="posted")
    assert states["file_id"].to_list() == list(names)
    balances = ledger.balances().select("account", "balance_micros").iter_rows()
    found = {account: balance for account, balance in balances if balance}
    assert found == sums_of(files, tuple(names), revision)
    number = (POSTING.c.posting_id // (1 << FILE_SHIFT)).label("file_number")
    query = select(number, func.sum(POSTING.c.amount_micros)).group_by(number)
    with ledger.reading() as connection:
        sums = {n: int(sum_) for n, sum_ in connection.execute(query) if sum_}
        keys = sum(connection.scalar(select(func.count()).select_from(table)) or 0
                   for table in (USAGE_KEY, USAGE_KEY_TWIN))
    new = new_of(files, tuple(names))
    assert keys == sum(count for count, _ in new.values())
    assert sums == {
        number: -2 * (count * (1000 + revision) + total)
        for number, (count, total) in zip(states["file_number"], new.values(), strict=True)
    }
    assert states.select("records", "refused").rows() == [
        (count, files.records - count) for count, _ in new.values()
    ]
