"""Prefixes and whole ported numbers, laid out for `plan_search`.

Prefixes are flattened to disjoint intervals of keys. Validity needs no plan for each time: every
row knows the row to look at next where it does not hold, an older one of the same prefix or one of
the next shorter prefix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

WIDTH: Final = 15
"""Digits of the longest E.164 number"""

LENGTHS: Final = 32
"""Room for the length in the low bits of a key: up to WIDTH + 1, which means any longer number"""

Ints = NDArray[np.int64]


def number_key(number: pl.Expr) -> pl.Expr:
    """The sort key of digits: padded to WIDTH, the length in the low bits; null for other text.

    The length keeps a number that is shorter than a prefix out of that prefix's interval.
    """
    head = number.str.slice(0, WIDTH)
    length = number.str.len_bytes().cast(pl.Int64)
    zeros = WIDTH - pl.min_horizontal(length, WIDTH)
    padded = head.cast(pl.Int64, strict=False) * pl.lit(10, pl.Int64).pow(zeros)
    # the cast takes a sign, which is no digit
    key = pl.when(~head.str.head(1).is_in(["+", "-"])).then(padded)
    return key * LENGTHS + pl.min_horizontal(length, WIDTH + 1)


@dataclass(frozen=True, slots=True, eq=False)
class NumberPlan:
    """The rows of the plan, and the intervals of keys in which to begin to look."""

    rows: pl.DataFrame
    """destination_prefix and line (both null where ported), destination, destination_zone,
    valid_from, valid_to, next (row to look at where this one does not hold, -1 for none)"""
    intervals: pl.DataFrame
    """start (ascending key), row (-1 for none): the last row of the longest prefix"""
    ported: pl.DataFrame
    """key (ascending, distinct), row: the last row of a ported number"""

    @classmethod
    def of(cls, prefixes: pl.DataFrame, ported: pl.DataFrame) -> "NumberPlan":
        """The plan of the catalog's tables number_plan and ported."""
        rows, intervals = _flattened(prefixes)
        whole, keys = _listed(ported, "number", rows.height)
        return cls(
            pl.concat([
                _named(rows, pl.col("prefix"), pl.col("line").cast(pl.Int32)),
                _named(whole, pl.lit(None, pl.String), pl.lit(None, pl.Int32)),
            ]),
            intervals, keys,
        )

    @classmethod
    def stored(cls, frames: Mapping[str, pl.DataFrame]) -> "NumberPlan":
        """The plan of what `frames` gave."""
        return cls(*(frames[name] for name in _FRAMES))

    def frames(self) -> dict[str, pl.DataFrame]:
        """What to store of the plan."""
        return dict(zip(_FRAMES, (self.rows, self.intervals, self.ported), strict=True))


_FRAMES: Final = ("number_plan_rows", "number_plan_intervals", "ported_keys")


def _named(rows: pl.DataFrame, prefix: pl.Expr, line: pl.Expr) -> pl.DataFrame:
    return rows.select(
        prefix.alias("destination_prefix"), line.alias("line"), "destination",
        pl.col("zone").alias("destination_zone"), "valid_from", "valid_to", "next",
    )


def _listed(dated: pl.DataFrame, digits: str, first: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows in order of key and time with `next` within their key; keys with their last row.

    Rows are numbered from `first`.
    """
    rows = dated.with_columns(key=number_key(pl.col(digits))).sort("key", "valid_from")
    number = pl.int_range(first, first + pl.len(), dtype=pl.Int64)
    same = (pl.col("key") == pl.col("key").shift(1)).fill_null(value=False)
    rows = rows.with_columns(
        pl.when(same).then(number - 1).otherwise(-1).cast(pl.Int64).alias("next"), row=number
    )
    last = pl.col("key").is_last_distinct()
    return rows, rows.filter(last).select("key", "row")


def _flattened(prefixes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with `next`, and the intervals."""
    rows, keys = _listed(prefixes, "prefix", 0)
    start, last = keys["key"].to_numpy(), keys["row"].to_numpy()
    length = start % LENGTHS
    end = start - length + 10 ** (WIDTH - length) * LENGTHS
    parent = _parents(start, length)
    after = rows["next"].to_numpy().copy()
    first = np.append(0, last[:-1] + 1)[: len(last)]
    inside = parent >= 0
    after[first[inside]] = last[parent[inside]]
    # where an interval ends, the nearest that ends later goes on
    outer = parent.copy()
    while (shared := np.flatnonzero((outer >= 0) & (end[outer] == end))).size:
        outer[shared] = parent[outer[shared]]
    beyond = np.where(outer >= 0, np.append(last, -1)[outer], -1)
    intervals = pl.DataFrame({
        "start": np.concatenate([start, end]), "row": np.concatenate([last, beyond]),
    }, schema={"start": pl.Int64, "row": pl.Int64})
    return (
        rows.with_columns(pl.Series("next", after, pl.Int64)),
        intervals.unique("start").sort("start"),
    )


def _parents(start: Ints, length: Ints) -> Ints:
    """Per key of a prefix the place of its longest proper prefix among the keys, -1 for none."""
    parent = np.full(len(start), -1, np.int64)
    for shorter in range(1, WIDTH):
        asked = np.flatnonzero(length > shorter)
        size = 10 ** (WIDTH - shorter) * LENGTHS
        wanted = start[asked] // size * size + shorter
        at = np.minimum(start.searchsorted(wanted), len(start) - 1)
        hit = start[at] == wanted
        # longer ones come later and replace
        parent[asked[hit]] = at[hit]
    return parent
