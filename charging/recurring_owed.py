"""What subscriptions owe for each period, by the catalog."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from charging.recurring_periods import amounts, parts
from rating.catalog_column import ANY
from rating.catalog_read import NEVER

KIND: Final = "recurring"
_KEY: Final = ["subject", "charge", "account", "imsi", "charged", "currency", "due", "period_start",
               "today"]
_FOREVER: Final = date(9999, 12, 31)


def owed(
    frames: Mapping[str, pl.DataFrame], home_zone: str, today: Mapping[str, date], horizon: date
) -> pl.DataFrame:
    """What is owed for each charge and period that begins by `horizon`, or by its zone's `today`.

    `frames` are those of the catalog, whose dates begin in `home_zone`; `today` has the date in
    each time zone of accounts. subject, charge, account, imsi (empty: all of the account), charged
    (the account that pays), currency, period_start, period_end (exclusive), days, period_days,
    amount_micros, and is_due: whether it is to be charged by now.
    """
    days = pl.DataFrame(
        list(today.items()), schema={"timezone": pl.String, "today": pl.Date}, orient="row"
    )
    lines = _lines(frames, home_zone).join(days, on="timezone").with_columns(
        last_day=pl.max_horizontal("today", pl.lit(horizon))
    )
    subject = pl.format(
        "{}:{}:{}{}:", pl.lit(KIND), escaped("charge"), escaped("account"),
        pl.when(pl.col("imsi") == "").then(pl.lit("")).otherwise(pl.format(":{}", "imsi")),
    )
    each = parts(lines).with_columns(
        subject=subject + pl.col("period_start").dt.strftime("%Y-%m-%d")
    )
    due_on = pl.when(pl.col("due") == "advance").then("first_start").otherwise("period_end")
    return amounts(each, _KEY).with_columns(is_due=due_on <= pl.col("today")).drop("due", "today")


def escaped(name: str) -> pl.Expr:
    """The names of a column as a subject has them: no colon but between its parts."""
    return pl.col(name).str.replace_all("%", "%25", literal=True).str.replace_all(
        ":", "%3A", literal=True
    )


def todays(zones: pl.Series, now: datetime) -> dict[str, date]:
    """The date in each time zone at `now`, naive UTC."""
    aware = now.replace(tzinfo=UTC)
    return {zone: aware.astimezone(ZoneInfo(zone)).date() for zone in zones.unique()}


def _lines(frames: Mapping[str, pl.DataFrame], home_zone: str) -> pl.DataFrame:
    """Each subscription with each price it has for a while: first_day and end_day are of both."""
    accounts = frames["accounts"].select("account", "timezone", "payer", "currency")
    charged = pl.when(pl.col("payer") == "").then("account").otherwise("payer")
    holders = accounts.select("account", "timezone", charged=charged).join(
        accounts.select(charged="account", currency="currency"), on="charged"
    )
    subscriptions = frames["subscriptions"].select(
        "account", "imsi", "product", held_from="valid_from", held_to="valid_to"
    )
    both = (
        subscriptions.join(holders, on="account")
        .join(_prices(frames), on=["product", "currency"])
        .with_columns(
            valid_from=pl.max_horizontal("held_from", "valid_from"),
            valid_to=pl.min_horizontal("held_to", "valid_to"),
        )
        .filter(pl.col("valid_from") < pl.col("valid_to"))
    )
    return both.with_columns(
        first_day=_day(pl.col("valid_from"), home_zone),
        end_day=pl.when(pl.col("valid_to") >= NEVER).then(_FOREVER)
        .otherwise(_day(pl.col("valid_to"), home_zone)),
    ).drop("held_from", "held_to", "valid_from", "valid_to")


def _prices(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The prices of charges, each for as long as its tax rate holds."""
    prices = frames["recurring"].select(
        "product", "charge", "currency", "tax", "period", "due", "prorate", "valid_from",
        "valid_to", price_micros="amount_micros",
    )
    rates = frames["taxes"].filter(pl.col("serving_zone") == ANY).select(
        "tax", tax_ppm="percent_ppm", rate_from="valid_from", rate_to="valid_to"
    )
    taxed = prices.join(rates, on="tax").with_columns(
        valid_from=pl.max_horizontal("valid_from", "rate_from"),
        valid_to=pl.min_horizontal("valid_to", "rate_to"),
    ).drop("rate_from", "rate_to")
    gross = prices.filter(pl.col("tax") == "").with_columns(tax_ppm=pl.lit(0, pl.Int64))
    return pl.concat([gross, taxed.select(gross.columns)]).drop("tax")


def _day(time: pl.Expr, zone: str) -> pl.Expr:
    """The date of the catalog that a naive UTC time is the midnight of."""
    return time.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
