"""Figures about a home for those who watch it: how much came, what became of it, what waits."""

import logging
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ratemill import metric_list as metrics
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.metric_list import Sample
from ratemill.metric_push import push
from ratemill.proven import last_proof
from ratemill.settings import Metrics, clock

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)


def emit(home: Home, at: datetime) -> int:
    """How many figures were pushed to where the home's [metrics] say; `at` is naive UTC now.

    A collector that does not answer is told in the log: a run of the pipeline does not fail for it.
    """
    targets = home.settings.metrics
    if targets == Metrics():
        return 0
    samples = measure(home, clock(home.settings), at)
    try:
        push(samples, targets, at)
    except RatemillError as error:
        log.warning("%s", error)
        return 0
    return len(samples)


def measure(home: Home, now: datetime, at: datetime) -> list[Sample]:
    """All figures of the home, those of one metric together.

    `now` is the home's clock, which its files go by; `at` is the time that proofs go by.
    """
    found = list(_all(home, now, at))
    order = {metric.name: place for place, metric in enumerate(metrics.METRICS)}
    return sorted(found, key=lambda sample: (order[sample.metric.name], sample.labels))


def _all(home: Home, now: datetime, at: datetime) -> Iterator[Sample]:
    from ratemill import metrics_files, metrics_ledger
    from ratemill.lake import Lake

    yield Sample(metrics.INFO, (version("ratemill"), home.settings.operator), 1)
    yield from _disk(home.root)
    yield from _proof(home, at)
    rows = Lake(home.lake).file_rows()
    yield from metrics_files.of_files(home, rows, now)
    yield from metrics_ledger.of_ledger(home, _posted(rows), now)


def _posted(rows: "pl.DataFrame") -> "pl.DataFrame":
    """What lags are made of, of files with records on the ledger."""
    return rows.filter(rows["posted"] > 0).select(
        "partner", "file_id", "received_at", "posted", "age_median_s", "age_max_s"
    )


def _disk(root: Path) -> Iterable[Sample]:
    usage = shutil.disk_usage(root)
    return [Sample(metrics.DISK_FREE, (), usage.free), Sample(metrics.DISK_SIZE, (), usage.total)]


def _proof(home: Home, at: datetime) -> Iterator[Sample]:
    proof = last_proof(home)
    if proof is not None:
        yield Sample(metrics.PROOF_FAULTS, (), len(proof.faults))
        yield Sample(metrics.PROOF_AGE, (), int((at - proof.at).total_seconds()))
