"""Columns of few different texts, so that what is asked of them is asked once per combination."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from mediation.text_views import TextColumn

if TYPE_CHECKING:
    from mediation.number_kernel import Numbers
    from mediation.value_kernel import Ints

TOGETHER: Final = 1024
"""Most combinations of such columns' texts; a column that would bring more stays out"""


@dataclass(frozen=True, slots=True)
class Few:
    """One row per combination of the columns' texts, and the number that each record's has."""

    frame: pl.DataFrame
    numbers: "Numbers"

    def spread(self, found: pl.DataFrame) -> pl.DataFrame:
        """What was found per combination, per record."""
        return found[self.numbers]


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The number of each row, from 0, and the first row of each number."""

    numbers: "Numbers"
    first: "Ints"


def few_of(records: pl.DataFrame, columns: Iterable[str]) -> Few:
    """Those of the columns that have few different texts, as they are written."""
    first = np.zeros(min(1, records.height), np.int64)
    found = _Numbered(np.zeros(records.height, np.int32), first)
    taken: list[str] = []
    for name in columns:
        own = _by_text(records[name])
        both = _by_both(found, own) if own else None
        if both:
            found = both
            taken.append(name)
    return Few(records.select("record_index", *taken)[found.first], found.numbers)


def _by_text(texts: pl.Series) -> _Numbered | None:
    """The rows numbered by their text; None when there are not few."""
    from mediation.few_kernel import FEW, SLOTS, number_texts

    column, first = TextColumn.of(texts), np.empty(FEW, np.int64)
    numbers = np.empty(len(texts), np.int32)
    count = number_texts(column.texts, np.full(SLOTS, -1, np.int32), first, numbers)
    return _Numbered(numbers, first[:count]) if count > 0 else None


def _by_both(left: _Numbered, right: _Numbered) -> _Numbered | None:
    """The rows numbered by both; None when there are too many combinations."""
    from mediation.few_kernel import number_pairs

    if len(right.first) == 1:
        return left
    if len(left.first) == 1:
        return right
    numbers, first = left.numbers.copy(), np.empty(TOGETHER, np.int64)
    slots = np.full(len(left.first) * len(right.first), -1, np.int32)
    count = number_pairs(numbers, right.numbers, len(right.first), slots, first)
    return _Numbered(numbers, first[:count]) if count > 0 else None
