"""What the figures of a ledger say that its postings do not: a sentence for each contradiction."""

from collections.abc import Iterator
from typing import Final

import polars as pl
from sqlalchemy import Connection, func, select

from charging.check_postings import Tally, chunks, mark, standing_records
from charging.ledger import Ledger, frame
from charging.ledger_schema import (
    ACCOUNT,
    BALANCE,
    BATCH,
    ENTRY,
    FILE,
    FILE_TOTAL,
    REFUSAL,
    USAGE_KEY,
    USAGE_KEY_TWIN,
)
from charging.posting_id import FILE_SHIFT, KIND_NAMES, LEGS, file_range, unpacked

_TEXTS: Final = {
    name: pl.String() for name in
    ("partner", "file_id", "state", "currency", "account", "kind", "batch_key", "usage_key")
}
_REFUSALS_AT_ONCE: Final = 50_000


def balances_faults(connection: Connection, found: Tally) -> Iterator[str]:
    """Every balance is the sum of its account's postings and entries."""
    query = select(
        ACCOUNT.c.account_number, ACCOUNT.c.account, ACCOUNT.c.currency,
        BALANCE.c.amount_micros.label("stated"), BALANCE.c.postings.label("counted"),
    ).join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
    entered = select(
        ENTRY.c.account_number, func.sum(ENTRY.c.amount_micros).label("entered")
    ).group_by(ENTRY.c.account_number)
    # what the database adds up to may be of a type without bounds
    entries = pl.DataFrame(
        [(number, int(amount)) for number, amount in connection.execute(entered)],
        schema={"account_number": pl.Int64(), "entered": pl.Int64()}, orient="row",
    )
    sides = frame(connection, query, _TEXTS).join(
        found.accounts, on="account_number", how="full", coalesce=True
    ).join(entries, on="account_number", how="left").with_columns(
        pl.col("postings", "entered", "amount_micros").fill_null(0)
    ).with_columns(derived=pl.col("amount_micros") + pl.col("entered"))
    wrong = sides.filter(
        pl.col("stated").ne_missing(pl.col("derived"))
        | pl.col("counted").ne_missing(pl.col("postings"))
    )
    for row in wrong.sort("account_number").iter_rows(named=True):
        name = f"account {row['account_number']}"
        if row["account"] is None:
            yield f"{name}: has {row['postings']} postings, but no balance"
        else:
            yield (f"{name} ({row['account']} {row['currency']}): balance {row['stated']} with "
                   f"{row['counted']} postings, but postings and entries come to "
                   f"{row['derived']} with {row['postings']}")


def batches_faults(connection: Connection, found: Tally, *, whole: bool) -> Iterator[str]:
    """Every batch has the postings that it says; one of a file only those of that file."""
    query = select(BATCH.c.batch_number, BATCH.c.kind, BATCH.c.batch_key, BATCH.c.postings)
    stated = frame(connection, query, _TEXTS)
    counted = found.batches.group_by("batch_number").agg(
        found=pl.col("postings").sum(), files=pl.len(), file_number=pl.col("file_number").min()
    )
    sides = counted.join(
        stated, on="batch_number", how="full" if whole else "left", coalesce=True
    ).with_columns(pl.col("found").fill_null(0))
    # of a correction only a part is known unless all postings are
    own = pl.lit(value=True) if whole else pl.col("kind") == "file"
    other = (pl.col("kind") == "file") & (pl.col("found") > 0) & (
        (pl.col("files") > 1)
        | ~pl.col("batch_key").str.starts_with(pl.format("file:{}:", "file_number"))
    )
    wrong = sides.filter(
        pl.col("kind").is_null() | (own & (pl.col("found") != pl.col("postings"))) | other
    )
    for row in wrong.sort("batch_number").iter_rows(named=True):
        name = f"batch {row['batch_number']}"
        if row["kind"] is None:
            yield f"{name}: has {row['found']} postings, but is not known"
        elif row["found"] != row["postings"]:
            yield (f"{name} ({row['batch_key']}): {row['postings']} postings stated, but "
                   f"{row['found']} found")
        else:
            yield f"{name} ({row['batch_key']}): has postings of another file"


