"""The ledger: what every account was charged, exactly once, and what that leaves."""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl
from sqlalchemy import Connection, Select, func, insert, select, update

from charging import ledger_sqlite as sqlite
from charging.ledger_answers import ACCOUNTS, BALANCES, ENTRIES, FILE_STATES, REFUSED, Posted
from charging.ledger_error import LedgerError
from charging.ledger_schema import ACCOUNT, BALANCE, FILE, POSTING, REFUSAL, TOP_UP
from charging.posting_rows import PostingRows, posting_rows
from charging.schema import POSTING as POSTING_TABLE
from mediation.tables import Table, conform

__all__ = ["Ledger", "LedgerError", "Posted"]

_CHECKS = ("balances", "accounts", "files", "totals", "keys", "refusals")


class Ledger:
    """A ledger in an SQLite file, created where absent; LedgerError where it cannot be used."""

    def __init__(
        self, url_or_path: str | Path, *, busy_timeout_s: float = sqlite.BUSY_TIMEOUT_S
    ) -> None:
        """Open the file; busy_timeout_s is how long to wait for another writer."""
        self._engine, self._where = sqlite.open_engine(url_or_path, busy_timeout_s)

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
        self._engine.dispose()

    def register_file(self, partner: str, file_id: str) -> int:
        """The file's number, dense from 1 in order of first registration."""
        with self._writing() as connection:
            return _register(connection, partner, file_id)

    def open_accounts(self, accounts: pl.DataFrame) -> int:
        """The number of accounts (table accounts) that were not opened before.

        An account is opened once: a later change of its opening balance or mode has no effect.
        """
        conform(ACCOUNTS, accounts)
        double = accounts.filter(pl.struct("account", "currency").is_duplicated())
        if double.height:
            raise LedgerError(self._where, f"account {' '.join(double.row(0)[:2])} is opened twice",
                              "name each account once for each currency")
        with self._writing() as connection:
            known = set(connection.scalars(select(TOP_UP.c.top_up_key)))
            new = [
                (key, *row)
                for row in accounts.sort("account", "currency").iter_rows()
                if (key := f"opening:{row[1]}:{row[0]}") not in known
            ]
            sqlite.run_many(connection, "open_accounts", (row[1:4] for row in new))
            sqlite.run_many(connection, "add_openings", ((*row[:3], row[4]) for row in new))
            sqlite.run_many(connection, "add_to_balances", ((*row[1:3], row[4], 0) for row in new))
        return len(new)

    def post(self, partner: str, file_id: str, charges: pl.DataFrame, now: datetime) -> Posted:
        """What posting a file's charges (table charge) did, all of it in one transaction.

        A record whose usage key another record owns is refused with all its legs. A record is
        settled once, posted or refused, and no later call changes it: a file that comes again
        adds only records that it had not brought before, as after a rerun that found a price for
        what was in suspense. `repeated` says that nothing was added. A file not yet registered is
        registered; an account not yet known begins at 0. now is naive UTC.
        """
        where = f"{self._where}: file {partner}/{file_id}"
        if now.tzinfo is not None:
            raise LedgerError(where, "the time of posting carries a time zone", "give naive UTC")
        rows = posting_rows(where, partner, file_id, charges)
        with self._writing(where) as connection:
            number = _register(connection, partner, file_id)
            state = select(FILE.c.state).where(FILE.c.file_number == number)
            repeated = connection.scalar(state) == "posted"
            if repeated:
                rows = rows.without(_settled(connection, number))
                repeated = rows.frame.is_empty()
            if not repeated:
                refused = sqlite.claim_keys(connection, number, rows.keys())
                sqlite.run_many(connection, "add_refusals", ((number, *row) for row in refused))
                accepted = rows.without([row[0] for row in refused])
                _add(connection, where, number, accepted)
                _count(connection, where, number, accepted, len(refused), now)
            records = select(FILE.c.records).where(FILE.c.file_number == number)
            posted = connection.execute(records).scalar_one()
            return Posted(posted, _refused(connection, number), repeated)

    def postings(self, partner: str, file_id: str) -> pl.DataFrame:
        """The postings (table posting) of a file by posting id; none for an unknown file."""
        query = (
            select(
                FILE.c.partner, FILE.c.file_id, FILE.c.file_number, POSTING.c.record_index,
                POSTING.c.leg, POSTING.c.revision, POSTING.c.account, POSTING.c.currency,
                POSTING.c.amount_micros, POSTING.c.kind, POSTING.c.usage_key,
            )
            .join_from(FILE, POSTING, FILE.c.file_number == POSTING.c.file_number)
            .where(FILE.c.partner == partner, FILE.c.file_id == file_id)
            .order_by(POSTING.c.record_index, POSTING.c.leg, POSTING.c.revision)
        )
        with self._reading() as connection:
            return _frame(connection, POSTING_TABLE, query)

    def refusals(self, partner: str, file_id: str) -> pl.DataFrame:
        """The refused records (table refused) of a file in record order."""
        number = select(FILE.c.file_number).where(
            FILE.c.partner == partner, FILE.c.file_id == file_id
        )
        with self._reading() as connection:
            return _refused(connection, connection.scalar(number))

    def balances(self) -> pl.DataFrame:
        """All balances (table balances) by account and currency."""
        query = (
            select(
                ACCOUNT.c.account, ACCOUNT.c.currency, ACCOUNT.c.mode,
                BALANCE.c.amount_micros.label("balance_micros"), BALANCE.c.postings,
            )
            .join_from(
                ACCOUNT,
                BALANCE,
                (ACCOUNT.c.account == BALANCE.c.account)
                & (ACCOUNT.c.currency == BALANCE.c.currency),
            )
            .order_by(ACCOUNT.c.account, ACCOUNT.c.currency)
        )
        with self._reading() as connection:
            return _frame(connection, BALANCES, query)

    def entries(self, account: str) -> pl.DataFrame:
        """An account's entries (table entries), all currencies."""
        opened = select(
            TOP_UP.c.account, TOP_UP.c.currency, TOP_UP.c.kind, TOP_UP.c.amount_micros
        ).where(TOP_UP.c.account == account).order_by(TOP_UP.c.top_up_key)
        posted = (
            select(
                POSTING.c.account, POSTING.c.currency, POSTING.c.kind, POSTING.c.amount_micros,
                FILE.c.partner, FILE.c.file_id, FILE.c.file_number, POSTING.c.record_index,
                POSTING.c.leg, POSTING.c.revision, POSTING.c.usage_key,
            )
            .join_from(POSTING, FILE, FILE.c.file_number == POSTING.c.file_number)
            .where(POSTING.c.account == account)
            .order_by(
                POSTING.c.file_number, POSTING.c.record_index, POSTING.c.leg, POSTING.c.revision
            )
        )
        with self._reading() as connection:
            return pl.concat([_frame(connection, ENTRIES, query) for query in (opened, posted)])

    def file_states(self) -> pl.DataFrame:
        """All registered files (table file_states) by number."""
        query = select(
            FILE.c.partner, FILE.c.file_id, FILE.c.file_number, FILE.c.state, FILE.c.records,
            FILE.c.postings, FILE.c.refused, FILE.c.posted_at,
        ).order_by(FILE.c.file_number)
        with self._reading() as connection:
            return _frame(connection, FILE_STATES, query)

    def check(self) -> list[str]:
        """Every contradiction within the ledger, a sentence each; empty where all is proven.

        Balances against entries, files against their postings, postings and refusals against the
        owners of their usage keys.
        """
        with self._reading() as connection:
            return [
                f"{name}: {finding}"
                for name in _CHECKS
                for (finding,) in connection.exec_driver_sql(sqlite.sql(f"check_{name}"))
            ]

    def _reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the ledger and waits for no writer."""
        return sqlite.transaction(self._engine, self._where, writes=False)

    def _writing(self, where: str | None = None) -> AbstractContextManager[Connection]:
        """A transaction that is the only writer."""
        return sqlite.transaction(self._engine, where or self._where, writes=True)


def _register(connection: Connection, partner: str, file_id: str) -> int:
    """The number of a file, the next free one where it is new."""
    mine = select(FILE.c.file_number).where(FILE.c.partner == partner, FILE.c.file_id == file_id)
    known: int | None = connection.scalar(mine)
    if known is not None:
        return known
    last: int | None = connection.scalar(select(func.max(FILE.c.file_number)))
    number = (last or 0) + 1
    connection.execute(
        insert(FILE).values(
            file_number=number, partner=partner, file_id=file_id, state="open", records=0,
            postings=0, refused=0,
        )
    )
    return number


def _add(connection: Connection, where: str, number: int, rows: PostingRows) -> None:
    """Add the postings of a file, and what they change in the balances."""
    sums = rows.sums(where, "account", "currency")
    sqlite.run_many(connection, "charge_accounts", (row[:2] for row in sums))
    sqlite.run_many(connection, "add_postings", rows.tuples(number))
    sqlite.run_many(connection, "add_to_balances", sums)


def _settled(connection: Connection, number: int) -> list[int]:
    """The records of a file that are posted or refused."""
    posted = select(POSTING.c.record_index).where(POSTING.c.file_number == number)
    refused = select(REFUSAL.c.record_index).where(REFUSAL.c.file_number == number)
    return list(connection.scalars(posted.union(refused)))


def _count(
    connection: Connection, where: str, number: int, rows: PostingRows, refused: int, now: datetime
) -> None:
    """Add the postings to the file's counts and sums, and state that it is posted."""
    totals = rows.sums(where, "leg", "currency")
    sqlite.run_many(connection, "add_totals", ((number, *row) for row in totals))
    connection.execute(
        update(FILE)
        .where(FILE.c.file_number == number)
        .values(
            state="posted",
            records=FILE.c.records + rows.frame["record_index"].n_unique(),
            postings=FILE.c.postings + rows.frame.height,
            refused=FILE.c.refused + refused,
            posted_at=now,
        )
    )


def _refused(connection: Connection, file_number: int | None) -> pl.DataFrame:
    """The refused records (table refused) of a file."""
    query = (
        select(
            REFUSAL.c.record_index, REFUSAL.c.usage_key, FILE.c.file_id.label("original_file_id"),
            REFUSAL.c.original_record_index,
        )
        .join_from(REFUSAL, FILE, FILE.c.file_number == REFUSAL.c.original_file_number)
        .where(REFUSAL.c.file_number == file_number)
        .order_by(REFUSAL.c.record_index)
    )
    return _frame(connection, REFUSED, query)


def _frame(connection: Connection, table: Table, query: Select[Any]) -> pl.DataFrame:
    """The rows of a query as the table declares them; usage keys as hex digits."""
    stored = table.polars | {"usage_key": pl.Binary()}
    result = connection.execute(query)
    schema = {name: stored[name] for name in result.keys()}  # noqa: SIM118  (not a dictionary)
    frame = pl.DataFrame([tuple(row) for row in result], schema=schema, orient="row")
    return table.fill(frame.with_columns(pl.col(pl.Binary).bin.encode("hex")))
