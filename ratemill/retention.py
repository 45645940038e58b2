"""How long received octets are kept, and what is removed when their time is over."""

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from charging import audit
from charging.ledger import Ledger
from ratemill.atomic import remove
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.pipeline import pending
from ratemill.refs import removed_mark
from ratemill.sweep import sweep

_FINISHED: Final = ("posted", "notification", "test", "refused", "unpacked", "rap")
"""States in which nothing is to be done with a file any more: what is in quarantine waits for a
person, and what was rolled back may be charged anew"""


_LEFT: Final = timedelta(days=1)
"""How old a temporary file must be: another machine's processes may still be writing it"""
_FAULTS: Final = timedelta(days=7)
"""How long faults are kept of tasks whose run has not failed for it"""


def remove_old(home: Home, who: str, now: datetime, at: datetime) -> list[str]:
    """Remove what killed processes left, and the octets of finished files whose time is over.

    Rows, charges and postings of the files stay, and so do all versions of the catalog. Files with
    records in suspense keep their octets: they are read again. `now` is the home's clock, which
    received files go by; `at` is the time that the disk goes by.
    """
    left = sweep(home, before=at - _LEFT)
    for folder in (home.root / "alerts" / "faults").glob("*"):
        written = datetime.fromtimestamp(folder.stat().st_mtime, UTC).replace(tzinfo=None)
        if written < at - _FAULTS:
            remove(folder)
    told = [f"{len(left):,} temporary files of dead processes removed."]
    days = home.settings.retention.archive_days
    if days is None:
        return ["Received files are kept for good: [retention] names no archive_days.", *told]
    before = now - timedelta(days=days)
    over = [row for row in _over(home, before) if home.archived(*row[:2]).exists()]
    octets = _remove(home, over, who, now, days) if over else 0
    removed = f"{octets:,} octets of {len(over):,} files removed"
    return [f"{removed} that were received before {before:%Y-%m-%d %H:%M} UTC.", *told]


def _over(home: Home, before: datetime) -> list[tuple[str, str]]:
    """Partner and file id of finished files that were received before that moment."""
    unfinished = set(pending(home))
    rows = Lake(home.lake).file_rows().filter(
        (pl.col("received_at") < before) & pl.col("state").is_in(_FINISHED)
        & (pl.col("suspended").fill_null(0) == 0)
    )
    return [(partner, file_id) for partner, file_id in rows.select("partner", "file_id").iter_rows()
            if f"{partner}/{file_id}" not in unfinished]


def _remove(
    home: Home, files: list[tuple[str, str]], who: str, now: datetime, days: int
) -> int:
    """How many octets were removed; the audit trail and a mark by each file have it first."""
    with Ledger(home.ledger) as ledger, ledger.writing() as connection:
        audit.record(
            connection, now, who=who, action="remove", subject="archive",
            why=f"received more than {days} days ago",
            after={"files": [f"{partner}/{file_id}" for partner, file_id in files]},
        )
    octets = 0
    for partner, file_id in files:
        path = home.archived(partner, file_id)
        removed_mark(home, partner, file_id).write_text(f"{now:%Y-%m-%d %H:%M:%S}\n")
        octets += path.stat().st_size
        path.unlink()
    return octets
