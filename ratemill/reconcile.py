"""The proof that every record of every file ended in one place, and that the sums agree."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from charging.ledger import Ledger
from charging.schema import POSTING
from mediation.outcome import ConservationError
from mediation.schema import FILE
from ratemill.home import Home
from ratemill.lake import STAGES, Lake
from ratemill.refs import split
from rating.schema import CHARGE


@dataclass(frozen=True, slots=True)
class Reconciled:
    """File rows (table file) that add up, and what was posted per file, leg and currency."""

    files: pl.DataFrame
    amounts: pl.DataFrame


def reconcile(home: Home, refs: Iterable[str]) -> Reconciled:
    """The files' figures after proof; ConservationError names every file that does not add up."""
    lake, faults = Lake(home.lake), []
    rows, amounts = [FILE.empty()], []
    for ref in refs:
        partner, file_id = split(ref)
        missing = [s for s in STAGES if not lake.done(partner, file_id, s)]
        if missing:
            faults.append(f"{ref}: not finished: {', '.join(missing)}")
            continue
        row = lake.load(FILE, partner, file_id, "post")
        rows.append(row)
        posting = lake.load(POSTING, partner, file_id, "post")
        amounts.append(_amounts(posting))
        faults += [f"{row['name'].item()} ({ref[:21]}): {fault}" for fault in
                   _file_faults(lake, partner, file_id, row, posting)]
    if home_has_ledger(home):
        with Ledger(home.ledger) as ledger:
            faults += [f"ledger: {fault}" for fault in ledger.check()]
    if faults:
        raise ConservationError("\n".join(faults))
    return Reconciled(pl.concat(rows).sort("file_number"), pl.concat([_NO_AMOUNTS, *amounts]))


_NO_AMOUNTS = pl.DataFrame(
    schema={"file_id": pl.String, "partner": pl.String, "leg": pl.String, "currency": pl.String,
            "amount_micros": pl.Int64}
)


def home_has_ledger(home: Home) -> bool:
    """Whether anything was ever collected here; before that there is no ledger to open."""
    return home.lake.exists()


def posted_amounts(lake: Lake) -> pl.DataFrame:
    """What was charged per file, leg and currency, over all posted files."""
    return _amounts(lake.read(POSTING, lake.files(POSTING)))


def _amounts(posting: pl.DataFrame) -> pl.DataFrame:
    """What was charged per leg and currency: charges are negative on the ledger."""
    return (
        posting.group_by("file_id", "partner", "leg", "currency")
        .agg(amount_micros=-pl.col("amount_micros").sum())
        .sort("leg", "currency")
    )


def _file_faults(
    lake: Lake, partner: str, file_id: str, row: pl.DataFrame, posting: pl.DataFrame
) -> list[str]:
    """What does not add up in one finished file; empty when all is well."""
    figures, faults = row.row(0, named=True), []
    total = sum(figures[k] for k in ("posted", "duplicate", "suspended", "dropped"))
    if figures["records"] != total:
        faults.append(
            f"{figures['records']} records in, but {figures['posted']} posted + "
            f"{figures['duplicate']} duplicate + {figures['suspended']} suspended + "
            f"{figures['dropped']} dropped = {total}"
        )
    rejected = lake.rejects(partner, file_id)
    ends = pl.concat([posting["record_index"].unique(), rejected["record_index"].drop_nulls()])
    expected = pl.Series("record_index", range(figures["records"]), dtype=pl.Int32)
    if not ends.sort().equals(expected):
        twice = ends.filter(ends.is_duplicated()).unique().sort().head(5).to_list()
        nowhere = sorted(set(expected) - set(ends))[:5]
        faults.append(f"records in two places: {twice}, in none: {nowhere}")
    charge = lake.load(CHARGE, partner, file_id, "rate")
    charged = charge.join(rejected.select("record_index"), on="record_index", how="anti")
    want = charged.group_by("leg", "currency").agg(pl.col("amount_micros").sum())
    have = _amounts(posting).select("leg", "currency", "amount_micros")
    if not want.sort("leg", "currency").equals(have):
        faults.append(f"charges {want.rows()} differ from postings {have.rows()}")
    return faults
