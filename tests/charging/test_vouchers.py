"""Vouchers: redeemed once whoever tries at once, not guessed, and secret wherever one looks."""

import logging
import multiprocessing
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select

from charging import vouchers
from charging.account_state import add_states
from charging.accounts import open_accounts
from charging.ledger import Ledger, LedgerError
from charging.ledger_answers import ACCOUNTS
from charging.ledger_schema import AUDIT, ENTRY, METADATA, VOUCHER_GUESS
from charging.voucher_number import drawn, read, written
from charging.vouchers import GUESS_TIME, VoucherBatch, batches, block_batch, make_batch, redeem

NOW = datetime(2026, 3, 1, 12)
DAY = timedelta(days=1)
BATCH = VoucherBatch("SPRING", "EUR", 10_000_000, 3, NOW, NOW + 30 * DAY)


@pytest.fixture
def opened(ledger):
    open_people(ledger)
    return ledger


def open_people(ledger):
    open_accounts(ledger, ACCOUNTS.fill(pl.DataFrame({
        "account": ["A1", "A2"], "currency": ["EUR", "EUR"], "mode": ["prepaid", "prepaid"],
        "opening_balance_micros": [0, 0],
    })), NOW)


def made(ledger, **change):
    return make_batch(ledger, replace(BATCH, **change), NOW, who="ops", why="campaign")


def wrong():
    return written(drawn(secrets.token_bytes))


def balance(ledger, account="A1"):
    return ledger.balances().filter(account=account)["balance_micros"].item()


def use(ledger, number, account="A1", now=NOW, currency="EUR"):
    return redeem(ledger, number, account, currency, now, who="ivr")


def guesses(ledger):
    with ledger.reading() as connection:
        return len(connection.execute(select(VOUCHER_GUESS)).all())


def test_a_voucher_is_redeemed_once(opened):
    first, second, _ = made(opened)
    moved = use(opened, first.lower().replace("-", ""))
    assert (moved.kind, moved.before_micros, moved.after_micros, moved.repeated) == (
        "voucher", 0, 10_000_000, False)
    again = use(opened, first)
    assert (again.repeated, again.after_micros) == (True, 10_000_000)
    with pytest.raises(LedgerError, match="not accepted"):
        use(opened, first, "A2")
    assert (balance(opened), balance(opened, "A2")) == (10_000_000, 0)
    use(opened, second, "A2")
    assert [(b["voucher_batch"], b["vouchers"], b["redeemed"]) for b in batches(opened)] == [
        ("SPRING", 3, 2)]
    with opened.reading() as connection:
        whys = connection.scalars(select(ENTRY.c.why).where(ENTRY.c.kind == "voucher")).all()
    assert whys == ["voucher of batch SPRING"] * 2


def test_a_batch_is_made_once_and_delivered_first(opened):
    seen = []
    numbers = make_batch(opened, BATCH, NOW, who="ops", why="w", deliver=seen.extend)
    assert seen == numbers
    assert len(set(numbers)) == 3
    with pytest.raises(LedgerError, match="SPRING is there already"):
        made(opened)

    def full(_):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        make_batch(opened, replace(BATCH, batch="B2"), NOW, who="ops", why="w", deliver=full)
    assert [b["voucher_batch"] for b in batches(opened)] == ["SPRING"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": " "}, "has no name"), ({"amount_micros": 0}, "more than 0"),
        ({"amount_micros": 2**63}, "more than 0"), ({"count": 0}, "from 1 to"),
        ({"count": 1_000_001}, "from 1 to"), ({"valid_to": NOW}, "never valid"),
    ],
)
def test_batches_that_cannot_be_meant(opened, change, words):
    with pytest.raises(LedgerError, match=words):
        made(opened, **change)


def test_refusals_do_not_tell_whether_a_voucher_exists(opened):
    first, second, third = made(opened)
    (expired,) = made(opened, batch="OLD", count=1, valid_from=NOW - 2 * DAY, valid_to=NOW)
    (early,) = made(opened, batch="NEXT", count=1, valid_from=NOW + DAY)
    (dollars,) = made(opened, batch="USD", count=1, currency="USD")
    (blocked,) = made(opened, batch="LOST", count=1)
    block_batch(opened, "LOST", NOW, who="ops", why="stolen")
    use(opened, first, "A2")
    said = set()
    for number in (wrong(), expired, early, dollars):
        with pytest.raises(LedgerError) as refused:
            use(opened, number)
        said.add(str(refused.value))
    use(opened, third)
    later = NOW + GUESS_TIME
    for number in (blocked, first):
        with pytest.raises(LedgerError) as refused:
            use(opened, number, now=later)
        said.add(str(refused.value))
    assert len(said) == 1
    assert guesses(opened) == 2
    assert use(opened, second, now=later).after_micros == 20_000_000


