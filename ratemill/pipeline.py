"""The conductor: each step of the pipeline over a home, callable in any order and repeatedly.

Airflow tasks and `ratemill run` call the same functions. A file is named by its reference
`partner/file_id`; a step that was done is skipped, so repeating any call is harmless.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from mediation.outcome import Outcome
from mediation.reject import ends
from mediation.schema import FILE, REJECT, USAGE
from ratemill.arrivals import collect
from ratemill.data_docs import build_data_docs
from ratemill.file_rows import context, next_row, nothing, rolled_back, rows_of
from ratemill.home import Home
from ratemill.known_keys import KnownKeys
from ratemill.lake import STAGES, Lake, Stage
from ratemill.late_events import replay_late
from ratemill.posting_step import post
from ratemill.rating_step import rate
from ratemill.receipt import deliver
from ratemill.reconcile import reconcile
from ratemill.refs import receipt_path, split
from ratemill.settled import Settled
from ratemill.warehouse import build_warehouse

__all__ = [
    "collect", "deliver", "find", "mediate", "pending", "post", "publish", "rate", "reconcile",
    "replay_late", "reset", "rows_of",
]


def pending(home: Home, partner: str | None = None) -> list[str]:
    """References of files with a stage not done, in order of arrival.

    A file that was rolled back waits until somebody resets it.
    """
    lake = Lake(home.lake)
    rows = lake.file_rows("collect")
    if partner is not None:
        rows = rows.filter(pl.col("partner") == partner)
    unfinished = [
        f"{name}/{file_id}"
        for name, file_id in rows.select("partner", "file_id").iter_rows()
        if not all(lake.done(name, file_id, stage) for stage in STAGES)
        or not receipt_path(home, name, file_id).exists()
    ]
    return [ref for ref in unfinished if not rolled_back(lake, ref)]


def find(
    home: Home,
    partner: str | None = None,
    received_from: datetime | None = None,
    received_to: datetime | None = None,
    file_ids: Iterable[str] = (),
) -> list[str]:
    """References of received files by partner, arrival (half-open) and file id or its start."""
    rows = Lake(home.lake).file_rows("collect")
    if partner is not None:
        rows = rows.filter(pl.col("partner") == partner)
    if received_from is not None:
        rows = rows.filter(pl.col("received_at") >= received_from)
    if received_to is not None:
        rows = rows.filter(pl.col("received_at") < received_to)
    starts = tuple(file_ids)
    return [
        f"{name}/{file_id}"
        for name, file_id in rows.select("partner", "file_id").iter_rows()
        if not starts or file_id.startswith(starts)
    ]


def mediate(
    home: Home, refs: Iterable[str], *, done: Callable[[], None] = nothing
) -> list[dict[str, Any]]:
    """Decode to deduplicate each file; the current rows (table file) of the files, as dicts."""
    from mediation.gate import Gate
    from mediation.mediate import mediate as mediate_file

    lake, todo = Lake(home.lake), list(refs)
    waiting = [ref for ref in todo if not lake.done(*split(ref), "mediate")]
    if not waiting:
        return rows_of(home, todo)
    mediated, gate, settled = lake.file_rows("mediate"), Gate(home.reports), Settled(home)
    keys = KnownKeys(lake)
    for ref in waiting:
        partner, file_id = split(ref)
        collected = lake.load(FILE, partner, file_id, "collect")
        row = collected.row(0, named=True)
        # Only files that arrived earlier count, so the outcome does not depend on which worker
        # was faster; what two workers both let pass is caught by the ledger's usage keys.
        before = mediated.filter(pl.col("file_number") < row["file_number"])
        counted = before.filter(state="mediated").select("partner", "file_id").rows()
        result = mediate_file(
            home.archived(partner, file_id).read_bytes(),
            home.profiles()[partner],
            context(row),
            _earlier(before, partner),
            partial(keys.among, counted),
            gate,
        )
        fresh = Outcome(result.usage, result.rejects)
        outcome = settled.merge(USAGE, ref, "mediate", fresh)
        frames = {
            USAGE: outcome.passed,
            REJECT: outcome.rejects,
            FILE: next_row(collected, "mediate", result.figures | ends(outcome.rejects)),
        }
        lake.save(partner, file_id, "mediate", frames)
        mediated = pl.concat([mediated, frames[FILE]])
        done()
    return rows_of(home, todo)


def _earlier(before: pl.DataFrame, partner: str) -> pl.DataFrame:
    """The partner's earlier files for file control; its kind is what the state says."""
    special = pl.col("state").is_in(["test", "notification"])
    return before.filter(pl.col("partner") == partner).with_columns(
        kind=pl.when(special).then("state").otherwise(pl.lit("live"))
    )


def publish(home: Home) -> Path:
    """The analysts' warehouse, made anew together with the pages of the gate."""
    build_data_docs(home)
    return build_warehouse(home)


def reset(home: Home, refs: Iterable[str], stage: Stage) -> None:
    """Have `stage` and all later ones run again for these files.

    What is posted stays as it was posted; the rest is looked at anew (ratemill/settled.py): of a
    file that was rolled back, everything.
    """
    lake = Lake(home.lake)
    again = STAGES[max(STAGES.index(stage), STAGES.index("mediate")):]
    for ref in refs:
        partner, file_id = split(ref)
        receipt_path(home, partner, file_id).unlink(missing_ok=True)
        for later in reversed(again):
            lake.reopen(partner, file_id, later)
