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
_INT64_MAX: Final = 2**63 - 1
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
    short = uncovered(funds)
    plain = rows.select(*_ROW)
    if short.is_empty():
        return plain
    doubtful = _doubtful(rows, short)
    several = pl.col("at_once")
    others = plain.join(short, on="account_number", how="anti", maintain_order="left")
    return pl.concat([
        others, _at_once(doubtful.filter(several)), _one_by_one(doubtful.filter(~several))
    ])


def _doubtful(rows: pl.DataFrame, short: pl.DataFrame) -> pl.DataFrame:
    """The charges of accounts that may not cover them, in event order.

    `gives_back` is whether what is not covered is given back, `at_once` whether the balance before
    each charge of the account is a matter of sums.
    """
    gives_back = (pl.col("mode") == "prepaid") & pl.col("policy").is_in(list(_GIVEN_BACK))
    found = rows.join(
        short.select("account_number", "mode", "floor", balance="amount_micros"),
        on="account_number",
    ).sort("account_number", "started_at", "head", "rest", "posting_id").with_columns(
        gives_back=gives_back
    )
    numbers = found.select(
        pl.col(name).cast(pl.Int128).abs().max() for name in ("amount_micros", "balance", "floor")
    ).row(0)
    is_small = max(number or 0 for number in numbers) * (found.height + 2) <= _INT64_MAX
    of_one_kind = ~pl.col("gives_back").any() | (
        pl.col("gives_back").all() & (pl.col("amount_micros") <= 0).all()
    )
    return found.with_columns(
        at_once=of_one_kind.over("account_number") & is_small
    )


def _at_once(rows: pl.DataFrame) -> pl.DataFrame:
    """The postings of accounts of which all charges, or none, are given back where not covered."""
    amount, floor, gives_back = pl.col("amount_micros"), pl.col("floor"), pl.col("gives_back")
    sums = pl.col("balance") + amount.cum_sum().over("account_number") - amount
    # What is given back leaves the balance at its floor, or where it was below it.
    kept = pl.max_horizontal(pl.min_horizontal("balance", "floor"), sums)
    after = pl.when(gives_back).then(kept).otherwise(sums) + amount
    excess = pl.min_horizontal((floor - after).clip(0), (-amount).clip(0))
    split = rows.with_columns(excess=excess)
    beyond = split.filter(pl.col("excess") > 0)
    kind = (
        pl.when(gives_back).then(pl.col("policy").replace_strict(
            {policy: int(kind) for policy, kind in _GIVEN_BACK.items()}, default=0,
            return_dtype=pl.Int64,
        ))
        .when(pl.col("mode") == "postpaid").then(int(Kind.OVER_LIMIT))
        .otherwise(int(Kind.OVERDRAFT))
    )
    return pl.concat([
        split.filter(
            gives_back | (pl.col("excess") < -amount) | (pl.col("excess") == 0)
        ).with_columns(
            amount_micros=pl.when(gives_back).then(amount).otherwise(amount + pl.col("excess"))
        ).select(*_ROW),
        beyond.with_columns(
            posting_id=pl.col("posting_id") + kind,
            amount_micros=pl.when(gives_back).then("excess").otherwise(-pl.col("excess")),
        ).select(*_ROW),
    ])


def _one_by_one(rows: pl.DataFrame) -> pl.DataFrame:
    """The postings of accounts whose charges each depend on what became of those before."""
    return pl.DataFrame(list(_split(rows)), schema=_ROW, orient="row")


def uncovered(funds: pl.DataFrame) -> pl.DataFrame:
    """Those of the funds that may not cover all charges, with the `floor` that they end at.

    Whoever has enough for all his charges needs no look at each.
    """
    floors = funds.with_columns(
        floor=pl.when(pl.col("mode") == "prepaid").then(0)
        .when(pl.col("mode") == "postpaid").then(-pl.col("credit_limit_micros"))
        + pl.col("reserved_micros")
    ).drop_nulls("floor")
    return floors.filter(pl.col("amount_micros") + pl.col("less") < pl.col("floor"))


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
