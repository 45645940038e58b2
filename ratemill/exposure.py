"""Exposure: who owes more than he may, and what was not or will never be collected."""

from typing import Final

import msgspec
import polars as pl
from sqlalchemy import Connection, select

from charging.ledger import Ledger, frame
from charging.ledger_schema import ACCOUNT, BALANCE, FILE, FILE_TOTAL
from charging.posting_id import Kind
from charging.schema import POSTING
from ratemill.charges_now import ChargesNow
from ratemill.home import Home
from ratemill.lake import Lake

KINDS: Final = ("overdraft", "over_limit", "cap", "write_off")
_FILE: Final = ["partner", "file_id"]
_LEG: Final = [*_FILE, "record_index", "leg", "revision"]
_ACCOUNT: Final = {
    "account": pl.String(), "currency": pl.String(), "mode": pl.String(),
}


class Account(msgspec.Struct, frozen=True):
    """One account in one currency."""

    account: str
    mode: str
    currency: str
    balance_micros: int
    reserved_micros: int
    credit_limit_micros: int | None
    over_micros: int
    """how far below zero (prepaid) or over the limit (postpaid)"""


class Uncovered(msgspec.Struct, frozen=True):
    """Charges that stand and that balances or limits did not cover; the amount is positive."""

    kind: str
    product: str | None
    partner: str
    file_id: str
    name: str
    currency: str
    charges: int
    amount_micros: int


class Sum(msgspec.Struct, frozen=True):
    """All of one kind in one currency; kind balance is what accounts are over by now."""

    kind: str
    currency: str
    count: int
    amount_micros: int


class Exposure(msgspec.Struct, frozen=True):
    """Who is over by how much now, what charges were not covered, and the sums."""

    accounts: list[Account]
    uncovered: list[Uncovered]
    sums: list[Sum]


def exposure(home: Home) -> Exposure:
    """The home's exposure, the largest amounts first."""
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        over = all_accounts(connection).filter(pl.col("over_micros") > 0)
        files = _files(connection)
    uncovered = _uncovered(Lake(home.lake), files)
    sums = pl.concat([
        over.group_by("currency").agg(
            count=pl.len().cast(pl.Int64), amount_micros=pl.col("over_micros").sum()
        ).select(pl.lit("balance").alias("kind"), pl.all()),
        uncovered.group_by("kind", "currency").agg(
            count=pl.col("charges").sum(), amount_micros=pl.col("amount_micros").sum()
        ).select("kind", "currency", "count", "amount_micros"),
    ])
    ranks = {kind: rank for rank, kind in enumerate(("balance", *KINDS))}
    ranked = sums.sort(pl.col("kind").replace_strict(ranks), "currency")
    return Exposure(
        [Account(**row) for row in over.sort(
            "currency", "over_micros", "account", descending=[False, True, False]
        ).iter_rows(named=True)],
        [Uncovered(**row) for row in uncovered.iter_rows(named=True)],
        [Sum(**row) for row in ranked.iter_rows(named=True)],
    )


def all_accounts(connection: Connection) -> pl.DataFrame:
    """The fields of Account of every account, by name; over_micros is 0 where all is covered."""
    query = select(
        ACCOUNT.c.account, ACCOUNT.c.mode, ACCOUNT.c.currency,
        BALANCE.c.amount_micros.label("balance_micros"), BALANCE.c.reserved_micros,
        ACCOUNT.c.credit_limit_micros,
    ).join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
    limit = pl.when(pl.col("mode") == "prepaid").then(0).when(pl.col("mode") == "postpaid").then(
        "credit_limit_micros"
    )
    return frame(connection, query, _ACCOUNT).with_columns(
        over_micros=pl.max_horizontal(-pl.col("balance_micros") - limit, 0).fill_null(0)
    ).with_columns(
        over_micros=pl.when(limit.is_null()).then(0).otherwise("over_micros")
    ).sort("account", "currency")


def _files(connection: Connection) -> pl.DataFrame:
    """Partner and file_id of the files with charges that were not covered at some time."""
    kinds = [int(Kind[kind.upper()]) for kind in KINDS]
    query = (
        select(FILE.c.partner, FILE.c.file_id, FILE.c.file_number)
        .join_from(FILE, FILE_TOTAL, FILE.c.file_number == FILE_TOTAL.c.file_number)
        .where(FILE_TOTAL.c.kind.in_(kinds)).distinct().order_by(FILE.c.file_number)
    )
    return frame(connection, query, {"partner": pl.String(), "file_id": pl.String()})


def _uncovered(lake: Lake, files: pl.DataFrame) -> pl.DataFrame:
    """The fields of Uncovered of the charges of these files that stand."""
    corrected = lake.read(POSTING, lake.corrections(POSTING))
    now = ChargesNow(lake, (f"{partner}/{file_id}" for partner, file_id
                            in files.select(_FILE).iter_rows()))
    found = [_of_file(lake, now, corrected, *file) for file in files.select(_FILE).iter_rows()]
    none = POSTING.empty().select(*_FILE, "kind", "currency", "amount_micros", *_LEG[2:])
    rows = pl.concat([none.with_columns(product=pl.lit(None, pl.String)), *found])
    names = lake.file_rows("collect").select(*_FILE, "name")
    return rows.group_by("kind", "product", *_FILE, "currency").agg(
        charges=pl.len().cast(pl.Int64), amount_micros=pl.col("amount_micros").abs().sum()
    ).join(names, on=_FILE, how="left").select(
        "kind", "product", *_FILE, "name", "currency", "charges", "amount_micros"
    ).sort("currency", "kind", "amount_micros", "name", descending=[False, False, True, False])


def _of_file(
    lake: Lake, now: ChargesNow, corrected: pl.DataFrame, partner: str, file_id: str
) -> pl.DataFrame:
    """The uncovered postings of charges of a file that stand, with the product."""
    path = lake.path(POSTING, partner, file_id, "post")
    postings = pl.concat([
        lake.read(POSTING, [path] if path.exists() else []),
        corrected.filter(partner=partner, file_id=file_id),
    ]).filter(pl.col("kind").is_in(KINDS))
    charges = now.of(f"{partner}/{file_id}", [*_LEG, "product"])
    return postings.join(charges, on=_LEG).select(
        *_FILE, "kind", "currency", "amount_micros", *_LEG[2:], "product"
    )
