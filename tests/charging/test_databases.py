"""What the two databases refuse, survive and say, and that a ledger of either keeps its word."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import polars as pl
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import select, text

import charging
from charging.allowance_use import used
from charging.entries import GIVEN, add_entries
from charging.ledger import Ledger, LedgerError, frame
from charging.ledger_database import connect
from charging.ledger_schema import ACCOUNT, ALLOWANCE_USE, APPEND_ONLY, BALANCE, VOUCHER_GUESS
from charging.posting import post, register_file

NOW = datetime.fromisoformat("2026-03-02T12:00:00")
LEGS = [(0, "retail", 7, "anna", "EUR", 300), (2, "retail", 8, "bert", "EUR", 50)]
MOST = 2**63 - 1


def top_up(account_number: int, key: str, amount_micros: int) -> pl.DataFrame:
    row = (key, account_number, "top_up", amount_micros, None, "")
    return pl.DataFrame([row], schema=GIVEN, orient="row")


@pytest.mark.parametrize("table", [table.name for table in APPEND_ONLY])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_what_is_written_once_can_be_neither_changed_nor_deleted(
    ledger: Ledger, charge_frame, table: str, verb: str
) -> None:
    post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    with ledger.writing() as connection:
        add_entries(ledger, connection, top_up(1, "k", 5), NOW, who="anna")
        connection.execute(text(
            "INSERT INTO account_state VALUES (1, 1, 'active', NULL, '2026-03-01 00:00:00.000000', "
            "'anna', '')"
        ))
    column = {"posting": "amount_micros"}.get(table, "who")
    with (
        pytest.raises(LedgerError, match=f"{table} is append-only: correct by a further row"),
        ledger.writing() as connection,
    ):
        connection.execute(text(verb.format(table, column, column)))


def test_a_balance_never_leaves_64_bits(ledger: Ledger, charge_frame) -> None:
    post(ledger, "alpha", "f", charge_frame("alpha", "f", [(0, "retail", 1, "a", "EUR", -MOST)]),
         NOW)
    before = ledger.balances()
    with (
        pytest.raises(LedgerError, match=r"nothing was changed; .*would not fit 64 bits") as caught,
        ledger.writing() as connection,
    ):
        add_entries(ledger, connection, top_up(1, "k", 1), NOW, who="anna")
    assert not caught.value.retry
    with pytest.raises(LedgerError, match="a/EUR do not fit 64 bits"):
        post(ledger, "alpha", "g", charge_frame("alpha", "g", [(0, "retail", 2, "a", "EUR", -1)]),
             NOW)
    assert ledger.balances().equals(before)


def test_a_writer_waits_for_another_and_then_says_to_try_again(
    ledger_url: str, charge_frame
) -> None:
    charges = charge_frame("alpha", "f", LEGS)
    with Ledger(ledger_url, busy_timeout_s=0.05) as ledger, Ledger(ledger_url) as other:
        with other.writing():
            with pytest.raises(LedgerError, match="another process is posting; try") as caught:
                post(ledger, "alpha", "f", charges, NOW)
            assert caught.value.retry
            assert ledger.balances().is_empty(), "reading waits for no writer"
        assert post(ledger, "alpha", "f", charges, NOW).records == 2


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(
    ledger_url: str, charge_frame
) -> None:
    with Ledger(ledger_url) as ledger, Ledger(ledger_url) as other, ledger.reading() as connection:
        count = text("SELECT count(*) FROM posting")
        assert connection.scalar(count) == 0
        post(other, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
        assert connection.scalar(count) == 0


def test_any_text_and_time_comes_back_as_it_went_in(ledger: Ledger) -> None:
    texts = ["", "\\.", 'a "quoted", one', "two\nlines\r\n", "\\N", "NULL", "ä€𝄞", " "]
    rows = pl.DataFrame({
        "holder": texts, "allowance": texts, "period_start": [NOW.replace(microsecond=70)] * 8,
        "scale": 1, "used": range(1, 9), "last_event_at": NOW,
    })
    for _ in range(2):
        with ledger.writing() as connection:
            ledger.dialect.merge(
                connection, ALLOWANCE_USE, rows, adds=("used",), latest=("last_event_at",)
            )
    with ledger.reading() as connection:
        found = connection.execute(ALLOWANCE_USE.select().order_by(ALLOWANCE_USE.c.used)).all()
    assert [tuple(row) for row in found] == [
        (*row[:4], row[4] * 2, row[5]) for row in rows.iter_rows()
    ]


def test_rows_are_appended_once_changed_and_removed_in_bulk(ledger: Ledger) -> None:
    rows = pl.DataFrame({"guess_number": range(5), "account_number": 1, "at": NOW})
    with ledger.writing() as connection:
        dialect = ledger.dialect
        assert dialect.append_new(connection, VOUCHER_GUESS, rows.head(3)) == 3
        assert dialect.append_new(connection, VOUCHER_GUESS, rows) == 2
        dialect.add_to(connection, VOUCHER_GUESS, pl.DataFrame(
            {"guess_number": [0, 4], "account_number": [10, 20]}
        ), "guess_number")
        assert dialect.remove(connection, VOUCHER_GUESS, pl.DataFrame(
            {"guess_number": [0, 1, 2], "account_number": [1, 1, 1]}
        )) == 2
        query = dialect.matching(VOUCHER_GUESS.select(), "account_number", pl.Series([11, 21, 7]))
        assert [row[:2] for row in connection.execute(query.order_by("guess_number"))] == [
            (0, 11), (4, 21)
        ]


@pytest.mark.parametrize("number", [1, 99, 100, 230])
def test_rows_of_any_number_are_written(ledger: Ledger, number: int) -> None:
    start = datetime.fromisoformat("2026-03-01T00:00:00.000001")
    n = pl.int_range(number)
    uses = pl.select(
        holder=pl.format("sim:{}", n), allowance=pl.lit("minutes"), period_start=pl.lit(start),
        scale=pl.lit(1), used=n, last_event_at=start + pl.duration(hours=n),
    )
    accounts = pl.select(
        account_number=n + 1, account=pl.format("a{}", n), currency=pl.lit("EUR"),
        mode=pl.lit("postpaid"),
        credit_limit_micros=pl.when(n % 3 > 0).then(n),
    )
    balances = pl.select(account_number=n + 1, amount_micros=-n, reserved_micros=0, postings=0)
    dialect = ledger.dialect
    with ledger.writing() as connection:
        dialect.append(connection, ACCOUNT, accounts)
        assert dialect.append_new(connection, BALANCE, balances[::2]) == len(balances[::2])
        assert dialect.append_new(connection, BALANCE, balances) == number // 2
        added = balances.select("account_number", amount_micros=2 * n, postings=n)
        dialect.add_to(connection, BALANCE, added.reverse(), "account_number")
        for _ in range(2):
            dialect.merge(connection, ALLOWANCE_USE, uses, adds=("used",),
                          latest=("last_event_at",))
    assert ledger.balances().sort("postings").select("balance_micros", "postings").rows() == [
        (k, k) for k in range(number)
    ]
    whole = uses.with_columns(used=2 * pl.col("used"))
    assert used(ledger).equals(whole.sort("holder"))
    with ledger.writing() as connection:
        assert dialect.remove(connection, ALLOWANCE_USE, uses) == 1  # all others are used twice
        assert dialect.remove(connection, ALLOWANCE_USE, whole) == number - 1
    with ledger.reading() as connection:
        found = frame(connection, select(ACCOUNT).order_by(ACCOUNT.c.account_number),
                      accounts.schema)
    assert found.equals(accounts)
    assert used(ledger).is_empty()


def lose_connection(ledger: Ledger, url: str) -> None:
    """Begin to write, lose the connection, and go on."""
    with ledger.writing() as connection:
        add_entries(ledger, connection, top_up(1, "k", 5), NOW, who="anna")
        with psycopg.connect(url) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE pid <> pg_backend_pid() AND datname = current_database()")
        add_entries(ledger, connection, top_up(1, "l", 5), NOW, who="anna")


def test_a_lost_connection_leaves_nothing(postgres_url: str, charge_frame) -> None:
    with Ledger(postgres_url) as ledger:
        post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
        before = ledger.balances()
        with pytest.raises(LedgerError, match="try again") as caught:
            lose_connection(ledger, postgres_url)
        assert caught.value.retry
        assert ledger.balances().equals(before), "the next transaction connects anew"


def test_a_ledger_lives_in_the_schema_that_its_address_names(postgres_server, charge_frame) -> None:
    name = postgres_server.empty()
    url = postgres_server.url(name)
    with psycopg.connect(url) as raw:
        raw.execute("CREATE SCHEMA mine")
    with Ledger(f"{url}&options=-csearch_path%3Dmine") as ledger:
        post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    with psycopg.connect(url) as raw:
        assert raw.execute("SELECT count(*) FROM mine.posting").fetchone() == (2,)
        assert raw.execute("SELECT to_regclass('public.posting')").fetchone() == (None,)
    postgres_server.drop(name)


def test_a_role_without_the_right_password_is_turned_away_at_once(postgres_server) -> None:
    name = postgres_server.migrated()
    rules = postgres_server.folder / "data" / "pg_hba.conf"
    rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())
    for statement in ("CREATE ROLE guarded LOGIN PASSWORD 'right'", "SELECT pg_reload_conf()"):
        postgres_server.execute(sql.SQL(statement))
    time.sleep(0.1)
    url = postgres_server.url(name)
    for role, what in (("guarded:wrong", "password authentication failed"),
                       ("guarded", "no password supplied"), ("nobody", "does not exist"),
                       ("guarded:right", "permission denied for table ledger_revision; grant")):
        with pytest.raises(LedgerError, match=what) as caught:
            Ledger(url.replace("postgres@", f"{role}@"))
        assert not caught.value.retry
        assert "right" not in caught.value.where
        assert "wrong" not in str(caught.value)
    with pytest.raises(LedgerError, match='database "absent" does not exist; check role'):
        Ledger(url.replace(name, "absent"))
    postgres_server.drop(name)


def test_a_server_that_does_not_answer_may_do_so_later() -> None:
    with pytest.raises(LedgerError, match="cannot be reached, or ended; try again") as caught:
        Ledger("postgres://role:secret@127.0.0.1:1/ledger?password=secret")
    assert caught.value.retry
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://ledger:secret@db/ledger", "is on mysql; only SQLite and PostgreSQL"),
        ("postgresql://ledger:secret@[::bad/x", "its address is no URL"),
        ("postgresql://:secret:@x:port/", "its address is no URL"),
        ("sqlite://", "names no file"),
        (":memory:", "names no file"),
        ("", "names no file"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, what: str) -> None:
    with pytest.raises(LedgerError, match=what) as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "50% of? our #ledger.db"
    Ledger(path).close()
    assert path.exists()


def test_a_read_only_ledger_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as writable:
        register_file(writable, "alpha", "f")
    with Ledger(f"sqlite:///file:{path}?mode=ro&uri=true") as ledger:
        assert ledger.file_states().height == 1
        with pytest.raises(LedgerError, match=r"readonly.*writable"):
            register_file(ledger, "alpha", "g")


def test_what_is_not_a_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("These are notes, and long enough to be looked at as a header. " * 20)
    with pytest.raises(LedgerError, match=r"notes.txt: file is not a database; it is not a ledger"):
        Ledger(notes)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as raw:
        raw.execute("CREATE TABLE recipe (name TEXT)")
    before = other.read_bytes()
    with pytest.raises(LedgerError, match="SQLite file but not a ledger"):
        Ledger(other)
    assert other.read_bytes() == before
    with pytest.raises(LedgerError, match="folder must exist"):
        Ledger(tmp_path / "absent" / "ledger.db")


def test_what_is_committed_is_durable(sqlite_url: str) -> None:
    Ledger(sqlite_url).close()
    engine = connect(sqlite_url).engine
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_the_package_and_its_tables_load_without_polars() -> None:
    code = "import sys, charging, charging.ledger_schema\nsys.exit('polars' in sys.modules)"
    root = Path(charging.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
