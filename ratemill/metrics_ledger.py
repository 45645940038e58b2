"""Figures that the ledger gives: sums, holds, and how long charges took to get there."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import BigInteger, Connection, Select, cast, func, select

from charging.ledger import Ledger, frame
from charging.ledger_schema import ACCOUNT, BALANCE, ENTRY, FILE, FILE_TOTAL, HOLD
from charging.posting_id import LEGS
from ratemill import metric_list as metrics
from ratemill.home import Home
from ratemill.metric_list import Sample

RECENT: Final = timedelta(hours=24)
"""Files posted within it tell the lags: a day has every partner's files"""
_FILE: Final = ["partner", "file_id"]
_POSTED: Final = {
    "partner": pl.String(), "file_id": pl.String(), "posted_at": pl.Datetime("us")
}


def of_ledger(home: Home, posted: pl.DataFrame, now: datetime) -> Iterator[Sample]:
    """The ledger's figures; `posted` has the files with records on it, and their ages.

    A home that has no ledger yet has none, and gets none by being looked at.
    """
    if not is_there(home):
        return
    query = select(FILE.c.partner, FILE.c.file_id, FILE.c.posted_at)
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        yield from _sums(connection)
        recent = frame(connection, query.where(FILE.c.posted_at >= now - RECENT), _POSTED)
    yield from _lags(posted.join(recent, on=_FILE))


def is_there(home: Home) -> bool:
    """Whether a ledger was made; of one on a server this is not asked."""
    return "://" in home.ledger or Path(home.ledger).exists()


def _sums(connection: Connection) -> Iterator[Sample]:
    """Counts, charges, and the balances against what they are made of."""
    balances = _by_currency(connection, select(
        ACCOUNT.c.currency, _sum(BALANCE.c.amount_micros)
    ).join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
     .group_by(ACCOUNT.c.currency))
    entries = _by_currency(connection, select(
        ACCOUNT.c.currency, _sum(ENTRY.c.amount_micros)
    ).join_from(ACCOUNT, ENTRY, ACCOUNT.c.account_number == ENTRY.c.account_number)
     .group_by(ACCOUNT.c.currency))
    files = dict.fromkeys(balances, 0)
    totals = select(FILE_TOTAL.c.leg, FILE_TOTAL.c.currency, _sum(FILE_TOTAL.c.amount_micros))
    for leg, currency, micros in connection.execute(
        totals.group_by(FILE_TOTAL.c.leg, FILE_TOTAL.c.currency)
    ):
        files[currency] = files.get(currency, 0) + micros
        yield Sample(metrics.CHARGED, (LEGS[leg], currency), -micros)
    for currency in {**balances, **entries, **files}:
        stated = balances.get(currency, 0)
        made_of = files.get(currency, 0) + entries.get(currency, 0)
        yield Sample(metrics.DIFFERENCE, (currency,), stated - made_of)
    accounts, postings = connection.execute(
        select(func.count(), _sum(BALANCE.c.postings)).select_from(BALANCE)
    ).one()
    yield Sample(metrics.ACCOUNTS, (), accounts)
    yield Sample(metrics.POSTINGS, (), postings or 0)
    holds = select(func.count()).select_from(HOLD).where(HOLD.c.released_at.is_(None))
    yield Sample(metrics.HOLDS, (), connection.scalar(holds) or 0)


def _sum(column: Any) -> Any:  # noqa: ANN401 (SQLAlchemy's columns)
    """The sum as a whole number: PostgreSQL makes a decimal of it."""
    return cast(func.sum(column), BigInteger)


def _by_currency(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}


def _lags(files: pl.DataFrame) -> Iterator[Sample]:
    """By partner how long it took from event and from arrival to posting."""
    took = files.with_columns(
        wait=(pl.col("posted_at") - pl.col("received_at")).dt.total_seconds()
    ).sort("partner")
    for (name,), mine in took.group_by("partner", maintain_order=True):
        partner = str(name)
        aged = mine.drop_nulls(["age_median_s", "age_max_s"]).with_columns(
            middle=pl.col("wait") + pl.col("age_median_s"),
            most=pl.col("wait") + pl.col("age_max_s"),
        )
        yield Sample(metrics.ARRIVAL_TO_POST, (partner, "median"), _median(mine, "wait"))
        yield Sample(metrics.ARRIVAL_TO_POST, (partner, "max"), _greatest(mine, "wait"))
        if not aged.is_empty():
            yield Sample(metrics.CALL_TO_POST, (partner, "median"), _median(aged, "middle"))
            yield Sample(metrics.CALL_TO_POST, (partner, "max"), _greatest(aged, "most"))


def _median(files: pl.DataFrame, column: str) -> int:
    """The value that half of the posted records have at most."""
    ordered = files.sort(column)
    half = ordered["posted"].cum_sum() * 2 >= ordered["posted"].sum()
    return int(ordered.filter(half)[column][0])


def _greatest(files: pl.DataFrame, column: str) -> int:
    return int(files[column].sort()[-1])