def test_an_account_that_guesses_is_refused_without_a_look(opened, monkeypatch):
    right, _, _ = made(opened)
    for _ in range(5):
        with pytest.raises(LedgerError, match="not accepted"):
            use(opened, wrong())
    monkeypatch.setattr(vouchers, "_found", None)
    with pytest.raises(LedgerError, match="too many wrong voucher numbers; wait 15") as refused:
        use(opened, right)
    assert refused.value.retry
    monkeypatch.undo()
    assert use(opened, right, "A2").after_micros == 10_000_000
    with pytest.raises(LedgerError, match="too many"):
        use(opened, right, now=NOW + GUESS_TIME - timedelta(seconds=1))
    with pytest.raises(LedgerError, match="not accepted"):
        use(opened, right, now=NOW + GUESS_TIME)
    assert guesses(opened) == 1


def test_all_accounts_together_may_not_guess_for_ever(opened, monkeypatch):
    monkeypatch.setattr(vouchers, "WRONG_IN_ALL", 2)
    for account in ("A1", "A2"):
        with pytest.raises(LedgerError, match="not accepted"):
            use(opened, wrong(), account)
    with pytest.raises(LedgerError, match="too many"):
        use(opened, made(opened)[0])


def test_mistyped_numbers_and_unknown_accounts_are_no_guesses(opened):
    number, _, _ = made(opened)
    mistyped = ("0" if number[0] != "0" else "1") + number[1:]
    with pytest.raises(LedgerError, match="no voucher number"):
        use(opened, mistyped)
    with pytest.raises(LedgerError, match="account A9 is not known"):
        use(opened, number, "A9")
    with opened.writing() as connection:
        add_states(opened, connection, pl.DataFrame({
            "account_number": [1], "state": ["closed"], "valid_to": [NOW], "why": ["t"],
        }), NOW, who="test")
    with pytest.raises(LedgerError, match="account A1 is closed"):
        use(opened, number)
    assert guesses(opened) == 0
    assert use(opened, number, "A2").after_micros == 10_000_000


def test_an_account_that_is_closed_meanwhile(opened, monkeypatch):
    number, _, _ = made(opened)
    counted = vouchers._counted

    def closing(*arguments):
        guess = counted(*arguments)
        with opened.writing() as connection:
            add_states(opened, connection, pl.DataFrame({
                "account_number": [1], "state": ["closed"], "valid_to": [NOW], "why": ["t"],
            }), NOW, who="test")
        return guess

    monkeypatch.setattr(vouchers, "_counted", closing)
    with pytest.raises(LedgerError, match="account A1 is closed"):
        use(opened, number)
    assert balance(opened) == 0


def test_blocking_is_on_the_trail_once(opened):
    made(opened)
    assert block_batch(opened, "SPRING", NOW, who="ops", why="stolen")
    assert not block_batch(opened, "SPRING", NOW, who="ops", why="stolen")
    with pytest.raises(LedgerError, match="batch NONE is not known"):
        block_batch(opened, "NONE", NOW, who="ops", why="stolen")
    with pytest.raises(LedgerError, match="no reason"):
        block_batch(opened, "SPRING", NOW, who="ops", why=" ")
    with opened.reading() as connection:
        actions = connection.scalars(select(AUDIT.c.action).order_by(AUDIT.c.audit_number)).all()
    assert actions == ["voucher_batch", "voucher_block"]


def test_a_voucher_extends_validity(opened):
    number, _, _ = made(opened)
    later = NOW + 90 * DAY
    moved = redeem(opened, number, "A1", "EUR", NOW, who="ivr", valid_to=later)
    assert (moved.state, moved.valid_to) == ("active", later)


def test_secrets_are_kept_nowhere(opened, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    numbers = made(opened)
    strange = wrong()
    use(opened, numbers[0])
    said = []
    for number, account in ((numbers[0], "A2"), (strange, "A1"), (numbers[1][:-1], "A1"),
                            (numbers[1], "A9")):
        with pytest.raises(LedgerError) as refused:
            use(opened, number, account)
        said.append(str(refused.value))
    with opened.reading() as connection:
        for table in METADATA.sorted_tables:
            said += [str(row) for row in connection.execute(select(table))]
    said += [caplog.text, *capfd.readouterr()]
    text = "\n".join(said).upper()
    for number in (*numbers, strange):
        bare = read(number)
        assert bare not in text.replace("-", "")
        assert not [group for group in (bare[at:at + 8] for at in range(13)) if group in text]


def race(url, number, account, gate, told):
    """Redeem when everybody is ready, and tell how it went."""
    with Ledger(url) as ledger:
        gate.wait(60)
        try:
            told.put((account, use(ledger, number, account).repeated))
        except LedgerError as error:
            told.put((account, error.what))


@pytest.mark.slow
@pytest.mark.parametrize("accounts", [("A1", "A2", "A1"), ("A1", "A1")])
def test_processes_that_redeem_at_once(opened, ledger_url, accounts):
    number, _, _ = made(opened)
    context = multiprocessing.get_context("spawn")
    gate, told = context.Barrier(len(accounts)), context.Queue()
    processes = [
        context.Process(target=race, args=(ledger_url, number, account, gate, told))
        for account in accounts
    ]
    for process in processes:
        process.start()
    results = [told.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    (winner,) = [account for account, repeated in results if repeated is False]
    for account, result in results:
        assert result in ({False, True} if account == winner else {"the voucher is not accepted"})
    assert sorted([balance(opened), balance(opened, "A2")]) == [0, 10_000_000]
    assert balance(opened, winner) == 10_000_000
