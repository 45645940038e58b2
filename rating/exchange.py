"""Exchange rates as ratios of integers, and which of them holds when."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ExchangeBook:
    """The exchange rates in both directions: first the rows as given, then their inverses."""

    matrix: Ints
    """FX_NUM, FX_DEN of each row"""
    rates: pl.DataFrame
    """from, to, valid_from, valid_to, exchange (row of the matrix), inverse"""
    lines: list[int]
    """line of each row of the matrix in exchange_rates.csv"""

    @classmethod
    def of(cls, exchange_rates: pl.DataFrame) -> "ExchangeBook":
        """The book of the catalog table exchange_rates."""
        given = exchange_rates.select(
            "from", "to", "valid_from", "valid_to", "rate_num", "rate_den", "line"
        )
        inverse = given.select(
            pl.col("to").alias("from"), pl.col("from").alias("to"), "valid_from", "valid_to",
            pl.col("rate_den").alias("rate_num"), pl.col("rate_num").alias("rate_den"), "line",
        )
        both = pl.concat([given.with_columns(inverse=False), inverse.with_columns(inverse=True)])
        matrix = both.select("rate_num", "rate_den").to_numpy().astype(np.int64, order="C")
        rates = both.select(
            "from", "to", "valid_from", "valid_to", "inverse",
            exchange=pl.int_range(pl.len(), dtype=pl.Int64),
        )
        return cls(matrix, rates, both["line"].to_list())

    def rows(self, asked: pl.DataFrame) -> pl.Series:
        """Per row of `asked` (from, to, at) the row of the matrix, Int64, in the rows' order.

        -1 where the currencies are equal, null where no rate holds.
        """
        same = pl.col("from") == pl.col("to")
        numbered = asked.select("from", "to", "at", row=pl.int_range(pl.len(), dtype=pl.Int64))
        hits = (
            numbered.filter(~same)
            .join(self.rates, on=["from", "to"])
            .filter(pl.col("at").is_between("valid_from", "valid_to", closed="left"))
            # the rate as given goes before the inverse of the other
            .group_by("row").agg(pl.col("exchange").min())
        )
        return (
            numbered.join(hits, on="row", how="left", maintain_order="left")
            .select(pl.when(same).then(pl.lit(-1, pl.Int64)).otherwise("exchange")
                    .alias("exchange"))
            .to_series()
        )

    def line(self, row: int) -> str:
        """Where a row of the matrix is written: `exchange_rates.csv:12`."""
        return f"exchange_rates.csv:{self.lines[row]}"
