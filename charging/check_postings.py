"""One pass over the postings of a ledger: what they come to, and which of them contradict."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, Select, select

from charging.ledger import frame
from charging.ledger_schema import ACCOUNT, POSTING, REFUSAL
from charging.posting_id import CHARGED, KIND_NAMES, Kind, file_range, leg_of, record_of, unpacked

CHUNK_ROWS: Final = 250_000
"""Rows in memory at a time"""
_RELIEF: Final = (Kind.CAP, Kind.WRITE_OFF)
_REFUND: Final = 1 << Kind.REFUND
_ADJUSTED: Final = 1 << Kind.ADJUSTMENT
_TOGETHER: Final = (
    (Kind.USAGE,), (Kind.OVERDRAFT,), (Kind.OVER_LIMIT,), (Kind.USAGE, Kind.OVERDRAFT),
    (Kind.USAGE, Kind.OVER_LIMIT), (Kind.USAGE, Kind.CAP), (Kind.USAGE, Kind.WRITE_OFF),
    (Kind.ADJUSTMENT,),
)
"""The kinds that one revision of a leg may have, beside a refund"""
_ALLOWED: Final = [sum(1 << kind for kind in kinds) for kinds in _TOGETHER]
_FAULT: Final = {"file_number": pl.Int64(), "fault": pl.String()}


def chunks(connection: Connection, query: Select[Any]) -> Iterator[pl.DataFrame]:
    """The rows of a query whose columns are all numbers, some at a time."""
    schema = dict.fromkeys(query.selected_columns.keys(), pl.Int64())
    statement = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    # SQLAlchemy's rows take as long again as the driver's, and PostgreSQL keeps a result on its
    # own side only for a cursor with a name
    name = () if connection.dialect.name == "sqlite" else ("chunks",)
    with closing(connection.connection.cursor(*name)) as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(slots=True)
class Tally:
    """What postings come to; sums wrap as 64 bits do, and are compared with what fits them."""

    accounts: pl.DataFrame = field(default_factory=lambda: _none(
        "account_number", "amount_micros", "postings"))
    batches: pl.DataFrame = field(default_factory=lambda: _none(
        "batch_number", "file_number", "postings"))
    totals: pl.DataFrame = field(default_factory=lambda: _none(
        "file_number", "leg", "kind", "amount_micros", "postings").with_columns(
            currency=pl.lit("")))
    files: pl.DataFrame = field(default_factory=lambda: _none(
        "file_number", "standing", "marks"))
    """records that stand, and the sum of marks of their ids"""
    revisions: pl.DataFrame = field(default_factory=lambda: _none("file_number", "top", "least"))
    """last revision posted, and the least that stands"""
    faults: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_FAULT))
    """file_number and what is the matter within it"""


def tally(connection: Connection) -> Tally:
    """What all postings come to."""
    currencies = currencies_of(connection)
    found, rest = Tally(), _none(*POSTING.columns.keys())
    for chunk in chunks(connection, select(POSTING).order_by(POSTING.c.posting_id)):
        rows = pl.concat([rest, chunk])
        # a record is never cut
        ends = rows.select(record_of(pl.col("posting_id").last())).item()
        rest = rows.filter(pl.col("posting_id") >= ends)
        add(connection, found, rows.filter(pl.col("posting_id") < ends), currencies)
    add(connection, found, rest, currencies)
    return found


def postings_of(connection: Connection, file_number: int) -> pl.DataFrame:
    """The postings of a file, by id: the columns of POSTING."""
    among = POSTING.c.posting_id.between(*file_range(file_number))
    query = select(POSTING).where(among).order_by(POSTING.c.posting_id)
    return pl.concat([_none(*POSTING.columns.keys()), *chunks(connection, query)])


def currencies_of(connection: Connection) -> pl.DataFrame:
    """account_number and currency of all accounts."""
    query = select(ACCOUNT.c.account_number, ACCOUNT.c.currency)
    return frame(connection, query, {"currency": pl.String()})


def standing_records(connection: Connection, file_number: int) -> pl.Series:
    """The ids of the records of a file that stand."""
    legs, _ = _legs(_told(postings_of(connection, file_number)))
    return legs.select(record_of(pl.col("leg_id"))).to_series().unique()


def mark(record: pl.Expr) -> pl.Expr:
    """A number of a record's id whose sums differ where sets of records do."""
    return record.hash(1).reinterpret(signed=True)


def _none(*names: str) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(names, pl.Int64()))


def add(
    connection: Connection, found: Tally, rows: pl.DataFrame, currencies: pl.DataFrame
) -> None:
    """Add rows of whole records, by id, to the tally; `currencies` as `currencies_of` has them."""
    if rows.is_empty():
        return
    told = _told(rows)
    # the rows are many, and what differs in these is not
    sums = told.group_by("file_number", "batch_number", "account_number", "leg", "kind").agg(
        pl.col("amount_micros").sum(), postings=pl.len().cast(pl.Int64)
    ).join(currencies, on="account_number", how="left", maintain_order="left")
    found.accounts = _added(found.accounts, sums)
    found.batches = _added(found.batches, sums)
    found.totals = _added(found.totals, sums)
    standing, faults = _legs(told)
    records = standing.select(
        "file_number", record=record_of(pl.col("leg_id"))
    ).unique()
    refused = _refused_but_standing(connection, records)
    found.faults = pl.concat([found.faults, faults, refused])
    found.files = _added(found.files, records.group_by("file_number").agg(
        standing=pl.len().cast(pl.Int64), marks=mark(pl.col("record")).sum()
    ))
    least = standing.group_by("file_number").agg(least=pl.col("revision").min())
    top = told.group_by("file_number").agg(top=pl.col("revision").max())
    found.revisions = pl.concat([
        found.revisions, top.join(least, on="file_number", how="left").select(
            found.revisions.columns
        ),
    ]).group_by("file_number").agg(pl.col("top").max(), pl.col("least").min())


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """Postings with the parts of their ids as numbers."""
    parts = unpacked(pl.col("posting_id"))
    names = ("file_number", "leg", "revision", "kind")
    return rows.with_columns(
        *(parts[name].cast(pl.Int64).alias(name) for name in names),
        leg_id=leg_of(pl.col("posting_id")),
    )


