"""The proof of the ledger on both databases: silent on what is right, and finds what is not."""

import shutil
from datetime import datetime, timedelta
from itertools import count

import polars as pl
import pytest
from sqlalchemy import text

from charging.account_money import Order
from charging.accounts import open_accounts
from charging.check_files import FilesCheck
from charging.checks import SHOWN, check
from charging.correction import close_period, correct, roll_back
from charging.ledger import Ledger
from charging.ledger_answers import ACCOUNTS
from charging.posting import post, post_files
from charging.posting_rows import FileCharges
from charging.reservations import reserve, settle
from charging.top_ups import top_up

NOW = datetime(2026, 3, 1, 12)
LATER = NOW + timedelta(hours=1)
BY = {"who": "anna", "why": "wrong rate"}


def legs(first, count, amount=1_000, account="A1", key=0):
    """Records with a retail leg each and a wholesale leg on every other."""
    for record in range(first, first + count):
        yield record, "retail", usage(key + record), account, "EUR", amount
        if record % 2:
            yield record, "wholesale", usage(key + record), "partner:P", "SDR", amount // 2


def usage(number):
    """The usage key of a number; the first 64 bits differ as well."""
    return (number + 1) << 64 | 7


def make_busy(ledger, charge_frame):
    """Let everything happen once."""
    open_accounts(ledger, ACCOUNTS.fill(pl.DataFrame({
        "account": ["A1", "A2", "A3"], "currency": ["EUR"] * 3,
        "mode": ["prepaid", "postpaid", "prepaid"], "credit_limit_micros": [None, 2_500, None],
        "opening_balance_micros": [100_000, 0, 2_500],
    })), NOW)
    charges = {
        "f1": charge_frame("P", "f1", list(legs(0, 10))),
        "f2": charge_frame("P", "f2", list(legs(0, 5, account="A2", key=100))),
        # two of them are those of f1
        "f3": charge_frame("P", "f3", list(legs(8, 5, account="A3"))),
        "f4": charge_frame("P", "f4", list(legs(0, 4, key=200))),
    }
    post_files(ledger, [FileCharges("P", name, charges[name]) for name in ("f1", "f2", "f3")], NOW)
    post(ledger, "P", "f4", charges["f4"], NOW, {})
    roll_back(ledger, "P", "f4", charges["f4"], LATER, **BY)
    post(ledger, "P", "f4", charges["f4"].with_columns(revision=pl.lit(1, pl.Int32)), LATER)
    before = charges["f1"].filter(pl.col("record_index") < 4)
    dearer = before.with_columns(
        revision=pl.lit(1, pl.Int32), amount_micros=pl.lit(1_500, pl.Int64))
    correct(ledger, "r1", "rerate", before, dearer, LATER, **BY)
    close_period(ledger, LATER, LATER, who="anna")
    before = charges["f1"].filter(pl.col("record_index") > 6)
    cheaper = before.filter(pl.col("record_index") < 9).with_columns(
        revision=pl.lit(1, pl.Int32), amount_micros=pl.lit(10, pl.Int64))
    correct(ledger, "r2", "rerate", before, cheaper, LATER, **BY)
    top_up(ledger, Order("A1", "EUR", 5_000, "t1", "anna", "cash"), LATER)
    for key in ("one", "two"):
        reserve(ledger, key, "A1", "EUR", 700, LATER + timedelta(hours=1), LATER)
    settle(ledger, "two", 300, LATER)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def model(request, charge_frame, tmp_path_factory):
    """Makes copies of a ledger on which everything happened once: their addresses."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("busy")
        with Ledger(folder / "model.db") as ledger:
            make_busy(ledger, charge_frame)
        copies = (folder / f"{number}.db" for number in count())
        yield lambda: shutil.copy(folder / "model.db", next(copies))
        return
    server = request.getfixturevalue("postgres_server")
    name = server.migrated()
    with Ledger(server.url(name)) as ledger:
        make_busy(ledger, charge_frame)
    made = [name]

    def copied():
        made.append(server.empty(name))
        return server.url(made[-1])

    yield copied
    for database in made:
        server.drop(database)


@pytest.fixture
def busy(model):
    """A ledger on which everything happened once."""
    with Ledger(model()) as ledger:
        yield ledger


def tamper(ledger, *statements):
    """Change what the database itself would refuse to change."""
    with ledger.writing() as connection:
        if ledger.dialect.name == "sqlite":
            triggers = connection.scalars(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
            for name in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.exec_driver_sql(statement)


def faults(ledger, *statements):
    tamper(ledger, *statements)
    return "\n".join(check(ledger))


def check_files(ledger, files):
    with ledger.reading() as connection:
        checked = FilesCheck(ledger, connection, files)
        for file in files:
            checked.postings(*file)
        return checked.faults()


def test_an_empty_ledger_has_no_contradiction(ledger):
    assert check(ledger) == []
    assert check_files(ledger, [("P", "unknown")]) == []


def test_a_busy_ledger_has_no_contradiction(busy):
    assert check(busy) == []
    assert check_files(busy, [("P", f"f{number}") for number in (1, 2, 3, 4)]) == []


@pytest.mark.parametrize("at_once", [1, 3, 1_000])
def test_files_are_looked_at_alike_however_many_together(busy, monkeypatch, at_once):
    tamper(busy, "UPDATE posting SET amount_micros = amount_micros - 1 WHERE posting_id IN "
                 "(SELECT min(posting_id) FROM posting GROUP BY posting_id >> 36)")
    files = [("P", f"f{number}") for number in (4, 1, 3, 2)]
    each = sorted(fault for file in files for fault in check_files(busy, [file]))
    monkeypatch.setattr("charging.check_files.CHUNK_ROWS", at_once)
    assert sorted(check_files(busy, files)) == each
    assert len(each) >= 3


# Of file 1: record 0 is refunded at revision 0 and charged at 1; 5 stands alone; 8 is adjusted.
# A posting id is ((file << 25 | record) << 1 | leg) << 10 | revision << 3 | kind.
R0, R5, R8 = (((1 << 25 | record) << 11) for record in (0, 5, 8))
F3R8, F3R9, F4R0 = (3 << 25 | 8) << 11, (3 << 25 | 9) << 11, (4 << 25) << 11


@pytest.mark.parametrize(("statement", "found"), [
    ("UPDATE balance SET amount_micros = amount_micros + 1 WHERE account_number = 1",
     ["account 1 (A1 EUR): balance ", "but postings and entries come to "]),
    ("UPDATE balance SET postings = postings + 1 WHERE account_number = 2",
     ["account 2 (A2 EUR): balance -5000 with 7 postings, but postings and entries come"]),
    ("DELETE FROM balance WHERE account_number = 3",
     ["account 3 (A3 EUR): has no balance", "account 3: has 4 postings, but no balance"]),
    ("UPDATE balance SET reserved_micros = 5 WHERE account_number = 2",
     ["account 2: 5 micros are reserved, but 0 are pending"]),
    ("UPDATE reservation SET posted_micros = 301 WHERE reservation_key = 'two'",
     ["reservation two: 301 micros were charged, but 300 are entered"]),
    (f"UPDATE posting SET amount_micros = amount_micros - 1 WHERE posting_id = {R5}",
     ["account 1 (A1 EUR)", "file 1 retail usage EUR: "]),
    (f"UPDATE posting SET account_number = 99 WHERE posting_id = {R5}",
     ["account 99: has 1 postings, but no balance"]),
    (f"UPDATE posting SET batch_number = 99 WHERE posting_id = {R5}",
     ["batch 99: has 1 postings, but is not known", "postings stated, but "]),
    (f"UPDATE posting SET batch_number = 2 WHERE posting_id = {R5}",
     ["batch 2 (file:2:2): 8 postings stated, but 9 found"]),
    (f"DELETE FROM posting WHERE posting_id = {R5}",
     ["batch 1 (file:1:1)", "file 1 retail usage EUR: "]),
    ("DELETE FROM file WHERE file_number = 2",
     ["file 2 (None/None): has postings or refusals, but is not known", "file numbers: 3 rows"]),
    ("UPDATE file SET records = 4 WHERE file_number = 2",
     ["file 2 (P/f2): 4 records and 0 refused stated, but 5 and 0 found"]),
    ("UPDATE file SET state = 'open' WHERE file_number = 2",
     ["file 2 (P/f2): is open, but was posted"]),
    ("UPDATE file SET state = 'rolled_back' WHERE file_number = 4",
     ["file 4 (P/f4): is rolled back, but 4 records stand",
      "file 4 (P/f4): begins anew with revision 1, but has one of revision 1"]),
    ("UPDATE file SET revision = 2 WHERE file_number = 4",
     ["file 4 (P/f4): begins with revision 2, but a charge of revision 1 stands"]),
    ("UPDATE file_total SET postings = 3 WHERE file_number = 2 AND leg = 1",
     ["file 2 wholesale usage SDR: -1000 in 3 postings stated, but -1000 in 2 found"]),
    ("DELETE FROM file_total WHERE file_number = 2 AND leg = 1",
     ["file 2 wholesale usage SDR: 0 in 0 postings stated, but -1000 in 2 found"]),
    (f"DELETE FROM posting WHERE posting_id = {R0 + 5}",
     ["file 1 record 0 retail revision 0: is charged anew, but was not given back"]),
    (f"UPDATE posting SET amount_micros = 999 WHERE posting_id = {R0 + 5}",
     ["file 1 record 0 retail revision 0: is given back, but the leg comes to -1 micros"]),
    (f"UPDATE posting SET posting_id = {R5 + 5} WHERE posting_id = {R5}",
     ["file 1 record 5 retail revision 0: is given back without having been charged"]),
    (f"INSERT INTO posting VALUES ({R5 + 6}, 1, 1, 1)",
     ["record 5 retail revision 0: has postings of kinds that exclude each other: usage and ad"]),
    (f"INSERT INTO posting VALUES ({R5 + 3}, 1, 1001, 1)",
     ["record 5 retail revision 0: 1001 micros are given up of a charge of 1000"]),
    (f"UPDATE posting SET account_number = 2 WHERE posting_id = {R0 + 5}",
     ["file 1 record 0 retail revision 0: is on more than one account"]),
    (f"DELETE FROM usage_key WHERE record = {R5}",
     ["file 1: 9 records stand and 8 own a usage key; record 5 owns none"]),
    (f"UPDATE usage_key SET record = {R5 + (20 << 11)} WHERE record = {R5}",
     ["file 1: 9 records stand and 9 own a usage key; record 5 owns none"]),
    (f"INSERT INTO usage_key VALUES (-5, 1, {F4R0 + (9 << 11)})",
     ["file 4: 4 records stand and 5 own a usage key; record 9 owns one, but does not stand"]),
    (f"INSERT INTO usage_key VALUES (-5, 1, {R5})",
     ["file 1: 9 records stand and 10 own a usage key; record 5 owns two"]),
    (f"INSERT INTO usage_key_twin SELECT * FROM usage_key WHERE record = {R5}",
     ["usage key of file 1 record 5: owned a second time by file 1 record 5"]),
    (f"UPDATE refusal SET original_record = {R5} WHERE record = {F3R8}",
     ["file 3 record 8: refused for a record that does not own its usage key"]),
    (f"UPDATE refusal SET usage_key = '{'ab' * 16}' WHERE record = {F3R8}",
     ["file 3 record 8: refused for a record that does not own its usage key"]),
    (f"INSERT INTO refusal VALUES ({R5}, '{usage(105):032x}', {(2 << 25 | 5) << 11})",
     ["file 1 record 5: refused, but one of its legs stands"]),
    ("INSERT INTO allowance_use VALUES ('sim:1', 'min', '2026-03-01', 60, -1, '2026-03-01')",
     ["sim:1 min from 2026-03-01", ": -1/60 used"]),
    ("UPDATE entry SET amount_micros = amount_micros + 1 WHERE kind = 'top_up'",
     ["account 1 (A1 EUR): balance "]),
    ("UPDATE entry SET account_number = 99 WHERE kind = 'opening' AND account_number = 2",
     ["its account 99 is not known"]),
    ("UPDATE entry SET who = 'eve' WHERE kind = 'top_up'",
     ["entry top_up:t1: by eve, but not in the audit trail"]),
    ("INSERT INTO entry VALUES (99, 'voucher:x', 2, 'voucher', 0, '', '2026-03-01', 'catalog', '')",
     ["entry 99: of a voucher that is not redeemed so", "entry numbers: "]),
    ("INSERT INTO voucher VALUES ('beef', 'v1', 1, '2026-03-01')",
     ["voucher beef: redeemed, but not entered"]),
    ("UPDATE batch SET who = 'eve' WHERE kind = 'rollback'",
     ["by eve, but the audit trail names anna"]),
    ("DELETE FROM batch WHERE batch_number = 2",
     ["batch 2: has 8 postings, but is not known", "batch numbers: "]),
    ("UPDATE audit SET who = 'eve' WHERE audit_number = 3",
     ["audit row 3: is not as it was written on 2026-03-01", "by eve (post P/"]),
    ("DELETE FROM audit WHERE audit_number = 2",
     ["audit row 2: is missing, the next one is 3"]),
])
def test_a_contradiction_is_found(busy, statement, found):
    said = faults(busy, statement)
    for words in found:
        assert words in said, said


def test_the_end_of_the_trail_cannot_be_cut_off(busy):
    said = faults(busy, "DELETE FROM audit WHERE audit_number > 3")
    assert "but the audit trail names nobody" in said
    assert "entry top_up:t1: by anna, but not in the audit trail" in said


def test_many_contradictions_of_a_kind_are_counted(ledger, charge_frame):
    accounts = [(n, "retail", usage(n), f"A{n}", "EUR", 5) for n in range(SHOWN + 5)]
    post(ledger, "P", "f", charge_frame("P", "f", accounts), NOW)
    tamper(ledger, "UPDATE balance SET amount_micros = 0")
    assert len(check(ledger)) == SHOWN + 1
    assert check(ledger)[-1] == "… and 5 more like the last"


def test_files_are_checked_by_themselves(busy):
    tamper(busy, f"UPDATE posting SET amount_micros = 999 WHERE posting_id = {R0 + 5}",
           "UPDATE file SET records = 3 WHERE file_number = 4")
    assert check_files(busy, [("P", "f2"), ("P", "f3")]) == []
    assert len(check_files(busy, [("P", "f1")])) == 2
    assert check_files(busy, [("P", "f4"), ("P", "f2")]) == [
        "file 4 (P/f4): 3 records and 0 refused stated, but 4 and 0 found"
    ]
