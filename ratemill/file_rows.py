"""Rows of table file between the stages: what is ready, what a stage knows, what it leaves."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from mediation.file_context import FileContext
from mediation.schema import FILE
from mediation.tables import conform
from ratemill.home import Home
from ratemill.lake import STAGES, Lake, Stage
from ratemill.refs import split

# States that end a file's way before rating; later stages keep them.
_FINAL_STATES = ("notification", "test", "quarantined", "refused", "unpacked", "rap")


def ready(lake: Lake, refs: Iterable[str], before: Stage, stage: Stage) -> list[str]:
    """References whose stage is not done and whose stage before it is."""
    return [r for r in refs if not lake.done(*split(r), stage) and lake.done(*split(r), before)]


def rows_of(home: Home, refs: Iterable[str]) -> list[dict[str, Any]]:
    """The current row (table file) of each reference, as dicts in the order of arrival."""
    lake, paths = Lake(home.lake), []
    for ref in dict.fromkeys(refs):
        of_stages = [lake.path(FILE, *split(ref), stage) for stage in reversed(STAGES)]
        paths += [path for path in of_stages if path.exists()][:1]
    return lake.read(FILE, paths).sort("file_number").rows(named=True)


def rolled_back(lake: Lake, ref: str) -> bool:
    """Whether a file was rolled back and not reset since."""
    last = lake.path(FILE, *split(ref), "post")
    return last.exists() and lake.read(FILE, [last])["state"].item() == "rolled_back"


def context(row: Mapping[str, Any]) -> FileContext:
    """What a stage may know of the file of a row."""
    return FileContext(row["partner"], row["file_id"], row["name"], row["received_at"])


def state_after(before: str, after: str) -> str:
    """The file's state after a stage that would make it `after`."""
    return before if before in _FINAL_STATES else after


def next_row(row: pl.DataFrame, stage: Stage, figures: Mapping[str, object]) -> pl.DataFrame:
    """The file's row as this stage leaves it."""
    values = {**row.row(0, named=True), **figures, "stage": stage}
    return conform(FILE, pl.from_dicts([values], schema=FILE.polars))


def nothing() -> None:
    """What happens after each file when nobody watches."""
