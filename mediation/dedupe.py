"""The first copy of a usage key passes; every other one is a duplicate that names it."""

import numpy as np
import polars as pl

from mediation.file_context import FileContext
from mediation.outcome import Outcome
from mediation.reject import rejects
from mediation.schema import REJECT, USAGE
from mediation.validate import MONEY_AT_RISK

KNOWN = {"usage_key": pl.String(), "file_id": pl.String(), "record_index": pl.Int32()}
"""Columns of the keys that earlier files own: the file and the record that brought each first."""


def dedupe(usage: pl.DataFrame, known: pl.DataFrame, ctx: FileContext) -> Outcome:
    """The first row of each usage key that no other file owns, and a duplicate for each other row.

    `known` has the columns of KNOWN; its rows of this very file do not count, so that a rerun
    gives the same answer.
    """
    owners = known if known.is_empty() else known.filter(pl.col("file_id") != ctx.file_id).unique(
        "usage_key", keep="first", maintain_order=True
    )
    looked_at = _shared(usage["usage_key"], owners["usage_key"])
    if not looked_at.any():
        return Outcome(usage, REJECT.empty())
    away = _copies(USAGE.plain(usage.with_row_index("~row").filter(looked_at)), owners)
    passes = np.ones(usage.height, np.bool_)
    passes[away["~row"].to_numpy()] = False
    return Outcome(passed=usage.filter(passes), rejects=rejects(ctx, away))


def _shared(keys: pl.Series, owned: pl.Series) -> pl.Series:
    """Which rows may have a key that another row has, or one that is owned."""
    hashes = keys.hash().to_numpy()
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    alike = pl.Series(np.isin(hashes, twice))
    return alike if owned.is_empty() else alike | keys.is_in(owned.implode())


def _copies(usage: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """The rows whose key a file owns or an earlier one of these rows has, and what to say."""
    named = owners.select("usage_key", owner="file_id", owner_record="record_index")
    marked = usage.join(named, on="usage_key", how="left", maintain_order="left").with_columns(
        first_record=pl.col("record_index").min().over("usage_key")
    )
    of_file = pl.col("owner").is_not_null()
    in_file = pl.col("record_index") != pl.col("first_record")
    return marked.filter(of_file | in_file).with_columns(
        code=pl.when(of_file)
        .then(pl.lit("DUPLICATE_OF_FILE"))
        .otherwise(pl.lit("DUPLICATE_IN_FILE")),
        detail=pl.when(of_file)
        .then(pl.format("usage key of {}:{}", pl.col("owner").str.slice(0, 8), "owner_record"))
        .otherwise(pl.format("usage key of record {} of this file", "first_record")),
        original_file_id=pl.when(of_file).then(pl.col("owner")).otherwise(pl.col("file_id")),
        original_record_index=pl.when(of_file)
        .then(pl.col("owner_record"))
        .otherwise(pl.col("first_record")),
        **MONEY_AT_RISK,
    )