def files_faults(connection: Connection, found: Tally, among: tuple[int, int]) -> Iterator[str]:
    """Every file's state, revision and counts are those of its postings and refusals."""
    first, last = (end >> FILE_SHIFT for end in among)
    files = frame(
        connection, select(FILE).where(FILE.c.file_number.between(first, last)),
        {**_TEXTS, "posted_at": pl.Datetime("us")},
    )
    number = (REFUSAL.c.record // (1 << FILE_SHIFT)).label("file_number")
    refused = frame(connection, select(number, func.count().label("turned")).where(
        REFUSAL.c.record.between(*among)
    ).group_by(number))
    sides = files
    for other in (found.files, found.revisions, refused):
        sides = sides.join(other, on="file_number", how="full", coalesce=True)
    sides = sides.with_columns(pl.col("standing", "turned").fill_null(0))
    for row in sides.sort("file_number").iter_rows(named=True):
        for fault in _of_file(row):
            yield f"file {row['file_number']} ({row['partner']}/{row['file_id']}): {fault}"


def _of_file(row: dict[str, int | str | None]) -> Iterator[str]:
    """What is wrong with the figures of one file."""
    state, top, least = row["state"], row["top"], row["least"]
    revision = row["revision"]
    if state is None:
        yield "has postings or refusals, but is not known"
        return
    if (row["records"], row["refused"]) != (row["standing"], row["turned"]):
        yield (f"{row['records']} records and {row['refused']} refused stated, but "
               f"{row['standing']} and {row['turned']} found")
    if state == "open" and (top is not None or row["posted_at"] is not None):
        yield "is open, but was posted"
    if state == "rolled_back" and row["standing"]:
        yield f"is rolled back, but {row['standing']} records stand"
    assert isinstance(revision, int)
    if state == "rolled_back" and isinstance(top, int) and top >= revision:
        yield f"begins anew with revision {revision}, but has one of revision {top}"
    if isinstance(least, int) and least < revision:
        yield f"begins with revision {revision}, but a charge of revision {least} stands"


def totals_faults(connection: Connection, found: Tally, among: tuple[int, int]) -> Iterator[str]:
    """Every file's sums are those of its postings."""
    first, last = (end >> FILE_SHIFT for end in among)
    query = select(FILE_TOTAL).where(FILE_TOTAL.c.file_number.between(first, last))
    by = ["file_number", "leg", "kind", "currency"]
    stated = frame(connection, query, {"currency": pl.String()})
    wrong = differing(stated, found.totals.drop_nulls("currency"), by, "_found")
    for row in wrong.iter_rows(named=True):
        yield (f"file {row['file_number']} {LEGS[row['leg']]} {KIND_NAMES[row['kind']]} "
               f"{row['currency']}: {row['amount_micros']} in {row['postings']} postings stated, "
               f"but {row['amount_micros_found']} in {row['postings_found']} found")


def differing(
    left: pl.DataFrame, right: pl.DataFrame, by: list[str], suffix: str
) -> pl.DataFrame:
    """Where two sides have other amount_micros or postings, by the columns that they share.

    What one side lacks is 0 there; the right one's columns end in the suffix.
    """
    both = left.join(right, on=by, how="full", coalesce=True, suffix=suffix).with_columns(
        pl.col("^(amount_micros|postings).*$").fill_null(0)
    )
    return both.filter(
        (pl.col("amount_micros") != pl.col(f"amount_micros{suffix}"))
        | (pl.col("postings") != pl.col(f"postings{suffix}"))
    ).sort(by)


def legs_faults(found: Tally) -> Iterator[str]:
    """Every leg has the postings that its revisions can have."""
    for number, fault in found.faults.iter_rows():
        yield f"file {number} {fault}"


def keys_faults(connection: Connection, found: Tally) -> Iterator[str]:
    """Every record that stands owns one usage key, and nobody else does."""
    owners = pl.DataFrame(schema={"file_number": pl.Int64, "owned": pl.Int64, "marks": pl.Int64})
    for table in (USAGE_KEY, USAGE_KEY_TWIN):
        for chunk in chunks(connection, select(table.c.record)):
            more = chunk.group_by(file_number=pl.col("record") // (1 << FILE_SHIFT)).agg(
                owned=pl.len().cast(pl.Int64), marks=mark(pl.col("record")).sum()
            )
            owners = pl.concat([owners, more]).group_by("file_number").agg(
                pl.col("owned", "marks").sum()
            )
    sides = found.files.join(
        owners, on="file_number", how="full", coalesce=True, suffix="_owned"
    ).with_columns(pl.col("standing", "owned").fill_null(0))
    wrong = sides.filter(
        (pl.col("standing") != pl.col("owned"))
        | pl.col("marks").ne_missing(pl.col("marks_owned"))
    )
    for row in wrong.sort("file_number").iter_rows(named=True):
        number, one = row["file_number"], _one_key(connection, row["file_number"])
        yield (f"file {number}: {row['standing']} records stand and {row['owned']} own a usage "
               f"key; {one}")


def _one_key(connection: Connection, number: int) -> str:
    """The first record of a file that stands without a usage key, or owns one in vain."""
    among = file_range(number)
    standing = standing_records(connection, number)
    owning = pl.concat(
        frame(connection, select(table.c.record).where(table.c.record.between(*among)))
        for table in (USAGE_KEY, USAGE_KEY_TWIN)
    )["record"]
    doubtful = (
        (standing.filter(~standing.is_in(owning.implode())), "owns none"),
        (owning.filter(~owning.is_in(standing.implode())), "owns one, but does not stand"),
        (owning.filter(owning.is_duplicated()), "owns two"),
    )
    found, what = next((records, what) for records, what in doubtful if len(records))
    return f"record {pl.select(unpacked(pl.lit(found.min()))['record_index']).item()} {what}"


def refusals_faults(
    ledger: Ledger, connection: Connection, among: tuple[int, int]
) -> Iterator[str]:
    """Every refusal names the record that owns its usage key."""
    query = select(REFUSAL).where(REFUSAL.c.record.between(*among)).order_by(REFUSAL.c.record)
    result = connection.execute(query, execution_options={"yield_per": _REFUSALS_AT_ONCE})
    schema = {"record": pl.Int64(), "usage_key": pl.String(), "original_record": pl.Int64()}
    parts = unpacked(pl.col("record"))
    for rows in result.partitions():
        refusals = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
        octets = pl.col("usage_key").str.decode("hex", strict=False).bin
        asked = refusals.with_columns(
            head=octets.slice(0, 8).bin.reinterpret(dtype=pl.Int64, endianness="big"),
            rest=octets.slice(8, 8).bin.reinterpret(dtype=pl.Int64, endianness="big"),
        )
        heads = asked["head"].drop_nulls().unique()
        owners = pl.concat(
            frame(connection, ledger.dialect.matching(
                select(table.c.head, table.c.rest, table.c.record.label("original_record")),
                "head", heads,
            )) for table in (USAGE_KEY, USAGE_KEY_TWIN)
        )
        for number, record in asked.join(
            owners, on=["head", "rest", "original_record"], how="anti", maintain_order="left"
        ).select(
            parts["file_number"].alias("file_number"), parts["record_index"].alias("record_index")
        ).iter_rows():
            yield (f"file {number} record {record}: refused for a record that does not own its "
                   "usage key")
