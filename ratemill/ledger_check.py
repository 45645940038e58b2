"""The proof of a home: the ledger by itself, and the lake against it, per file and account."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl
from sqlalchemy import Connection, func, select

from charging.allowance_use import used_in
from charging.check_figures import differing
from charging.check_postings import postings_of
from charging.checks import Proof, first_faults, prove
from charging.ledger import Ledger, file_number_of, frame, posting_table
from charging.ledger_schema import ACCOUNT, BALANCE, BATCH, ENTRY, FILE
from charging.ledger_schema import POSTING as POSTINGS
from charging.schema import POSTING
from ratemill.allowance_proof import grant_faults, use_faults
from ratemill.charges_now import ChargesNow
from ratemill.file_proof import DRAWN, draws, prove_file
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split

_SQL: Final = Path(__file__).parent / "sql"
_TEXTS: Final = {name: pl.String() for name in ("kind", "batch_key", "account", "currency")}
_ACCOUNT: Final = ["account", "currency"]
_BY_BATCH: Final[Mapping[Any, Any]] = {"batch_number": pl.Int64, "found": pl.Int64}
_BY_ACCOUNT: Final[Mapping[Any, Any]] = {
    "account": pl.String, "currency": pl.String, "amount_micros": pl.Int64, "postings": pl.Int64,
}


@dataclass(slots=True)
class _Batches:
    """The batches of the ledger against those in the lake."""

    waiting: list[int] = field(default_factory=list)
    """on the ledger, while the lake is still to follow"""
    faults: list[str] = field(default_factory=list)


def check_home(home: Home) -> list[str]:
    """Every contradiction within the ledger and between it and the lake, a sentence each."""
    return [fault for proof in prove_home(home) for fault in proof.faults]


def prove_home(home: Home) -> list[Proof]:
    """All that must hold, each with what contradicts it; files may be posted meanwhile.

    What the ledger has and the lake has not yet, because a run was cut short or goes on, is no
    contradiction: the next run finishes it.
    """
    lake = Lake(home.lake)
    with Ledger(home.ledger) as ledger:
        proofs = prove(ledger)
        with ledger.reading() as connection:
            last: int = connection.scalar(_LAST) or 0
            sums, waiting = _lake_sums(lake, connection, last)
            details = _details(home, lake, ledger, connection)
            waiting += _run_again(lake, connection)
        with ledger.reading() as connection:
            meanwhile = (connection.scalar(_LAST) or 0) - last
    if waiting or meanwhile:
        # what was read of the lake may say less or more than what was read of the ledger
        told = (f"not looked at: {waiting + meanwhile:,} batches or files are under way; "
                "check again after the next run")
        details = [Proof(proof.name, told, []) for proof in details]
    return [*proofs, *sums, *details]


_LAST: Final = select(func.max(BATCH.c.batch_number))


def _run_again(lake: Lake, connection: Connection) -> int:
    """How many files have records on the ledger and wait for a stage to run again."""
    posted = connection.execute(
        select(FILE.c.partner, FILE.c.file_id).where(FILE.c.records > 0)
    )
    return sum(not lake.done(partner, file_id, "post") for partner, file_id in posted)


def _lake_sums(
    lake: Lake, connection: Connection, last: int
) -> tuple[list[Proof], int]:
    """The lake's postings against the ledger's, by batch and by account; batches that wait."""
    by_batch, by_account = _lake_postings(lake, last)
    batches = _against_batches(lake, connection, by_batch)
    told = f"{by_batch.height:,} batches are in the lake whole"
    if batches.waiting:
        told += f", {len(batches.waiting):,} wait for the next run"
    faults = first_faults(_against_accounts(connection, by_account, batches.waiting))
    return [
        Proof("lake batches", told, batches.faults),
        Proof("lake accounts", f"{by_account.height:,} accounts have the same postings in the lake",
              faults),
    ], len(batches.waiting)


def _lake_postings(lake: Lake, last: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the lake's postings come to by batch, and by account."""
    paths = [str(path) for path in lake.files(POSTING)]
    if not paths:
        return pl.DataFrame(schema=_BY_BATCH), pl.DataFrame(schema=_BY_ACCOUNT)
    with duckdb.connect() as memory:
        memory.read_parquet(paths).create_view(POSTING.name)
        by_batch, by_account = (
            pl.from_arrow(memory.sql(
                (_SQL / f"proof_{name}.sql").read_text("utf-8"), params={"last": last}
            ).to_arrow_table())
            for name in ("batches", "accounts")
        )
    assert isinstance(by_batch, pl.DataFrame)
    assert isinstance(by_account, pl.DataFrame)
    return by_batch.cast(_BY_BATCH), by_account.cast(_BY_ACCOUNT)


