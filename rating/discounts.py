"""What all discounts that match an event come to."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import polars as pl

from rating.catalog_tables import ANY, DIRECTIONS, SERVICES
from rating.numbering import distinct
from rating.spots import SpotBook, Spots
from rating.validity import Epochs, Ints, ints, numbered
from rating.zone_chains import Placed, ZoneChains, ZonedRows

_WHOLE_PPM: Final = 1_000_000
_SERVICES: Final = (*SERVICES, ANY)
_DIRECTIONS: Final = (*DIRECTIONS, ANY)


@dataclass(frozen=True, slots=True)
class Discounts:
    """The rows of discounts.csv for search by holder, place and time."""

    rows: pl.DataFrame
    product_holder: Ints
    """per product the number of the holder, -1 for one without discounts"""
    account_holder: Ints
    zoned: ZonedRows
    zones: Ints
    """per zone its number in the chains"""
    epochs: Epochs

    @classmethod
    def of(
        cls, discounts: pl.DataFrame, products: pl.Series, accounts: pl.Series,
        chains: ZoneChains, zones: pl.Series,
    ) -> "Discounts":
        """The discounts of the catalog table, for these names by their numbers."""
        kinds = discounts.select(
            pl.col("holder_kind"), pl.col("holder"),
        ).unique(maintain_order=True).with_row_index("number").cast({"number": pl.Int64})
        number = discounts.join(
            kinds, on=["holder_kind", "holder"], how="left", maintain_order="left"
        )["number"]
        head = _head(ints(number), numbered(discounts["service"], _SERVICES),
                     numbered(discounts["direction"], _DIRECTIONS))
        zoned = ZonedRows.of(
            chains, head, chains.words.codes(discounts["serving_zone"]),
            chains.words.codes(discounts["destination_zone"]),
        )
        return cls(
            discounts, _holders(kinds, "product", products),
            _holders(kinds, "account", accounts if kinds.height else accounts.clear()),
            zoned, chains.words.codes(zones), Epochs.of(discounts),
        )

    def sums(
        self, product_: Ints, account: Ints, spot: Ints, at: Ints, spots: SpotBook
    ) -> tuple[Ints | int, Ints | int]:
        """Per event the percentages in millionths, at most 100 %, and the fixed amounts.

        `product_`, `account` and `spot` are numbers, `at` is microseconds since 1970.
        """
        if self.rows.is_empty():
            return 0, 0
        percent, fixed = np.zeros(len(at), np.int64), np.zeros(len(at), np.int64)
        size = int(spot.max(initial=0)) + 1
        for holders, names in ((self.product_holder, product_), (self.account_holder, account)):
            holder = holders[names]
            held = np.flatnonzero(holder >= 0)
            if not len(held):
                continue
            key = (holder[held] * size + spot[held]) * self.epochs.count
            asked, place = distinct(key + self.epochs.at(at[held]))
            rest, epoch = np.divmod(asked, self.epochs.count)
            holder, number = np.divmod(rest, size)
            ppm, micros = self._found(holder, spots.spots(number), epoch)
            percent[held] += ppm[place]
            fixed[held] += micros[place]
        return np.minimum(percent, _WHOLE_PPM), fixed

    def _found(self, holder: Ints, spots: Spots, epoch: Ints) -> tuple[Ints, Ints]:
        """Per question the sums of the discounts that match it."""
        percent, fixed = np.zeros(len(epoch), np.int64), np.zeros(len(epoch), np.int64)
        moment = ints(self.epochs.begin(epoch))
        since, until = ints(self.rows["valid_from"]), ints(self.rows["valid_to"])
        ppm, micros = ints(self.rows["percent_ppm"], 0), ints(self.rows["fixed_micros"], 0)
        any_service = np.full(len(epoch), _SERVICES.index(ANY))
        any_direction = np.full(len(epoch), _DIRECTIONS.index(ANY))
        for service, direction in product(
            (spots.service, any_service), (spots.direction, any_direction)
        ):
            head = _head(holder, service, direction)
            asked = Placed(head, self.zones[spots.serving], self.zones[spots.destination],
                           spots.relation)
            hits = self.zoned.find(asked)
            when = moment[hits.question]
            valid = (since[hits.row] <= when) & (when < until[hits.row]) & (
                epoch[hits.question] > 0)
            np.add.at(percent, hits.question[valid], ppm[hits.row[valid]])
            np.add.at(fixed, hits.question[valid], micros[hits.row[valid]])
        return percent, fixed


def _head(holder: Ints, service: Ints, direction: Ints) -> Ints:
    return (holder * len(_SERVICES) + service) * len(_DIRECTIONS) + direction


def _holders(kinds: pl.DataFrame, kind: str, names: pl.Series) -> Ints:
    """The number of each name as a holder of this kind, -1 for those that are none."""
    of_kind = kinds.filter(pl.col("holder_kind") == kind).select("number", name="holder")
    return ints(
        names.rename("name").to_frame().join(of_kind, on="name", how="left", maintain_order="left")
        ["number"]
    )
