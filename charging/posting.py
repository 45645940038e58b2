"""Posting: the charges of files onto balances, each record once, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, select

from charging.allowance_use import drawn, use
from charging.balances import next_batch, put_charges
from charging.holds import refuse_while_held
from charging.ledger import Ledger, file_number_of, frame
from charging.ledger_answers import Posted
from charging.ledger_error import LedgerError
from charging.ledger_schema import FILE, FILE_TOTAL, POSTING, REFUSAL
from charging.overdraft import Policy
from charging.posted_files import PIPELINE, FileRow, file_rows, finished, registered
from charging.posting_id import Kind, file_range, leg_of, record_of, unpacked
from charging.posting_rows import FileCharges, identified, posting_rows
from charging.settled_files import digest_of, settled_digests
from charging.usage_keys import claim

__all__ = [
    "PIPELINE", "post", "post_files", "register_file", "register_files", "revisions", "settled",
]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What of a file is to be posted."""

    file: FileCharges
    row: FileRow
    rows: pl.DataFrame
    batch: int
    """number of its batch; 0 where nothing is to be done"""


def register_file(ledger: Ledger, partner: str, file_id: str) -> int:
    """The file's number, dense from 1 in order of first registration."""
    return register_files(ledger, partner, [file_id])[0]


def register_files(ledger: Ledger, partner: str, file_ids: Sequence[str]) -> list[int]:
    """The number of each file of a partner; those of new files are in the order given."""
    keys = [(partner, file_id) for file_id in file_ids]
    with ledger.reading() as connection:
        found = file_rows(ledger, connection, keys)
    if not found.keys() >= set(keys):
        with ledger.writing() as connection:
            found = registered(ledger, connection, keys)
    return [found[key].number for key in keys]


def post(
    ledger: Ledger, partner: str, file_id: str, charges: pl.DataFrame, now: datetime,
    policies: Mapping[str, Policy] | None = None,
) -> Posted:
    """What posting one file's charges (table charge) did: see `post_files`."""
    return post_files(ledger, [FileCharges(partner, file_id, charges)], now, policies)[0]


def post_files(
    ledger: Ledger, files: Sequence[FileCharges], now: datetime,
    policies: Mapping[str, Policy] | None = None,
) -> list[Posted]:
    """What posting the charges of each file did, all of it in one transaction.

    A record whose usage key another record owns is refused with all its legs. A record is settled
    once, posted or refused, and no later call changes it: a file that comes again adds only
    records that it had not brought before, as after a rerun that found a price for what was in
    suspense. A file not yet registered is registered; an account not yet known begins at 0.
    `policies` says by product what becomes of a charge that a prepaid balance does not cover, else
    the balance goes below zero. now is naive UTC.
    """
    where = f"{ledger.where}: file {files[0].name}" if len(files) == 1 else ledger.where
    if now.tzinfo is not None:
        raise LedgerError(where, "the time of posting carries a time zone", "give naive UTC")
    looked_at = _looked_at(ledger, files)
    with ledger.writing(where) as connection:
        refuse_while_held(ledger, connection)
        todo = _waiting(ledger, connection, files, looked_at)
        new = pl.concat([one.rows for one in todo])
        # Rows with draws are few and heavy to move.
        drawing = new.filter(pl.col("draws").list.len() > 0)
        away = _turned_away(ledger, connection, new.drop("draws"))
        if away.height:
            new, drawing = (
                side.join(away, on="record", how="anti", maintain_order="left")
                for side in (new.drop("draws"), drawing)
            )
        postings = put_charges(ledger, connection, where, new, policies or {})
        use(ledger, connection, drawn(drawing))
        return finished(ledger, connection, todo, away, postings, now)


