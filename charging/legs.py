"""What the legs of records come to on the ledger."""

from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from charging.ledger import Ledger, frame
from charging.ledger_schema import POSTING
from charging.posting_id import (
    CHARGED,
    FILE_SHIFT,
    LEG_POSTINGS,
    Kind,
    file_range,
    leg_of,
    record_of,
    unpacked,
)

_FEW: Final = 200
"""Legs of one file up to which they are looked up one by one, and not with the whole file"""


def legs_of_file(connection: Connection, file_number: int) -> pl.DataFrame:
    """The legs of a file as `legs` gives them."""
    among = POSTING.c.posting_id.between(*file_range(file_number))
    return summed(frame(connection, select(POSTING).where(among)))


def legs(ledger: Ledger, connection: Connection, wanted: pl.Series) -> pl.DataFrame:
    """Those of the legs (id: posting id of revision 0, kind 0) that were ever posted.

    leg_id, record, revision (the last), stands (it is not given back), account_number (of the last
    revision), charged_micros (the charge of the last revision, positive; null where it was
    adjusted), net_micros (all postings), batch_number (of the last revision).
    """
    ids = pl.DataFrame({"leg_id": wanted}).unique().with_columns(
        file_number=pl.col("leg_id") // (1 << FILE_SHIFT)
    )
    sizes = ids.group_by("file_number").len()
    many = sizes.filter(pl.col("len") > _FEW)["file_number"]
    few = ids.filter(~pl.col("file_number").is_in(many.implode()))["leg_id"]
    found = [_looked_up(ledger, connection, few)]
    found += [legs_of_file(connection, number) for number in many.sort()]
    return pl.concat(found).join(ids, on="leg_id", how="semi")


def _looked_up(ledger: Ledger, connection: Connection, wanted: pl.Series) -> pl.DataFrame:
    of = ledger.dialect.listed(wanted)
    query = select(POSTING).select_from(of).join(
        POSTING, POSTING.c.posting_id.between(of.c.value, of.c.value + LEG_POSTINGS - 1)
    )
    return summed(frame(connection, query))


def summed(postings: pl.DataFrame) -> pl.DataFrame:
    """What the legs come to, as `legs` gives it, of all their postings."""
    parts = unpacked(pl.col("posting_id"))
    rows = postings.sort("posting_id").with_columns(
        leg_id=leg_of(pl.col("posting_id")), revision=parts["revision"], kind=parts["kind"]
    )
    leg = pl.col("leg_id")
    # Nearly all legs have one posting, which needs no grouping.
    alone = (leg.ne_missing(leg.shift()) & leg.ne_missing(leg.shift(-1))).alias("alone")
    rows = rows.with_columns(alone)
    return pl.concat([
        _of_one(rows.filter("alone")), _of_several(rows.filter(~pl.col("alone")))
    ]).sort("leg_id")


_CHARGED: Final = pl.col("kind").is_in([int(kind) for kind in CHARGED])
_ADJUSTED: Final = pl.col("kind") == int(Kind.ADJUSTMENT)


def _of_one(rows: pl.DataFrame) -> pl.DataFrame:
    """What legs with a single posting come to."""
    charge = _CHARGED | _ADJUSTED
    return rows.select(
        "leg_id",
        record=record_of(pl.col("leg_id")),
        revision="revision",
        stands=pl.col("kind") != int(Kind.REFUND),
        account_number=pl.when(charge).then("account_number"),
        charged_micros=pl.when(~_ADJUSTED).then(
            pl.when(_CHARGED).then(-pl.col("amount_micros")).otherwise(0)
        ),
        net_micros="amount_micros",
        batch_number=pl.when(charge).then("batch_number"),
    )


def _of_several(postings: pl.DataFrame) -> pl.DataFrame:
    """What legs with any number of postings come to."""
    rows = postings.with_columns(
        last=pl.col("revision") == pl.col("revision").max().over("leg_id")
    )
    charge = pl.col("last") & (_CHARGED | _ADJUSTED)
    return rows.group_by("leg_id").agg(
        record=record_of(pl.col("leg_id").first()),
        revision=pl.col("revision").max(),
        stands=~(pl.col("last") & (pl.col("kind") == int(Kind.REFUND))).any(),
        account_number=pl.col("account_number").filter(charge).first(),
        charged_micros=pl.when(~(pl.col("last") & _ADJUSTED).any()).then(
            -pl.col("amount_micros").filter(pl.col("last") & _CHARGED).sum()
        ),
        net_micros=pl.col("amount_micros").sum(),
        batch_number=pl.col("batch_number").filter(charge).first(),
    )
