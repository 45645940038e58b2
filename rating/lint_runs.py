"""Rows of a dated table that share a key, where their validities overlap or leave a hole."""

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import xor
from typing import Final

import polars as pl

FEW: Final = 1000
"""Rows up to which plain Python is the quicker way to see that nothing is wrong"""


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows that begin before, or after, what the rows before them of the same key have covered.

    Both frames have the table's columns and `other`, the line of the row that ends last before.
    """

    overlaps: pl.DataFrame
    gaps: pl.DataFrame


def keyed_runs(frame: pl.DataFrame, key: tuple[str, ...]) -> Runs:
    """The overlaps and gaps of the rows of each key; rows of empty validity are left out."""
    if _sound(frame, key):
        nothing = frame.clear().with_columns(other="line")
        return Runs(nothing, nothing)
    rows = _suspects(frame, key)
    # the latest end so far, not the last row's: a long row may span several short ones
    reached = pl.col("valid_to").cum_max()
    seen = (
        rows.sort(*key, "valid_from", "line")
        .with_columns(_reached=reached.over(key))
        .with_columns(_by=pl.when(pl.col("valid_to") == pl.col("_reached")).then("line"))
        .with_columns(
            other=pl.col("_by").forward_fill().shift(1).over(key),
            _until=pl.col("_reached").shift(1).over(key),
        )
    )
    names = [*frame.columns, "other"]
    return Runs(
        seen.filter(pl.col("valid_from") < pl.col("_until")).select(names),
        seen.filter(pl.col("valid_from") > pl.col("_until")).select(names),
    )


def doubled(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """The rows of an undated table whose key stands in a row before; `other` is that one's line."""
    if _sound(frame, key):
        return frame.clear().with_columns(other="line")
    marks = frame.select("line", _mark(key)).filter(_given(frame, key))
    alike = marks.filter(marks["mark"].is_duplicated())
    if not alike.height:
        return frame.clear().with_columns(other="line")
    rows = frame.join(alike.select("line"), on="line", how="semi")
    return rows.with_columns(other=pl.col("line").min().over(key)).filter(
        pl.col("line") != pl.col("other")
    )


def _sound(frame: pl.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether in a small table surely no two rows share a key, or all that do meet exactly."""
    if frame.height > FEW:
        return False
    cells = [frame[name].to_list() for name in key]
    keys = list(zip(*cells, strict=True)) if len(key) > 1 else [cell for cell in cells[0] if cell]
    if len(set(keys)) == len(keys):
        return True
    if "valid_from" not in frame.columns or any(None in column for column in cells):
        return False
    rows = sorted(zip(*cells, frame["valid_from"].to_list(), frame["valid_to"].to_list(),
                      strict=True))
    return all(row[-2] < row[-1] for row in rows) and all(
        row[:-2] != after[:-2] or row[-1] == after[-2] for row, after in pairwise(rows)
    )


def _suspects(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """All rows of each key of which two rows do not meet exactly."""
    valid = pl.col("valid_from") < pl.col("valid_to")
    marks = frame.select(_mark(key), "valid_from", "valid_to", "line").filter(
        _given(frame, key) & frame.select(valid).to_series()
    )
    # of a million keys almost all occur once, or in rows that meet
    alike = marks.filter(marks["mark"].is_duplicated()).sort("mark", "valid_from")
    unmet = alike.filter(
        (pl.col("mark") == pl.col("mark").shift(1))
        & (pl.col("valid_from") != pl.col("valid_to").shift(1))
    )
    if not unmet.height:
        return frame.clear()
    lines = alike.join(unmet.select("mark"), on="mark", how="semi").select("line")
    return frame.join(lines, on="line", how="semi")


def _mark(key: tuple[str, ...]) -> pl.Expr:
    """A hash of the key as `mark`, the same for equal keys and hardly ever for others."""
    return reduce(xor, (pl.col(name).hash(seed) for seed, name in enumerate(key))).alias("mark")


def _given(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.Series:
    """Whether a row has the key; a key of one column counts only where that is not empty."""
    has = pl.all_horizontal(pl.col(name).is_not_null() for name in key)
    if len(key) == 1 and frame.schema[key[0]] == pl.String:
        has = pl.col(key[0]) != ""
    return frame.select(has.fill_null(value=False)).to_series()
