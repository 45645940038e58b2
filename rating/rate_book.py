"""Rates by their most specific match, laid out as rate cards for the charging function."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from rating.catalog_tables import ANY
from rating.price_arrays import Cards, Rates
from rating.validity import change_times, epoch_of
from rating.week import week_slots

QUESTION = ["owner", "service", "direction", "serving_zone", "destination_zone", "calendar"]
"""What decides the rate card of an event besides its time"""

_ORDER = ["serving_zone", "destination_zone", "band"]


def calendar_slots(calendars: pl.DataFrame) -> pl.DataFrame:
    """Calendar, minute of the week and band of each slot; the calendar `*` is one slot `*`."""
    slots = [(ANY, 0, ANY)]
    for (name,), rows in calendars.group_by("calendar", maintain_order=True):
        slots += [(str(name), slot.start, slot.band) for slot in week_slots(rows)]
    return pl.DataFrame(
        slots, schema={"calendar": pl.String, "minute": pl.Int64, "band": pl.String}, orient="row"
    )


@dataclass(frozen=True, slots=True)
class Dealt:
    """Rate cards, and per event `card` and `bands_missing` (text, null where none is)."""

    cards: Cards
    events: pl.DataFrame


@dataclass(frozen=True, slots=True)
class RateBook:
    """The rows of rates or agreements with a column `owner`, and the slots of the calendars."""

    rows: pl.DataFrame
    slots: pl.DataFrame
    changes: pl.Series

    @classmethod
    def of(cls, rows: pl.DataFrame, owner: str, file: str, slots: pl.DataFrame) -> "RateBook":
        """The book of a catalog table; `owner` is its column tariff or partner."""
        named = rows.rename({owner: "owner"}).with_columns(
            rate=pl.int_range(pl.len(), dtype=pl.Int64),
            rate_row=pl.format("{}:{}", pl.lit(file), "line"),
        )
        return cls(named, slots, change_times(rows))

    @property
    def rates(self) -> Rates:
        """The rows as arrays, in order of `rate`."""
        return Rates(*(
            self.rows[name].to_numpy(writable=True)
            for name in ("setup_fee_micros", "first_interval", "next_interval", "price_micros",
                         "per")
        ))

    def deal(self, events: pl.DataFrame) -> Dealt:
        """The rate card of each event, in the events' order.

        `events` has the columns QUESTION and started_at (naive UTC).
        """
        asked = events.select(*QUESTION, epoch=epoch_of(events["started_at"], self.changes))
        questions = asked.unique(maintain_order=True).with_columns(
            card=pl.int_range(pl.len(), dtype=pl.Int64)
        )
        slots = self._answered(questions)
        missing = (
            slots.filter(pl.col("rate") < 0)
            .group_by("card").agg(pl.col("band").unique().sort().str.join(", "))
            .rename({"band": "bands_missing"})
        )
        # neighbours at one rate are one slot, so that they are rounded as one stretch
        same = (pl.col("rate") == pl.col("rate").shift(1)) & (
            pl.col("card") == pl.col("card").shift(1)
        )
        slots = slots.filter(~same.fill_null(value=False))
        counts = slots.group_by("card", maintain_order=True).len()["len"].to_numpy()
        starts = np.zeros(questions.height + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        cards = Cards(
            starts, slots["minute"].to_numpy(writable=True), slots["rate"].to_numpy(writable=True)
        )
        given = asked.join(
            questions.join(missing, on="card", how="left", maintain_order="left"),
            on=[*QUESTION, "epoch"], how="left", maintain_order="left",
        )
        return Dealt(cards, given.select("card", "bands_missing"))

    def _answered(self, questions: pl.DataFrame) -> pl.DataFrame:
        """Card, minute, band and rate (-1: none) of every slot of every question, in order."""
        asked = questions.join(
            self.slots, on="calendar", how="left", maintain_order="left_right"
        ).with_columns(slot=pl.int_range(pl.len(), dtype=pl.Int64))
        hits = pl.concat([
            self._hits(asked, wild).with_columns(rank=pl.lit(rank, pl.Int64))
            for rank, wild in enumerate(product((False, True), repeat=len(_ORDER)))
        ])
        best = hits.sort("slot", "rank").unique("slot", keep="first")
        return asked.join(
            best.select("slot", "rate"), on="slot", how="left", maintain_order="left"
        ).select("card", "minute", "band", pl.col("rate").fill_null(-1))

    def _hits(self, asked: pl.DataFrame, wild: tuple[bool, ...]) -> pl.DataFrame:
        """Slot and rate of each row that answers a slot, with `*` in the wild columns."""
        keys = ["owner", "service", "direction", *_ORDER]
        rows = self.rows.select(
            *keys, "rate",
            first_epoch=epoch_of(self.rows["valid_from"], self.changes),
            end_epoch=epoch_of(self.rows["valid_to"], self.changes),
        )
        return (
            asked.with_columns(
                pl.lit(ANY).alias(name) for name, any_ in zip(_ORDER, wild, strict=True) if any_
            )
            .join(rows, on=keys, maintain_order="left")
            .filter(pl.col("epoch").is_between("first_epoch", "end_epoch", closed="left"))
            .select("slot", "rate")
        )
