"""Posting in a process of its own: `posting_process.py LEDGER FOLDER ACCOUNTS SERVER`.

LEDGER is its address, FOLDER has the files of charges, SERVER is the process number of a PostgreSQL
server, or 0.

It prints one line of JSON: wall and CPU seconds of posting all files, of posting them all again,
and of rolling the last one back; the highest resident memory; balances and their sum. What is read
of the files is not counted: the pipeline has their charges in memory when it posts.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import ratemill  # noqa: F401  (before Polars, for which it sets how long memory is kept)

# isort: split
import polars as pl
import psutil
from posting_world import accounts

from charging.accounts import open_accounts
from charging.correction import roll_back
from charging.ledger import Ledger
from charging.posting import post_files
from charging.posting_rows import FileCharges

NOW = datetime(2026, 12, 1)
TOGETHER = 10
"""Files of one transaction, as the pipeline takes them"""


class Watch:
    """Wall and CPU seconds of named pieces of work; CPU with that of a PostgreSQL server's."""

    def __init__(self, server: int) -> None:
        self._server = psutil.Process(server) if server else None
        self.seconds: dict[str, float] = {}

    def run(self, name: str, work: Callable[[], object]) -> None:
        """Do the work and add what it takes to that of its name."""
        wall, own, server = time.perf_counter(), time.process_time(), self._of_server()
        work()
        for kind, spent in (("wall", time.perf_counter() - wall),
                            ("cpu", time.process_time() - own),
                            ("server", self._of_server() - server)):
            key = f"{name}_{kind}_s"
            self.seconds[key] = self.seconds.get(key, 0.0) + spent

    def _of_server(self) -> float:
        if self._server is None:
            return 0.0
        times = [p.cpu_times() for p in self._server.children(recursive=True)]
        return sum(t.user + t.system for t in times)


def read(path: Path) -> FileCharges:
    """The charges of a file."""
    partner, file_id = path.stem.split("-")
    return FileCharges(partner, file_id, pl.read_parquet(path))


def measure(url: str, folder: Path, of_accounts: int, server: int) -> dict[str, Any]:
    """The figures of one ledger."""
    watch = Watch(server)
    paths = sorted(folder.glob("*.parquet"), key=lambda path: path.stem.split("-")[1])
    groups = [paths[at:at + TOGETHER] for at in range(0, len(paths), TOGETHER)]
    with Ledger(url) as ledger:
        opened = accounts(of_accounts)
        watch.run("open", lambda: open_accounts(ledger, opened, NOW))
        rows = 0
        for name in ("post", "again"):
            for group in groups:
                files = [read(path) for path in group]
                rows += sum(file.charges.height for file in files) if name == "post" else 0
                watch.run(name, lambda given=files: post_files(ledger, given, NOW))
        last = read(paths[-1])
        found = ledger.balances()
        watch.run("rollback", lambda: roll_back(
            ledger, last.partner, last.file_id, last.charges, NOW, who="bench", why="bench"
        ))
    return watch.seconds | {
        "rows": rows, "balances": found.height, "sum": int(found["balance_micros"].sum()),
        "postings": int(found["postings"].sum()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    address, place, number, server_pid = sys.argv[1:]
    print(json.dumps(measure(address, Path(place), int(number), int(server_pid))))
