"""What is worth a note on a TAP file and has no code that a public source tells."""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from asn1.audit import TOTAL_CHARGE_TYPE, utc_time
from mediation.tap_sight import Sight


def uncoded_notes(sight: Sight) -> Iterator[str]:
    """The notes on the audit's times and on charges without one total.

    A file of which not every record could be read may lack those that its audit means.
    """
    if sight.header.kind == "transfer_batch" and sight.totals is not None:
        yield from _time_notes(sight)
    yield from _total_notes(sight)


def _time_notes(sight: Sight) -> Iterator[str]:
    """Where the audit's first and last time of an event are others than those of the events."""
    starts = sight.events.select(
        start=pl.col("start_local") - pl.duration(seconds="utc_offset_s")
    )["start"]
    if starts.is_empty() or starts.null_count():
        return
    header = sight.header
    for name, text, found in (
        ("earliestCallTimeStamp", header.earliest, starts.min()),
        ("latestCallTimeStamp", header.latest, starts.max()),
    ):
        stated = utc_time(text)
        if stated is not None and isinstance(found, datetime) and stated != found:
            yield f"audit: {name} is {stated:%F %T} UTC, the events give {found:%F %T} UTC"


def _total_notes(sight: Sight) -> Iterator[str]:
    """How many charge informations have details, and not exactly one total among them."""
    details = sight.table("charge_detail")
    total = pl.col("charge_type") == TOTAL_CHARGE_TYPE
    if details["parent"].n_unique() == details.height == details.filter(total).height:
        return
    counts = details.group_by("parent", maintain_order=True).agg(
        pl.col("record_index").first(), totals=total.sum()
    )
    for what, found in (
        ("no total", counts.filter(pl.col("totals") == 0)),
        ("more than one total", counts.filter(pl.col("totals") > 1)),
    ):
        if not found.is_empty():
            yield (
                f"charges with {what} (charge type 00): {found.height}, "
                f"first in record {found['record_index'][0]}"
            )
