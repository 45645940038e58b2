"""Which tax rate holds for a tax class at a zone: that of the first zone of the chain."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.validity import Epochs, Ints, distinct, gathered, ints, numbered, taken
from rating.zone_chains import Placed, ZoneChains, ZonedRows


@dataclass(frozen=True, slots=True)
class Taxes:
    """The rows of taxes.csv for search by class, zone and time."""

    rows: pl.DataFrame
    zoned: ZonedRows
    chains: ZoneChains
    epochs: Epochs

    @classmethod
    def of(cls, taxes: pl.DataFrame, classes: pl.Series, chains: ZoneChains) -> "Taxes":
        """The rates of the catalog table; `classes` are the names of the tax classes."""
        star = np.full(taxes.height, chains.words.codes(pl.Series(["*"]))[0])
        zoned = ZonedRows.of(
            chains, numbered(taxes["tax"], classes), chains.words.codes(taxes["serving_zone"]), star
        )
        return cls(taxes, zoned, chains, Epochs.of(taxes))

    def rows_at(self, tax: Ints, zone: Ints, zones: pl.Series, at: Ints) -> Ints:
        """Per event the row of the rate, -1 where there is none.

        `tax` are classes, `zone` places in `zones`, `at` microseconds since 1970.
        """
        found = np.full(len(tax), -1, np.int64)
        taxed = np.flatnonzero(tax >= 0)
        key = (tax[taxed] * len(zones) + zone[taxed]) * self.epochs.count
        asked, place = distinct(key + self.epochs.at(at[taxed]))
        rest, epoch = np.divmod(asked, self.epochs.count)
        head, zone_no = np.divmod(rest, len(zones))
        serving = self.chains.words.codes(zones)[zone_no]
        star = np.full(len(asked), self.chains.words.codes(pl.Series(["*"]))[0])
        hits = self.zoned.find(Placed(head, serving, star, np.zeros(len(asked), np.int64)))
        moment = ints(self.epochs.begin(epoch))[hits.question]
        row = hits.row
        valid = (ints(self.rows["valid_from"])[row] <= moment) & (
            moment < ints(self.rows["valid_to"])[row]) & (epoch[hits.question] > 0)
        # the nearest zone last: it stays
        order = np.flatnonzero(valid)[np.argsort(-hits.rank[valid], kind="stable")]
        best = np.full(len(asked), -1, np.int64)
        best[hits.question[order]] = row[order]
        found[taxed] = best[place]
        return found

    def ppm(self, rows: Ints) -> Ints:
        """The rate of each row in millionths, 0 where there is none."""
        return taken(ints(self.rows["percent_ppm"]), rows, 0)

    def line(self, rows: Ints) -> pl.Series:
        """Where each row is written: `taxes.csv:3`; null for none."""
        return gathered(self.rows.select(pl.format("taxes.csv:{}", "line")).to_series(), rows)
