"""Rate cards: which rate holds when and in which band, for each question that events ask."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.local_time import ALWAYS_S, NEVER_S, seconds
from rating.numbering import Answers
from rating.price_arrays import MIN_S
from rating.row_spans import Ints, bounds, first_of_runs, spread
from rating.zone_chains import (
    DIRECTION_WORDS,
    SERVICE_WORDS,
    Words,
    ZoneChains,
    ZonedRows,
)

QUESTION: Final = (
    "tariff", "service", "direction", "relation", "serving_zone", "destination_zone",
)
_AT_ONCE: Final = 20_000
"""questions answered at a time, which bounds the memory"""
_NOTHING: Final = np.iinfo(np.int64).max
_ROW_BITS: Final = 40


class Deck(NamedTuple):
    """All cards dealt so far, as `Book` has them."""

    card_from: Ints
    epochs: Ints
    band_rates: Ints


def _no_cards() -> Deck:
    none = np.zeros(0, np.int64)
    return Deck(bounds(none), none.reshape(0, 2), none)


@dataclass
class RateCards:
    """The rates of the catalog laid out to answer questions; answers are kept."""

    zones: ZoneChains
    tariffs: Words
    index: ZonedRows
    band: Ints
    """band of each rate"""
    bands: int
    """how many bands there are"""
    times: Ints
    """all moments at which validities begin or end, ascending, from MIN_S on"""
    first: Ints
    """place in `times` of the begin of each rate's validity"""
    end: Ints
    """place in `times` of its end, -1 for none"""
    deck: Deck = field(default_factory=_no_cards)

    def __post_init__(self) -> None:
        """No questions answered yet."""
        self._dealt = Answers(self._deal)

    @classmethod
    def of(
        cls, rates: pl.DataFrame, head: Ints, zones: ZoneChains, tariffs: Words,
        bands: dict[str, int],
    ) -> "RateCards":
        """The cards of the catalog table rates without its further tiers, numbered by row.

        `head` are the `heads` of the rates.
        """
        index = ZonedRows.of(
            zones, head, zones.words.codes(rates["serving_zone"]),
            zones.words.codes(rates["destination_zone"]),
        )
        begins, ends = seconds(rates["valid_from"]), seconds(rates["valid_to"])
        changes = pl.concat([rates["valid_from"].unique(), rates["valid_to"].unique()])
        times = np.unique(np.concatenate([[MIN_S], seconds(changes)]))
        return cls(
            zones, tariffs, index, Words(list(bands)).codes(rates["band"]), len(bands), times,
            np.where(begins <= ALWAYS_S, 0, np.searchsorted(times, begins)),
            np.where(ends >= NEVER_S, -1, np.searchsorted(times, ends)),
        )

    def cards(self, asked: pl.DataFrame) -> Ints:
        """The card of each row of `asked` (columns QUESTION); the deck has it from then on."""
        return self._dealt.of(self.zones.keys(heads(asked, self.tariffs), asked))

    def _deal(self, keys: Ints) -> Ints:
        """The cards of new keys."""
        card_from, epochs, band_rates = self.deck
        sizes, times, rates = [np.diff(card_from)], [epochs], [band_rates]
        begin = len(band_rates)
        for start in range(0, len(keys), _AT_ONCE):
            counts, begins, of_bands = self._answers(keys[start:start + _AT_ONCE])
            at = begin + np.arange(len(begins), dtype=np.int64) * self.bands
            sizes.append(counts)
            times.append(np.stack([begins, at], axis=1))
            rates.append(of_bands.reshape(-1))
            begin += of_bands.size
        self.deck = Deck(
            bounds(np.concatenate(sizes)), np.concatenate(times), np.concatenate(rates)
        )
        return np.arange(len(keys), dtype=np.int64) + len(card_from) - 1

    def _answers(self, keys: Ints) -> tuple[Ints, Ints, Ints]:
        """Epochs per key, and per epoch when it begins and the rate of each band."""
        hits = self.index.find(self.zones.placed(keys))
        spans = len(self.times)
        begins = hits.question * spans + self.first[hits.row]
        ends = self.end[hits.row]
        ending = ends >= 0
        # every epoch as question x spans + place of its begin
        epochs = np.unique(np.concatenate([
            np.arange(len(keys), dtype=np.int64) * spans, begins,
            (hits.question * spans + ends)[ending],
        ]))
        first = np.searchsorted(epochs, begins)
        last = np.searchsorted(
            epochs, np.where(ending, hits.question * spans + ends, (hits.question + 1) * spans)
        )
        hit, epoch = spread(first, last - first)
        row = hits.row[hit]
        band = self.band[row]
        code = ((hits.rank[hit] * 2 + (band == 0)) << _ROW_BITS) | row
        best = np.full(len(epochs) * self.bands, _NOTHING, np.int64)
        np.minimum.at(best, epoch * self.bands + band, code)
        table = best.reshape(-1, self.bands)
        # the rate of any band counts in each, less than one of the band's own at the same place
        np.minimum(table, table[:, :1], out=table)
        rates = np.where(table == _NOTHING, -1, table & ((1 << _ROW_BITS) - 1))
        question, place = np.divmod(epochs, spans)
        kept = first_of_runs(question)
        kept[1:] |= (rates[1:] != rates[:-1]).any(axis=1)
        counts = np.bincount(question[kept], minlength=len(keys)).astype(np.int64)
        return counts, self.times[place[kept]], rates[kept]


def heads(rows: pl.DataFrame, tariffs: Words) -> Ints:
    """Tariff, service and direction as one number."""
    head = tariffs.codes(rows["tariff"]) * SERVICE_WORDS.count
    head = (head + SERVICE_WORDS.codes(rows["service"])) * DIRECTION_WORDS.count
    return head + DIRECTION_WORDS.codes(rows["direction"])
