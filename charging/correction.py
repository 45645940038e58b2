"""Corrections: charges given back, and charged anew, each correction once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import polars as pl
from sqlalchemy import Connection, delete, func, insert, select, update

from charging import audit
from charging.allowance_use import drawn, use
from charging.balances import add_batch, next_batch, put, put_charges
from charging.correction_rows import (
    adjustments,
    net_use,
    refunds,
    refuse_others,
    refuse_stale,
    standing,
)
from charging.holds import refuse_while_held
from charging.ledger import Ledger, file_number_of, frame, named_postings, posting_table
from charging.ledger_error import LedgerError
from charging.ledger_schema import ACCOUNT, BATCH, CLOSED_PERIOD, FILE, POSTING, REFUSAL
from charging.legs import legs, legs_of_file
from charging.overdraft import Policy
from charging.posting_id import FILE_SHIFT, LEG_IDS, file_range, unpacked
from charging.posting_rows import charge_rows, identified
from charging.settled_files import drop_digests
from charging.usage_keys import claim, free, owned

_FILE: Final = ["partner", "file_id"]
_NAMES: Final = {
    "account": pl.String(), "currency": pl.String(), "partner": pl.String(),
    "file_id": pl.String(), "state": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction did."""

    key: str
    postings: pl.DataFrame
    """Table posting of its batch"""
    refusals: pl.DataFrame
    """partner, file_id and record_index of the records elsewhere that had been refused for a record
    that does not stand any more, and may be posted now; empty where it is repeated"""
    repeated: bool
    """it had been done before, and nothing was done now"""


def roll_back(
    ledger: Ledger, partner: str, file_id: str, charges: pl.DataFrame, now: datetime, *,
    who: str, why: str,
) -> Corrected:
    """Give back all that a file charged, as if it had never come.

    `charges` (table charge) are the latest of each leg of the file that stands. Its usage keys are
    nobody's then, its draws are given back, and it may be posted anew with charges of the next
    revision. LedgerError where the file is not posted, or its charges are not those on the ledger.
    """
    where, name = f"{ledger.where}: file {partner}/{file_id}", f"{partner}/{file_id}"
    with ledger.writing(where) as connection:
        number = file_number_of(connection, partner, file_id)
        file = connection.execute(select(FILE).where(FILE.c.file_number == number)).one_or_none()
        if file is not None and file.state == "rolled_back":
            return _repeated(connection, f"rollback:{name}:{file.revision - 1}")
        if number is None or file is None or file.state != "posted":
            raise LedgerError(where, "is not posted", "there is nothing to roll back")
        ever = legs_of_file(connection, number)
        found = ever.filter("stands")
        rows = identified(
            charge_rows(where, charges.with_columns(file_number=pl.lit(number, pl.Int64)))
        )
        refuse_others(where, found, rows)
        batch, last = next_batch(connection), max([file.revision, *ever["revision"]])
        accounts = _accounts(ledger, connection, found)
        postings = put(ledger, connection, where, refunds(found, batch), accounts)
        use(ledger, connection, net_use(drawn(rows), drawn(rows.clear())))
        refusals = _let_go(ledger, connection, rows.select("head", "rest", "record").unique())
        connection.execute(delete(REFUSAL).where(REFUSAL.c.record.between(*file_range(number))))
        drop_digests(ledger, connection, [number])
        connection.execute(update(FILE).where(FILE.c.file_number == number).values(
            state="rolled_back", revision=last + 1, records=0, refused=0,
        ))
        key = f"rollback:{name}:{last}"
        add_batch(connection, batch, now, kind="rollback", key=key, who=who, why=why,
                  postings=found.height)
        audit.record(
            connection, now, who=who, action="rollback", subject=name, why=why,
            before={"state": file.state, "records": file.records, "revision": file.revision},
            after={"batch": batch, "postings": found.height, "revision": last + 1},
        )
        files = pl.DataFrame({"partner": partner, "file_id": file_id, "file_number": number})
        elsewhere = (pl.col("partner") != partner) | (pl.col("file_id") != file_id)
        return Corrected(key, _named(postings, files, now), refusals.filter(elsewhere),
                         repeated=False)


