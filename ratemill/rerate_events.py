"""The events to rate anew, in event order over all files, with what each was charged."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from mediation.schema import USAGE
from ratemill.charges_now import ChargesNow, beside, of_leg
from ratemill.lake import Lake
from ratemill.refs import split
from ratemill.rerate_selection import Chosen
from ratemill.word_frames import together
from rating.schema import CHARGE

_USAGE: Final = [
    "partner", "file_id", "record_index", "byte_offset", "usage_key", "service", "direction",
    "imsi", "msisdn", "other_party", "serving_network", "started_at", "utc_offset_s", "duration_s",
    "volume_up_bytes", "volume_down_bytes", "events", "partner_charge_micros",
    "partner_tax_micros", "partner_currency", "partner_per_sdr_nanos",
]
"""What rating reads of usage, and what a reject says of it"""
BEFORE: Final = (
    "revision", "account", "used_by", "product", "currency", "amount_micros", "net_micros",
    "tax_micros", "serving_zone", "destination_zone", "covered_units", "draws",
)
"""Columns of table charge that an event has of each leg as it stands, as retail_NAME and
wholesale_NAME"""
LEGS: Final = ("retail", "wholesale")
_OF_BOTH: Final = ("used_by", "serving_zone", "destination_zone")
"""Columns that are the same in both legs"""
_OF_RETAIL: Final = (*_OF_BOTH, "product", "covered_units", "draws")


def columns_of(leg: str) -> list[str]:
    """The columns of BEFORE that an event has of a leg."""
    return [name for name in BEFORE if leg == "retail" or name not in _OF_RETAIL]
_PLAIN: Final = USAGE.polars | {
    f"{leg}_{name}": CHARGE.polars[name] for leg in LEGS for name in columns_of(leg)
}
"""Types of the columns of events with their words as String"""


def batches(
    lake: Lake, now: ChargesNow, chosen: Sequence[Chosen], size: int
) -> Iterator[pl.DataFrame]:
    """The chosen events, about `size` at a time, each batch after the one before in time.

    Columns of usage; selected; stands: it has a charge; and of the legs what `columns_of` says.
    Words are Enums as far as all files of a batch have them so. A file is in memory from its first
    event to its last.
    """
    waiting = sorted(chosen, key=_first, reverse=True)
    frames: list[pl.DataFrame] = []
    for until in [*_cuts(chosen, size), None]:
        while waiting and (until is None or _first(waiting[-1]) < until):
            frames.append(_events(lake, now, waiting.pop()))
        parts, rest = [], []
        for frame in frames:
            if until is None or frame["started_at"].max() < until:  # type: ignore[operator]
                parts.append(frame)
                continue
            # most files are in one batch, and need not be sorted
            ordered = frame if frame["started_at"].is_sorted() else frame.sort("started_at")
            count = int(ordered["started_at"].search_sorted(until, "left"))
            parts.append(ordered[:count])
            rest.append(ordered[count:])
        frames = rest
        if parts:
            yield together(parts, _PLAIN)


def _first(one: Chosen) -> datetime:
    first: datetime = one.rows["started_at"].min()  # type: ignore[assignment]
    return first


def _cuts(chosen: Sequence[Chosen], size: int) -> list[datetime]:
    """The times at which batches begin, but for the first."""
    none = pl.Series("started_at", [], USAGE.polars["started_at"])
    starts = pl.concat([none, *(one.rows["started_at"] for one in chosen)]).sort()
    return starts.gather_every(size, size).unique(maintain_order=True).to_list()


def _events(lake: Lake, now: ChargesNow, one: Chosen) -> pl.DataFrame:
    """The chosen events of a file, in its order."""
    partner, file_id = split(one.ref)
    usage = pl.read_parquet(
        lake.path(USAGE, partner, file_id, "mediate"), columns=_USAGE, glob=False
    )
    events = beside(usage, one.rows.select("record_index", "selected"))
    charges = now.of(one.ref, ["record_index", "leg", *BEFORE], withdrawn=True, words=True)
    for leg in LEGS:
        events = beside(events, of_leg(charges, leg).select(
            "record_index", *(pl.col(name).alias(f"{leg}_{name}") for name in columns_of(leg))
        ))
    gone = now.turned(one.ref)["record_index"].drop_nulls()
    return events.with_columns(
        stands=~pl.col("record_index").is_in(gone.implode()) if len(gone) else pl.lit(value=True)
    )
