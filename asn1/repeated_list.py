"""Joins the tables of two lists of records that stand in one file, where there should be one."""

import polars as pl

from asn1.layout import Layout
from asn1.records import Records


def joined(layout: Layout, first: Records, second: Records) -> Records:
    """The records of both lists as of one; faults, count and end are those of the second."""
    heights = {name: frame.height for name, frame in first.tables.items()}
    tables: dict[str, pl.DataFrame] = {}
    for name in layout.tables:
        parts = [first.tables[name]] if name in first.tables else []
        if name in second.tables:
            parts.append(_below_the_first(second.tables[name], heights))
        if parts:
            values = [c.name for c in layout.columns_of(name)]
            both = pl.concat(parts, how="diagonal")
            keys = [c for c in both.columns if c not in values]
            tables[name] = both.select(*keys, *(c for c in values if c in both.columns))
    return Records(
        tables, second.faults, pl.concat([first.unknown, second.unknown]), second.count,
        second.end, second.lost,
    )


def _below_the_first(frame: pl.DataFrame, heights: dict[str, int]) -> pl.DataFrame:
    """The rows with their parents' numbers counted on from the first list's tables."""
    if "parent" not in frame.columns:
        return frame
    parent_table = pl.col("place").cast(pl.String).str.split(".").list.first()
    rows_before = parent_table.replace_strict(heights, default=0, return_dtype=pl.Int32)
    return frame.with_columns(pl.col("parent") + rows_before)
