"""The ledger posts a file once, refuses what another file posted, and says what it cannot do."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import charging
from charging.ledger import Ledger, LedgerError
from charging.ledger_answers import ACCOUNTS
from charging.ledger_sqlite import open_engine, transaction
from charging.schema import POSTING
from mediation.tables import TableError, conform

ChargeFrame = Callable[..., pl.DataFrame]
NOW = datetime.fromisoformat("2026-03-02T12:00:00")
LEGS = [
    (0, "retail", 7, "anna", "EUR", 300),
    (0, "wholesale", 7, "partner:alpha", "XDR", 200),
    (2, "retail", 8, "bert", "EUR", 50),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path) as opened:
        yield opened


def accounts(*rows: tuple[str, str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=ACCOUNTS.polars, orient="row")


def balances(ledger: Ledger) -> dict[tuple[str, str], tuple[str, int, int]]:
    return {row[:2]: row[2:] for row in ledger.balances().iter_rows()}


def test_files_are_numbered_in_order_of_first_registration(ledger: Ledger) -> None:
    given = [("alpha", "f"), ("beta", "f"), ("alpha", "g"), ("beta", "f"), ("alpha", "f")]
    assert [ledger.register_file(*file) for file in given] == [1, 2, 3, 2, 1]
    assert ledger.file_states()["state"].to_list() == ["open"] * 3


def test_posting_negates_charges_and_moves_balances(
    ledger: Ledger, charge_frame: ChargeFrame
) -> None:
    ledger.open_accounts(accounts(("anna", "EUR", "prepaid", 1000), ("bert", "EUR", "postpaid", 0)))
    done = ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    assert (done.posted, done.refused.height, done.repeated) == (2, 0, False)
    assert balances(ledger) == {
        ("anna", "EUR"): ("prepaid", 700, 1),
        ("bert", "EUR"): ("postpaid", -50, 1),
        ("partner:alpha", "XDR"): ("partner", -200, 1),
    }
    postings = conform(POSTING, ledger.postings("alpha", "f"))
    assert postings.select("file_number", "record_index", "leg", "amount_micros").rows() == [
        (1, 0, "retail", -300), (1, 0, "wholesale", -200), (1, 2, "retail", -50),
    ]
    assert postings["usage_key"].to_list() == [f"{k:032x}" for k in (7, 7, 8)]
    assert ledger.file_states().row(0) == ("alpha", "f", 1, "posted", 2, 3, 0, NOW)
    assert ledger.check() == []


def test_entries_begin_with_the_opening(ledger: Ledger, charge_frame: ChargeFrame) -> None:
    ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    ledger.open_accounts(accounts(("anna", "EUR", "prepaid", 1000)))
    entries = ledger.entries("anna").select("kind", "amount_micros", "file_id", "record_index")
    assert entries.rows() == [("opening", 1000, None, None), ("usage", -300, "f", 0)]
    assert ledger.entries("nobody").is_empty()


def test_an_account_is_opened_once_even_after_its_first_charge(
    ledger: Ledger, charge_frame: ChargeFrame
) -> None:
    ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    assert balances(ledger)["anna", "EUR"] == ("partner", -300, 1)
    assert ledger.open_accounts(accounts(("anna", "EUR", "prepaid", 1000))) == 1
    assert ledger.open_accounts(accounts(("anna", "EUR", "postpaid", 5))) == 0
    assert ledger.open_accounts(accounts(("anna", "USD", "prepaid", 0))) == 1
    assert balances(ledger)["anna", "EUR"] == ("prepaid", 700, 1)
    assert balances(ledger)["anna", "USD"] == ("prepaid", 0, 0)
    assert ledger.check() == []


def test_a_second_post_changes_nothing_and_answers_the_same(
    path: Path, charge_frame: ChargeFrame
) -> None:
    other = [(1, "retail", 8, "carl", "EUR", 9), (5, "retail", 9, "carl", "EUR", 9)]
    with Ledger(path) as ledger:
        ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
        first = ledger.post("alpha", "g", charge_frame("alpha", "g", other), NOW)
        before = ledger.balances()
    with Ledger(path) as ledger:
        again = ledger.post("alpha", "g", charge_frame("alpha", "g", other[1:]), NOW)
        assert (again.posted, again.repeated) == (1, True)
        assert again.refused.equals(first.refused)
        assert ledger.balances().equals(before)
        assert ledger.check() == []


def test_a_key_of_another_file_refuses_every_leg_of_the_record(
    ledger: Ledger, charge_frame: ChargeFrame
) -> None:
    ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    legs = [
        (0, "retail", 8, "bert", "EUR", 50),
        (1, "retail", 7, "anna", "EUR", 300),
        (1, "wholesale", 7, "partner:beta", "XDR", 200),
        (3, "retail", 9, "bert", "EUR", 4),
    ]
    done = ledger.post("beta", "g", charge_frame("beta", "g", legs), NOW)
    assert done.posted == 1
    assert done.refused.rows() == [(0, f"{8:032x}", "f", 2), (1, f"{7:032x}", "f", 0)]
    assert ledger.refusals("beta", "g").equals(done.refused)
    assert ledger.refusals("beta", "unknown").is_empty()
    assert ledger.postings("beta", "g")["record_index"].to_list() == [3]
    assert ("partner:beta", "XDR") not in balances(ledger)
    assert ledger.check() == []


def test_of_a_key_twice_in_one_file_the_first_record_is_posted(
    ledger: Ledger, charge_frame: ChargeFrame
) -> None:
    legs = [(4, "retail", 1, "anna", "EUR", 10), (3, "retail", 1, "anna", "EUR", 10)]
    done = ledger.post("alpha", "f", charge_frame("alpha", "f", legs), NOW)
    assert done.refused.rows() == [(4, f"{1:032x}", "f", 3)]
    assert balances(ledger)["anna", "EUR"][1:] == (-10, 1)


def test_a_file_without_charges_is_posted_too(ledger: Ledger, charge_frame: ChargeFrame) -> None:
    empty = charge_frame("alpha", "f", [])
    assert not ledger.post("alpha", "f", empty, NOW).repeated
    done = ledger.post("alpha", "f", empty, NOW)
    assert (done.posted, done.refused.height, done.repeated) == (0, 0, True)
    assert ledger.file_states()["state"].to_list() == ["posted"]
    assert ledger.check() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posting SET amount_micros = 0",
        "DELETE FROM posting",
        "UPDATE top_up SET amount_micros = 0",
        "DELETE FROM top_up",
    ],
)
def test_entries_can_be_neither_changed_nor_deleted(
    path: Path, ledger: Ledger, charge_frame: ChargeFrame, statement: str
) -> None:
    ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    ledger.open_accounts(accounts(("anna", "EUR", "prepaid", 1000)))
    with (
        closing(sqlite3.connect(path)) as raw,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        raw.execute(statement)


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE balance SET amount_micros = 1 WHERE account = 'anna'", "balances: anna EUR: bal"),
        ("UPDATE balance SET postings = 9 WHERE account = 'anna'", "balances: anna EUR: balance"),
        ("DELETE FROM balance WHERE account = 'bert'", "accounts: bert EUR: account without"),
        ("DELETE FROM account WHERE account = 'bert'", "accounts: bert EUR: balance without"),
        ("DELETE FROM posting WHERE leg = 'wholesale'", "files: file 1: 2 records, 3 postings"),
        ("UPDATE file SET state = 'open', posted_at = NULL", "files: file 1: "),
        ("UPDATE posting SET amount_micros = -1 WHERE leg = 'wholesale'",
         "totals: file 1 wholesale XDR: -200 in 1 postings stated, but -1 in 1 found"),
        ("UPDATE usage_key SET record_index = 5 WHERE record_index = 2", "keys: file 1 record 2 "),
        ("DELETE FROM usage_key WHERE record_index = 2",
         "keys: file 1 record 2 retail: its usage key belongs to nobody"),
        ("DELETE FROM posting WHERE file_number = 1 AND record_index = 2",
         "keys: file 1 record 2: owns a usage key but has no posting"),
        ("UPDATE refusal SET record_index = 1", "refusals: file 2 record 1: refused, but"),
        ("UPDATE refusal SET original_record_index = 4", "refusals: file 2 record 0: refused for"),
    ],
)
def test_check_finds_what_was_tampered_with(
    path: Path, ledger: Ledger, charge_frame: ChargeFrame, statement: str, finding: str
) -> None:
    ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    legs = [(0, "retail", 8, "bert", "EUR", 50), (1, "retail", 9, "bert", "EUR", 4)]
    ledger.post("beta", "g", charge_frame("beta", "g", legs), NOW)
    assert ledger.check() == []
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DROP TRIGGER posting_never_updated")
        raw.execute("DROP TRIGGER posting_never_deleted")
        raw.execute(statement)
    assert any(found.startswith(finding) for found in ledger.check()), ledger.check()


@pytest.mark.parametrize(
    ("legs", "what"),
    [
        ([LEGS[0], LEGS[0]], "two charges for record 0, leg retail, revision 0"),
        ([LEGS[0], (0, "wholesale", 9, "anna", "EUR", 1)], "record 0 has two usage keys"),
        ([(0, "retail", 16**32, "anna", "EUR", 1)], "record 0 has a usage key that is not 32 hex"),
        ([(0, "retail", 1, "anna", "EUR", -(2**63))], "limit of 64 bits"),
        ([(n, "retail", n, "anna", "EUR", 2**62) for n in range(3)], "anna/EUR do not fit 64 bits"),
        ([(0, "mixed", 1, "anna", "EUR", 1)], "CHECK constraint"),
    ],
)
def test_contradicting_charges_are_refused_and_leave_nothing(
    ledger: Ledger, charge_frame: ChargeFrame, legs: list[tuple[object, ...]], what: str
) -> None:
    with pytest.raises(LedgerError, match=what) as caught:
        ledger.post("alpha", "f", charge_frame("alpha", "f", legs), NOW)
    assert not caught.value.retry
    assert ledger.balances().is_empty()
    assert ledger.file_states().is_empty()


def test_charges_of_another_file_are_refused(ledger: Ledger, charge_frame: ChargeFrame) -> None:
    with pytest.raises(LedgerError, match=r"alpha/g.*3 charges are of another file.*alpha/f"):
        ledger.post("alpha", "g", charge_frame("alpha", "f", LEGS), NOW)
    with pytest.raises(LedgerError, match="time zone"):
        ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW.replace(tzinfo=UTC))
    with pytest.raises(TableError, match="columns differ"):
        ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS).drop("leg"), NOW)


def test_a_balance_never_leaves_64_bits(ledger: Ledger, charge_frame: ChargeFrame) -> None:
    most = 2**63 - 1
    for file in "fgh":
        legs = [(0, "retail", ord(file), "anna", "EUR", most if file != "g" else 1)]
        charges = charge_frame("alpha", file, legs)
        if file == "h":
            with pytest.raises(LedgerError, match="REAL means that a balance would not fit"):
                ledger.post("alpha", file, charges, NOW)
        else:
            ledger.post("alpha", file, charges, NOW)
    assert balances(ledger)["anna", "EUR"] == ("partner", -(2**63), 2)
    assert ledger.check() == []


def test_opening_an_account_twice_at_once_is_refused(ledger: Ledger) -> None:
    twice = accounts(("anna", "EUR", "prepaid", 1), ("anna", "EUR", "prepaid", 2))
    with pytest.raises(LedgerError, match="anna EUR is opened twice"):
        ledger.open_accounts(twice)
    assert ledger.balances().is_empty()


def test_a_locked_ledger_says_to_try_again(path: Path, charge_frame: ChargeFrame) -> None:
    with Ledger(path, busy_timeout_s=0.05) as ledger, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"locked.*try again") as caught:
            ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
        assert caught.value.retry
        assert ledger.balances().is_empty(), "reading waits for no writer"
        other.rollback()
        assert ledger.post("alpha", "f", charge_frame("alpha", "f", LEGS), NOW).posted == 2


def test_a_read_only_ledger_can_be_read(path: Path) -> None:
    with Ledger(path) as writable:
        writable.register_file("alpha", "f")
    with Ledger(f"sqlite:///file:{path}?mode=ro&uri=true") as ledger:
        assert ledger.file_states().height == 1
        with pytest.raises(LedgerError, match=r"readonly.*writable"):
            ledger.register_file("alpha", "g")


def test_what_is_not_a_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are notes, and long enough to be looked at as a header. " * 20)
    with pytest.raises(LedgerError, match=r"notes.txt: file is not a database; it is not a ledger"):
        Ledger(text)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as raw:
        raw.execute("CREATE TABLE recipe (name TEXT)")
    before = other.read_bytes()
    with pytest.raises(LedgerError, match="SQLite file but not a ledger"):
        Ledger(other)
    assert other.read_bytes() == before
    with pytest.raises(LedgerError, match="folder must exist"):
        Ledger(tmp_path / "absent" / "ledger.db")


def test_a_ledger_of_another_layout_is_refused(path: Path) -> None:
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="has layout 99"):
        Ledger(path)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://ledger:secret@db/ledger", "is on postgresql"),
        ("sqlite://", "names no file"),
        (":memory:", "names no file"),
    ],
)
def test_a_ledger_must_be_an_sqlite_file(url: str, what: str) -> None:
    with pytest.raises(LedgerError, match=what) as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)


def test_what_is_committed_is_durable(path: Path) -> None:
    engine, where = open_engine(path, busy_timeout_s=1)
    with transaction(engine, where, writes=False) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_the_package_and_its_schema_load_without_polars() -> None:
    code = (
        "import sys, charging, charging.ledger_schema, charging.ledger_sqlite\n"
        "sys.exit('polars' in sys.modules)"
    )
    root = Path(charging.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
