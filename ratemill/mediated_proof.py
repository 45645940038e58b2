"""The proof of mediated files: every record that came in is usage, or was turned away."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from mediation.outcome import ConservationError
from mediation.schema import FILE, REJECT, USAGE
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split


def prove_mediated(home: Home, refs: Iterable[str]) -> list[dict[str, Any]]:
    """The rows (table file) that mediation left, as dicts in the order given.

    ConservationError names each file that was not mediated or whose records do not add up.
    """
    lake = Lake(home.lake)
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for ref in refs:
        if not lake.done(*split(ref), "mediate"):
            faults.append(f"{ref}: not mediated")
            continue
        row = lake.load(FILE, *split(ref), "mediate").row(0, named=True)
        rows.append(row)
        faults += [f"{row['name']} ({ref[:21]}): {fault}" for fault in _faults(lake, ref, row)]
    if faults:
        raise ConservationError("\n".join(faults))
    return rows


def _faults(lake: Lake, ref: str, row: dict[str, Any]) -> list[str]:
    """What contradicts in one file: its own counts, and the records in the lake."""
    usage = _records(lake.path(USAGE, *split(ref), "mediate"))
    away = _records(lake.path(REJECT, *split(ref), "mediate"))
    records = row["records"] or 0
    turned = sum(row[way] or 0 for way in ("duplicate", "suspended", "dropped"))
    found = []
    if records != usage + turned:
        found.append(f"{records} records in, but {usage} usage + {turned} turned away")
    if away != turned:
        found.append(f"{turned} counted as turned away, but {away} in the lake")
    return found


def _records(path: Path) -> int:
    """How many records a table of the lake speaks of; what concerns the file alone is none."""
    frame = pl.scan_parquet(path, glob=False).select(pl.col("record_index").drop_nulls().n_unique())
    count: int = frame.collect().item()
    return count
