"""The pipeline's posting step: the charges of rated files on the ledger, several files at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from charging.accounts import open_accounts
from charging.ledger import Ledger
from charging.ledger_answers import Posted
from charging.ledger_error import LedgerError
from charging.overdraft import Policy
from charging.posting import post_files, revisions
from charging.posting_rows import POSTED_COLUMNS, FileCharges
from charging.schema import POSTING
from mediation.outcome import Outcome, conserved
from mediation.reject import ends, rejects
from mediation.schema import FILE, REJECT, USAGE
from mediation.tables import Table
from ratemill.correction_lake import finish, taken_back
from ratemill.errors import FilesNotPosted
from ratemill.file_rows import context, next_row, nothing, ready, rows_of, state_after
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.lake_writer import LakeWriter
from ratemill.refs import split
from rating.catalog import Catalog, load_catalog
from rating.schema import CHARGE

_CHARGES_AT_ONCE: Final = 1_000_000
"""Charges of one transaction: half as many take an eighth longer, as each account is changed once a
transaction; all of them are in memory, about a gigabyte"""
_FILE: Final = ["partner", "file_id"]


@dataclass(frozen=True, slots=True)
class _Rated:
    """A file that waits to be posted."""

    row: pl.DataFrame
    """of stage rate"""
    charges: FileCharges
    withdrawn: pl.DataFrame
    """Table reject: records of it that a correction left without a charge, and no rerun priced"""

    @property
    def name(self) -> str:
        """The file's reference."""
        return self.charges.name


def post(
    home: Home, refs: Iterable[str], *, now: datetime, done: Callable[[], None] = nothing
) -> list[dict[str, Any]]:
    """Put each rated file's charges on the ledger, each exactly once; the current rows.

    Corrections that were cut short before the lake had them are finished first.

    A file that the ledger does not take holds up no other: FilesNotPosted names it in the end.
    LedgerError where the ledger takes nothing.
    """
    lake, todo = Lake(home.lake), list(refs)
    with Ledger(home.ledger) as ledger:
        finish(home, ledger)
        waiting = ready(lake, todo, "rate", "post")
        faults = _post(home, ledger, waiting, now, done) if waiting else {}
    if faults:
        raise FilesNotPosted(faults)
    return rows_of(home, todo)


def _post(
    home: Home, ledger: Ledger, refs: Sequence[str], now: datetime, done: Callable[[], None]
) -> dict[str, Exception]:
    """Post the files; by their references, what is the matter with those that could not be."""
    lake, faults = Lake(home.lake), dict[str, Exception]()
    catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
    policies = overdraft_policies(catalog, now)
    open_accounts(ledger, catalog_accounts(catalog), now)
    with LakeWriter(lake, "post") as writer:
        try:
            for group in _groups(lake, ledger, refs):
                for file, posted in _posted(ledger, group, now, policies):
                    if isinstance(posted, LedgerError):
                        faults[file.name] = posted
                    else:
                        writer.save(file.name, _outputs(lake, ledger, file, posted))
                    done()
        finally:
            # whatever stops the rest, the ledger has these
            writer.wait()
    return faults


def catalog_accounts(catalog: Catalog) -> pl.DataFrame:
    """The accounts (table accounts of the ledger) as the catalog opens them."""
    return catalog.frames["accounts"].select(
        "account", "currency", "mode", "opening_balance_micros",
        credit_limit_micros=pl.when(pl.col("mode") == "postpaid").then("credit_limit_micros"),
    )


def overdraft_policies(catalog: Catalog, now: datetime) -> Mapping[str, Policy]:
    """What becomes of late charges by product, as the catalog says it at `now` (UTC).

    A product that is not sold at the time keeps the policy that it had last.
    """
    products = catalog.frames["products"].filter(pl.col("overdraft") != "").sort(
        pl.col("valid_from") <= now, "valid_from"
    )
    return dict(products.select("product", "overdraft").iter_rows())


