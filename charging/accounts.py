"""Accounts of the ledger: opened by the catalog or by their first charge."""

from datetime import datetime
from typing import Any, Final

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Numeric,
    Select,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    update,
)

from charging import audit
from charging.entries import add_entries
from charging.ledger import Ledger, frame
from charging.ledger_answers import ACCOUNTS
from charging.ledger_error import LedgerError
from charging.ledger_schema import ACCOUNT, BALANCE, ENTRY
from charging.opened_parts import digests, note_parts, other_parts, part_of
from charging.posting_rows import INT64_MAX, INT64_MIN
from mediation.tables import conform

_MOST_OF: Final = 4
"""Reading all accounts is quicker than looking up more than one in so many"""
_LARGE: Final = 1000
"""Of so many of the greatest changes each is looked at by itself"""
_NAME: Final = ["account", "currency"]
_FOLLOWING: Final = ["mode", "credit_limit_micros"]
"""What of an account may change after its opening"""
_NUMBERS: Final = (ACCOUNT.c.account, ACCOUNT.c.currency, ACCOUNT.c.account_number)
_FUNDS: Final[Select[Any]] = select(
    ACCOUNT.c.account, ACCOUNT.c.currency, ACCOUNT.c.account_number, ACCOUNT.c.mode,
    ACCOUNT.c.credit_limit_micros, BALANCE.c.amount_micros, BALANCE.c.reserved_micros,
).join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)


def open_accounts(ledger: Ledger, accounts: pl.DataFrame, now: datetime) -> int:
    """The number of accounts (table accounts) that the catalog opens for the first time.

    An account is opened once: a later change of its opening balance has no effect. Mode and credit
    limit follow the catalog.
    """
    conform(ACCOUNTS, accounts)
    catalog = digests(accounts)
    with ledger.reading() as connection:
        if other_parts(connection, catalog).is_empty():
            return 0
    double = accounts.filter(accounts.select(_NAME).is_duplicated())
    if double.height:
        raise LedgerError(ledger.where, f"account {' '.join(double.row(0)[:2])} is opened twice",
                          "name each account once for each currency")
    with ledger.writing() as connection:
        parts = other_parts(connection, catalog)
        some = accounts.filter(part_of(accounts).is_in(parts["part"].implode()))
        differing = _differing(ledger, connection, some).sort(_NAME)
        note_parts(ledger, connection, parts)
        known = _known(ledger, connection, differing)
        _follow(connection, differing, known, now)
        new = differing.join(known, on=_NAME, how="anti", maintain_order="left")
        numbers = pl.concat(
            side.select(*_NAME, "account_number")
            for side in (known, _made(ledger, connection, new))
        )
        ledger.remember(numbers)
        openings = differing.join(numbers, on=_NAME, maintain_order="left").select(
            pl.format("opening:{}:{}", "currency", "account").alias("entry_key"),
            "account_number",
            pl.lit("opening").alias("kind"),
            pl.col("opening_balance_micros").alias("amount_micros"),
            pl.lit(None, pl.String).alias("subject"),
            pl.lit("opening balance of the catalog").alias("why"),
        )
        return add_entries(ledger, connection, openings, now, who="catalog").height


def _differing(ledger: Ledger, connection: Connection, accounts: pl.DataFrame) -> pl.DataFrame:
    """Those of the accounts that are not opened, or whose mode or credit limit changed."""
    known = _known(ledger, connection, accounts)
    opened: Select[Any] = select(ENTRY.c.account_number).where(ENTRY.c.kind == "opening")
    if _are_few(connection, known.height):
        opened = ledger.dialect.matching(opened, "account_number", known["account_number"])
    ledger.remember(known)
    known = known.join(frame(connection, opened), on="account_number", how="semi")
    return accounts.join(known, on=[*_NAME, *_FOLLOWING], how="anti", nulls_equal=True)


def _follow(
    connection: Connection, accounts: pl.DataFrame, known: pl.DataFrame, now: datetime
) -> None:
    """Give known accounts the mode and credit limit that they have now."""
    changed = accounts.join(known, on=_NAME, suffix="_before").filter(
        pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"{n}_before")) for n in _FOLLOWING)
    )
    if changed.is_empty():
        return
    connection.execute(
        update(ACCOUNT).where(ACCOUNT.c.account_number == bindparam("of")),
        changed.select(pl.col("account_number").alias("of"), *_FOLLOWING).to_dicts(),
    )
    before = [f"{name}_before" for name in _FOLLOWING]
    names = changed.select(pl.concat_str(_NAME, separator=" ")).to_series().to_list()
    audit.record(
        connection, now, who="catalog", action="accounts", why="the catalog changed",
        subject=names[0] if len(names) == 1 else f"{len(names):,} accounts",
        before=dict(zip(names, changed.select(before).rows(), strict=True)),
        after=dict(zip(names, changed.select(_FOLLOWING).rows(), strict=True)),
    )


