"""Checks of what is included: allowances can be had and cover something, discounts take off."""

from typing import Final

import polars as pl

from rating.lint_check import Check, Tables, missing
from rating.lint_rates import unit_faults


def _not_granted(tables: Tables) -> pl.DataFrame:
    return missing(tables["allowances"], tables["grants"], ["allowance"])


def _no_scope(tables: Tables) -> pl.DataFrame:
    return missing(tables["allowances"], tables["scopes"], ["allowance"])


def _scope_unit(tables: Tables) -> pl.DataFrame:
    return unit_faults(tables["scopes"])


def _counter_unused(tables: Tables) -> pl.DataFrame:
    return missing(tables["counters"], tables["rates"], ["counter"])


def _discount_empty(tables: Tables) -> pl.DataFrame:
    rows = tables["discounts"]
    return rows.filter(pl.col("percent_ppm").is_null() & pl.col("fixed_micros").is_null())


ALLOWANCE_CHECKS: Final = (
    Check("ALLOWANCE_UNGRANTED", "warning", "allowances", _not_granted,
          "allowance {allowance} is granted to nobody", "add a row to grants.csv, or remove it"),
    Check("ALLOWANCE_UNSCOPED", "warning", "allowances", _no_scope,
          "allowance {allowance} covers nothing", "add a row to scopes.csv, or remove it"),
    Check("SCOPE_UNIT", "error", "scopes", _scope_unit,
          "unit {unit} does not fit service {service}", "count {service} in {units}"),
    Check("COUNTER_UNUSED", "warning", "counters", _counter_unused,
          "counter {counter} is in no row of rates.csv", "use or remove it"),
    Check("DISCOUNT_EMPTY", "warning", "discounts", _discount_empty,
          "discount {discount} takes nothing off", "give it a percent or a fixed amount"),
)