def _groups(lake: Lake, ledger: Ledger, refs: Sequence[str]) -> Iterator[list[_Rated]]:
    """The files in their order, as many together as are posted at once."""
    states = ledger.file_states().filter(state="posted")
    posted = {f"{name}/{file_id}" for name, file_id in states.select(_FILE).iter_rows()}
    group: list[_Rated] = []
    charges = 0
    for ref in refs:
        file = _again(lake, ledger, ref) if ref in posted else _first(lake, ref)
        if group and charges + file.charges.charges.height > _CHARGES_AT_ONCE:
            yield group
            group, charges = [], 0
        group.append(file)
        charges += file.charges.charges.height
    if group:
        yield group


def _first(lake: Lake, ref: str) -> _Rated:
    partner, file_id = split(ref)
    # the rest of a charge, which is most of it, is not read
    charges = pl.read_parquet(
        lake.path(CHARGE, partner, file_id, "rate"), columns=list(POSTED_COLUMNS), glob=False
    )
    return _Rated(lake.load(FILE, partner, file_id, "rate"),
                  FileCharges(partner, file_id, charges), REJECT.empty())


def _again(lake: Lake, ledger: Ledger, ref: str) -> _Rated:
    """A file that was posted before: what was withdrawn since is not charged by its old charge."""
    partner, file_id = split(ref)
    file = _first(lake, ref)
    due = revisions(ledger, partner, file_id).rename({"revision": "due"})
    stale = file.charges.charges.join(due, on="record_index").filter(
        pl.col("revision") != pl.col("due")
    )
    if stale.is_empty():
        return file
    left = file.charges.charges.join(stale, on="record_index", how="anti", maintain_order="left")
    withdrawn = taken_back(lake, ledger, partner, file_id).join(
        stale, on="record_index", how="semi", maintain_order="left"
    )
    return _Rated(file.row, FileCharges(partner, file_id, left), withdrawn)


def _posted(
    ledger: Ledger, group: Sequence[_Rated], now: datetime, policies: Mapping[str, Policy]
) -> Iterator[tuple[_Rated, Posted | LedgerError]]:
    """Each file with what posting it did, all of them in one transaction where that is possible.

    Where a file is at fault, each is posted by itself. What can be mended by waiting, and what is
    the matter with the ledger and not with a file, is raised.
    """
    try:
        done = post_files(ledger, [file.charges for file in group], now, policies)
    except LedgerError as error:
        if error.retry:
            raise
    else:
        yield from zip(group, done, strict=True)
        return
    for file in group:
        try:
            yield file, post_files(ledger, [file.charges], now, policies)[0]
        except LedgerError as error:
            if error.retry or error.where == ledger.where:
                raise
            yield file, error


def _outputs(
    lake: Lake, ledger: Ledger, file: _Rated, posted: Posted
) -> dict[Table, pl.DataFrame]:
    """What the ledger says of the file now, as its detail."""
    row = file.row.row(0, named=True)
    charges = file.charges.charges
    refused = _refused(lake, row, posted.refused)
    key = row["partner"], row["file_id"]
    postings = posted.postings if posted.first else ledger.brought(*key)
    outcome = Outcome(_standing(postings, charges), rejects(context(row), refused))
    conserved("post", charges["record_index"].unique(), outcome)
    away = pl.concat([outcome.rejects, file.withdrawn]).sort("record_index")
    figures = {name: row[name] + number for name, number in ends(away).items()} | {
        "posted": posted.records,
        "state": state_after(row["state"], "posted"),
    }
    return {
        POSTING: postings,
        REJECT: away,
        FILE: next_row(file.row, "post", figures),
    }


def _standing(postings: pl.DataFrame, charges: pl.DataFrame) -> pl.DataFrame:
    """The postings of these charges: not of others that a correction took back since."""
    return postings.join(charges, on=["record_index", "revision"], how="semi")


def _refused(lake: Lake, row: Mapping[str, Any], refused: pl.DataFrame) -> pl.DataFrame:
    """The refused records with what their rejects say."""
    said = refused.with_columns(
        code=pl.lit("ALREADY_POSTED"),
        detail=pl.format("posted before as {}:{}", pl.col("original_file_id").str.slice(0, 8),
                         "original_record_index"),
    )
    if said.is_empty():
        return said
    usage = lake.load(USAGE, row["partner"], row["file_id"], "mediate").select(
        "record_index", "byte_offset",
        money_at_risk_micros="partner_charge_micros", currency="partner_currency",
    )
    return said.join(usage, on="record_index", how="left", maintain_order="left")
