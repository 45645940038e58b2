"""Accounts open once, entries move money once, and the trail of changes stays whole."""

from datetime import datetime

import polars as pl
import pytest
from sqlalchemy import Connection, func, select

import charging.accounts as opening
from charging.accounts import funds, open_accounts
from charging.entries import GIVEN, add_entries
from charging.ledger import Ledger, LedgerError
from charging.ledger_answers import ACCOUNTS
from charging.ledger_schema import ACCOUNT, AUDIT, ENTRY
from charging.posting import post

NOW = datetime.fromisoformat("2026-03-02T12:00:00")


def accounts(*rows: tuple[str, str, str, int, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=ACCOUNTS.polars, orient="row")


def entries(*rows: tuple[str, int, str, int]) -> pl.DataFrame:
    return pl.DataFrame([(*row, None, "why") for row in rows], schema=GIVEN, orient="row")


def balances(ledger: Ledger) -> dict[tuple[str, str], tuple[str, int, int]]:
    columns = ("account", "currency", "mode", "balance_micros", "postings")
    return {row[:2]: row[2:] for row in ledger.balances().select(columns).iter_rows()}


def charge(charge_frame, account: str, amount_micros: int) -> pl.DataFrame:
    return charge_frame("alpha", "f", [(0, "retail", 1, account, "EUR", amount_micros)])


def test_an_account_is_opened_once_even_after_its_first_charge(
    ledger: Ledger, charge_frame
) -> None:
    post(ledger, "alpha", "f", charge(charge_frame, "anna", 300), NOW)
    assert balances(ledger)["anna", "EUR"] == ("partner", -300, 1)
    assert open_accounts(ledger, accounts(("anna", "EUR", "prepaid", 1000, None)), NOW) == 1
    assert open_accounts(ledger, accounts(("anna", "EUR", "prepaid", 5, None)), NOW) == 0
    assert open_accounts(ledger, accounts(("anna", "USD", "prepaid", 0, None)), NOW) == 1
    assert balances(ledger) == {("anna", "EUR"): ("prepaid", 700, 1),
                                ("anna", "USD"): ("prepaid", 0, 0)}


def test_only_what_the_catalog_says_anew_is_looked_at(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(f"A{n}", "EUR", "prepaid", n, None) for n in range(1000)]
    assert open_accounts(ledger, accounts(*rows), NOW) == 1000
    seen, known = list[int](), opening._known

    def counted(of: Ledger, connection: Connection, names: pl.DataFrame) -> pl.DataFrame:
        seen.append(names.height)
        return known(of, connection, names)

    monkeypatch.setattr(opening, "_known", counted)
    assert open_accounts(ledger, accounts(*reversed(rows)), NOW) == 0
    assert seen == []
    rows[7] = ("A7", "EUR", "postpaid", 7, 70)
    assert open_accounts(ledger, accounts(*rows, ("B", "EUR", "prepaid", 5, None)), NOW) == 1
    assert max(seen) < 10
    assert balances(ledger)["A7", "EUR"] == ("postpaid", 7, 0)
    assert balances(ledger)["B", "EUR"] == ("prepaid", 5, 0)


def test_what_was_not_opened_is_tried_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = accounts(("anna", "EUR", "prepaid", 1000, None))

    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(opening, "add_entries", cut)
        with pytest.raises(KeyboardInterrupt):
            open_accounts(ledger, anna, NOW)
    assert open_accounts(ledger, anna, NOW) == 1


def test_mode_and_credit_limit_follow_the_catalog_and_leave_a_trace(ledger: Ledger) -> None:
    open_accounts(ledger, accounts(("anna", "EUR", "prepaid", 1000, None)), NOW)
    for _ in range(2):
        open_accounts(ledger, accounts(("anna", "EUR", "postpaid", 1000, 70)), NOW)
    with ledger.reading() as connection:
        assert connection.execute(
            select(ACCOUNT.c.mode, ACCOUNT.c.credit_limit_micros)
        ).all() == [("postpaid", 70)]
        trace = select(AUDIT.c.subject, AUDIT.c.before, AUDIT.c.after)
        traces = connection.execute(trace.where(AUDIT.c.action == "accounts")).all()
    assert traces == [("anna EUR", '{"anna EUR":["prepaid",null]}',
                       '{"anna EUR":["postpaid",70]}')]
    assert balances(ledger)["anna", "EUR"] == ("postpaid", 1000, 0)


def test_opening_what_is_open_writes_nothing(ledger_url: str) -> None:
    given = accounts(("anna", "EUR", "prepaid", 1000, None), ("bert", "EUR", "postpaid", 0, None))
    with Ledger(ledger_url, busy_timeout_s=0.05) as ledger, Ledger(ledger_url) as other:
        assert open_accounts(ledger, given, NOW) == 2
        with other.writing():
            assert open_accounts(ledger, given, NOW) == 0


def test_opening_an_account_twice_at_once_is_refused(ledger: Ledger) -> None:
    twice = accounts(("anna", "EUR", "prepaid", 1, None), ("anna", "EUR", "prepaid", 2, None))
    with pytest.raises(LedgerError, match="anna EUR is opened twice"):
        open_accounts(ledger, twice, NOW)
    assert ledger.balances().is_empty()


def test_funds_of_some_of_many_accounts_are_theirs(ledger: Ledger) -> None:
    many = [(f"a{n}", "EUR", "prepaid", n, None) for n in range(50)]
    open_accounts(ledger, accounts(*many), NOW)
    for wanted in (["a3"], [f"a{n}" for n in range(50)], ["a7", "new", "a7"]):
        names = pl.DataFrame({"account": wanted, "currency": "EUR"})
        with ledger.writing() as connection:
            found = funds(ledger, connection, names)
        assert sorted(found.select("account", "amount_micros", "mode").rows()) == sorted({
            (name, int(name[1:]), "prepaid") if name != "new" else (name, 0, "partner")
            for name in wanted
        })
    assert balances(ledger)["new", "EUR"] == ("partner", 0, 0)


def test_an_entry_moves_money_once_whatever_is_repeated(ledger: Ledger) -> None:
    open_accounts(ledger, accounts(("anna", "EUR", "prepaid", 1000, None)), NOW)
    given = entries(("k", 1, "top_up", 50), ("k", 1, "top_up", 50), ("l", 1, "expiry", -7))
    with ledger.writing() as connection:
        assert add_entries(ledger, connection, given, NOW, who="anna").height == 2
    with ledger.writing() as connection:
        more = entries(("l", 1, "expiry", -7), ("m", 1, "adjustment", 1))
        assert add_entries(ledger, connection, more, NOW, who="anna")["entry_key"].item() == "m"
    assert balances(ledger)["anna", "EUR"] == ("prepaid", 1044, 0)
    with ledger.reading() as connection:
        numbers = connection.scalars(select(ENTRY.c.entry_number).order_by("entry_number")).all()
        assert numbers == [1, 2, 3, 4]
        assert connection.scalar(select(func.sum(ENTRY.c.amount_micros))) == 1044


@pytest.mark.parametrize("other", [("k", 1, "top_up", 51), ("k", 2, "top_up", 50),
                                   ("k", 1, "voucher", 50)])
def test_a_key_is_for_one_movement_of_money(
    ledger: Ledger, other: tuple[str, int, str, int]
) -> None:
    opened = [(name, "EUR", "prepaid", 0, None) for name in ("anna", "bert")]
    open_accounts(ledger, accounts(*opened), NOW)
    given = ("k", 1, "top_up", 50)
    with ledger.writing() as connection:
        add_entries(ledger, connection, entries(given), NOW, who="anna")
    before = ledger.balances()
    with pytest.raises(LedgerError, match="entry k is there with 50 micros"), \
            ledger.writing() as connection:
        add_entries(ledger, connection, entries(other), NOW, who="anna")
    with pytest.raises(LedgerError, match="entry k"), ledger.writing() as connection:
        add_entries(ledger, connection, entries(("n", 1, "top_up", 1), given, other), NOW,
                    who="anna")
    assert ledger.balances().equals(before)


def test_a_key_that_stands_for_two_movements_at_once_is_refused(ledger: Ledger) -> None:
    open_accounts(ledger, accounts(("anna", "EUR", "prepaid", 0, None)), NOW)
    given = entries(("k", 1, "top_up", 50), ("k", 1, "top_up", 60))
    with pytest.raises(LedgerError, match="entry k"), ledger.writing() as connection:
        add_entries(ledger, connection, given, NOW, who="anna")
