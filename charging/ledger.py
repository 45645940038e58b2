"""The ledger: what every account was charged, exactly once, and what that leaves."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import polars as pl
from sqlalchemy import ColumnElement, Connection, CursorResult, Select, and_, select

from charging.ledger_answers import BALANCES, FILE_STATES, REFUSED
from charging.ledger_database import BUSY_TIMEOUT_S, Dialect, open_database
from charging.ledger_error import LedgerError
from charging.ledger_schema import ACCOUNT, BALANCE, BATCH, FILE, POSTING, REFUSAL
from charging.posting_id import FILE_SHIFT, KIND_NAMES, LEGS, file_range, unpacked
from charging.schema import POSTING as POSTING_TABLE

__all__ = ["Ledger", "LedgerError"]


NUMBERS: Final = pl.DataFrame(
    schema={"account": pl.String, "currency": pl.String, "account_number": pl.Int64}
)
_TIME: Final = "%Y-%m-%d %H:%M:%S%.6f"
"""As SQLAlchemy keeps a DateTime in SQLite, for which it has no type of its own"""


class Ledger:
    """A ledger on SQLite or PostgreSQL, made where absent; LedgerError where it cannot be used.

    What is read here sees one state of it. What changes it stands in the modules beside this one,
    each a function of a ledger.
    """

    def __init__(
        self, url_or_path: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        """Open it; busy_timeout_s is how long to wait for another writer."""
        self._database = open_database(url_or_path, busy_timeout_s)
        self.numbers = NUMBERS
        """account, currency and account_number of accounts met so far, which never change"""

    def __enter__(self) -> Self:
        """The ledger itself, closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the ledger."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.engine.dispose()

    @property
    def where(self) -> str:
        """The words for where it is, without a password."""
        return self._database.where

    @property
    def dialect(self) -> Dialect:
        """What its database does in its own way: the bulk statements."""
        return self._database.dialect

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the ledger and waits for no writer."""
        return self._database.transaction(self.where, writes=False)

    @contextmanager
    def writing(self, where: str | None = None) -> Iterator[Connection]:
        """A transaction that is the only writer; `where` begins its errors."""
        try:
            with self._database.transaction(where or self.where, writes=True) as connection:
                yield connection
        except BaseException:
            self.numbers = NUMBERS  # some may be of accounts that are not to be
            raise

    def remember(self, accounts: pl.DataFrame) -> None:
        """Add those of the accounts to `numbers` that are not among them."""
        new = accounts.select(NUMBERS.columns).join(
            self.numbers, on="account_number", how="anti"
        )
        self.numbers = pl.concat([self.numbers, new])

    def postings(self, partner: str, file_id: str) -> pl.DataFrame:
        """All postings (table posting) of a file's records by posting id; none if unknown."""
        with self.reading() as connection:
            number = file_number_of(connection, partner, file_id) or 0
            return posting_table(connection, POSTING.c.posting_id.between(*file_range(number)))

    def brought(self, partner: str, file_id: str) -> pl.DataFrame:
        """Those of a file's postings that posting it brought about, and no correction."""
        by_file = select(BATCH.c.batch_number).where(BATCH.c.kind == "file")
        with self.reading() as connection:
            number = file_number_of(connection, partner, file_id) or 0
            return posting_table(connection, and_(
                POSTING.c.posting_id.between(*file_range(number)),
                POSTING.c.batch_number.in_(by_file),
            ))

    def batch(self, batch_key: str) -> pl.DataFrame:
        """The postings (table posting) of one batch by posting id; none if unknown."""
        query = select(BATCH.c.batch_number).where(BATCH.c.batch_key == batch_key)
        with self.reading() as connection:
            number = connection.scalar(query)
            return posting_table(connection, POSTING.c.batch_number == number)

    def refusals(self, partner: str, file_id: str) -> pl.DataFrame:
        """The refused records (table refused) of a file in record order."""
        with self.reading() as connection:
            return refused(connection, file_number_of(connection, partner, file_id) or 0)

    def balances(self) -> pl.DataFrame:
        """All balances (table balances) by account and currency."""
        query = (
            select(
                ACCOUNT.c.account, ACCOUNT.c.currency, ACCOUNT.c.mode,
                BALANCE.c.amount_micros.label("balance_micros"), BALANCE.c.reserved_micros,
                BALANCE.c.postings,
            )
            .join_from(ACCOUNT, BALANCE, ACCOUNT.c.account_number == BALANCE.c.account_number)
        )
        with self.reading() as connection:
            found = frame(connection, query, BALANCES.polars)
        return BALANCES.fill(found).sort("account", "currency")

    def file_states(self) -> pl.DataFrame:
        """All registered files (table file_states) by number."""
        query = select(FILE).order_by(FILE.c.file_number)
        with self.reading() as connection:
            return FILE_STATES.fill(frame(connection, query, FILE_STATES.polars))


