"""Units of rates, scopes and allowances told in base units."""

from math import gcd
from typing import Final

import polars as pl

from rating.catalog_column import UNITS
from rating.catalog_read import Finding, Findings

_KILO: Final = 1024
"""Bytes in a kB of allowances and scopes"""
_MOST: Final = 2**60
"""Base units of the largest quantity"""


def with_unit_sizes(
    frames: dict[str, pl.DataFrame], findings: Findings
) -> dict[str, pl.DataFrame]:
    """The frames; rates and scopes gain unit_size, the quantity of allowances is in base units."""
    kilo = frames["tariffs"].unique("tariff", keep="first").select("tariff", "kilo")
    rates = frames["rates"].join(kilo, on="tariff", how="left", maintain_order="left")
    scopes = frames["scopes"].with_columns(unit_size=_unit_size(pl.lit(_KILO, pl.Int64)))
    return frames | {
        "rates": rates.with_columns(unit_size=_unit_size(pl.col("kilo"))).drop("kilo"),
        "scopes": scopes,
        "allowances": _quantities(frames["allowances"], findings),
    }


def _unit_size(kilo: pl.Expr) -> pl.Expr:
    """Base units in the row's `unit`; null where unit or kilo is."""
    size = pl.lit(None, pl.Int64)
    for unit, (_, factor, power) in UNITS.items():
        one = kilo.pow(power).cast(pl.Int64) * factor if power else pl.lit(factor, pl.Int64)
        size = pl.when(pl.col("unit") == unit).then(one).otherwise(size)
    return size


def _quantities(allowances: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """The allowances with quantity_num and quantity_den in base units, reduced."""
    sides: list[tuple[int | None, int | None]] = []
    for line, unit, num, den in allowances.select(
        "line", "unit", "quantity_num", "quantity_den"
    ).iter_rows():
        if unit is None or num is None:
            sides.append((None, None))
            continue
        _, factor, power = UNITS[unit]
        whole = num * factor * _KILO**power
        if whole > _MOST * den:
            findings.append(Finding(
                f"allowances.csv:{line}", "quantity is too large",
                "write less than 1000000 TB; a scope that takes 0 covers without end",
            ))
        shared = gcd(whole, den)
        fits = whole // shared <= _MOST
        sides.append((whole // shared, den // shared) if fits else (None, None))
    nums, dens = [s[0] for s in sides], [s[1] for s in sides]
    return allowances.with_columns(
        pl.Series("quantity_num", nums, pl.Int64), pl.Series("quantity_den", dens, pl.Int64)
    )
