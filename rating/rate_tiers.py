"""Rates and their tiers as integers: prices of one base unit at a scale that holds them exactly."""

from dataclasses import dataclass
from math import lcm
from typing import Final

import numpy as np
import polars as pl

from rating.price_arrays import MAX_SCALE
from rating.row_spans import Ints, bounds, interleaved

KEY: Final = (
    "tariff", "service", "direction", "serving_zone", "destination_zone", "band", "valid_from",
)
"""what a rate and its further tiers have in common"""
_UNFIT: Final = MAX_SCALE + 1
"""scale of a tariff's service whose prices do not fit; the charging function refuses it"""
_MOST: Final = 2**62


@dataclass(frozen=True, slots=True)
class RateTiers:
    """The rates, their tiers, and both as the charging function reads them."""

    base: pl.DataFrame
    """rows of the catalog table rates from unit 0 on; their place is the rate's number"""
    rows: pl.DataFrame
    """rate, line, from_units, unit_size, per, price_micros of each tier, in order"""
    rate_matrix: Ints
    tier_matrix: Ints

    @classmethod
    def of(
        cls, base: pl.DataFrame, further: pl.DataFrame, group: Ints, counters: dict[str, int]
    ) -> "RateTiers":
        """The rates `base` with their tiers from more units on; counters by number.

        `group` is a number for the tariff and service of each rate.
        """
        rows = _tier_rows(base, further)
        scale, price = _scaled(rows, group)
        tiers = interleaved([(rows["from_units"] * rows["unit_size"]).to_numpy(), price])
        sizes = np.bincount(rows["rate"].to_numpy(), minlength=base.height).astype(np.int64)
        return cls(base, rows, _rate_matrix(base, sizes, scale, counters), tiers)

    def rates_frame(self) -> pl.DataFrame:
        """What is told of each rate; see TariffBook.rates."""
        size = pl.col("unit_size")
        return self.base.select(
            pl.int_range(pl.len(), dtype=pl.Int64).alias("rate"), _RATE_LINE, "tariff", "band",
            "unit_size", (pl.col("first_interval") * size).alias("first_interval"),
            (pl.col("next_interval") * size).alias("next_interval"),
            pl.col("setup_fee_micros").fill_null(0), "markup_ppm",
        )

    def tiers_frame(self) -> pl.DataFrame:
        """What is told of each tier; see TariffBook.tiers."""
        return self.rows.select(
            pl.int_range(pl.len(), dtype=pl.Int64).alias("tier"), _RATE_LINE, "price_micros",
            (pl.col("per") * pl.col("unit_size")).alias("price_units"),
        )


_RATE_LINE = pl.col("line").cast(pl.Int32).alias("rate_line")


def _tier_rows(base: pl.DataFrame, further: pl.DataFrame) -> pl.DataFrame:
    """The tiers of all rates with a price: rate by rate, from 0 on."""
    columns = ["rate", "line", "from_units", "unit_size", "per", "price_micros"]
    numbered = base.with_columns(rate=pl.int_range(pl.len(), dtype=pl.Int64))
    own = numbered.filter(pl.col("markup_ppm").is_null()).select(columns)
    if further.is_empty():
        return own
    # few tariffs have tiers: only their rates are looked through
    of_them = numbered.join(further.select("tariff", "service").unique(), on=["tariff", "service"],
                            how="semi").select("rate", *KEY)
    more = further.join(of_them, on=KEY).select(columns)
    return (
        pl.concat([own, more]).with_columns(begin=pl.col("from_units") * pl.col("unit_size"))
        .sort("rate", "begin").select(columns)
    )


def _scaled(rows: pl.DataFrame, group: Ints) -> tuple[Ints, Ints]:
    """Per rate the scale of its tariff and service, and per tier its price at that scale."""
    price = rows["price_micros"].to_numpy()
    units = (rows["per"] * rows["unit_size"]).to_numpy()
    shared = np.gcd(price, units)
    price, units = price // shared, units // shared
    of_tier = group[rows["rate"].to_numpy()]
    scales = np.ones(int(group.max(initial=0)) + 1, np.int64)
    pairs = pl.DataFrame({"group": of_tier, "units": units}).unique()
    for number, unit in pairs.iter_rows():
        scales[number] = min(lcm(int(scales[number]), unit), _UNFIT)
    fits = price <= _MOST // np.maximum(scales[of_tier] // units, 1)
    scales[of_tier[~fits]] = _UNFIT
    factor = np.where(scales[of_tier] == _UNFIT, 0, scales[of_tier] // units)
    return scales[group], price * factor


def _rate_matrix(base: pl.DataFrame, sizes: Ints, scale: Ints, counters: dict[str, int]) -> Ints:
    size = pl.col("unit_size")
    columns = base.select(
        pl.col("setup_fee_micros").fill_null(0), pl.col("minimum_micros").fill_null(-1),
        pl.col("maximum_micros").fill_null(-1), (pl.col("first_interval") * size).fill_null(1),
        (pl.col("next_interval") * size).fill_null(1),
        pl.Series("tier", bounds(sizes)[:-1]), pl.Series("tiers", sizes),
        pl.col("counter").replace_strict(counters, default=-1, return_dtype=pl.Int64)
        if counters else pl.lit(-1, pl.Int64).alias("counter"),
        pl.col("markup_ppm").fill_null(-1), pl.Series("scale", scale),
    )
    return interleaved([column.to_numpy() for column in columns])
