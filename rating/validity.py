"""Which rows of a dated table hold at a time."""

from datetime import datetime

import polars as pl


def at_event(events: pl.DataFrame, dated: pl.DataFrame, on: str, found: list[str]) -> pl.DataFrame:
    """The events in their order with the columns `found` of the row valid at started_at.

    Both frames have the column `on`; events have a unique column row. Null where no row holds.
    """
    # an equi-join and a filter: as-of joins by key sort the whole dimension for every batch
    hits = (
        events.select("row", on, "started_at")
        .join(dated.select(on, *found, "valid_from", "valid_to"), on=on)
        .filter(pl.col("started_at").is_between("valid_from", "valid_to", closed="left"))
        .select("row", *found)
    )
    return events.join(hits, on="row", how="left", maintain_order="left")


def change_times(dated: pl.DataFrame) -> pl.Series:
    """The times, ascending, at which the set of valid rows may change."""
    ends = dated["valid_to"].rename("valid_from")
    return pl.concat([dated["valid_from"], ends]).unique().sort()


def epoch_of(values: pl.Series, changes: pl.Series) -> pl.Series:
    """Per value the number of changes up to and including it; Int64."""
    return changes.search_sorted(values, side="right").cast(pl.Int64)


def valid_in(dated: pl.DataFrame, changes: pl.Series, epoch: int) -> pl.DataFrame:
    """The rows that are valid in an epoch."""
    if epoch == 0:
        return dated.clear()
    at: datetime = changes[epoch - 1]
    return dated.filter((pl.col("valid_from") <= at) & (pl.col("valid_to") > at))
