"""Money in on the command line: told in words with its balance, exact, and once for each key."""

import io
import json
import os
import stat
import sys

import pytest

from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home
from ratemill.money import micros_of
from ratemill.settings import load_settings

LIFE_CYCLE = """
[life_cycle]
days_per_top_up = 90
grace_days = 30
suspend_after_days = 5
close_after_days = 60
"""
TOP_UP = ("account", "top-up", "A1", "10.00", "--key", "K1", "--who", "shop")
MAKE = ("voucher", "make", "SPRING", "5", "3", "--currency", "EUR", "--valid-to", "2027-01-01",
        "--why", "campaign")


@pytest.fixture
def living(small):
    """The small home with a life cycle."""
    path = small.root / "ratemill.toml"
    path.write_text(path.read_text() + LIFE_CYCLE)
    return Home.find(small.root, {})


@pytest.fixture
def typed(monkeypatch):
    """Puts a line on standard input."""
    return lambda line: monkeypatch.setattr(sys, "stdin", io.StringIO(f"{line}\n"))


def told(shown):
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


@pytest.mark.parametrize(
    ("text", "micros"),
    [("10.00", 10_000_000), ("-0.5", -500_000), ("0.000001", 1), ("-0", 0),
     ("999999999999.999999", 999_999_999_999_999_999)],
)
def test_amounts_are_read_exactly(text, micros):
    assert micros_of(text) == micros


@pytest.mark.parametrize(
    "text", ["", "1,5", "1e3", "+1", ".5", "1.", "1.0000001", "1 000", "٣", "1000000000000", "nan"]
)
def test_amounts_that_are_none(text):
    with pytest.raises(RatemillError, match="at most six places"):
        micros_of(text)


def test_a_top_up_in_words(small, ratemill):
    first = ratemill(*TOP_UP, home=small)
    assert first.stdout == (
        "A1: +10.00 EUR topped up; the balance was 10.00 EUR and is 20.00 EUR\n")
    assert ratemill(*TOP_UP, home=small).stdout == (
        "A1: nothing was done, +10.00 EUR was topped up before; the balance is 20.00 EUR\n")
    other = ratemill("account", "top-up", "A1", "11", "--key", "K1", home=small)
    assert (other.returncode, other.stdout) == (2, "")
    assert "a key is for one movement of money: use a new one" in other.stderr


def test_a_top_up_as_json(living, ratemill):
    assert told(ratemill(*TOP_UP, "--json", home=living)) == {
        "account": "A1", "currency": "EUR", "kind": "top_up", "amount_micros": 10_000_000,
        "before_micros": 10_000_000, "after_micros": 20_000_000, "state": "active",
        "valid_to": "2027-03-01T06:00:00", "repeated": False,
    }
    postpaid = ratemill("account", "top-up", "A2", "1", "--key", "K2", "--json", home=living)
    assert told(postpaid)["valid_to"] is None


def test_adjustments(small, ratemill):
    less = ratemill("account", "adjust", "A1", "-0.5", "--key", "K1", "--why", "goodwill",
                    home=small)
    assert less.stdout == "A1: -0.50 EUR adjusted; the balance was 10.00 EUR and is 9.50 EUR\n"
    more = ratemill("account", "adjust", "A3", "2", "--key", "K2", "--why", "x", "--json",
                    home=small)
    assert (told(more)["currency"], told(more)["after_micros"]) == ("CHF", 2_000_000)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("account", "top-up", "A9", "1", "--key", "K"), "account A9 is not known"),
        (("account", "top-up", "A1", "1", "--key", "K", "--currency", "USD"),
         "not known in USD; it has EUR"),
        (("account", "top-up", "A1", "0", "--key", "K"), "more than 0"),
        (("account", "top-up", "A1", "ten", "--key", "K"), "'ten' cannot be read"),
        (("account", "adjust", "A1", "1", "--key", "K", "--why", " "), "has no why"),
        (("account", "adjust", "A1", "1", "--key", "K"), "--why"),
        (("account", "top-up", "A1", "1"), "--key"),
        (("voucher", "block", "NONE", "--why", "lost"), "voucher batch NONE is not known"),
        (("life-cycle",), r"has no \[life_cycle\]"),
    ],
)
def test_faults_end_in_one_message(small, ratemill, arguments, words):
    shown = ratemill(*arguments, home=small)
    assert shown.returncode == 2
    assert words.replace("\\", "") in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_voucher_from_its_making_to_its_end(living, ratemill, typed, tmp_path):
    path = tmp_path / "numbers.txt"
    made = ratemill(*MAKE, "--out", path, home=living)
    assert made.returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second, third = numbers = path.read_text().splitlines()
    assert not [number for number in numbers if number in made.stdout + made.stderr]
    typed(first.lower())
    redeemed = ratemill("voucher", "redeem", "A1", home=living)
    assert redeemed.stdout == (
        "A1: +5.00 EUR by voucher; the balance was 10.00 EUR and is 15.00 EUR; active until "
        "2027-03-01 07:00\n")
    typed(first)
    assert "nothing was done" in ratemill("voucher", "redeem", "A1", home=living).stdout
    typed(second)
    assert told(ratemill("voucher", "redeem", "A2", "--json", home=living))["after_micros"] == (
        5_000_000)
    assert told(ratemill("voucher", "block", "SPRING", "--why", "w", "--json", home=living)) == {
        "batch": "SPRING", "state": "blocked", "repeated": False}
    again = ratemill("voucher", "block", "SPRING", "--why", "w", home=living)
    assert again.stdout == "Voucher batch SPRING is blocked: it was before\n"
    typed(third)
    refused = ratemill("voucher", "redeem", "A1", home=living)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "the voucher is not accepted" in refused.stderr
    assert third not in refused.stderr
    (row,) = told(ratemill("voucher", "list", "--json", home=living))
    assert (row["vouchers"], row["redeemed"], row["state"]) == (3, 2, "blocked")
    assert "2027-01-01 00:00" in ratemill("voucher", "list", home=living).stdout


