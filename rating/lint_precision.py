"""Checks of rounding: what a tariff states is kept at the decimals that it rounds to."""

from functools import partial
from typing import Final

import polars as pl

from rating.catalog_column import SERVICE_UNIT
from rating.lint_check import Check, Tables
from rating.lint_customers import conversions, exchange, tariff_taxes
from rating.lint_rates import RUN

_WIDE: Final = pl.Int128()
_MICROS: Final = 1_000_000


def _rounding(tables: Tables) -> pl.DataFrame:
    """Per tariff its rounding and `step`, the micro-units that amounts are a multiple of."""
    steps = {decimals: 10 ** (6 - decimals) for decimals in range(7)}
    return tables["tariffs"].select(
        "tariff", "rounding_stage", "rounding", "decimals", "tax_included", tariff_line="line",
        step=pl.col("decimals").replace_strict(steps, default=None, return_dtype=pl.Int64),
    ).drop_nulls().unique("tariff", keep="first")


def rounded(amount: pl.Expr, parts: pl.Expr) -> pl.Expr:
    """amount/parts micro-units as the nearest multiple of `step`, by the mode `rounding`."""
    size = parts * pl.col("step")
    whole, rest = amount // size, amount % size
    mode = pl.col("rounding")
    up = (
        pl.when(mode == "half_up").then(2 * rest >= size)
        .when(mode == "half_even").then((2 * rest > size) | ((2 * rest == size) & (whole % 2 == 1)))
        .when(mode == "up").then(rest > 0)
        .otherwise(pl.lit(value=False))
    )
    return ((whole + up.cast(_WIDE)) * pl.col("step")).cast(pl.Int64, strict=False)


def interval_prices(tables: Tables) -> pl.DataFrame:
    """The rates with `exact_micros`, cut off, and `kept_micros`, rounded, of one interval.

    The interval is the next_interval of the base row, `interval` of `interval_unit`. `lossy` says
    that the price of one is not a multiple of the tariff's step.
    """
    amount = (
        pl.col("price_micros").cast(_WIDE) * pl.col("interval").cast(_WIDE)
        * pl.col("interval_size").cast(_WIDE)
    )
    parts = pl.col("per").cast(_WIDE) * pl.col("unit_size").cast(_WIDE)
    return (
        _with_intervals(tables["rates"])
        .drop_nulls(["per", "unit_size", "interval"])
        # of larger prices AMOUNT_LARGE tells; 10**15 x 10**12 x 2**30 fits 127 bits
        .filter(pl.col("price_micros") < 10**15)
        .join(tables.once(_rounding), on="tariff")
        .with_columns(
            lossy=amount % (parts * pl.col("step")) != 0,
            exact_micros=(amount // parts).cast(pl.Int64, strict=False),
            kept_micros=rounded(amount, parts),
        )
    )


def _with_intervals(rates: pl.DataFrame) -> pl.DataFrame:
    """The rates with the `interval`, `interval_unit` and `interval_size` of their base rows."""
    base = rates.filter(pl.col("from_units") == 0).with_columns(
        interval="next_interval", interval_unit="unit", interval_size="unit_size"
    )
    tiers = rates.filter(pl.col("from_units") > 0)
    if not tiers.height:
        return base
    intervals = base.select(*RUN, "interval", "interval_unit", "interval_size")
    of_tiers = tiers.join(intervals.unique(RUN, keep="first"), on=list(RUN))
    return pl.concat([base, of_tiers.select(base.columns)])


def _price(tables: Tables) -> pl.DataFrame:
    single = pl.col("service").replace_strict(SERVICE_UNIT, default="") == "event"
    return tables.once(interval_prices).filter(
        pl.col("lossy") & ((pl.col("rounding_stage") == "part") | single)
    )


def _fee(name: str, tables: Tables) -> pl.DataFrame:
    rows = tables["rates"].join(tables.once(_rounding), on="tariff")
    return rows.filter(pl.col(f"{name}_micros") % pl.col("step") != 0)


def _tax(tables: Tables) -> pl.DataFrame:
    """The prices of single events on which every tax of the tariff is rounded to nothing."""
    rates = tables["taxes"].select("tax", "percent_ppm").drop_nulls()
    if not rates.height:
        return rates
    highest = tables.once(tariff_taxes).join(rates, on="tax").group_by("tariff").agg(
        pl.col("percent_ppm").max()
    )
    rows = tables.once(interval_prices).filter(
        (pl.col("service").replace_strict(SERVICE_UNIT, default="") == "event")
        & (pl.col("tax_included") == "no") & (pl.col("kept_micros") > 0)
    ).join(highest.filter(pl.col("percent_ppm") > 0), on="tariff")
    tax = pl.col("kept_micros").cast(_WIDE) * pl.col("percent_ppm").cast(_WIDE)
    return rows.with_columns(tax_micros=(tax // _MICROS).cast(pl.Int64, strict=False)).filter(
        rounded(tax, pl.lit(_MICROS, _WIDE)) == 0
    )


def _exchange(tables: Tables) -> pl.DataFrame:
    """The conversions in which the tariff's last decimal is worth a tenth of the account's."""
    pairs = tables.once(conversions).join(exchange(tables), on=["source", "target"])
    coarse = pl.col("num").cast(_WIDE) * 10 <= pl.col("den").cast(_WIDE)
    return pairs.filter(coarse & (pl.col("decimals") < 6)).select(
        "tariff", "decimals", "source", "target", line="tariff_line"
    ).unique(["tariff", "target"])


PRECISION_CHECKS: Final = (
    Check("PRICE_PRECISION", "warning", "rates", _price,
          "price {price_micros} for {per} {unit} cannot be kept at {decimals} decimals: "
          "{exact_micros} for {interval} {interval_unit} becomes {kept_micros}",
          "raise decimals in tariffs.csv:{tariff_line}"),
    *(
        Check("FEE_PRECISION", "warning", "rates", partial(_fee, name),
              f"{name} {{{name}_micros}} cannot be kept at {{decimals}} decimals",
              "raise decimals in tariffs.csv:{tariff_line}")
        for name in ("setup_fee", "minimum", "maximum")
    ),
    Check("TAX_PRECISION", "warning", "rates", _tax,
          "tax of {percent_ppm} % on {kept_micros} becomes 0 at {decimals} decimals",
          "raise decimals in tariffs.csv:{tariff_line}"),
    Check("EXCHANGE_PRECISION", "warning", "tariffs", _exchange,
          "amounts in {source} are rounded to {decimals} decimals again when converted to "
          "{target}, which is worth ten times as much or more",
          "raise decimals, or sell a tariff in {target}"),
)