def _added(so_far: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """Both frames' sums together, by the columns that are not sums."""
    sums = [n for n in so_far.columns if n in {"amount_micros", "postings", "standing", "marks"}]
    keys = [name for name in so_far.columns if name not in sums]
    both = pl.concat([so_far, more.select(so_far.columns)])
    return both.group_by(keys).agg(pl.col(sums).sum())


def _legs(told: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The legs that stand (file_number, leg_id, revision), and what contradicts within legs."""
    leg = pl.col("leg_id")
    alone = (
        (leg != leg.shift(1)).fill_null(value=True) & (leg != leg.shift(-1)).fill_null(value=True)
        & pl.col("kind").is_in(list(map(int, CHARGED)))
    )
    told = told.with_columns(alone=alone)
    names = ("file_number", "leg_id", "revision")
    # nearly all legs are one posting, which contradicts nothing
    plain, rest = told.filter("alone").select(names), told.filter(~pl.col("alone"))
    if rest.is_empty():
        return plain, pl.DataFrame(schema=_FAULT)
    revisions = _revisions(rest)
    stands = revisions.filter(pl.col("last") & ~pl.col("refunded"))
    return pl.concat([plain, stands.select(names)]), _leg_faults(revisions)


def _revisions(rows: pl.DataFrame) -> pl.DataFrame:
    """What each revision of legs comes to, in order."""
    kind, amount = pl.col("kind"), pl.col("amount_micros")
    each = rows.group_by("file_number", "leg_id", "revision").agg(
        kinds=pl.lit(2, pl.Int64).pow(kind).sum(),
        charged=-amount.filter(kind.is_in(list(map(int, CHARGED)))).sum(),
        relief=amount.filter(kind.is_in(list(map(int, _RELIEF)))).sum(),
        net=amount.sum(),
        accounts=pl.col("account_number").n_unique(),
    ).sort("leg_id", "revision")
    return each.with_columns(
        base=(pl.col("kinds") | _REFUND) - _REFUND,
        refunded=(pl.col("kinds") & _REFUND) > 0,
        net=pl.col("net").cum_sum().over("leg_id"),
        last=pl.col("revision") == pl.col("revision").max().over("leg_id"),
    ).with_columns(next_base=pl.col("base").shift(-1).over("leg_id"))


def _leg_faults(revisions: pl.DataFrame) -> pl.DataFrame:
    """What contradicts within legs: file_number and a sentence."""
    parts = unpacked(pl.col("leg_id"))
    where = pl.format(
        "record {} {} revision {}", parts["record_index"],
        pl.when(parts["leg"] == 0).then(pl.lit("retail")).otherwise(pl.lit("wholesale")),
        "revision",
    )
    named = pl.concat_str([
        pl.when((pl.col("base") & (1 << number)) > 0).then(pl.lit(name))
        for number, name in enumerate(KIND_NAMES)
    ], separator=" and ", ignore_nulls=True)
    rules = (
        (pl.col("base") == 0, pl.lit("is given back without having been charged")),
        (~pl.col("base").is_in([0, *_ALLOWED]),
         pl.format("has postings of kinds that exclude each other: {}", named)),
        (pl.col("accounts") > 1, pl.lit("is on more than one account")),
        ((pl.col("relief") < 0) | (pl.col("relief") > pl.col("charged").clip(0)),
         pl.format("{} micros are given up of a charge of {}", "relief", "charged")),
        (pl.col("refunded") & (pl.col("net") != 0),
         pl.format("is given back, but the leg comes to {} micros", "net")),
        (~pl.col("last") & ~pl.col("refunded") & (pl.col("next_base") != _ADJUSTED),
         pl.lit("is charged anew, but was not given back")),
    )
    return pl.concat(
        revisions.filter(wrong).select("file_number", pl.format("{}: {}", where, what)
                                       .alias("fault"))
        for wrong, what in rules
    )


def _refused_but_standing(connection: Connection, records: pl.DataFrame) -> pl.DataFrame:
    """Those of the records that stand although they were refused: file_number and a sentence."""
    if records.is_empty():
        return pl.DataFrame(schema=_FAULT)
    among = records.select(first=pl.col("record").min(), last=pl.col("record").max()).row(0)
    refused = frame(connection, select(REFUSAL.c.record).where(REFUSAL.c.record.between(*among)))
    return records.join(refused, on="record", how="semi").select(
        "file_number",
        fault=pl.format("record {}: refused, but one of its legs stands",
                        unpacked(pl.col("record"))["record_index"]),
    )