def numbered(ledger: Ledger, connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (account, currency) in any order with account_number; unknown accounts are made.

    A charge never waits for its account: one that the catalog does not name begins at 0, as a
    partner's.
    """
    found = rows.join(ledger.numbers, on=_NAME, how="left")
    unmet = found.filter(pl.col("account_number").is_null()).drop("account_number")
    if unmet.is_empty():
        return found
    names = unmet.select(_NAME).unique(maintain_order=True)
    known = _numbers(ledger, connection, names)
    made = _made(ledger, connection, names.join(
        known, on=_NAME, how="anti", maintain_order="left"
    ).with_columns(mode=pl.lit("partner"), credit_limit_micros=pl.lit(None, pl.Int64)))
    new = pl.concat([known, made.select(known.columns)])
    ledger.remember(new)
    return pl.concat([found.drop_nulls("account_number"), unmet.join(new, on=_NAME)])


def funds(ledger: Ledger, connection: Connection, names: pl.DataFrame) -> pl.DataFrame:
    """What the ledger knows of accounts (account, currency); those it does not know are made.

    account, currency, account_number, mode, credit_limit_micros, amount_micros, reserved_micros,
    each account once.
    """
    wanted = numbered(ledger, connection, names.select(_NAME).unique(maintain_order=True))
    return _known(ledger, connection, wanted)


def doubtful(ledger: Ledger, connection: Connection, changes: pl.DataFrame) -> pl.DataFrame:
    """Funds of those of the accounts whose charges may not have cover, or leave 64 bits.

    `changes` has account_number and the sums of amounts below and above zero, `less` and `more`.
    As `funds`; all that are left out have enough for any of the changes, as nearly all accounts do.
    """
    by_size = changes.sort("less")
    # What partners get is far more than what anybody else pays, and would make all doubtful.
    few = _are_few(connection, by_size.height)
    large, small = (by_size, by_size.clear()) if few else (by_size[:_LARGE], by_size[_LARGE:])
    numbers = large["account_number"]
    found = frame(
        connection, ledger.dialect.matching(_FUNDS, "account_number", numbers), ACCOUNTS.polars
    )
    if small.is_empty():
        return found
    near = frame(connection, _FUNDS.where(_near_an_end(small)), ACCOUNTS.polars)
    return pl.concat([found, near.join(small, on="account_number", how="semi")])


def _near_an_end(changes: pl.DataFrame) -> ColumnElement[bool]:
    """Whether the greatest of the changes takes a balance below its floor, or out of 64 bits."""
    least, most = changes.select(
        pl.col("less").min().clip(lower_bound=INT64_MIN),
        pl.col("more").max().clip(upper_bound=INT64_MAX),
    ).row(0)
    floor = case(
        (ACCOUNT.c.mode == "prepaid", 0),
        (ACCOUNT.c.mode == "postpaid", -ACCOUNT.c.credit_limit_micros),
    )
    amount = BALANCE.c.amount_micros
    return or_(
        amount < cast(floor, Numeric) + BALANCE.c.reserved_micros - least,
        amount < INT64_MIN - least,
        amount > INT64_MAX - most,
    )


def _numbers(ledger: Ledger, connection: Connection, names: pl.DataFrame) -> pl.DataFrame:
    """account, currency and account_number of those of the accounts that there are."""
    query: Select[Any] = select(*_NUMBERS)
    if _are_few(connection, names.height):
        query = ledger.dialect.matching(query, "account", names["account"].unique())
    found = frame(connection, query, ACCOUNTS.polars)
    return found.join(names, on=_NAME, how="semi")


def _are_few(connection: Connection, number: int) -> bool:
    """Whether so many accounts are better looked up than found among all."""
    accounts: int = connection.scalar(select(func.max(ACCOUNT.c.account_number))) or 0
    return number * _MOST_OF < accounts


def _made(ledger: Ledger, connection: Connection, missing: pl.DataFrame) -> pl.DataFrame:
    """Accounts (account, currency, mode, credit_limit_micros) made, as `funds` gives them."""
    last: int = connection.scalar(select(func.max(ACCOUNT.c.account_number))) or 0
    made = missing.select(
        *_NAME, *_FOLLOWING,
        account_number=pl.int_range(last + 1, last + 1 + missing.height, dtype=pl.Int64),
        amount_micros=pl.lit(0, pl.Int64),
        reserved_micros=pl.lit(0, pl.Int64),
    )
    if made.height:
        ledger.dialect.append(
            connection, ACCOUNT, made.select(*_NAME, "account_number", *_FOLLOWING)
        )
        ledger.dialect.append(connection, BALANCE, made.select(
            "account_number", "amount_micros", "reserved_micros", postings=pl.lit(0, pl.Int64)
        ))
    return made


def _known(ledger: Ledger, connection: Connection, names: pl.DataFrame) -> pl.DataFrame:
    """The accounts among the names that the ledger knows, as funds gives them."""
    query = _FUNDS
    if _are_few(connection, names.height):
        query = ledger.dialect.matching(query, "account", names["account"].unique())
    found = frame(connection, query, ACCOUNTS.polars)
    return found.join(names.select(_NAME), on=_NAME, how="semi")
