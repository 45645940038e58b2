"""Spans of rows that belong together, as vectors of where each begins."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
SmallInts = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
_BLOCK: Final = 8192


def bounds(counts: Ints) -> Ints:
    """Where each of consecutive spans begins, and at last where the last one ends."""
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def spread(first: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """For spans of `counts` rows from `first` on: the span and the row of each row in them."""
    span = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    begins = bounds(counts)[:-1]
    return span, np.arange(len(span), dtype=np.int64) + (first - begins)[span]


def first_of_runs(keys: Ints) -> npt.NDArray[np.bool_]:
    """Which of the keys differ from the one before."""
    differs = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=differs[1:])
    return differs


def interleaved(columns: Sequence[Ints]) -> Ints:
    """The columns as a matrix, row by row in memory."""
    table = np.empty((len(columns[0]), len(columns)), np.int64)
    # in blocks that stay in the cache while the columns are written between each other
    for begin in range(0, len(table), _BLOCK):
        rows = table[begin:begin + _BLOCK]
        for number, column in enumerate(columns):
            rows[:, number] = column[begin:begin + _BLOCK]
    return table
