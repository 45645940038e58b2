"""The proof of one file: its records, charges and postings, in the lake and on the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from charging.allowance_use import drawn
from charging.check_figures import differing
from charging.ledger import Ledger, frame
from charging.ledger_schema import ACCOUNT, BATCH
from charging.legs import summed
from charging.posting_id import LEGS, unpacked
from charging.schema import POSTING
from mediation.schema import FILE, USAGE
from ratemill.charges_now import ChargesNow
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import removed_mark, split

_SHOWN: Final = 5
_CHARGE: Final = ("record_index", "leg", "currency", "amount_micros")
_POSTING: Final = ["record_index", "leg", "currency", "batch_number", "amount_micros"]
_DRAWING: Final = ("record_index", "leg", "used_by", "started_at", "draws", "catalog_version")
DRAWN: Final[dict[str, pl.DataType]] = {
    "holder": pl.String(), "allowance": pl.String(), "period_start": pl.Datetime("us"),
    "scale": pl.Int64(), "used": pl.Int64(), "last_event_at": pl.Datetime("us"),
    "catalog_version": pl.String(),
}
AMOUNTS: Final[dict[str, pl.DataType]] = {
    "file_id": pl.String(), "partner": pl.String(), "leg": pl.String(), "currency": pl.String(),
    "amount_micros": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Proven:
    """One file after its proof."""

    row: pl.DataFrame
    """table file, of its last stage"""
    amounts: pl.DataFrame
    """what it charged per leg and currency, corrections included: columns AMOUNTS"""
    faults: list[str]


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What the ledger has of a file."""

    sums: pl.DataFrame
    """leg, currency, batch_number and of (the kind of batch), with amount_micros and postings"""
    legs: pl.DataFrame
    """The legs that stand, by record: record_index, leg (a number), account_number and batch_number
    of the last revision, and what is charged"""
    currencies: pl.DataFrame
    """account_number and currency of those that occur"""
    corrections: pl.Series
    """numbers of the batches among them that are not of files"""


def prove_file(
    home: Home, ledger: Ledger, connection: Connection, charges: ChargesNow, ref: str,
    postings: pl.DataFrame,
) -> Proven:
    """What a file whose last stage is done comes to, and what of it contradicts.

    `postings` are those of the file on the ledger, by id.
    """
    lake, (partner, file_id) = Lake(home.lake), split(ref)
    row = lake.load(FILE, partner, file_id, "post")
    told = _told(ledger, connection, postings)
    now = charges.of(ref, _CHARGE, words=True)
    of_file = pl.read_parquet(
        lake.path(POSTING, partner, file_id, "post"), columns=_POSTING, glob=False
    )
    index = told.legs["record_index"]
    records = index.filter(index.ne_missing(index.shift()))
    faults = [
        *_counts(row), *_ends(lake, row, told, of_file), *_charged(now, told),
        *_posted(told, of_file), *_usage(home, lake, ref, records),
    ]
    amounts = told.sums.group_by("leg", "currency").agg(-pl.col("amount_micros").sum()).select(
        pl.lit(file_id).alias("file_id"), pl.lit(partner).alias("partner"), "leg", "currency",
        "amount_micros",
    ).sort("leg", "currency")
    return Proven(row, amounts, faults)


def _told(ledger: Ledger, connection: Connection, found: pl.DataFrame) -> _Ledger:
    """What a file's postings come to."""
    parts = unpacked(pl.col("posting_id"))
    # the rows are many, and what differs in these is not
    sums = found.group_by("account_number", "batch_number", leg=parts["leg"]).agg(
        pl.col("amount_micros").sum(), postings=pl.len().cast(pl.Int64)
    )
    accounts = frame(connection, ledger.dialect.matching(
        select(ACCOUNT.c.account_number, ACCOUNT.c.currency), "account_number",
        sums["account_number"].unique(),
    ), {"currency": pl.String()})
    batches = frame(connection, ledger.dialect.matching(
        select(BATCH.c.batch_number, BATCH.c.kind.label("of")), "batch_number",
        sums["batch_number"].unique(),
    ), {"of": pl.String()})
    named = sums.join(accounts, on="account_number", how="left").join(
        batches, on="batch_number", how="left"
    ).group_by(_leg(pl.col("leg")), "currency", "batch_number", "of").agg(
        pl.col("amount_micros", "postings").sum()
    )
    in_leg = unpacked(pl.col("leg_id"))
    legs = summed(found).filter("stands").select(
        in_leg["record_index"].alias("record_index"), in_leg["leg"].alias("leg"),
        "account_number", "batch_number",
        # of what was adjusted, all of it together is the charge
        pl.coalesce("charged_micros", -pl.col("net_micros")).alias("amount_micros"),
    )
    return _Ledger(named, legs, accounts, batches.filter(pl.col("of") != "file")["batch_number"])


def _leg(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.UInt8).cat.to(pl.Enum(LEGS)).cast(pl.String).alias("leg")


def _counts(row: pl.DataFrame) -> Iterator[str]:
    """Every record that came in ended in one of four ways."""
    figures = row.row(0, named=True)
    ways = ("posted", "duplicate", "suspended", "dropped")
    total = sum(figures[way] for way in ways)
    if figures["records"] != total:
        told = " + ".join(f"{figures[way]} {way}" for way in ways)
        yield f"{figures['records']} records in, but {told} = {total}"