def file_number_of(connection: Connection, partner: str, file_id: str) -> int | None:
    """The file's number, where it is registered."""
    query = select(FILE.c.file_number).where(FILE.c.partner == partner, FILE.c.file_id == file_id)
    number: int | None = connection.scalar(query)
    return number


def frame(
    connection: Connection, query: Select[Any], types: Mapping[str, pl.DataType] | None = None
) -> pl.DataFrame:
    """The rows of a query; a column that `types` does not name is an Int64."""
    result = connection.execute(query)
    kinds = {name: (types or {}).get(name, pl.Int64()) for name in result.keys()}  # noqa: SIM118
    times = [name for name, kind in kinds.items() if kind == pl.Datetime]
    if times and connection.dialect.name == "sqlite":
        texts = kinds | dict.fromkeys(times, pl.String())
        return pl.DataFrame(_rows(result), schema=texts, orient="row").with_columns(
            pl.col(times).str.to_datetime(_TIME)
        )
    return pl.DataFrame(_rows(result), schema=kinds, orient="row")


def _rows(result: CursorResult[Any]) -> Sequence[Any]:
    """The rows as the driver gives them: making SQLAlchemy's of a million takes seconds."""
    return [] if result.cursor is None else result.cursor.fetchall()


def posting_table(connection: Connection, which: ColumnElement[bool]) -> pl.DataFrame:
    """Table posting, by posting id, of the rows of POSTING that the condition names."""
    rows = frame(connection, select(POSTING).where(which).order_by(POSTING.c.posting_id))
    # Words are read once each, and not with every row.
    files = POSTING.c.posting_id // (1 << FILE_SHIFT)
    parts = (
        (BATCH.c.batch_number, POSTING.c.batch_number, (BATCH.c.at.label("posted_at"),)),
        (ACCOUNT.c.account_number, POSTING.c.account_number,
         (ACCOUNT.c.account, ACCOUNT.c.currency)),
        (FILE.c.file_number, files, (FILE.c.partner, FILE.c.file_id)),
    )
    rows = rows.with_columns(file_number=unpacked(pl.col("posting_id"))["file_number"])
    for key, found, words in parts:
        query = select(key, *words).where(key.in_(select(found).where(which)))
        types = {word.name: POSTING_TABLE.polars[word.name] for word in words}
        rows = rows.join(frame(connection, query, types), on=key.name, maintain_order="left")
    return named_postings(rows)


def named_postings(postings: pl.DataFrame) -> pl.DataFrame:
    """Table posting of rows that have posting_id in place of its parts."""
    parts = unpacked(pl.col("posting_id"))
    words = {"leg": pl.Enum(LEGS), "kind": pl.Enum(KIND_NAMES)}
    named = {name: parts[name].cast(pl.UInt8).cat.to(word) for name, word in words.items()}
    return POSTING_TABLE.fill(postings.with_columns(**parts | named))


def refused(connection: Connection, file_number: int) -> pl.DataFrame:
    """The refused records (table refused) of a file."""
    query = (
        select(
            REFUSAL.c.record, REFUSAL.c.usage_key, FILE.c.partner.label("original_partner"),
            FILE.c.file_id.label("original_file_id"), REFUSAL.c.original_record,
        )
        .join_from(
            REFUSAL, FILE, FILE.c.file_number == REFUSAL.c.original_record // (1 << FILE_SHIFT)
        )
        .where(REFUSAL.c.record.between(*file_range(file_number)))
        .order_by(REFUSAL.c.record)
    )
    return REFUSED.fill(frame(connection, query, REFUSED.polars).with_columns(
        record_index=unpacked(pl.col("record"))["record_index"],
        original_record_index=unpacked(pl.col("original_record"))["record_index"],
    ))
