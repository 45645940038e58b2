"""Recurring charges: what each period owes, computed anew, less what was charged for it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

import polars as pl
from sqlalchemy import BigInteger, Connection, cast, func, select

from charging import audit
from charging.account_state import states
from charging.accounts import funds
from charging.entries import add_entries
from charging.holds import refuse_while_held
from charging.ledger import Ledger, frame
from charging.ledger_schema import ACCOUNT, ENTRY
from charging.recurring_owed import KIND, owed

_TYPES: Final = {
    "subject": pl.String(), "posted_account": pl.String(), "posted_currency": pl.String(),
}
_NAMES: Final = ("subject", "charge", "account", "imsi", "period_start")
_FIRST: Final = date(1900, 1, 1)


def charge_periods(
    ledger: Ledger, frames: Mapping[str, pl.DataFrame], home_zone: str, today: Mapping[str, date],
    now: datetime, *, who: str, dry_run: bool = False,
) -> pl.DataFrame:
    """The entries that make what is charged what is owed, now on the ledger.

    subject, charge, account, imsi, charged, currency, period_start, period_end, days, period_days,
    amount_micros (a charge is negative, what is given back positive), why. `frames`, `home_zone`
    and `today` are as for `owed`. A charge or account that the catalog has no more stays as it is,
    and so does what was charged to an account that is closed now or is paid in another currency.
    The accounts are open; a balance may go below zero. LedgerError on hold.
    """
    with ledger.reading() as connection:
        last = _last_entry(connection)
        found = _differences(connection, frames, home_zone, today)
    if dry_run or found.is_empty():
        return found
    # Nobody else waits for what takes long: the writer's turn begins here.
    with ledger.writing() as connection:
        refuse_while_held(ledger, connection)
        if _entered_since(connection, last):
            found = _differences(connection, frames, home_zone, today)
        found = _of_open_accounts(connection, found)
        if found.height:
            _write(ledger, connection, found, now, who)
    return found


def _last_entry(connection: Connection) -> int:
    return connection.scalar(select(func.max(ENTRY.c.entry_number))) or 0


def _entered_since(connection: Connection, last: int) -> bool:
    """Whether another run entered something after the entry of this number."""
    query = select(ENTRY.c.entry_number).where(ENTRY.c.entry_number > last, ENTRY.c.kind == KIND)
    return connection.execute(query.limit(1)).first() is not None


def _differences(
    connection: Connection, frames: Mapping[str, pl.DataFrame], home_zone: str,
    today: Mapping[str, date],
) -> pl.DataFrame:
    """What is to be entered, with `entries`, how many entries the subject has already."""
    posted = _posted(connection)
    last = posted["subject"].str.slice(-10).str.to_date("%Y-%m-%d").max()
    horizon = last if isinstance(last, date) else _FIRST
    due = owed(frames, home_zone, today, horizon).rename({"amount_micros": "owed_micros"})
    both = due.join(_in_catalog(posted, frames), on="subject", how="full").with_columns(
        *(pl.coalesce(name, f"{name}_right").alias(name) for name in _NAMES),
        charged=pl.coalesce("posted_account", "charged"),
        currency=pl.coalesce("currency", "posted_currency"),
        owed_micros=pl.col("owed_micros").fill_null(0),
        entries=pl.col("entries").fill_null(0),
    )
    found = both.with_columns(
        amount_micros=-pl.col("owed_micros") - pl.col("posted_micros").fill_null(0)
    ).filter(
        pl.col("is_due") | (pl.col("entries") > 0),
        pl.col("amount_micros") != 0,
        # who is paid for in another currency now keeps what he was charged before
        pl.col("posted_currency").is_null() | (pl.col("posted_currency") == pl.col("currency")),
    )
    return _of_open_accounts(connection, _described(found))


def _of_open_accounts(connection: Connection, found: pl.DataFrame) -> pl.DataFrame:
    closed = states(connection).filter(pl.col("state") == "closed").select(
        "currency", charged="account"
    )
    return found.join(closed, on=["charged", "currency"], how="anti", maintain_order="left")


def _posted(connection: Connection) -> pl.DataFrame:
    """What was charged for each subject: posted_micros, entries, account and currency."""
    query = (
        select(
            ENTRY.c.subject, ACCOUNT.c.account.label("posted_account"),
            ACCOUNT.c.currency.label("posted_currency"),
            cast(func.sum(ENTRY.c.amount_micros), BigInteger).label("posted_micros"),
            func.count(ENTRY.c.entry_number).label("entries"),
        )
        .join_from(ENTRY, ACCOUNT, ACCOUNT.c.account_number == ENTRY.c.account_number)
        .where(ENTRY.c.kind == KIND)
        .group_by(ENTRY.c.subject, ACCOUNT.c.account, ACCOUNT.c.currency)
    )
    return frame(connection, query, _TYPES)


def _in_catalog(posted: pl.DataFrame, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """What was charged by charges and to accounts that the catalog still has."""
    part = pl.col("subject").str.split(":").list
    named = posted.with_columns(
        charge=_unescaped(part.get(1)), account=_unescaped(part.get(2)),
        imsi=pl.when(part.len() > 4).then(part.get(3, null_on_oob=True)).otherwise(pl.lit("")),
        period_start=part.last().str.to_date("%Y-%m-%d"),
    )
    return named.join(frames["recurring"], on="charge", how="semi").join(
        frames["accounts"], on="account", how="semi"
    )


def _described(found: pl.DataFrame) -> pl.DataFrame:
    """The entries with `why`, in order of their subjects."""
    whole = pl.format("{} {} to {}", "charge", "period_start",
                      pl.col("period_end").dt.offset_by("-1d"))
    nothing = pl.lit("")
    words = [
        pl.coalesce(whole, pl.format("{} {}", "charge", "period_start")),
        pl.when(pl.col("imsi") == "").then(nothing).otherwise(pl.format(", SIM {}", "imsi")),
        pl.when(pl.col("days") < pl.col("period_days"))
        .then(pl.format(", {} of {} days", "days", "period_days")).otherwise(nothing),
        pl.when(pl.col("entries") == 0).then(nothing)
        .when(pl.col("owed_micros") == 0).then(pl.lit(", taken back"))
        .otherwise(pl.lit(", changed")),
    ]
    return found.with_columns(why=pl.concat_str(words)).select(
        "subject", "charge", "account", "imsi", "charged", "currency", "period_start",
        "period_end", "days", "period_days", "amount_micros", "entries", "why",
    ).sort("subject")


def _write(
    ledger: Ledger, connection: Connection, found: pl.DataFrame, now: datetime, who: str
) -> None:
    names = {"account": "charged", "currency": "currency"}
    known = funds(ledger, connection, found.select(**names)).select(
        "account_number", charged="account", currency="currency"
    )
    numbered = found.join(known, on=["charged", "currency"], maintain_order="left")
    add_entries(ledger, connection, numbered.select(
        pl.format("{}:{}", "subject", "entries").alias("entry_key"),
        "account_number",
        pl.lit(KIND).alias("kind"),
        "amount_micros", "subject", "why",
    ), now, who=who)
    audit.record(
        connection, now, who=who, action=KIND, subject=f"{found.height} entries",
        why="what is owed for periods, less what was charged for them",
        after={"charged_micros": _sums(found, pl.col("amount_micros") < 0),
               "given_back_micros": _sums(found, pl.col("amount_micros") > 0)},
    )


def _sums(found: pl.DataFrame, which: pl.Expr) -> dict[str, int]:
    """The amounts added up by charge and currency."""
    summed = found.filter(which).group_by("charge", "currency").agg(
        pl.col("amount_micros").cast(pl.Int128).sum()
    )
    return {f"{charge} {currency}": amount for charge, currency, amount in summed.iter_rows()}


def _unescaped(name: pl.Expr) -> pl.Expr:
    return name.str.replace_all("%3A", ":", literal=True).str.replace_all("%25", "%", literal=True)