def _against_batches(lake: Lake, connection: Connection, by_batch: pl.DataFrame) -> _Batches:
    query = select(BATCH.c.batch_number, BATCH.c.kind, BATCH.c.batch_key, BATCH.c.postings)
    both = frame(connection, query, _TEXTS).filter(pl.col("postings") > 0).join(
        by_batch, on="batch_number", how="full", coalesce=True
    ).with_columns(pl.col("found", "postings").fill_null(0))
    result = _Batches()
    for row in both.filter(pl.col("found") != pl.col("postings")).sort(
        "batch_number"
    ).iter_rows(named=True):
        name = f"batch {row['batch_number']} ({row['batch_key']})"
        if row["found"] == 0 and not _in_lake(lake, connection, row["kind"], row["batch_key"]):
            result.waiting.append(row["batch_number"])
        else:
            result.faults.append(f"{name}: {row['postings']} postings on the ledger, "
                                 f"{row['found']} in the lake")
    result.faults = first_faults(result.faults)
    return result


def _in_lake(lake: Lake, connection: Connection, kind: str, key: str) -> bool:
    """Whether the lake says that it has a batch's postings."""
    if kind != "file":
        return lake.correction_path(POSTING, key).exists()
    query = select(FILE.c.partner, FILE.c.file_id).where(
        FILE.c.file_number == int(key.split(":")[1])
    )
    found = connection.execute(query).one_or_none()
    return found is not None and (
        lake.done(*found, "post") or not lake.done(*found, "collect")
    )


def _against_accounts(
    connection: Connection, by_account: pl.DataFrame, waiting: list[int]
) -> Iterator[str]:
    """Every account has the same postings on the ledger and in the lake."""
    query = select(
        ACCOUNT.c.account, ACCOUNT.c.currency, ACCOUNT.c.account_number,
        BALANCE.c.amount_micros.label("balance"), BALANCE.c.postings,
    ).join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
    entered = select(ENTRY.c.account_number, ENTRY.c.amount_micros.label("entered"))
    entries = frame(connection, entered).group_by("account_number").agg(pl.col("entered").sum())
    ledger = frame(connection, query, _TEXTS).join(entries, on="account_number", how="left").select(
        *_ACCOUNT, "postings", amount_micros=pl.col("balance") - pl.col("entered").fill_null(0)
    )
    lake = by_account
    if waiting:
        late = posting_table(connection, POSTINGS.c.batch_number.in_(waiting))
        lake = pl.concat([lake, late.group_by(_ACCOUNT).agg(
            pl.col("amount_micros").sum(), postings=pl.len().cast(pl.Int64)
        ).select(lake.columns)]).group_by(_ACCOUNT).agg(pl.col("amount_micros", "postings").sum())
    for row in differing(ledger, lake, _ACCOUNT, "_lake").iter_rows(named=True):
        yield (f"account {row['account']} {row['currency']}: {row['postings']} postings come to "
               f"{row['amount_micros']} on the ledger, {row['postings_lake']} to "
               f"{row['amount_micros_lake']} in the lake")


def _details(
    home: Home, lake: Lake, ledger: Ledger, connection: Connection
) -> list[Proof]:
    """Every file's records, charges and postings, and what all charges drew of allowances."""
    rows = lake.file_rows("post").select("partner", "file_id").rows()
    refs = [f"{partner}/{file_id}" for partner, file_id in rows
            if lake.done(partner, file_id, "post")]
    charges, drawn, faults = ChargesNow(lake), pl.DataFrame(schema=DRAWN), list[str]()
    for ref in refs:
        number = file_number_of(connection, *split(ref)) or 0
        postings = postings_of(connection, number)
        proven = prove_file(home, ledger, connection, charges, ref, postings)
        faults += [f"file {ref}: {fault}" for fault in proven.faults]
        drawn = pl.concat([drawn, draws(charges, ref)]).group_by(
            "holder", "allowance", "period_start", "scale", "catalog_version"
        ).agg(pl.col("used").sum(), pl.col("last_event_at").max()).select(*DRAWN)
    used = used_in(ledger, connection)
    return [
        Proof("lake files", f"{len(refs):,} files have their usage, charges and postings, record "
              "by record", first_faults(faults)),
        Proof("lake allowances", f"{used.height:,} periods are used as charges drew on them, none "
              "beyond its grant", first_faults([*use_faults(used, drawn),
                                                *grant_faults(home, drawn)])),
    ]
