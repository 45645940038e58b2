"""Rows of integers to columns and back, in blocks that stay in the processor's cache."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from rating.validity import Ints

_BLOCK: Final = 4096


def rows_of(columns: Mapping[int, Ints | int], width: int, height: int) -> Ints:
    """A row of `width` integers for each place in the columns, which stand at their numbers.

    A column is an array or one number for all rows; columns that are not given are 0.
    """
    rows = np.empty((height, width), np.int64)
    all_columns = [columns.get(number, 0) for number in range(width)]
    for begin in range(0, height, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        for number, column in enumerate(all_columns):
            rows[block, number] = column[block] if isinstance(column, np.ndarray) else column
    return rows


def columns_of(rows: Ints, places: Ints | None = None) -> Ints:
    """The columns of the rows at these places, or of all rows: first index column, second row."""
    height = len(rows) if places is None else len(places)
    columns = np.empty((rows.shape[1], height), np.int64)
    for begin in range(0, height, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        columns[:, block] = (rows[block] if places is None else rows[places[block]]).T
    return columns
