"""The proof of one file: its records, charges and postings, in the lake and on the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from charging.allowance_use import drawn
from charging.check_figures import differing
from charging.check_postings import chunks
from charging.ledger import Ledger, file_number_of, frame
from charging.ledger_schema import ACCOUNT, BATCH
from charging.ledger_schema import POSTING as POSTINGS
from charging.legs import summed
from charging.posting_id import LEGS, file_range, unpacked
from charging.schema import POSTING
from mediation.schema import FILE, USAGE
from ratemill.charges_now import ChargesNow
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split

_SHOWN: Final = 5
_ROWS: Final = {name: pl.Int64() for name in POSTINGS.columns.keys()}  # noqa: SIM118
_CHARGE: Final = ("record_index", "leg", "currency", "amount_micros", "used_by", "started_at",
                  "draws", "catalog_version")
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
    drawn: pl.DataFrame
    """what its charges drew from allowances: columns DRAWN"""
    faults: list[str]


def prove_file(
    home: Home, ledger: Ledger, connection: Connection, charges: ChargesNow, ref: str
) -> Proven:
    """What a file whose last stage is done comes to, and what of it contradicts."""
    lake, (partner, file_id) = Lake(home.lake), split(ref)
    row = lake.load(FILE, partner, file_id, "post")
    number = file_number_of(connection, partner, file_id)
    found = pl.concat([pl.DataFrame(schema=_ROWS), *chunks(connection, select(POSTINGS).where(
        POSTINGS.c.posting_id.between(*file_range(number or 0))
    ).order_by(POSTINGS.c.posting_id))])
    told = _told(ledger, connection, found)
    now = charges.of(ref, _CHARGE)
    legs = _standing(found, told)
    of_file = lake.load(POSTING, partner, file_id, "post")
    faults = [
        *_counts(row), *_ends(lake, row, legs, of_file), *_charged(now, legs),
        *_posted(told, of_file), *_usage(home, lake, ref, legs),
    ]
    amounts = told.group_by("leg", "currency").agg(-pl.col("amount_micros").sum()).select(
        pl.lit(file_id).alias("file_id"), pl.lit(partner).alias("partner"), "leg", "currency",
        "amount_micros",
    ).sort("leg", "currency")
    return Proven(row, amounts, _draws(now), faults)


def _told(ledger: Ledger, connection: Connection, found: pl.DataFrame) -> pl.DataFrame:
    """Postings with leg, kind (a number), record_index, currency and kind of batch."""
    accounts = frame(connection, ledger.dialect.matching(
        select(ACCOUNT.c.account_number, ACCOUNT.c.currency), "account_number",
        found["account_number"].unique(),
    ), {"currency": pl.String()})
    batches = frame(connection, ledger.dialect.matching(
        select(BATCH.c.batch_number, BATCH.c.kind.label("of")), "batch_number",
        found["batch_number"].unique(),
    ), {"of": pl.String()})
    parts = unpacked(pl.col("posting_id"))
    return found.with_columns(
        leg=_leg(parts["leg"]), kind=parts["kind"], record_index=parts["record_index"],
    ).join(accounts, on="account_number", how="left", maintain_order="left").join(
        batches, on="batch_number", how="left", maintain_order="left"
    )


def _leg(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.UInt8).cat.to(pl.Enum(LEGS)).cast(pl.String)


def _standing(found: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The legs that stand: record_index, leg, currency, charge and kind of the batch it is of."""
    parts = unpacked(pl.col("leg_id"))
    batches = told.select("batch_number", "of").unique()
    currencies = told.select("account_number", "currency").unique()
    return summed(found).filter("stands").join(
        batches, on="batch_number", how="left"
    ).join(currencies, on="account_number", how="left").select(
        parts["record_index"].alias("record_index"), _leg(parts["leg"]).alias("leg"), "currency",
        # of what was adjusted, all of it together is the charge
        pl.coalesce("charged_micros", -pl.col("net_micros")).alias("amount_micros"), "of",
    )


def _counts(row: pl.DataFrame) -> Iterator[str]:
    """Every record that came in ended in one of four ways."""
    figures = row.row(0, named=True)
    ways = ("posted", "duplicate", "suspended", "dropped")
    total = sum(figures[way] for way in ways)
    if figures["records"] != total:
        told = " + ".join(f"{figures[way]} {way}" for way in ways)
        yield f"{figures['records']} records in, but {told} = {total}"