def _ends(
    lake: Lake, row: pl.DataFrame, told: _Ledger, of_file: pl.DataFrame
) -> Iterator[str]:
    """Every record is in one place: on the ledger and in the lake, or turned away."""
    partner, file_id, records = row.select("partner", "file_id", "records").row(0)
    # what a correction charged is not among the file's own postings
    posted = told.legs.filter(
        pl.col("batch_number").is_in(told.corrections.implode())
        | pl.col("record_index").is_in(of_file["record_index"].unique().implode())
    )["record_index"].unique()
    rejected = lake.rejects(partner, file_id)["record_index"].drop_nulls()
    ends = pl.concat([posted, rejected])
    expected = pl.int_range(records, dtype=pl.Int32, eager=True)
    if not ends.sort().equals(expected):
        twice = ends.filter(ends.is_duplicated()).unique().sort().head(_SHOWN).to_list()
        nowhere = expected.filter(~expected.is_in(ends.implode())).head(_SHOWN).to_list()
        yield f"records in two places: {twice}, in none: {nowhere}"


def _charged(now: pl.DataFrame, told: _Ledger) -> Iterator[str]:
    """The charges that stand in the lake are those on the ledger, leg for leg."""
    kinds = pl.Enum(pl.concat([
        side["currency"].cast(pl.String).unique().drop_nulls() for side in (now, told.currencies)
    ]).unique())
    names = ["record_index", "leg", "currency", "amount_micros"]
    charged = now.select(
        "record_index", (pl.col("leg") == LEGS[1]).cast(pl.Int8), pl.col("currency").cast(kinds),
        "amount_micros",
    ).sort("record_index", "leg")
    found = told.legs.join(
        told.currencies.with_columns(pl.col("currency").cast(kinds)), on="account_number",
        how="left", maintain_order="left",
    ).select(names)
    if not charged.equals(found):
        yield from _differing(charged, found)


def _differing(charged: pl.DataFrame, found: pl.DataFrame) -> Iterator[str]:
    """The first of the legs that differ: record_index, leg (a number), currency, amount_micros."""
    names = ["record_index", "leg", "currency"]
    both = charged.join(
        found.rename({"amount_micros": "found"}), on=names, how="full", coalesce=True
    ).with_columns(_leg(pl.col("leg")), pl.col("currency").cast(pl.String))
    other = both.filter(pl.col("amount_micros").ne_missing(pl.col("found"))).sort(names)
    if other.height:
        record, leg, currency, micros, on_ledger = other.select(
            *names, "amount_micros", "found"
        ).row(0)
        yield (f"{other.height} charges differ from postings: record {record} {leg} has "
               f"{_amount(micros)} {currency} in the lake, {_amount(on_ledger)} on the ledger")


def _amount(micros: int | None) -> str:
    return "nothing" if micros is None else f"{micros} micros"


def _posted(told: _Ledger, of_file: pl.DataFrame) -> Iterator[str]:
    """The postings in the lake are those of the ledger's batches of this file."""
    by = ["leg", "currency", "batch_number"]
    on_ledger = told.sums.filter(of="file").drop("of")
    lake = of_file.group_by(by).agg(
        pl.col("amount_micros").sum(), pl.len().cast(pl.Int64).alias("postings")
    ).with_columns(pl.col("leg", "currency").cast(pl.String), pl.col("batch_number").cast(pl.Int64))
    for row in differing(on_ledger, lake, by, "_lake").head(_SHOWN).iter_rows(named=True):
        yield (f"{row['leg']} {row['currency']} of batch {row['batch_number']}: "
               f"{row['amount_micros_lake']} in {row['postings_lake']} postings in the lake, "
               f"{row['amount_micros']} in {row['postings']} on the ledger")


def _usage(home: Home, lake: Lake, ref: str, records: pl.Series) -> Iterator[str]:
    """Every posted record has its usage, and the file its octets."""
    partner, file_id = split(ref)
    path = lake.path(USAGE, partner, file_id, "mediate")
    if not path.exists():
        yield "has no usage in the lake"
    else:
        usage = pl.read_parquet(path, columns=["record_index"], glob=False)["record_index"]
        without = records.filter(~records.is_in(usage.implode()))
        if len(without):
            yield f"posted records without usage: {without.head(_SHOWN).to_list()}"
    kept = home.archived(partner, file_id), removed_mark(home, partner, file_id)
    if not any(path.exists() for path in kept):
        yield "its received octets are not in the archive"


def draws(charges: ChargesNow, ref: str) -> pl.DataFrame:
    """What the charges of a file that stand drew from allowances: columns DRAWN."""
    parts = charges.of(ref, _DRAWING).filter(pl.col("draws").list.len() > 0).partition_by(
        "catalog_version", as_dict=True
    )
    return pl.concat([pl.DataFrame(schema=DRAWN), *(
        drawn(rows).with_columns(catalog_version=pl.lit(version)).select(*DRAWN)
        for (version,), rows in parts.items()
    )])
