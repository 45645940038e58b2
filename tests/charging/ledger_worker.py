"""Posts and corrects the files of a folder as told, and may be killed at any moment of it.

Loads the files, says "ready", reads one line of JSON (a plan: see `main`), and does it. It ends
when its parent does.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine, event

from charging.correction import correct, roll_back
from charging.ledger import Ledger, LedgerError
from charging.posting import post_files
from charging.posting_rows import FileCharges

NOW = datetime.fromisoformat("2026-03-02T12:00:00")
PARTNER = "alpha"
LONGEST_S = 240
REFUSED = 3
ORPHANED = 4


def at_revision(charges: pl.DataFrame, revision: int) -> pl.DataFrame:
    """The charges as their revision has them: each dearer by one micro-unit."""
    dearer = (pl.col(name) + revision for name in ("amount_micros", "net_micros"))
    return charges.with_columns(*dearer, revision=pl.lit(revision, pl.Int32))


def post(ledger: Ledger, files: dict[str, pl.DataFrame], revision: int) -> bool:
    """Post files in one transaction; whether all had been posted before."""
    given = [FileCharges(PARTNER, name, at_revision(charges, revision))
             for name, charges in files.items()]
    return all(done.repeated for done in post_files(ledger, given, NOW))


def rerate(ledger: Ledger, files: dict[str, pl.DataFrame], revision: int) -> bool:
    """Charge all of the files anew, from the revision to the next; whether that was done before."""
    before, after = (
        pl.concat([at_revision(charges, number) for charges in files.values()])
        for number in (revision, revision + 1)
    )
    key = f"{'+'.join(files)}:{revision}"
    return correct(ledger, key, "rerate", before, after, NOW, who="test", why="crash").repeated


def take_back(ledger: Ledger, files: dict[str, pl.DataFrame], revision: int) -> bool:
    """Roll files back; whether all had been before."""
    done = [
        roll_back(ledger, PARTNER, name, at_revision(charges, revision), NOW, who="test",
                  why="crash")
        for name, charges in files.items()
    ]
    return all(one.repeated for one in done)


STEPS: dict[str, Callable[[Ledger, dict[str, pl.DataFrame], int], bool]] = {
    "post": post, "rerate": rerate, "take_back": take_back,
}


def main(folder: Path, names: list[str]) -> None:
    """Plan: url, steps (each: step, names, revision), and die_at_audit.

    die_at_audit is the number of the row of the audit trail before which it kills itself, or before
    those that are written together with it; 0: never.
    By that row all else of a transaction is written, but not committed.
    """
    signal.alarm(LONGEST_S)
    files = {name: pl.read_parquet(folder / f"{name}.parquet") for name in names}
    print("ready", flush=True)
    line = sys.stdin.readline()
    if not line:
        return
    plan: dict[str, Any] = json.loads(line)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _die_at_audit(plan["die_at_audit"])
    try:
        with Ledger(plan["url"]) as ledger:
            for step, wanted, revision in plan["steps"]:
                STEPS[step](ledger, {name: files[name] for name in wanted}, revision)
    except LedgerError as error:
        print(f"retry={error.retry}: {error}", flush=True)
        sys.exit(REFUSED)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(ORPHANED)


def _die_at_audit(number: int) -> None:
    left = [number]

    def look(*given: Any) -> None:
        _, _, statement, rows, _, several = given
        if number and "INSERT INTO audit" in statement:
            left[0] -= len(rows) if several else 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", look)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
