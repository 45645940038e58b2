"""Posting: the charges of files onto balances, each record once, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, func, insert, select, update

from charging import audit
from charging.allowance_use import drawn, use
from charging.balances import add_batch, next_batch, put_charges
from charging.holds import refuse_while_held
from charging.ledger import Ledger, file_number_of, frame, named_postings, refused
from charging.ledger_answers import Posted
from charging.ledger_error import LedgerError
from charging.ledger_schema import FILE, POSTING, REFUSAL
from charging.overdraft import Policy
from charging.posting_id import LARGEST_FILE, Kind, file_range, leg_of, record_of, unpacked
from charging.posting_rows import FileCharges, identified, posting_rows
from charging.usage_keys import claim

PIPELINE: Final = "pipeline"
"""Author of what no person asked for"""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What of a file is to be posted."""

    file: FileCharges
    number: int
    revision: int
    before: str
    """state of the file"""
    rows: pl.DataFrame
    batch: int
    """number of its batch; 0 where nothing is to be done"""


def register_file(ledger: Ledger, partner: str, file_id: str) -> int:
    """The file's number, dense from 1 in order of first registration."""
    return register_files(ledger, partner, [file_id])[0]


def register_files(ledger: Ledger, partner: str, file_ids: Sequence[str]) -> list[int]:
    """The number of each file of a partner; those of new files are in the order given."""
    with ledger.reading() as connection:
        known = [file_number_of(connection, partner, file_id) for file_id in file_ids]
    found = [number for number in known if number is not None]
    if len(found) == len(file_ids):
        return found
    with ledger.writing() as connection:
        return [_registered(connection, partner, file_id) for file_id in file_ids]


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
    rows = _looked_at(ledger, files)
    with ledger.writing(where) as connection:
        refuse_while_held(ledger, connection)
        todo: list[_Waiting] = []
        for file in files:
            batch = next_batch(connection) + sum(one.batch > 0 for one in todo)
            todo.append(_unsettled(ledger, connection, file, rows.get(file.name), batch))
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
        return [_finish(connection, one, away, postings, now) for one in todo]


def _turned_away(ledger: Ledger, connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """The records (record, usage_key, original_record) whose usage key another record owns."""
    away = claim(ledger, connection, rows)
    if away.is_empty():
        return away.with_columns(usage_key=pl.lit(""))
    named = away.join(rows.select("record", "usage_key").unique(), on="record",
                      maintain_order="left").select("record", "usage_key", "original_record")
    ledger.dialect.append(connection, REFUSAL, named)
    return named


def _registered(connection: Connection, partner: str, file_id: str) -> int:
    """The number of a file, the next free one where it is new."""
    known = file_number_of(connection, partner, file_id)
    if known is not None:
        return known
    number = (connection.scalar(select(func.max(FILE.c.file_number))) or 0) + 1
    if number > LARGEST_FILE:
        raise LedgerError(f"file {partner}/{file_id}", f"would be the {number:,}th of the ledger",
                          "begin a new ledger")
    connection.execute(
        insert(FILE).values(
            file_number=number, partner=partner, file_id=file_id, state="open", revision=0,
            records=0, refused=0,
        )
    )
    return number


def _looked_at(ledger: Ledger, files: Sequence[FileCharges]) -> dict[str, pl.DataFrame]:
    """What of files that wait for their first posting is to be posted, by their name.

    It is made ready before the ledger is locked. Of a file that comes again only what is new is
    looked at, which only who has the lock can know.
    """
    with ledger.reading() as connection:
        query = select(FILE.c.state)
        states = [
            connection.scalar(query.where(FILE.c.partner == f.partner, FILE.c.file_id == f.file_id))
            for f in files
        ]
    return {
        file.name: posting_rows(f"{ledger.where}: file {file.name}", file)
        for file, state in zip(files, states, strict=True) if state != "posted"
    }


def _unsettled(
    ledger: Ledger, connection: Connection, file: FileCharges, rows: pl.DataFrame | None, batch: int
) -> _Waiting:
    """What of the file is neither posted nor refused; `rows` where it was looked at."""
    where = f"{ledger.where}: file {file.name}"
    number = _registered(connection, file.partner, file.file_id)
    state, revision = connection.execute(
        select(FILE.c.state, FILE.c.revision).where(FILE.c.file_number == number)
    ).one()
    due = pl.lit(revision)
    settled, again = _settled(connection, number)
    if rows is None:
        rows = posting_rows(where, _without(file, settled))
    of_file = identified(rows.with_columns(file_number=pl.lit(number, pl.Int64)))
    if state == "posted":
        of_file = of_file.join(settled, on="record", how="anti", maintain_order="left").join(
            again, on="record", how="left", maintain_order="left"
        )
        due = pl.max_horizontal(due, "next_revision")
    wrong = of_file.filter(pl.col("revision") != due)
    if wrong.height:
        raise LedgerError(where, f"record {wrong['record_index'][0]} has charges of revision "
                          f"{wrong['revision'][0]}, which is not the next", "rate the file again")
    if state == "posted" and of_file.is_empty():
        batch = 0
    return _Waiting(file, number, revision, state,
                    of_file.drop("next_revision", strict=False)
                    .with_columns(batch_number=pl.lit(batch, pl.Int64)), batch)


def _without(file: FileCharges, settled: pl.DataFrame) -> FileCharges:
    """The file's charges without those of records that are settled."""
    done = settled.select(record_index=unpacked(pl.col("record"))["record_index"])
    new = file.charges.join(done, on="record_index", how="anti", maintain_order="left")
    return FileCharges(file.partner, file.file_id, new)


def revisions(ledger: Ledger, partner: str, file_id: str) -> pl.DataFrame:
    """record_index and revision of a file's records whose next charges begin with another than 0.

    A record that is not listed was never posted since the file came, or was last rolled back.
    """
    with ledger.reading() as connection:
        number = file_number_of(connection, partner, file_id) or 0
        known = connection.scalar(select(FILE.c.revision).where(FILE.c.file_number == number)) or 0
        _, again = _settled(connection, number)
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


def _finish(
    connection: Connection, one: _Waiting, away: pl.DataFrame,
    postings: pl.DataFrame, now: datetime,
) -> Posted:
    """State that the file is posted, and say what it has on the ledger."""
    first, last = file_range(one.number)
    mine = postings.filter(pl.col("posting_id").is_between(first, last))
    if one.batch:
        turned = away.filter(pl.col("record").is_between(first, last)).height
        records = mine.select(record_of(pl.col("posting_id"))).n_unique() if mine.height else 0
        connection.execute(
            update(FILE).where(FILE.c.file_number == one.number).values(
                state="posted", records=FILE.c.records + records,
                refused=FILE.c.refused + turned, posted_at=now,
            )
        )
        add_batch(connection, one.batch, now, kind="file", key=f"file:{one.number}:{one.batch}",
                  who=PIPELINE, why="", postings=mine.height)
        audit.record(
            connection, now, who=PIPELINE, action="post", subject=one.file.name, why="",
            before={"state": one.before},
            after={"batch": one.batch, "records": records, "postings": mine.height,
                   "refused": turned},
        )
    total = select(FILE.c.records).where(FILE.c.file_number == one.number)
    added = named_postings(mine.with_columns(
        partner=pl.lit(one.file.partner), file_id=pl.lit(one.file.file_id),
        posted_at=pl.lit(now, pl.Datetime("us")),
    ))
    return Posted(
        connection.execute(total).scalar_one(), added, refused(connection, one.number),
        repeated=one.batch == 0, first=one.before == "open",
    )
