"""Rows of whole numbers reach PostgreSQL as octets; all others, and what does not fit, as text."""

import polars as pl
import pytest
from sqlalchemy import delete

from charging import ledger_postgres
from charging.copy_octets import octets
from charging.ledger import Ledger, LedgerError, frame
from charging.ledger_schema import BALANCE, FILE_TOTAL, REFUSAL

LARGEST = 2**63 - 1
ROWS = pl.DataFrame(
    [(1, -LARGEST - 1, 0, 0), (2**31 - 1, LARGEST, LARGEST, 3), (7, -1, 5, 256)],
    schema=dict.fromkeys(("account_number", "amount_micros", "reserved_micros", "postings"),
                         pl.Int64), orient="row",
)


def test_octets_say_what_text_does(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    with Ledger(postgres_url) as ledger:
        for way in (octets, lambda *_: None):
            monkeypatch.setattr(ledger_postgres, "octets", way)
            with ledger.writing() as connection:
                ledger.dialect.append(connection, BALANCE, ROWS)
                found.append(frame(connection, BALANCE.select().order_by("account_number")))
                connection.execute(delete(BALANCE))
    assert found[0].equals(found[1])
    assert found[0].equals(ROWS.sort("account_number"))


def test_each_row_has_its_number_of_values_and_their_lengths() -> None:
    one = pl.DataFrame({"file_number": [258], "leg": [-1], "amount_micros": [3]})
    made = octets(FILE_TOTAL, one)
    assert made is not None
    values = b"\0\0\0\4\0\0\1\2" + b"\0\0\0\2\xff\xff" + b"\0\0\0\x08" + bytes(7) + b"\3"
    assert b"".join(made) == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\3" + values + b"\xff\xff"


def test_what_is_no_whole_number_is_left_to_text() -> None:
    assert octets(REFUSAL, pl.DataFrame({"record": [1], "usage_key": ["a"]})) is None
    assert octets(BALANCE, ROWS.with_columns(postings=pl.lit(None, pl.Int64))) is None
    assert octets(BALANCE, ROWS.with_columns(account_number=pl.lit(2**31))) is None


def test_a_number_that_is_too_large_is_refused_and_not_cut(postgres_url: str) -> None:
    large = ROWS[:1].with_columns(account_number=pl.lit(2**32 + 1))
    with (
        Ledger(postgres_url) as ledger, pytest.raises(LedgerError, match="would not fit 64 bits"),
        ledger.writing() as connection,
    ):
        ledger.dialect.append(connection, BALANCE, large)
