"""The conductor: each step of the pipeline over a home, callable in any order and repeatedly.

Airflow tasks and `ratemill run` call the same functions. A file is named by its reference
`partner/file_id`; a step that was done is skipped, so repeating any call is harmless.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import polars as pl

from ratemill.arrivals import collect
from ratemill.data_docs import build_data_docs
from ratemill.errors import RatemillError
from ratemill.file_rows import rolled_back, rows_of
from ratemill.home import Home
from ratemill.lake import STAGES, Lake, Stage
from ratemill.late_events import replay_late
from ratemill.mediating import mediate
from ratemill.posting_step import post
from ratemill.rating_step import rate
from ratemill.receipt import deliver
from ratemill.reconcile import reconcile
from ratemill.refs import receipt_path, removed_mark, split
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


def publish(home: Home) -> Path:
    """The analysts' warehouse, made anew together with the pages of the gate."""
    build_data_docs(home)
    return build_warehouse(home)


def reset(home: Home, refs: Iterable[str], stage: Stage) -> None:
    """Have `stage` and all later ones run again for these files.

    What is posted stays as it was posted; the rest is looked at anew (ratemill/settled.py): of a
    file that was rolled back, everything, which takes new charges at least. RatemillError, and
    nothing is reset, where octets are needed whose time to be kept is over.
    """
    lake, todo = Lake(home.lake), list(refs)
    wanted = max(STAGES.index(stage), STAGES.index("mediate"))
    if wanted < STAGES.index("rate"):
        _refuse_removed(home, todo)
    for ref in todo:
        partner, file_id = split(ref)
        first = min(wanted, STAGES.index("rate")) if rolled_back(lake, ref) else wanted
        receipt_path(home, partner, file_id).unlink(missing_ok=True)
        for later in reversed(STAGES[first:]):
            lake.reopen(partner, file_id, later)


def _refuse_removed(home: Home, refs: Iterable[str]) -> None:
    """RatemillError where the octets of a file were removed by the rule of retention."""
    for ref in refs:
        if removed_mark(home, *split(ref)).exists() and not home.archived(*split(ref)).exists():
            raise RatemillError(ref, "the octets that came are not kept any more",
                                "run it again from stage rate")
