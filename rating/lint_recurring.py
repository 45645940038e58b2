"""Checks of recurring charges: one period for each, tax on every day, a price in each currency."""

from typing import Final

import polars as pl

from rating.catalog_column import ANY
from rating.lint_check import Check, Tables, first_lines, matching, missing
from rating.lint_customers import buyers


def _two_periods(tables: Tables) -> pl.DataFrame:
    """The rows whose charge has another period, or is due otherwise, in its first row."""
    rows = tables["recurring"].select("line", "charge", "period", "due").drop_nulls()
    first = rows.sort("line").unique("charge", keep="first", maintain_order=True)
    return rows.join(first, on="charge", suffix="_first").filter(
        (pl.col("period") != pl.col("period_first")) | (pl.col("due") != pl.col("due_first"))
    )


def _untaxed(tables: Tables) -> pl.DataFrame:
    """The rows whose tax class has no rate for * on some of their days."""
    rows = tables["recurring"].select("line", "tax", "valid_from", "valid_to").drop_nulls()
    taxed = rows.filter(pl.col("tax") != "")
    rates = tables["taxes"].filter(pl.col("serving_zone") == ANY).select(
        "tax", rate_from="valid_from", rate_to="valid_to"
    ).drop_nulls()
    covered = taxed.join(rates, on="tax").select(
        "line",
        days=pl.min_horizontal("valid_to", "rate_to") - pl.max_horizontal(
            "valid_from", "rate_from"),
    ).filter(pl.col("days") > pl.duration()).group_by("line").agg(pl.col("days").sum())
    found = taxed.join(covered, on="line", how="left")
    return found.filter(
        pl.col("days").is_null() | (pl.col("days") < pl.col("valid_to") - pl.col("valid_from"))
    )


def _other_currency(tables: Tables) -> pl.DataFrame:
    """The first subscription of each product and currency in which the product has no charge."""
    rows = tables["recurring"].select("product", "currency").drop_nulls()
    held = first_lines(tables.once(buyers), ["product", "currency"])
    return missing(matching(held, rows, ["product"]), rows, ["product", "currency"])


RECURRING_CHECKS: Final = (
    Check("RECURRING_PERIOD", "error", "recurring", _two_periods,
          "charge {charge} is by {period}, in {due}; its first row is by {period_first}, in "
          "{due_first}", "name it otherwise, or give it the same period"),
    Check("RECURRING_TAX", "error", "recurring", _untaxed,
          "tax class {tax} has no rate for * on some days of this row",
          "add a row for * to taxes.csv, or empty the tax if the amount includes it"),
    Check("RECURRING_CURRENCY", "warning", "subscriptions", _other_currency,
          "product {product} has recurring charges, but none in {currency}, in which this account "
          "is charged", "add a row in {currency} to recurring.csv"),
)