def correct(  # noqa: PLR0913 (who and why belong to every correction)
    ledger: Ledger, key: str, kind: Literal["rerate", "replay"], before: pl.DataFrame,
    after: pl.DataFrame, now: datetime, *, who: str, why: str,
    policies: Mapping[str, Policy] | None = None,
) -> Corrected:
    """Give back the charges `before`, and charge `after` in their place; the key only once.

    Both are table charge. `before` are the latest charges of legs that change, as they stand;
    `after` has revision one more. A leg of `before` alone is withdrawn; one of `after` alone is
    new. Of a leg that was charged in a closed billing period only the difference is posted, as
    adjustment. LedgerError where the ledger has other charges than `before` by now.
    """
    where = f"{ledger.where}: {kind} {key}"
    with ledger.writing(where) as connection:
        if connection.scalar(select(BATCH.c.batch_number).where(BATCH.c.batch_key == key)):
            return _repeated(connection, key)
        refuse_while_held(ledger, connection)
        numbers = _file_numbers(ledger, connection, where, before, after)
        old, new = (
            identified(charge_rows(where, side.join(numbers, on=_FILE, maintain_order="left")))
            for side in (before, after)
        )
        records = pl.concat([old["record"], new["record"]]).unique()
        known = legs(ledger, connection, pl.concat([records + leg for leg in LEG_IDS]))
        refuse_others(where, known.join(old, on="leg_id", how="semi"), old)
        refuse_stale(where, known, old, new)
        batch = next_batch(connection)
        postings = _move(ledger, connection, where, (known, old, new), batch, policies or {})
        use(ledger, connection, net_use(drawn(old), drawn(new)))
        refusals = _follow(ledger, connection, where, known, old, new)
        add_batch(connection, batch, now, kind=kind, key=key, who=who, why=why,
                  postings=postings.height)
        audit.record(
            connection, now, who=who, action=kind, subject=key, why=why,
            before={"legs": old.height}, after={"batch": batch, "legs": new.height},
        )
        return Corrected(key, _named(postings, numbers, now), refusals, repeated=False)


def close_period(ledger: Ledger, closed_to: datetime, now: datetime, *, who: str) -> None:
    """Close the billing period that ends at `closed_to` (UTC, exclusive).

    What was posted before it is corrected by adjustments from now on.
    """
    with ledger.writing() as connection:
        last = connection.scalar(select(func.max(CLOSED_PERIOD.c.closed_to)))
        if closed_to > now or (last is not None and closed_to <= last):
            raise LedgerError(ledger.where, f"no billing period can be closed to {closed_to}",
                              f"it must be over, and after {last}" if last else "it must be over")
        batch = connection.scalar(
            select(func.max(BATCH.c.batch_number)).where(BATCH.c.at < closed_to)
        ) or 0
        connection.execute(
            insert(CLOSED_PERIOD).values(closed_to=closed_to, last_batch=batch, at=now, who=who)
        )
        audit.record(connection, now, who=who, action="close period", subject=str(closed_to),
                     why="", after={"last_batch": batch})


def _repeated(connection: Connection, key: str) -> Corrected:
    number = connection.scalar(select(BATCH.c.batch_number).where(BATCH.c.batch_key == key))
    none = pl.DataFrame(
        schema={"partner": pl.String, "file_id": pl.String, "record_index": pl.Int32}
    )
    return Corrected(key, posting_table(connection, POSTING.c.batch_number == number), none,
                     repeated=True)


def _file_numbers(
    ledger: Ledger, connection: Connection, where: str, *charges: pl.DataFrame
) -> pl.DataFrame:
    """partner, file_id and file_number of the files that the charges are of, all of them posted."""
    wanted = pl.concat(
        side.select(pl.col(_FILE).cast(pl.String)).unique() for side in charges
    ).unique()
    query = select(FILE.c.partner, FILE.c.file_id, FILE.c.file_number, FILE.c.state)
    found = frame(
        connection, ledger.dialect.matching(query, "file_id", wanted["file_id"].unique()), _NAMES
    ).filter(state="posted")
    missing = wanted.join(found, on=_FILE, how="anti")
    if missing.height:
        raise LedgerError(where, f"file {'/'.join(missing.row(0))} is not posted",
                          "compute the correction anew")
    return found.select(*_FILE, "file_number")


def _accounts(ledger: Ledger, connection: Connection, known: pl.DataFrame) -> pl.DataFrame:
    """account_number, account and currency of the accounts of legs."""
    query = select(ACCOUNT.c.account_number, ACCOUNT.c.account, ACCOUNT.c.currency)
    numbers = known["account_number"].unique()
    return frame(connection, ledger.dialect.matching(query, "account_number", numbers), _NAMES)


