"""Files on the ledger: their numbers, and their new state after posting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import polars as pl
from sqlalchemy import Connection, bindparam, func, insert, select, update

from charging import audit
from charging.ledger import Ledger, named_postings, refused
from charging.ledger_answers import REFUSED, Posted
from charging.ledger_error import LedgerError
from charging.ledger_schema import BATCH, FILE
from charging.posting_id import FILE_SHIFT, LARGEST_FILE, file_range, record_of
from charging.posting_rows import FileCharges
from charging.settled_files import digest_of, keep_digests

PIPELINE: Final = "pipeline"
"""Author of what no person asked for"""

FileKey = tuple[str, str]
"""Partner and file id"""


@dataclass(frozen=True, slots=True)
class FileRow:
    """What the ledger knows of a file."""

    number: int
    state: str
    revision: int
    records: int
    refused: int


class Waiting(Protocol):
    """A file with what of it was to be posted."""

    @property
    def file(self) -> FileCharges:
        """Its charges."""
        ...

    @property
    def row(self) -> FileRow:
        """The file before."""
        ...

    @property
    def batch(self) -> int:
        """Number of its batch; 0 where nothing was to be done."""
        ...


def file_rows(
    ledger: Ledger, connection: Connection, keys: Iterable[FileKey]
) -> dict[FileKey, FileRow]:
    """The files among these that are registered."""
    wanted = set(keys)
    partners = sorted({partner for partner, _ in wanted})
    query = select(
        FILE.c.partner, FILE.c.file_id, FILE.c.file_number, FILE.c.state, FILE.c.revision,
        FILE.c.records, FILE.c.refused,
    ).where(FILE.c.partner.in_(partners))
    ids = pl.Series("file_id", sorted({file_id for _, file_id in wanted}), pl.String)
    found = connection.execute(ledger.dialect.matching(query, "file_id", ids))
    rows = {(partner, file_id): FileRow(*facts) for partner, file_id, *facts in found}
    return {key: row for key, row in rows.items() if key in wanted}


def registered(
    ledger: Ledger, connection: Connection, keys: Sequence[FileKey]
) -> dict[FileKey, FileRow]:
    """All of the files; the new ones have the next free numbers in the order given."""
    found = file_rows(ledger, connection, keys)
    new = [key for key in dict.fromkeys(keys) if key not in found]
    if not new:
        return found
    last: int = connection.scalar(select(func.max(FILE.c.file_number))) or 0
    if last + len(new) > LARGEST_FILE:
        partner, file_id = new[LARGEST_FILE - last]
        raise LedgerError(f"file {partner}/{file_id}",
                          f"would be the {LARGEST_FILE + 1:,}th of the ledger",
                          "begin a new ledger")
    made = {key: FileRow(last + n, "open", 0, 0, 0) for n, key in enumerate(new, 1)}
    connection.execute(insert(FILE), [
        {"file_number": row.number, "partner": partner, "file_id": file_id, "state": row.state,
         "revision": 0, "records": 0, "refused": 0}
        for (partner, file_id), row in made.items()
    ])
    return found | made


def finished(
    ledger: Ledger, connection: Connection, todo: Sequence[Waiting], away: pl.DataFrame,
    postings: pl.DataFrame, now: datetime,
) -> list[Posted]:
    """State that the files are posted, and say what they have on the ledger.

    `away` has the records that were refused; `postings` is what `put_charges` gave.
    """
    ids = postings["posting_id"]
    named = _named(todo, postings, now)
    records = _by_file(postings.select(record=record_of(pl.col("posting_id"))).unique())
    turned = _by_file(away)
    done, changes = list[Posted](), list[_Change]()
    for one in todo:
        number, (first, last) = one.row.number, file_range(one.row.number)
        begin = ids.search_sorted(first)
        mine = named[begin:ids.search_sorted(last, side="right")]
        added, out = records.get(number, 0), turned.get(number, 0)
        if one.batch:
            changes.append(_Change(one, added, out, mine.height))
        done.append(Posted(
            one.row.records + added, mine,
            refused(connection, number) if one.row.refused + out else REFUSED.empty(),
            repeated=one.batch == 0, first=one.row.state == "open",
        ))
    if changes:
        _change(ledger, connection, changes, now)
    return done


@dataclass(frozen=True, slots=True)
class _Change:
    """What posting a file added."""

    of: Waiting
    records: int
    refused: int
    postings: int


def _change(
    ledger: Ledger, connection: Connection, changes: Sequence[_Change], now: datetime
) -> None:
    """Write the new state of files, their batches and the trail."""
    connection.execute(
        update(FILE).where(FILE.c.file_number == bindparam("of")).values(
            state="posted", records=FILE.c.records + bindparam("more"),
            refused=FILE.c.refused + bindparam("away"), posted_at=now,
        ),
        [{"of": c.of.row.number, "more": c.records, "away": c.refused} for c in changes],
    )
    connection.execute(insert(BATCH), [
        {"batch_number": c.of.batch, "kind": "file", "at": now, "who": PIPELINE, "why": "",
         "batch_key": f"file:{c.of.row.number}:{c.of.batch}", "postings": c.postings}
        for c in changes
    ])
    keep_digests(ledger, connection, {
        c.of.row.number: digest_of(c.of.file.charges) for c in changes
    })
    audit.record_all(connection, now, [
        audit.Deed(PIPELINE, "post", c.of.file.name, "", {"state": c.of.row.state}, {
            "batch": c.of.batch, "records": c.records, "postings": c.postings,
            "refused": c.refused,
        }) for c in changes
    ])


def _by_file(records: pl.DataFrame) -> dict[int, int]:
    """The number of rows by the number of the file that their record is of."""
    counts = records.group_by(file_number=pl.col("record") // (1 << FILE_SHIFT)).len()
    return dict(counts.iter_rows())


def _named(
    todo: Sequence[Waiting], postings: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """Table posting of what `put_charges` gave."""
    files = pl.DataFrame(
        [(one.row.number, one.file.partner, one.file.file_id) for one in todo],
        schema={"file_number": pl.Int64, "partner": pl.String, "file_id": pl.String}, orient="row",
    )
    number = pl.col("posting_id") // (1 << FILE_SHIFT)
    return named_postings(
        postings.with_columns(file_number=number, posted_at=pl.lit(now, pl.Datetime("us")))
        .join(files, on="file_number", maintain_order="left")
    )