def _ends(
    lake: Lake, row: pl.DataFrame, legs: pl.DataFrame, of_file: pl.DataFrame
) -> Iterator[str]:
    """Every record is in one place: on the ledger and in the lake, or turned away."""
    partner, file_id, records = row.select("partner", "file_id", "records").row(0)
    here = of_file["record_index"].unique()
    posted = legs.filter(
        (pl.col("of") != "file") | pl.col("record_index").is_in(here.implode())
    )["record_index"].unique()
    rejected = lake.rejects(partner, file_id)["record_index"].drop_nulls()
    ends = pl.concat([posted, rejected])
    expected = pl.Series("record_index", range(records), dtype=pl.Int32)
    if not ends.sort().equals(expected):
        twice = ends.filter(ends.is_duplicated()).unique().sort().head(_SHOWN).to_list()
        nowhere = expected.filter(~expected.is_in(ends.implode())).head(_SHOWN).to_list()
        yield f"records in two places: {twice}, in none: {nowhere}"


def _charged(now: pl.DataFrame, legs: pl.DataFrame) -> Iterator[str]:
    """The charges that stand in the lake are those on the ledger, leg for leg."""
    names = ["record_index", "leg", "currency"]
    both = now.select(*names, "amount_micros").with_columns(pl.col("leg", "currency").cast(
        pl.String
    )).join(legs.select(*names, found="amount_micros"), on=names, how="full", coalesce=True)
    other = both.filter(pl.col("amount_micros").ne_missing(pl.col("found"))).sort(names)
    if other.height:
        record, leg, currency, charged, found = other.row(0)
        yield (f"{other.height} charges differ from postings: record {record} {leg} has "
               f"{_amount(charged)} {currency} in the lake, {_amount(found)} on the ledger")


def _amount(micros: int | None) -> str:
    return "nothing" if micros is None else f"{micros} micros"


def _posted(told: pl.DataFrame, of_file: pl.DataFrame) -> Iterator[str]:
    """The postings in the lake are those of the ledger's batches of this file."""
    by = ["leg", "currency", "batch_number"]
    sums = (pl.col("amount_micros").sum(), pl.len().cast(pl.Int64).alias("postings"))
    on_ledger = told.filter(of="file").group_by(by).agg(sums)
    lake = of_file.with_columns(
        pl.col("leg", "currency").cast(pl.String), pl.col("batch_number").cast(pl.Int64)
    ).group_by(by).agg(sums)
    for row in differing(on_ledger, lake, by, "_lake").head(_SHOWN).iter_rows(named=True):
        yield (f"{row['leg']} {row['currency']} of batch {row['batch_number']}: "
               f"{row['amount_micros_lake']} in {row['postings_lake']} postings in the lake, "
               f"{row['amount_micros']} in {row['postings']} on the ledger")


def _usage(home: Home, lake: Lake, ref: str, legs: pl.DataFrame) -> Iterator[str]:
    """Every posted record has its usage, and the file its octets."""
    partner, file_id = split(ref)
    path = lake.path(USAGE, partner, file_id, "mediate")
    if not path.exists():
        yield "has no usage in the lake"
    else:
        usage = pl.read_parquet(path, columns=["record_index"], glob=False)
        without = legs.join(usage, on="record_index", how="anti")["record_index"].unique().sort()
        if len(without):
            yield f"posted records without usage: {without.head(_SHOWN).to_list()}"
    if not home.archived(partner, file_id).exists():
        yield "its received octets are not in the archive"


def _draws(now: pl.DataFrame) -> pl.DataFrame:
    """What charges drew, by holder, allowance, period, scale and catalog."""
    parts = now.filter(pl.col("draws").list.len() > 0).with_columns(
        pl.col("catalog_version").cast(pl.String)
    ).partition_by("catalog_version", as_dict=True)
    return pl.concat([pl.DataFrame(schema=DRAWN), *(
        drawn(rows).with_columns(catalog_version=pl.lit(version)).select(*DRAWN)
        for (version,), rows in parts.items()
    )])
