"""Rolling back a file: what it did to balances and allowances, and having it undone."""

from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl
from sqlalchemy import func, select

from charging.allowance_use import drawn
from charging.correction import Corrected, roll_back
from charging.ledger import Ledger, file_number_of
from charging.ledger_schema import POSTING as POSTING_ROWS
from charging.posting_id import KIND_BITS, REVISION_BITS, file_range
from charging.schema import POSTING
from mediation.reject import rejects
from mediation.schema import REJECT, USAGE
from ratemill.allowances import rating_alone
from ratemill.charges_now import charges_of
from ratemill.correction_lake import bring_up, correcting_alone, follow, write_detail
from ratemill.errors import RatemillError
from ratemill.file_rows import context
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.late_marks import mark, refused
from ratemill.taken_apart import UNPACKED
from rating.schema import CHARGE

_FILE: Final = ["partner", "file_id"]


class GivenBack(msgspec.Struct, frozen=True):
    """What the charges of one leg come to in one currency, in micro-units."""

    leg: str
    currency: str
    charges: int
    amount_micros: int


class UnitsGivenBack(msgspec.Struct, frozen=True):
    """What is drawn from one period of an allowance or counter, in 1/scale of its unit."""

    holder: str
    allowance: str
    period_start: datetime
    used: int
    scale: int


class Other(msgspec.Struct, frozen=True):
    """Records of another file that were turned away because this one had brought them."""

    ref: str
    name: str
    records: int


class Rollback(msgspec.Struct, frozen=True):
    """All that rolling back a file means."""

    ref: str
    name: str
    state: str
    """of the file, before"""
    records: int
    given_back: list[GivenBack]
    units_given_back: list[UnitsGivenBack]
    others: list[Other]


def find_file(home: Home, named: str) -> dict[str, Any]:
    """The row (table file) of a file by reference, start of its id, or name."""
    rows = Lake(home.lake).file_rows()
    ref = pl.format("{}/{}", "partner", "file_id")
    found = rows.filter(
        (ref == named) | (pl.col("name") == named) | pl.col("file_id").str.starts_with(named)
    ) if named else rows.clear()
    if found.height != 1:
        what = "no file is called so" if found.is_empty() else f"{found.height} files begin so"
        raise RatemillError(named, what, "`ratemill status --json` lists the file ids")
    return found.row(0, named=True)


def brought_by(home: Home, file: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the files that were new to us in the archive of this row, in its order.

    None for a file that is no archive. What had come before, alone or in another archive, is not
    the archive's.
    """
    if file["state"] != UNPACKED:
        return []
    lake = Lake(home.lake)
    arrivals = lake.arrivals(file["partner"])
    mine = arrivals.filter(file_id=file["file_id"])
    deliveries = mine.select("modified_at", place=pl.format("{}/", "remote_path")).unique()
    # an archive may be sent again under its name, with more in it
    members = arrivals.filter(pl.col("copy_of").is_null()).join(
        deliveries, on="modified_at"
    ).filter(pl.col("remote_path").str.starts_with(pl.col("place")))
    rows = lake.file_rows().join(members, on=_FILE, how="semi", maintain_order="left")
    return rows.rows(named=True)


def rollback_of(home: Home, file: dict[str, Any]) -> Rollback:
    """What rolling back the file of this row (table file) gives back; nothing is changed."""
    lake, partner, file_id = Lake(home.lake), file["partner"], file["file_id"]
    ref = f"{partner}/{file_id}"
    charges = charges_of(lake, [ref])
    stands = charges["record_index"].unique()
    paths = lake.corrections(POSTING)
    if lake.done(partner, file_id, "post"):
        paths.append(lake.path(POSTING, partner, file_id, "post"))
    of_file = (pl.col("partner") == partner) & (pl.col("file_id") == file_id)
    postings = lake.read(POSTING, paths).filter(
        of_file & pl.col("record_index").is_in(stands.implode())
    )
    sums = postings.group_by("leg", "currency").agg(
        charges=pl.col("record_index").n_unique(), amount_micros=-pl.col("amount_micros").sum()
    ).sort("leg", "currency")
    return Rollback(
        ref, file["name"], file["state"], len(stands),
        [GivenBack(**row) for row in sums.iter_rows(named=True)],
        [UnitsGivenBack(**row) for row in drawn(charges).select(
            "holder", "allowance", "period_start", "used", "scale").iter_rows(named=True)],
        _others(lake, partner, file_id),
    )


def _others(lake: Lake, partner: str, file_id: str) -> list[Other]:
    """Files with records that were turned away as duplicates of this file's."""
    away = lake.read(REJECT, lake.files(REJECT)).filter(
        (pl.col("original_file_id") == file_id)
        & ((pl.col("partner") != partner) | (pl.col("file_id") != file_id))
    )
    counts = away.group_by(_FILE).agg(records=pl.len())
    named = counts.join(lake.file_rows("collect").select(*_FILE, "name", "file_number"), on=_FILE)
    return [
        Other(f"{row['partner']}/{row['file_id']}", row["name"], row["records"])
        for row in named.sort("file_number").iter_rows(named=True)
    ]


def roll_back_file(
    home: Home, ledger: Ledger, file: dict[str, Any], now: datetime, *, who: str, why: str
) -> Corrected:
    """What rolling back the file of this row (table file) did; LedgerError where it is not posted.

    Done again, it finishes in the lake what was cut short, and else does nothing.
    """
    lake, partner, file_id = Lake(home.lake), file["partner"], file["file_id"]
    ref = f"{partner}/{file_id}"
    with rating_alone(home), correcting_alone(home):
        bring_up(home, ledger)
        charges = charges_of(lake, [ref])
        states = ledger.file_states().filter(partner=partner, file_id=file_id)
        if states["state"].to_list() == ["posted"]:
            key = _key(ledger, partner, file_id, states["revision"].item())
            turned = _turned(lake, file, charges, f"rolled back at {now} UTC by {who}: {why}")
            write_detail(lake, key, CHARGE.empty(), turned)
            # younger events drew less because of these
            mark(home, ref, refused(charges))
        done = roll_back(ledger, partner, file_id, charges, now, who=who, why=why)
        if not done.repeated:
            follow(lake, ledger, done.key, done.postings)
        return done


def _key(ledger: Ledger, partner: str, file_id: str, revision: int) -> str:
    """The key that charging.correction.roll_back will give; `revision` is that of the file."""
    # the database looks at the postings, of which there may be millions
    posted = POSTING_ROWS.c.posting_id // (1 << KIND_BITS) % (1 << REVISION_BITS)
    with ledger.reading() as connection:
        among = file_range(file_number_of(connection, partner, file_id) or 0)
        last = connection.scalar(
            select(func.max(posted)).where(POSTING_ROWS.c.posting_id.between(*among))
        )
    return f"rollback:{partner}/{file_id}:{max(revision, last or 0)}"


def _turned(
    lake: Lake, file: dict[str, Any], charges: pl.DataFrame, detail: str
) -> pl.DataFrame:
    """Table reject of the records that have these charges."""
    usage = lake.load(USAGE, file["partner"], file["file_id"], "mediate")
    records = usage.join(charges, on="record_index", how="semi", maintain_order="left")
    return rejects(context(file), records.select(
        "record_index", "byte_offset", "usage_key", pl.lit("ROLLED_BACK").alias("code"),
        pl.lit(detail).alias("detail"), money_at_risk_micros="partner_charge_micros",
        currency="partner_currency",
    ))
