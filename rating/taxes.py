"""Which tax rate holds for a tax class at a zone: that of the first zone of the chain."""

import numpy as np
import polars as pl

from rating.numbering import Answers
from rating.validity import Epochs, Ints, ints, numbered, taken
from rating.zone_chains import Placed, ZoneChains, ZonedRows


class Taxes:
    """The rows of taxes.csv for search by class, zone and time."""

    def __init__(
        self, taxes: pl.DataFrame, classes: pl.Series, chains: ZoneChains, zones: pl.Series
    ) -> None:
        """The rates of the catalog table; `classes` and `zones` are names by their numbers."""
        self.rows = taxes
        self._ppm = ints(taxes["percent_ppm"])
        self._zones = chains.words.codes(zones)
        self._star = chains.words.codes(pl.Series(["*"]))[0]
        self._zoned = ZonedRows.of(
            chains, numbered(taxes["tax"], classes), chains.words.codes(taxes["serving_zone"]),
            np.full(taxes.height, self._star),
        )
        self._epochs = Epochs.of(taxes)
        self._found = Answers(self._find)

    def rows_at(self, tax: Ints, zone: Ints, at: Ints) -> Ints:
        """Per event the row of the rate, -1 where there is none.

        `tax` are classes, `zone` zones, `at` microseconds since 1970.
        """
        found = np.full(len(tax), -1, np.int64)
        taxed = np.flatnonzero(tax >= 0)
        if len(taxed):
            place = tax[taxed] * len(self._zones) + zone[taxed]
            found[taxed] = self._found.of(place * self._epochs.count + self._epochs.at(at[taxed]))
        return found

    def _find(self, asked: Ints) -> Ints:
        rest, epoch = np.divmod(asked, self._epochs.count)
        head, zone = np.divmod(rest, len(self._zones))
        star = np.full(len(asked), self._star)
        hits = self._zoned.find(
            Placed(head, self._zones[zone], star, np.zeros(len(asked), np.int64))
        )
        moment = ints(self._epochs.begin(epoch))[hits.question]
        row = hits.row
        valid = (ints(self.rows["valid_from"])[row] <= moment) & (
            moment < ints(self.rows["valid_to"])[row]) & (epoch[hits.question] > 0)
        # the nearest zone last: it stays
        order = np.flatnonzero(valid)[np.argsort(-hits.rank[valid], kind="stable")]
        best = np.full(len(asked), -1, np.int64)
        best[hits.question[order]] = row[order]
        return best

    def ppm(self, rows: Ints) -> Ints:
        """The rate of each row in millionths, 0 where there is none."""
        return taken(self._ppm, rows, 0)