def test_a_batch_that_is_not_made_leaves_no_file(small, ratemill, tmp_path):
    path = tmp_path / "numbers.txt"
    wrong = ratemill(*MAKE[:4], "0", *MAKE[5:], "--out", path, home=small)
    assert (wrong.returncode, path.exists()) == (2, False)
    path.write_text("precious")
    there = ratemill(*MAKE, "--out", path, home=small)
    assert there.returncode == 2
    assert (path.read_text(), "File exists" in there.stderr) == ("precious", True)
    assert told(ratemill("voucher", "list", "--json", home=small)) == []


def test_recurring_charges(small, ratemill, write_catalog):
    write_catalog(small.catalog, taxes="""
        tax,serving_zone,percent,valid_from,valid_to
        vat,*,20,,
        """, recurring="""
        product,charge,currency,amount,tax,period,due,prorate,valid_from,valid_to
        flex,fee,EUR,10,vat,month,advance,yes,2026-11-16,
        flex,line,CHF,2.00,,month,arrears,no,2026-11-01,
        """)
    nothing = "Nothing was entered: this was a dry run."
    dry = ratemill("recurring", "--dry-run", home=small).stdout.splitlines()
    assert [line.split() for line in dry] == [
        ["charge", "currency", "periods", "charged", "given", "back"],
        ["fee", "EUR", "2", "18.00", "0.00"], ["line", "CHF", "1", "2.00", "0.00"],
        nothing.split(),
    ]
    done = ratemill("recurring", home=small).stdout.splitlines()
    assert done == dry[:-1]
    assert ratemill("recurring", home=small).stdout == (
        "Nothing is due that was not charged before.\n")
    ahead = told(ratemill("recurring", "--until", "2027-01-01", "--json", home=small))
    assert [(e["subject"], e["charged"], e["amount_micros"]) for e in ahead["entries"]] == [
        ("recurring:fee:A1:2027-01-01", "A1", -12_000_000),
        ("recurring:line:A2:2026-12-01", "A3", -2_000_000),
    ]
    subscriptions = small.catalog / "subscriptions.csv"
    subscriptions.write_text(subscriptions.read_text().replace(
        "A1,,flex,2026-01-01,", "A1,,flex,2026-01-01,2026-12-01"))
    back = told(ratemill("recurring", "--json", home=small))
    assert back["charges"] == [{"charge": "fee", "currency": "EUR", "periods": 2,
                                "charged_micros": 0, "given_back_micros": 24_000_000}]


def test_recurring_before_the_first_run_of_all(small, ratemill):
    assert ratemill("recurring", "--dry-run", home=small).stdout.startswith("Nothing is due")


def test_a_life_cycle(living, ratemill):
    assert told(ratemill(*TOP_UP, "--json", home=living))["state"] == "active"
    assert ratemill("life-cycle", home=living).stdout == "No account changes its state.\n"
    path = living.root / "ratemill.toml"
    path.write_text(path.read_text().replace("2026-12-01T06", "2027-03-05T06"))
    dry = ratemill("life-cycle", "--dry-run", home=living)
    assert dry.stdout.splitlines()[1].split() == [
        "A1", "active", "grace", "2027-03-01", "06:00", "20.00", "EUR"]
    assert told(ratemill("life-cycle", "--json", home=living))["accounts"][0]["state"] == "grace"
    path.write_text(path.read_text().replace("2027-03-05T06", "2028-03-05T06"))
    (closed,) = told(ratemill("life-cycle", "--json", home=living))["accounts"]
    assert (closed["state"], closed["forfeited_micros"]) == ("closed", 20_000_000)
    late = ratemill(*TOP_UP[:4], "--key", "K9", home=living)
    assert (late.returncode, "account A1 is closed" in late.stderr) == (2, True)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("grace_days = 30", "grace_days = 4", "suspend_after_days is more than grace_days"),
        ("close_after_days = 60", "close_after_days = -1", "close_after_days is less than 0"),
        ("days_per_top_up = 90", "days_per_top_up = 0", "days_per_top_up is less than 1"),
        ("grace_days = 30", "grace_day = 30", "unknown field `grace_day`"),
        ("grace_days = 30", "grace_days = 1.5", "Expected `int`"),
    ],
)
def test_settings_of_a_life_cycle_that_cannot_be(living, before, after, words):
    path = living.root / "ratemill.toml"
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(SettingsError, match="life_cycle") as refused:
        load_settings(path)
    assert words in str(refused.value)


def test_who_asked_is_kept(small, ratemill, monkeypatch):
    from sqlalchemy import select

    from charging.ledger import Ledger
    from charging.ledger_schema import AUDIT

    for name in ("LOGNAME", "USER"):
        monkeypatch.setitem(os.environ, name, "mia")
    ratemill("account", "top-up", "A1", "1", "--key", "K1", home=small)
    ratemill("account", "top-up", "A1", "1", "--key", "K2", "--who", "shop", home=small)
    with Ledger(small.ledger) as ledger, ledger.reading() as connection:
        rows = connection.execute(select(AUDIT.c.who, AUDIT.c.why)).all()
    assert rows == [("mia", "top-up"), ("shop", "top-up")]
