"""Files all of whose charges are settled: who posts the same again need not look at each record."""

import hashlib
from collections.abc import Mapping, Sequence

import polars as pl
from sqlalchemy import Connection, delete, select

from charging.ledger import Ledger
from charging.ledger_schema import SETTLED_FILE


def digest_of(charges: pl.DataFrame) -> str:
    """What stands for the records that charges are of, in any order: a repetition changes nothing.

    A record that is settled stays as it is, whatever its charges say later.
    """
    # No record has the number that stands for an absent one, so none is taken for settled.
    indexes = charges["record_index"].fill_null(-1).unique().sort().to_numpy().astype("<i4")
    return hashlib.blake2b(indexes.tobytes(), digest_size=16).hexdigest()


def settled_digests(
    ledger: Ledger, connection: Connection, numbers: Sequence[int] | pl.Series
) -> dict[int, str]:
    """By file number, the digest of records that are settled, all of them."""
    query = select(SETTLED_FILE.c.file_number, SETTLED_FILE.c.records)
    wanted = pl.Series("file_number", numbers, pl.Int64)
    found = connection.execute(ledger.dialect.matching(query, "file_number", wanted))
    return {row.file_number: row.records for row in found}


def keep_digests(ledger: Ledger, connection: Connection, digests: Mapping[int, str]) -> None:
    """Note by file number that the records of a digest are settled."""
    drop_digests(ledger, connection, list(digests))
    ledger.dialect.append(connection, SETTLED_FILE, pl.DataFrame(
        {"file_number": list(digests), "records": list(digests.values())},
        schema={"file_number": pl.Int64, "records": pl.String},
    ))


def drop_digests(
    ledger: Ledger, connection: Connection, numbers: Sequence[int] | pl.Series
) -> None:
    """Forget it of files of which a record is not settled any more."""
    gone = ledger.dialect.listed(pl.Series(numbers, dtype=pl.Int64))
    connection.execute(
        delete(SETTLED_FILE).where(SETTLED_FILE.c.file_number.in_(select(gone.c.value)))
    )
