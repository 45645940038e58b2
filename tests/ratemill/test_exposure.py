"""Exposure: who is over by how much, and what was not covered of charges that stand."""

import json
import sys
from pathlib import Path

import pytest

from charging.ledger import Ledger
from ratemill.exposure import exposure
from ratemill.home import Home
from ratemill.rollback import find_file, roll_back_file
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from corrected_home import A1, A2, NOW, posted
from mediated_files import Event, usage_of, write_mediated

ACCOUNTS = """
    account,customer,mode,currency,timezone,status,credit_limit,payer,tax,opening_balance
    A1,C1,prepaid,EUR,Europe/Vienna,active,,,vat,10
    A2,C1,postpaid,EUR,Europe/Vienna,active,5,,,0
    A3,C2,postpaid,CHF,Europe/Zurich,active,,,,-900
    """
PRODUCTS = """
    product,tariff,tax,overdraft,valid_from,valid_to
    flex,flex,,{},2026-01-01,
    """


@pytest.fixture
def over(small, write_catalog, request, ledger_url, monkeypatch, begun):
    """A home, its ledger on either database: A1 is below zero, A2 over its limit."""
    monkeypatch.setenv("RATEMILL_LEDGER", ledger_url)
    small = Home(small.root, ledger_url)
    policy = getattr(request, "param", "")
    write_catalog(small.catalog, accounts=ACCOUNTS, products=PRODUCTS.format(policy))
    catalog = load_catalog(small.catalog, small.settings.zone, cache=small.catalog_cache)

    def made():
        posted(small, [
            write_mediated(small, name, usage_of(catalog, [
                Event(imsi, f"2026-11-02T1{hour}:00:00", 7_200, f"{hour:032}")
            ])) for hour, (name, imsi) in enumerate((("a", A1), ("b", A2)))
        ])

    begun(small, ("exposure", policy), made)
    return small


def test_below_zero_and_over_the_limit(over):
    found = exposure(over)
    by_account = {a.account: a for a in found.accounts}
    assert set(by_account) == {"A1", "A2"}
    assert by_account["A1"].over_micros == -by_account["A1"].balance_micros
    assert by_account["A2"].over_micros == -by_account["A2"].balance_micros - 5_000_000
    by_kind = {line.kind: line for line in found.uncovered}
    assert set(by_kind) == {"overdraft", "over_limit"}
    assert (by_kind["overdraft"].product, by_kind["overdraft"].name) == ("flex", "a")
    assert {a.account: a.over_micros for a in found.accounts} == {
        "A1": by_kind["overdraft"].amount_micros, "A2": by_kind["over_limit"].amount_micros}
    sums = {line.kind: (line.count, line.amount_micros) for line in found.sums}
    assert list(sums) == ["balance", "overdraft", "over_limit"]
    assert sums["balance"] == (2, sum(a.over_micros for a in found.accounts))


@pytest.mark.parametrize("over", ["cap", "write_off"], indirect=True)
def test_what_was_given_up(over, request):
    found = exposure(over)
    assert [a.account for a in found.accounts] == ["A2"]
    policy = request.node.callspec.params["over"]
    assert {line.kind for line in found.uncovered} == {policy, "over_limit"}


def test_what_was_given_back_is_no_exposure(over):
    with Ledger(over.ledger) as ledger:
        roll_back_file(over, ledger, find_file(over, "p/a"), NOW, who="ann", why="wrong")
    found = exposure(over)
    assert [a.account for a in found.accounts] == ["A2"]
    assert {line.kind for line in found.uncovered} == {"over_limit"}


def test_it_reads_as_text_and_json(over, ratemill):
    shown = ratemill("exposure", home=over).stdout
    assert "Below zero or over the limit now" in shown
    assert "charged over the credit limit" in shown
    found = json.loads(ratemill("exposure", "--json", home=over).stdout)
    assert {line["kind"] for line in found["sums"]} == {"balance", "overdraft", "over_limit"}


def test_nobody_is_exposed(small, ratemill):
    with Ledger(small.ledger):
        pass
    assert "Nobody is below zero" in ratemill("exposure", home=small).stdout


def test_accounts_are_listed(over, ratemill):
    every = json.loads(ratemill("account", "list", "--json", home=over).stdout)
    assert {a["account"] for a in every} == {"A1", "A2", "A3", "partner:p"}
    shown = ratemill("account", "list", "--mode", "postpaid", "--below", "-100", home=over).stdout
    assert "1 of 4 accounts" in shown
    assert "A3" in shown
    wrong = ratemill("account", "list", "--mode", "rich", home=over)
    assert (wrong.returncode, "write one of: prepaid" in wrong.stderr) == (2, True)
    assert ratemill("account", "list", "--below", "x", home=over).returncode == 2