def _turned_away(ledger: Ledger, connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """The records (record, usage_key, original_record) whose usage key another record owns."""
    away = claim(ledger, connection, rows)
    if away.is_empty():
        return away.with_columns(usage_key=pl.lit(""))
    named = away.join(rows.select("record", "usage_key").unique(), on="record",
                      maintain_order="left").select("record", "usage_key", "original_record")
    ledger.dialect.append(connection, REFUSAL, named)
    return named


def _looked_at(ledger: Ledger, files: Sequence[FileCharges]) -> dict[str, pl.DataFrame]:
    """What of files that wait for their first posting is to be posted, by their name.

    It is made ready before the ledger is locked. Of a file that comes again only what is new is
    looked at, which only who has the lock can know.
    """
    with ledger.reading() as connection:
        found = file_rows(ledger, connection, [file.key for file in files])
    return {
        file.name: posting_rows(f"{ledger.where}: file {file.name}", file)
        for file in files if file.key not in found or found[file.key].state != "posted"
    }


def _waiting(
    ledger: Ledger, connection: Connection, files: Sequence[FileCharges],
    looked_at: Mapping[str, pl.DataFrame],
) -> list[_Waiting]:
    """What of each file is to be posted; `looked_at` has it of those looked at."""
    found = registered(ledger, connection, [file.key for file in files])
    posted = [row.number for row in found.values() if row.state == "posted"]
    digests = settled_digests(ledger, connection, posted)
    batch, todo = next_batch(connection), list[_Waiting]()
    for file in files:
        row = found[file.key]
        where = f"{ledger.where}: file {file.name}"
        if row.state != "posted":
            rows = looked_at.get(file.name)
            new = _first(where, row, posting_rows(where, file) if rows is None else rows)
        elif digests.get(row.number) == digest_of(file.charges):
            none = replace(file, charges=file.charges.clear())
            new = _first(where, row, posting_rows(where, none))
        else:
            new = _added(where, connection, row, file)
        number = 0 if row.state == "posted" and new.is_empty() else batch
        batch += number > 0
        todo.append(_Waiting(
            file, row, new.with_columns(batch_number=pl.lit(number, pl.Int64)), number
        ))
    return todo


def _first(where: str, row: FileRow, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a file of which no record is settled, with their ids."""
    of_file = identified(rows.with_columns(file_number=pl.lit(row.number, pl.Int64)))
    return _of_revision(where, of_file, pl.lit(row.revision))


def _added(
    where: str, connection: Connection, row: FileRow, file: FileCharges
) -> pl.DataFrame:
    """The rows of a posted file whose records are not settled, with their ids."""
    done, again = _settled(connection, row.number)
    rows = posting_rows(where, _without(file, done)).with_columns(
        file_number=pl.lit(row.number, pl.Int64)
    )
    of_file = identified(rows).join(again, on="record", how="left", maintain_order="left")
    due = pl.max_horizontal(pl.lit(row.revision), "next_revision")
    return _of_revision(where, of_file, due).drop("next_revision")


def _of_revision(where: str, rows: pl.DataFrame, due: pl.Expr) -> pl.DataFrame:
    """The rows; LedgerError where one is of another revision."""
    wrong = rows.filter(pl.col("revision") != due)
    if wrong.height:
        raise LedgerError(where, f"record {wrong['record_index'][0]} has charges of revision "
                          f"{wrong['revision'][0]}, which is not the next", "rate the file again")
    return rows


def _without(file: FileCharges, settled: pl.DataFrame) -> FileCharges:
    """The file's charges without those of records that are settled."""
    done = settled.select(record_index=unpacked(pl.col("record"))["record_index"])
    new = file.charges.join(done, on="record_index", how="anti", maintain_order="left")
    return replace(file, charges=new)


def revisions(ledger: Ledger, partner: str, file_id: str) -> pl.DataFrame:
    """record_index and revision of a file's records whose next charges begin with another than 0.

    A record that is not listed was never posted since the file came, or was last rolled back.
    """
    with ledger.reading() as connection:
        number = file_number_of(connection, partner, file_id) or 0
        known = connection.scalar(select(FILE.c.revision).where(FILE.c.file_number == number)) or 0
        # Only what was given back does not stand; nearly no file has anything of it.
        given_back = connection.scalar(select(FILE_TOTAL.c.postings).where(
            FILE_TOTAL.c.file_number == number, FILE_TOTAL.c.kind == int(Kind.REFUND)
        ).limit(1))
        _, again = _settled(connection, number if given_back else 0)
    index = unpacked(pl.col("record"))["record_index"]
    return again.select(
        record_index=index, revision=pl.max_horizontal("next_revision", pl.lit(known, pl.Int32))
    )


def settled(ledger: Ledger, partner: str, file_id: str) -> pl.Series:
    """record_index of a file's records that a rerun may not change: they stand, or are refused."""
    with ledger.reading() as connection:
        number = file_number_of(connection, partner, file_id) or 0
        done, _ = _settled(connection, number)
    return done.select(record_index=unpacked(pl.col("record"))["record_index"]).to_series()


def _settled(connection: Connection, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records of a file that are settled, and those that were posted, but do not stand.

    record of the first; record and next_revision of the others.
    """
    among = POSTING.c.posting_id.between(*file_range(number))
    ids = frame(connection, select(POSTING.c.posting_id).where(among)).lazy()
    parts = unpacked(pl.col("posting_id"))
    of_leg = ids.select(
        leg_id=leg_of(pl.col("posting_id")), revision=parts["revision"],
        refunded=parts["kind"] == int(Kind.REFUND),
    ).group_by("leg_id").agg(
        pl.col("revision").max(),
        stands=~pl.col("refunded").sort_by("revision", "refunded").last(),
    )
    of_record = of_leg.group_by(record=record_of(pl.col("leg_id"))).agg(
        pl.col("stands").any(), next_revision=pl.col("revision").max() + 1
    ).collect()
    refused_ones = select(REFUSAL.c.record).where(REFUSAL.c.record.between(*file_range(number)))
    posted = of_record.filter("stands").select("record")
    again = of_record.filter(~pl.col("stands")).select("record", "next_revision")
    return pl.concat([posted, frame(connection, refused_ones)]), again