def _move(
    ledger: Ledger, connection: Connection, where: str,
    legs_and_rows: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame], batch: int,
    policies: Mapping[str, Policy],
) -> pl.DataFrame:
    """The postings that give back and charge, all refunds before the first new charge."""
    known, old, new = legs_and_rows
    accounts = _accounts(ledger, connection, known)
    closed = connection.scalar(select(func.max(CLOSED_PERIOD.c.last_batch))) or 0
    adjusted = adjustments(known.filter(pl.col("batch_number") <= closed), accounts, old, new,
                           batch)
    changed = known.join(old, on="leg_id", how="semi").join(adjusted, on="leg_id", how="anti")
    given_back = put(ledger, connection, where, refunds(changed, batch), accounts)
    differences = put(ledger, connection, where, adjusted, accounts)
    charged = new.join(adjusted, on="leg_id", how="anti", maintain_order="left")
    anew = put_charges(
        ledger, connection, where, charged.with_columns(batch_number=pl.lit(batch, pl.Int64)),
        policies,
    )
    columns = given_back.columns
    parts = (given_back, differences, anew)
    return pl.concat(part.select(columns) for part in parts).sort("posting_id")


def _named(postings: pl.DataFrame, files: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Table posting of what `put` gave; there is no index by batch to ask the ledger for it."""
    number = pl.col("posting_id") // (1 << FILE_SHIFT)
    return named_postings(
        postings.with_columns(file_number=number, posted_at=pl.lit(now, pl.Datetime("us")))
        .join(files, on="file_number", maintain_order="left")
    )


def _follow(
    ledger: Ledger, connection: Connection, where: str, known: pl.DataFrame, old: pl.DataFrame,
    new: pl.DataFrame,
) -> pl.DataFrame:
    """Let usage keys and counts follow records that come to stand, or do not stand any more.

    The refusals elsewhere that this lifts.
    """
    gone, come = standing(known, old, new)
    anew = new.select("head", "rest", "record").unique()
    staying = anew.join(come, on="record", how="anti")
    refused = select(REFUSAL.c.record)
    strange = pl.concat([
        claim(ledger, connection, come).select("record"),
        staying.join(owned(ledger, connection, staying), on="record", how="anti").select("record"),
        frame(connection, ledger.dialect.matching(refused, "record", come["record"].unique())),
    ])
    if strange.height:
        record = strange.select(unpacked(pl.col("record"))["record_index"]).item(0, 0)
        raise LedgerError(where, f"record {record} has a new charge for a usage key that is not "
                          "its own", "compute the correction anew")
    for records, sign in ((come, 1), (gone, -1)):
        counts = records.group_by(file_number=pl.col("record") // (1 << FILE_SHIFT)).len("records")
        ledger.dialect.add_to(connection, FILE, counts.with_columns(
            pl.col("records").cast(pl.Int64) * sign
        ), "file_number")
    return _let_go(ledger, connection, gone)


def _let_go(ledger: Ledger, connection: Connection, keys: pl.DataFrame) -> pl.DataFrame:
    """Free the keys (head, rest, record), and lift the refusals for their sake.

    partner, file_id and record_index of the records that had been refused.
    """
    free(ledger, connection, keys)
    number = pl.col("record") // (1 << FILE_SHIFT)
    drop_digests(ledger, connection, keys.select(number).to_series().unique())
    query = select(REFUSAL.c.record, REFUSAL.c.original_record)
    lifted = frame(
        connection, ledger.dialect.matching(query, "original_record", keys["record"].unique())
    ).select("record", file_number=number)
    ledger.dialect.remove(connection, REFUSAL, lifted.select("record"))
    drop_digests(ledger, connection, lifted["file_number"].unique())
    counts = lifted.group_by("file_number").agg(refused=-pl.len().cast(pl.Int64))
    ledger.dialect.add_to(connection, FILE, counts, "file_number")
    of_files = select(FILE.c.file_number, FILE.c.partner, FILE.c.file_id)
    files = frame(
        connection, ledger.dialect.matching(of_files, "file_number", counts["file_number"]), _NAMES
    )
    return lifted.join(files, on="file_number").sort("record").select(
        *_FILE, record_index=unpacked(pl.col("record"))["record_index"]
    )
