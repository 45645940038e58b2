"""A ledger saved from one database and filled into another is the same ledger."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import insert

from charging.accounts import open_accounts
from charging.checks import check
from charging.ledger import Ledger, LedgerError, frame
from charging.ledger_answers import ACCOUNTS
from charging.ledger_copy import load_tables, save_tables
from charging.ledger_schema import METADATA, VOUCHER_GUESS
from charging.posting import post
from charging.reservations import reserve, settle

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456)


@pytest.fixture
def saved(ledger, charge_frame, tmp_path):
    """The folder of a copy and the rows in it; its ledger has times, nulls and empty texts."""
    open_accounts(ledger, ACCOUNTS.fill(pl.DataFrame({
        "account": ["A1", 'Ä"2, x'], "currency": ["EUR"] * 2, "mode": ["prepaid", "postpaid"],
        "credit_limit_micros": [None, 5], "opening_balance_micros": [100, 0],
    })), NOW)
    legs = [(n, "retail", n << 64, "A1", "EUR", n) for n in range(1, 50)]
    post(ledger, "P", "f1", charge_frame("P", "f1", legs), NOW)
    reserve(ledger, "one", "A1", "EUR", 20, NOW + timedelta(hours=1), NOW, partial=True)
    reserve(ledger, "two", 'Ä"2, x', "EUR", 2, NOW + timedelta(hours=1), NOW)
    settle(ledger, "two", 2, NOW)
    folder = tmp_path / "copy"
    folder.mkdir()
    with ledger.reading() as connection:
        return folder, save_tables(connection, folder)


def rows(ledger):
    """All rows of a ledger."""
    with ledger.reading() as connection:
        return {table.name: connection.execute(
            table.select().order_by(*table.primary_key.columns)).all()
            for table in METADATA.sorted_tables}


@pytest.mark.parametrize("other", ["sqlite", "postgres"])
def test_a_copy_is_the_same_on_either_database(ledger, saved, other, request, tmp_path):
    folder, counts = saved
    if other == "sqlite":
        url = tmp_path / "other.db"
    else:
        server = request.getfixturevalue("postgres_server")
        url = server.url(server.migrated())
    with Ledger(url) as copy:
        assert load_tables(copy, folder, counts)
        assert check(copy) == []
        before, after = rows(ledger), rows(copy)
        # how many of them there are says that the comparison is of something
        assert {name: len(found) for name, found in after.items()} == counts
        assert after == before
        assert not load_tables(copy, folder, counts)
        assert rows(copy) == before


def test_a_ledger_with_other_rows_is_refused(saved, ledger, tmp_path):
    folder, counts = saved
    with ledger.writing() as connection:
        connection.execute(insert(VOUCHER_GUESS).values(guess_number=1, account_number=1, at=NOW))
    with pytest.raises(LedgerError, match="is not empty"):
        load_tables(ledger, folder, counts)
    with Ledger(tmp_path / "other.db") as other:
        with pytest.raises(LedgerError, match="rows of posting are in the copy, not 7"):
            load_tables(other, folder, {**counts, "posting": 7})
        with other.reading() as connection:
            found = frame(connection, METADATA.tables["file"].select(), {"partner": pl.String()})
            assert found.is_empty()
