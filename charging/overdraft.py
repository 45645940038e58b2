"""What becomes of charges that a balance or a credit limit does not cover."""

from collections.abc import Iterator
from typing import Final, Literal, get_args

import polars as pl

from charging.posting_id import Kind

Policy = Literal["negative", "cap", "write_off"]
"""Of a late charge to a prepaid account: the balance goes below zero; the price ends where the
balance does; the charge stands, and what is not covered is given up"""
POLICIES: Final = get_args(Policy)

_GIVEN_BACK: Final = {"cap": Kind.CAP, "write_off": Kind.WRITE_OFF}
_ROW: Final = {
    "posting_id": pl.Int64(), "account_number": pl.Int64(), "amount_micros": pl.Int64(),
    "batch_number": pl.Int64(),
}


def covered(rows: pl.DataFrame, funds: pl.DataFrame) -> pl.DataFrame:
    """The postings of charges: posting_id with its kind, account, amount and batch.

    `rows` has posting_id (of kind usage), account_number, amount_micros (a charge is negative),
    batch_number, policy, started_at, head and rest; `funds` has account_number, mode,
    credit_limit_micros, amount_micros and reserved_micros before any of them, and the sum of those
    below zero, `less`. Charges of an account are looked at in event order.
    """
    floors = funds.with_columns(
        floor=pl.when(pl.col("mode") == "prepaid").then(0)
        .when(pl.col("mode") == "postpaid").then(-pl.col("credit_limit_micros"))
        + pl.col("reserved_micros")
    ).drop_nulls("floor")
    # Whoever has enough for all his charges needs no look at each.
    short = floors.filter(pl.col("amount_micros") + pl.col("less") < pl.col("floor"))
    plain = rows.select(*_ROW)
    if short.is_empty():
        return plain
    doubtful = rows.join(
        short.select("account_number", "mode", "floor", balance="amount_micros"),
        on="account_number",
    ).sort("account_number", "started_at", "head", "rest", "posting_id")
    split = pl.DataFrame(list(_split(doubtful)), schema=_ROW, orient="row")
    others = plain.join(short, on="account_number", how="anti", maintain_order="left")
    return pl.concat([others, split])


def _split(rows: pl.DataFrame) -> Iterator[tuple[int, int, int, int]]:
    """The postings of the accounts whose charges do not all have cover."""
    names = (*_ROW, "policy", "mode", "floor", "balance")
    account, balance = None, 0
    for posting_id, number, amount, batch, policy, mode, floor, before in (
        rows.select(*names).iter_rows()
    ):
        if number != account:
            account, balance = number, before
        balance += amount
        excess = min(max(floor - balance, 0), max(-amount, 0))
        given_back = _GIVEN_BACK.get(policy) if mode == "prepaid" else None
        if given_back and excess:
            balance += excess
            yield posting_id, number, amount, batch
            yield posting_id | given_back, number, excess, batch
            continue
        if excess < -amount or not excess:
            yield posting_id, number, amount + excess, batch
        if excess:
            kind = Kind.OVER_LIMIT if mode == "postpaid" else Kind.OVERDRAFT
            yield posting_id | kind, number, -excess, batch
