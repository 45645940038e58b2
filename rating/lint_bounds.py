"""Checks of magnitudes: what prices, exchange rates and allowances need fits 64 bits."""

from functools import reduce
from math import lcm
from typing import Final

import numpy as np
import polars as pl

from rating.catalog_column import SERVICE_UNIT
from rating.lint_check import Check, Tables

MOST_SCALE: Final = 10**12
"""Largest number of parts into which a micro-unit is divided"""
EVENT_UNITS: Final = dict.fromkeys(SERVICE_UNIT, 10_000) | {
    "voice": 86_400, "data": 2**41,
}
"""Units of the largest event that is plausible, in base units"""
MOST: Final = 2**63 - 1
MOST_ALLOWANCE: Final = 2**62 - 1


def least_multiple(parts: list[int], most: int) -> int:
    """The least common multiple, or a multiple above `most` as soon as that is passed."""
    scale = 1
    for part in parts:
        scale = lcm(scale, part)
        if scale > most:
            break
    return scale


def scales(tables: Tables) -> pl.DataFrame:
    """Per tariff and service the `scale` that makes all its prices of one base unit whole.

    Scales above MOST_SCALE are null; `line` is the first row of the two.
    """
    priced = tables["rates"].drop_nulls(["tariff", "service", "price_micros", "per", "unit_size"])
    parts = priced.select("tariff", "service", "line").with_columns(
        _divisors(priced).clip(0, MOST_SCALE + 1).cast(pl.Int64)
    )
    sets = parts.group_by("tariff", "service").agg(
        pl.col("line").min(), pl.col("part").unique()
    )
    found = [least_multiple(part, MOST_SCALE) for part in sets["part"]]
    return sets.drop("part").with_columns(scale=pl.Series(
        [scale if scale <= MOST_SCALE else None for scale in found], dtype=pl.Int64
    ))


def _divisors(priced: pl.DataFrame) -> pl.Series:
    """The denominator, Int128, of each reduced fraction price / (per x unit_size) as `part`."""
    price, per, size = (priced[name].to_numpy() for name in ("price_micros", "per", "unit_size"))
    shared = np.gcd(price, per)
    rest = np.gcd(price // shared, size)
    return priced.select(
        part=pl.Series(per // shared).cast(pl.Int128) * pl.Series(size // rest).cast(pl.Int128)
    ).to_series()


def _scale_large(tables: Tables) -> pl.DataFrame:
    return tables.once(scales).filter(pl.col("scale").is_null())


def _amount_large(tables: Tables) -> pl.DataFrame:
    """The rates by which the largest plausible event would not fit."""
    wide = pl.Int128
    part = pl.col("per").cast(wide) * pl.col("unit_size").cast(wide)
    scale = pl.col("scale").cast(wide)
    units = pl.col("service").replace_strict(EVENT_UNITS, default=0, return_dtype=pl.Int64)
    rows = tables["rates"].join(
        tables.once(scales).drop_nulls().drop("line"), on=["tariff", "service"]
    ).with_columns(units=units)
    # below 10**18 x 10**12, so exact; clipped before it is multiplied again
    price = (pl.col("price_micros").cast(wide) * scale // part).fill_null(0)
    fees = pl.max_horizontal(
        pl.col(f"{name}_micros").fill_null(0) for name in ("setup_fee", "minimum")
    ).cast(wide) * scale
    largest = price.clip(0, 2**64) * pl.col("units").cast(wide) + fees
    return rows.filter(largest > MOST).select(
        "line", "units", "service", base=pl.col("service").replace_strict(SERVICE_UNIT, default="")
    )


def _exchange_large(tables: Tables) -> pl.DataFrame:
    ratio = pl.col("rate_num").cast(pl.Int128) * pl.col("rate_den").cast(pl.Int128)
    return tables["exchange_rates"].filter(ratio > MOST).select("line", "rate_num", "rate_den")


def _allowance_large(tables: Tables) -> pl.DataFrame:
    """The allowances whose quantity is too large in the parts that their scopes need."""
    scopes = tables["scopes"].drop_nulls(["takes", "per", "unit_size"])
    costs: dict[str, list[tuple[int, int]]] = {}
    for name, takes, per, size in scopes.select(
        "allowance", "takes", "per", "unit_size"
    ).unique().iter_rows():
        costs.setdefault(name, []).append((takes, per * size))
    rows = tables["allowances"].drop_nulls(["quantity_num", "quantity_den"])
    large = [
        line for line, name, num, den in rows.select(
            "line", "allowance", "quantity_num", "quantity_den").iter_rows()
        if _passes(num, den, costs.get(name, []))
    ]
    return rows.filter(pl.col("line").is_in(large))


def _passes(num: int, den: int, costs: list[tuple[int, int]]) -> bool:
    scale = reduce(lcm, (part for _, part in costs), den)
    return max(num * scale // den, *(takes * scale // part for takes, part in costs),
               0) > MOST_ALLOWANCE


BOUND_CHECKS: Final = (
    Check("SCALE_LARGE", "error", "rates", _scale_large,
          "the prices of tariff {tariff} for {service}, from this line on, have no common "
          f"denominator up to {MOST_SCALE}",
          "let all its `per` be multiples of one another"),
    Check("AMOUNT_LARGE", "error", "rates", _amount_large,
          "an event of {units} {base} would not fit 64 bits",
          "lower the price, or let all `per` of {service} in the tariff be multiples of one "
          "another"),
    Check("EXCHANGE_LARGE", "error", "exchange_rates", _exchange_large,
          "rate {rate_num}/{rate_den} would not fit 64 bits", "write fewer digits"),
    Check("ALLOWANCE_LARGE", "error", "allowances", _allowance_large,
          "allowance {allowance} would not fit 64 bits at the fractions that scopes.csv needs",
          "let all `per` of its scopes be multiples of one another, or lower the quantity"),
)
