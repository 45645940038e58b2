"""Counters of use: the buckets of a batch, and what the state says of them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.allowance_claims import Timed
from rating.local_time import Clocks
from rating.price_arrays import H_CLOCK, H_FROM_S
from rating.row_spans import Ints, bounds, first_of_runs, spread

_MOST_USED = 2**62


@dataclass(frozen=True, slots=True)
class Stores:
    """The counters of use of a batch: one run of buckets per owner, allowance and clock."""

    key: Ints
    """owner x allowances + rank of the allowance, ascending"""
    holding: Ints
    """one of its holdings"""
    first: Ints
    """number of the first period"""
    bucket_from: Ints
    """per store its first bucket; the last number is that of all buckets"""

    @classmethod
    def of(cls, own: Ints, key: Ints, timed: Timed) -> tuple["Stores", Ints]:
        """The stores of holdings, and the bucket of the oldest period of each holding.

        `own` is the key of Stores; `key` tells stores with the same `own` apart.
        """
        if (key[1:] > key[:-1]).all():
            bucket_from = bounds(timed.newest - timed.oldest + 1)
            alone = cls(own, np.arange(len(key)), timed.oldest, bucket_from)
            return alone, bucket_from[:-1]
        order = np.argsort(key, kind="stable")
        begins = first_of_runs(key[order])
        starts = np.flatnonzero(begins)
        store = np.empty(len(key), np.int64)
        store[order] = np.cumsum(begins) - 1
        first, last = np.zeros(0, np.int64), np.zeros(0, np.int64)
        if len(starts):
            first = np.minimum.reduceat(timed.oldest[order], starts)
            last = np.maximum.reduceat(timed.newest[order], starts)
        bucket_from = bounds(last - first + 1)
        stores = cls(own[order[starts]], order[starts], first, bucket_from)
        return stores, bucket_from[store] + timed.oldest - first[store]

    def starts(self, holdings: Ints, clocks: Clocks) -> Ints:
        """When the period of each bucket begins; of a quantity given once, when the grant does."""
        holding = self.of_buckets(self.holding)
        clock = holdings[holding, H_CLOCK]
        period = np.arange(len(holding)) + self.of_buckets(self.first - self.bucket_from[:-1])
        starts = clocks.start_of(clock, period)
        once = np.flatnonzero(clock < 0)
        starts[once] = holdings[holding[once], H_FROM_S]
        return starts

    def of_buckets(self, values: Ints) -> Ints:
        """For each bucket the value of its store."""
        if len(values) == self.bucket_from[-1]:
            return values
        return np.repeat(values, np.diff(self.bucket_from))

    def buckets_of(
        self, asked: Ints, start: Ints, starts: Ints, holdings: Ints, clocks: Clocks
    ) -> tuple[Ints, Ints]:
        """Which of the asked keys (-1: none) has a bucket that begins at its start, and that one.

        `starts` are those of the buckets.
        """
        which, store = self._stores_of(asked)
        bucket, start = self.bucket_from[store], start[which]
        here = starts[bucket] == start
        rest = np.flatnonzero(~here & (self.bucket_from[store + 1] > bucket + 1))
        clock = holdings[self.holding[store[rest]], H_CLOCK]
        later = bucket[rest] + clocks.period_at(clock, start[rest]) - self.first[store[rest]]
        inside = (bucket[rest] < later) & (later < self.bucket_from[store[rest] + 1])
        bucket[rest[inside]] = later[inside]
        here[rest] = starts[bucket[rest]] == start[rest]
        return which[here], bucket[here]

    def _stores_of(self, asked: Ints) -> tuple[Ints, Ints]:
        """For each store of the asked keys: which of `asked`, and the store."""
        begins = np.flatnonzero(first_of_runs(self.key))
        keys = self.key[begins]
        run = places(keys, asked)
        which = np.flatnonzero(run >= 0)
        if len(keys) == len(self.key):
            return which, run[which]
        ends = np.append(begins[1:], len(self.key))
        of_which, store = spread(begins[run[which]], (ends - begins)[run[which]])
        return which[of_which], store


def places(keys: Ints, asked: Ints) -> Ints:
    """Per asked key its place among the keys, which are ascending; -1 where it is none of them."""
    if not len(keys):
        return np.full(len(asked), -1, np.int64)
    top = int(keys[-1])
    if top > 16 * (len(keys) + len(asked)):
        near = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        return np.where(keys[near] == asked, near, -1)
    # a table of all possible keys costs less than a search for each; its last place is for others
    place = np.full(top + 2, -1, np.int32)
    place[keys] = np.arange(len(keys), dtype=np.int32)
    return place[np.where((asked < 0) | (asked > top), top + 1, asked)].astype(np.int64)


def rescaled(used: pl.Series, old: pl.Series, new: Ints) -> Ints:
    """What was used, told at new scales; rounded up, and never more than fits."""
    told = used.to_numpy().copy()
    scales = old.to_numpy()
    for at in np.flatnonzero(scales != new).tolist():
        told[at] = min(-(-int(told[at]) * int(new[at]) // int(scales[at])), _MOST_USED)
    return told
