"""Checks of accounts and what they have: payers, SIMs, subscriptions, currencies and taxes."""

from typing import Final

import polars as pl

from rating.catalog_column import ANY
from rating.lint_check import Check, Tables, first_lines, matching, missing

FEW: Final = 20
"""Accounts without a product that are listed one by one"""


def charged(accounts: pl.DataFrame) -> pl.DataFrame:
    """Per account the currency and the tax class of the one that is charged: its payer's."""
    own = accounts.select("account", "payer", "currency", "tax").drop_nulls()
    payers = own.select(payer="account", currency="currency", tax="tax")
    paid = own.filter(pl.col("payer") != "").select("account", "payer").join(payers, on="payer")
    return pl.concat([
        own.filter(pl.col("payer") == "").drop("payer"), paid.select("account", "currency", "tax"),
    ])


def buyers(tables: Tables) -> pl.DataFrame:
    """Each product, currency and tax class that are charged together; first `line` of these.

    The line is of subscriptions.csv.
    """
    held = tables["subscriptions"].select("account", "product", "line").drop_nulls()
    return first_lines(
        held.join(charged(tables["accounts"]), on="account"), ["product", "currency", "tax"]
    )


def conversions(tables: Tables) -> pl.DataFrame:
    """Each tariff whose currency is not that of an account it charges.

    tariff, decimals, source, target (currencies), tariff_line; `line` of subscriptions.csv.
    """
    tariffs = tables["tariffs"].select(
        "tariff", "decimals", source="currency", tariff_line="line"
    ).drop_nulls()
    products = tables["products"].select("product", "tariff").drop_nulls().unique()
    pairs = (
        tables.once(buyers).rename({"currency": "target"})
        .join(products, on="product").join(tariffs, on="tariff")
        .filter(pl.col("source") != pl.col("target"))
    )
    return first_lines(pairs, ["tariff", "decimals", "source", "target", "tariff_line"])


def tariff_taxes(tables: Tables) -> pl.DataFrame:
    """Each tariff with the tax classes of what it charges: tariff, tax."""
    products = tables["products"].select("product", "tariff", own="tax").drop_nulls().unique()
    bought = tables.once(buyers).select("product", "tax").unique().join(products, on="product")
    return bought.select(
        "tariff", tax=pl.when(pl.col("tax") == "").then("own").otherwise("tax")
    ).unique()


def exchange(tables: Tables) -> pl.DataFrame:
    """The pairs of currencies that have an exchange rate, given or as an inverse.

    source, target, num and den: one source is num/den targets, by the first row of the pair.
    """
    rows = tables["exchange_rates"].drop_nulls()
    given = rows.select(source="from", target="to", num="rate_num", den="rate_den")
    inverse = rows.select(source="to", target="from", num="rate_den", den="rate_num")
    return pl.concat([given, inverse]).unique(["source", "target"], keep="first",
                                              maintain_order=True)


def _payer_chain(tables: Tables) -> pl.DataFrame:
    accounts = tables["accounts"].select("line", "account", "payer").drop_nulls()
    paid = accounts.filter(pl.col("payer") != "")
    return paid.join(paid.select(payer="account", upper="payer"), on="payer")


def _unconverted(tables: Tables) -> pl.DataFrame:
    pairs = missing(tables.once(conversions), exchange(tables), ["source", "target"])
    return pairs.sort("line").unique(["source", "target"], keep="first", maintain_order=True)


def _untaxed(tables: Tables) -> pl.DataFrame:
    rows = tables["taxes"].select("tax", "serving_zone", "line").drop_nulls()
    return missing(first_lines(rows, ["tax"]), rows.filter(pl.col("serving_zone") == ANY), ["tax"])


def _no_subscription(tables: Tables) -> pl.DataFrame:
    accounts = tables["accounts"].select("line", "account").drop_nulls()
    without = missing(accounts, tables["subscriptions"], ["account"])
    return matching(without, tables["sims"], ["account"])


def _foreign_sim(tables: Tables) -> pl.DataFrame:
    """The subscriptions for a SIM that their account never has, but another one has."""
    rows = tables["subscriptions"].select("line", "account", "imsi").drop_nulls()
    own = missing(rows.filter(pl.col("imsi") != ""), tables["sims"], ["account", "imsi"])
    return matching(own, tables["sims"], ["imsi"])


CUSTOMER_CHECKS: Final = (
    Check("PAYER_CHAIN", "error", "accounts", _payer_chain,
          "account {account} is paid by {payer}, which itself has payer {upper}",
          "name the account that really pays, or empty the payer of {payer}"),
    Check("EXCHANGE_MISSING", "warning", "subscriptions", _unconverted,
          "tariff {tariff} is in {source}, the account is charged in {target}, and "
          "exchange_rates.csv has neither {source} to {target} nor the inverse",
          "add the exchange rate, or sell this account a tariff in {target}"),
    Check("TAX_PARTIAL", "warning", "taxes", _untaxed, "tax class {tax} has no rate for *",
          "add a row for *, or usage elsewhere is turned away"),
    Check("PRODUCT_NONE", "warning", "accounts", _no_subscription,
          "account {account} has a SIM and never a product",
          "add a row to subscriptions.csv, or its usage is turned away", FEW),
    Check("SIM_FOREIGN", "warning", "subscriptions", _foreign_sim,
          "SIM {imsi} never belongs to account {account}", "correct imsi or account"),
)
