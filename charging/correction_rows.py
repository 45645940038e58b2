"""What corrections are made of, and the checks that they still hold; no database is needed."""

from typing import Final

import polars as pl

from charging.ledger_error import LedgerError
from charging.posting_id import LEGS, Kind, unpacked, with_parts

_DRAWN: Final = ["holder", "allowance", "period_start", "scale"]


def refunds(known: pl.DataFrame, batch: int) -> pl.DataFrame:
    """Postings that give back all that legs come to."""
    return known.select(
        "account_number",
        posting_id=with_parts(pl.col("leg_id"), pl.col("revision"), Kind.REFUND),
        amount_micros=-pl.col("net_micros"),
        batch_number=pl.lit(batch, pl.Int64),
    )


def adjustments(
    closed: pl.DataFrame, accounts: pl.DataFrame, old: pl.DataFrame, new: pl.DataFrame, batch: int
) -> pl.DataFrame:
    """Postings of the differences of legs of closed periods whose account stays; with leg_id."""
    revised = new.join(old, on="leg_id", how="semi").join(
        accounts, on=["account", "currency"], maintain_order="left"
    )
    return revised.join(
        closed.select("leg_id", "account_number", "net_micros"), on=["leg_id", "account_number"]
    ).select(
        "account_number",
        "leg_id",
        posting_id=pl.col("posting_id") + int(Kind.ADJUSTMENT),
        amount_micros=pl.col("amount_micros") - pl.col("net_micros"),
        batch_number=pl.lit(batch, pl.Int64),
    )


def net_use(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """What is used of allowances when charges that drew `old` give way to such that draw `new`."""
    both = pl.concat([old.with_columns(-pl.col("used")), new])
    return both.group_by(_DRAWN).agg(
        pl.col("used").sum(), pl.col("last_event_at").max()
    ).sort(_DRAWN)


def refuse_others(where: str, known: pl.DataFrame, rows: pl.DataFrame) -> None:
    """LedgerError where the charges are not those that stand on the ledger, leg for leg."""
    both = known.select("leg_id", "stands", "revision", "charged_micros").join(
        rows.select("leg_id", revision_given="revision", given=-pl.col("amount_micros")),
        on="leg_id", how="full", coalesce=True,
    )
    other = both.filter(
        ~pl.col("stands").fill_null(value=False)
        | (pl.col("revision") != pl.col("revision_given")).fill_null(value=True)
        | (pl.col("charged_micros") != pl.col("given")).fill_null(value=False)
    )
    if other.is_empty():
        return
    row, total = other.sort("leg_id").row(0, named=True), other.height
    on_ledger = (
        f"revision {row['revision']} with {row['charged_micros']} micros" if row["stands"]
        else "nothing that stands"
    )
    given = (
        "nothing" if row["given"] is None
        else f"revision {row['revision_given']} with {row['given']} micros"
    )
    raise LedgerError(
        where, f"{total} charges are not those on the ledger: {_leg(row['leg_id'])} has "
        f"{on_ledger}, given is {given}", "compute the correction anew",
    )


def refuse_stale(
    where: str, known: pl.DataFrame, old: pl.DataFrame, new: pl.DataFrame
) -> None:
    """LedgerError where a new charge does not follow the last one of its leg and usage."""
    last = known.select("leg_id", "stands", "revision")
    following = new.select("leg_id", "head", "rest", given="revision").join(
        last, on="leg_id", how="left"
    ).join(
        old.select("leg_id", head_before="head", rest_before="rest"), on="leg_id", how="left"
    )
    replaces = pl.col("head_before").is_not_null()
    wrong = following.filter(
        (pl.col("given") <= pl.col("revision")).fill_null(value=False)
        | (replaces & (pl.col("given") != pl.col("revision") + 1))
        | (replaces & ((pl.col("head") != pl.col("head_before"))
                       | (pl.col("rest") != pl.col("rest_before"))))
        | (~replaces & pl.col("stands").fill_null(value=False))
    )
    if wrong.height:
        row = wrong.sort("leg_id").row(0, named=True)
        raise LedgerError(
            where, f"the charge of {_leg(row['leg_id'])}, revision {row['given']}, does not follow "
            f"revision {row['revision']} of the same usage", "compute the correction anew",
        )


def standing(
    known: pl.DataFrame, old: pl.DataFrame, new: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The usages (head, rest, record) that do not stand any more, and those that come to stand."""
    before = known.filter("stands").select("record").unique()
    left = known.filter("stands").join(old, on="leg_id", how="anti").select("record")
    after = pl.concat([left, new.select("record")]).unique()
    usages = pl.concat([old, new], how="diagonal").select("head", "rest", "record").unique()
    gone = usages.join(before, on="record", how="semi").join(after, on="record", how="anti")
    come = usages.join(after, on="record", how="semi").join(before, on="record", how="anti")
    return gone, come


def _leg(leg_id: int) -> str:
    """The words for a leg."""
    one = pl.DataFrame({"leg_id": [leg_id]})
    parts = one.select(value.alias(name) for name, value in unpacked(pl.col("leg_id")).items()).row(
        0, named=True
    )
    return (f"record {parts['record_index']} of file number {parts['file_number']}, "
            f"{LEGS[parts['leg']]}")
