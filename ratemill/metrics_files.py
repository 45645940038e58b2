"""Figures that the files of a home give: how many, where their records are, what waits."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, get_args

import polars as pl

from mediation.schema import REJECT
from ratemill import metric_list as metrics
from ratemill.files import Kind, findings
from ratemill.home import Home
from ratemill.lake import STAGES, Lake
from ratemill.metric_list import Sample

_ENDS: Final = ("posted", "duplicate", "suspended", "dropped")
_WHOLE: Final = ["quarantined", "refused"]
"""States of files that may have been turned away without a record"""
_INT64_MAX: Final = (1 << 63) - 1


def of_files(home: Home, rows: pl.DataFrame, now: datetime) -> Iterator[Sample]:
    """The figures of all files (their current rows of table file)."""
    partners = sorted({*home.profiles(), *rows["partner"]})
    yield from _received(rows, partners, now)
    yield from _records(rows)
    yield from _pending(home, rows, partners, now)
    yield from _rejects(home, rows)
    yield from _findings(home, partners, now)


def _received(rows: pl.DataFrame, partners: list[str], now: datetime) -> Iterator[Sample]:
    came = {
        row["partner"]: row for row in rows.group_by("partner").agg(
            pl.len(), pl.col("size_bytes").sum(), pl.col("received_at").max()
        ).iter_rows(named=True)
    }
    for partner in partners:
        row = came.get(partner, {"len": 0, "size_bytes": 0, "received_at": None})
        yield Sample(metrics.RECEIVED, (partner,), row["len"])
        yield Sample(metrics.OCTETS, (partner,), row["size_bytes"])
        if row["received_at"] is not None:
            yield Sample(metrics.LAST_FILE, (partner,), _seconds(now - row["received_at"]))
    states = rows.group_by("partner", "state").len()
    for partner, state, count in states.iter_rows():
        yield Sample(metrics.FILES, (partner, state), count)


def _seconds(age: timedelta) -> int:
    """Whole seconds; a clock that was set back makes no file younger than new."""
    return max(0, int(age.total_seconds()))


def _records(rows: pl.DataFrame) -> Iterator[Sample]:
    sums = rows.group_by("partner").agg(pl.col("records", *_ENDS).sum())
    for partner, records, *ends in sums.iter_rows():
        yield Sample(metrics.RECORDS_IN, (partner,), records)
        for outcome, count in zip(_ENDS, ends, strict=True):
            yield Sample(metrics.RECORDS, (partner, outcome), count)
        yield Sample(metrics.RECORDS, (partner, "under_way"), records - sum(ends))


_NEXT: Final = {**dict(pairwise(STAGES)), STAGES[-1]: "receipt"}
"""What waits once a stage is done"""


def waiting_files(home: Home) -> pl.DataFrame:
    """Files (rows of table file) with something left to do, and what comes `next`."""
    return _waiting(home, Lake(home.lake).file_rows())


def _waiting(home: Home, rows: pl.DataFrame) -> pl.DataFrame:
    receipts = pl.DataFrame(
        [(path.parent.name, path.name.partition(".")[0], "receipt")
         for path in home.outbox.glob("*/*.receipt.json")],
        schema=dict.fromkeys(("partner", "file_id", "next"), pl.String), orient="row",
    )
    # what was rolled back waits for nobody but a person who wants it again
    return rows.filter(pl.col("state") != "rolled_back").with_columns(
        next=pl.col("stage").replace_strict(_NEXT, return_dtype=pl.String)
    ).join(receipts, on=["partner", "file_id", "next"], how="anti", maintain_order="left")


def _pending(
    home: Home, rows: pl.DataFrame, partners: list[str], now: datetime
) -> Iterator[Sample]:
    waiting = _waiting(home, rows)
    counts = {
        (partner, stage): count
        for partner, stage, count in waiting.group_by("partner", "next").len().iter_rows()
    }
    oldest = dict(waiting.group_by("partner").agg(pl.col("received_at").min()).iter_rows())
    for partner in partners:
        for stage in _NEXT.values():
            yield Sample(metrics.PENDING, (partner, stage), counts.get((partner, stage), 0))
        yield Sample(metrics.OLDEST, (partner,), _seconds(now - oldest.get(partner, now)))


def _rejects(home: Home, rows: pl.DataFrame) -> Iterator[Sample]:
    """Records turned away by code, files by code, and the money that waits with them."""
    lake = Lake(home.lake)
    turned_away = pl.sum_horizontal(pl.col("duplicate", "suspended", "dropped").fill_null(0)) > 0
    paths = lake.rejects_of(rows.filter(turned_away | pl.col("state").is_in(_WHOLE)))
    by = ("partner", "stage", "outcome", "code")
    money = pl.col("money_at_risk_micros")
    found = (
        lake.scan(REJECT, paths, *by, "record_index", "currency", "money_at_risk_micros")
        .with_columns(currency=pl.when(money.is_not_null()).then("currency"),
                      whole=pl.col("record_index").is_null())
        .group_by(*by, "currency", "whole")
        .agg(pl.len(), money.cast(pl.Int128).sum().clip(-_INT64_MAX, _INT64_MAX).cast(pl.Int64))
        .collect()
    )
    records, files = found.filter(~pl.col("whole")), found.filter("whole")
    for *labels, count in records.group_by(*by).agg(pl.col("len").sum()).iter_rows():
        yield Sample(metrics.REJECTS, tuple(labels), count)
    of_file = ("partner", "stage", "code")
    for *labels, count in files.group_by(*of_file).agg(pl.col("len").sum()).iter_rows():
        yield Sample(metrics.FILE_REJECTS, tuple(labels), count)
    waits = records.filter(pl.col("outcome") == "suspended").group_by("partner", "currency").agg(
        pl.col("len").sum(), money.cast(pl.Int128).sum().clip(-_INT64_MAX, _INT64_MAX)
        .cast(pl.Int64)
    )
    for partner, currency, count, micros in waits.iter_rows():
        if currency is None:
            yield Sample(metrics.UNPRICED, (partner,), count)
        else:
            yield Sample(metrics.AT_RISK, (partner, currency), micros)


def _findings(home: Home, partners: list[str], now: datetime) -> Iterator[Sample]:
    """How many of each kind; 0 is told too, so that what is over is seen to be."""
    counts = {(partner, kind): 0 for partner in partners for kind in get_args(Kind)}
    for one in findings(home, now):
        counts[one.partner, one.kind] = counts.get((one.partner, one.kind), 0) + 1
    for labels, count in counts.items():
        yield Sample(metrics.FINDINGS, labels, count)
