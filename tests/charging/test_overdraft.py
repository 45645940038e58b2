"""What balances and limits do not cover goes where the policy says, to the micro-unit."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charging.accounts import open_accounts
from charging.ledger import Ledger
from charging.ledger_answers import ACCOUNTS
from charging.overdraft import _at_once, _doubtful, _one_by_one, covered, uncovered
from charging.posting import post
from charging.posting_id import Kind

NOW = datetime.fromisoformat("2026-03-02T12:00:00")
STEP = 1 << 3
CHARGED = [int(kind) for kind in (Kind.USAGE, Kind.OVERDRAFT, Kind.OVER_LIMIT)]
FUNDS = {
    "account_number": pl.Int64, "mode": pl.String, "credit_limit_micros": pl.Int64,
    "amount_micros": pl.Int64, "reserved_micros": pl.Int64,
}
CHARGE = {
    "posting_id": pl.Int64, "account_number": pl.Int64, "amount_micros": pl.Int64,
    "batch_number": pl.Int64, "policy": pl.String, "started_at": pl.Datetime("us"),
    "head": pl.Int64, "rest": pl.Int64,
}
MODES = st.sampled_from(["prepaid", "postpaid", "partner"])
POLICIES = st.sampled_from(["negative", "cap", "write_off"])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Charges, and the funds of their accounts with what is to be taken from each."""
    numbers = range(1, draw(st.integers(1, 4)) + 1)
    limit = st.one_of(st.none(), st.integers(0, 50))
    funds = pl.DataFrame(
        [(n, draw(MODES), draw(limit), draw(st.integers(-50, 100)), draw(st.integers(0, 20)))
         for n in numbers], schema=FUNDS, orient="row",
    )
    amounts = draw(st.lists(st.tuples(st.sampled_from(numbers), st.integers(-60, 20), POLICIES,
                                      st.integers(0, 5)), max_size=20))
    charges = pl.DataFrame(
        [(n * STEP, account, amount, 1, policy, NOW + timedelta(minutes=minute), n, 0)
         for n, (account, amount, policy, minute) in enumerate(amounts)],
        schema=CHARGE, orient="row",
    )
    return charges, with_less(funds, charges)


def with_less(funds: pl.DataFrame, charges: pl.DataFrame) -> pl.DataFrame:
    amounts = pl.col("amount_micros").filter(pl.col("amount_micros") < 0).cast(pl.Int128)
    less = charges.group_by("account_number").agg(less=amounts.sum())
    return funds.join(less, on="account_number")


def by_charge(postings: pl.DataFrame) -> dict[int, dict[int, int]]:
    """Amounts by charge and kind."""
    found: dict[int, dict[int, int]] = {}
    for posting_id, amount in postings.select("posting_id", "amount_micros").iter_rows():
        kinds = found.setdefault(posting_id // STEP * STEP, {})
        assert posting_id % STEP not in kinds
        kinds[posting_id % STEP] = amount
    return found


@given(worlds())
def test_each_charge_is_all_there_and_what_is_given_back_is_a_part_of_it(world) -> None:
    charges, funds = world
    found = by_charge(covered(charges, funds))
    modes = dict(funds.select("account_number", "mode").iter_rows())
    assert len(found) == charges.height
    for row in charges.iter_rows(named=True):
        kinds = found[row["posting_id"]]
        assert sum(kinds.get(kind, 0) for kind in CHARGED) == row["amount_micros"]
        given_back = {kind: amount for kind, amount in kinds.items() if kind not in CHARGED}
        assert all(0 < amount <= -row["amount_micros"] for amount in given_back.values())
        if modes[row["account_number"]] != "prepaid" or row["policy"] == "negative":
            assert not given_back
        elif row["policy"] == "cap":
            assert set(kinds) <= {Kind.USAGE, Kind.CAP}
        else:
            assert set(kinds) <= {Kind.USAGE, Kind.WRITE_OFF}


@given(worlds())
def test_no_charge_that_is_capped_or_given_up_takes_a_balance_below_its_floor(world) -> None:
    charges, funds = world
    found = by_charge(covered(charges, funds))
    for account in funds.iter_rows(named=True):
        balance = account["amount_micros"]
        mine = charges.filter(pl.col("account_number") == account["account_number"])
        limit = account["credit_limit_micros"]
        floor = {"prepaid": 0, "postpaid": None if limit is None else -limit}.get(account["mode"])
        for row in mine.sort("started_at", "head").iter_rows(named=True):
            before, kinds = balance, found[row["posting_id"]]
            balance += sum(kinds.values())
            if floor is None:
                assert set(kinds) == {Kind.USAGE}
                continue
            lowest = floor + account["reserved_micros"]
            if account["mode"] == "prepaid" and row["policy"] != "negative":
                assert balance >= min(before, lowest)
            beyond = sum(kinds.get(kind, 0) for kind in (Kind.OVERDRAFT, Kind.OVER_LIMIT))
            assert beyond == 0 or balance < lowest
            assert before + kinds.get(Kind.USAGE, 0) >= min(before, lowest) or (
                Kind.CAP in kinds or Kind.WRITE_OFF in kinds
            )


@given(worlds(), st.sampled_from([None, "negative", "cap", "write_off"]))
def test_sums_give_what_a_look_at_each_charge_gives(world, policy: str | None) -> None:
    charges, funds = world
    if policy is not None:
        charges = charges.with_columns(-pl.col("amount_micros").abs(), policy=pl.lit(policy))
        funds = with_less(funds.drop("less"), charges)
    doubtful = _doubtful(charges, uncovered(funds))
    each = _one_by_one(doubtful)
    assert covered(charges, funds).join(
        doubtful, on="account_number", how="semi"
    ).sort("posting_id").equals(each.sort("posting_id"))
    assert _at_once(doubtful.filter("at_once")).sort("posting_id").equals(
        each.join(doubtful.filter("at_once"), on="account_number", how="semi").sort("posting_id")
    )


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(world, random) -> None:
    charges, funds = world
    places = list(range(charges.height))
    random.shuffle(places)
    shuffled = covered(charges[places], funds.reverse())
    assert shuffled.sort("posting_id").equals(covered(charges, funds).sort("posting_id"))


def test_sums_beyond_64_bits_are_seen() -> None:
    funds = pl.DataFrame([(1, "prepaid", None, 5, 0)], schema=FUNDS, orient="row")
    rows = [(n * STEP, 1, amount, 1, "negative", NOW, n, 0)
            for n, amount in enumerate([-(2**62)] * 3 + [2**62] * 3)]
    charges = pl.DataFrame(rows, schema=CHARGE, orient="row")
    found = by_charge(covered(charges, with_less(funds, charges)))
    assert found[0] == {Kind.USAGE: -5, Kind.OVERDRAFT: 5 - 2**62}


@pytest.mark.parametrize(
    ("policy", "balance", "kinds"),
    [
        ("negative", -50, {"usage": -100, "overdraft": -50}),
        ("cap", 0, {"usage": -150, "cap": 50}),
        ("write_off", 0, {"usage": -150, "write_off": 50}),
    ],
)
def test_the_policy_of_a_product_decides(
    ledger: Ledger, charge_frame, policy: str, balance: int, kinds: dict[str, int]
) -> None:
    opened = pl.DataFrame([("anna", "EUR", "prepaid", 100, None)], schema=ACCOUNTS.polars,
                          orient="row")
    open_accounts(ledger, opened, NOW)
    charges = charge_frame("alpha", "f", [(0, "retail", 1, "anna", "EUR", 150)])
    charges = charges.with_columns(product=pl.lit("basic", charges.schema["product"]))
    done = post(ledger, "alpha", "f", charges, NOW, {"basic": policy, "other": "cap"})
    assert ledger.balances()["balance_micros"].to_list() == [balance]
    assert dict(done.postings.select("kind", "amount_micros").iter_rows()) == kinds


def test_a_credit_limit_is_passed_and_said_to_be(ledger: Ledger, charge_frame) -> None:
    rows = [("anna", "EUR", "postpaid", 10, 100), ("bert", "EUR", "postpaid", 0, None)]
    opened = pl.DataFrame(rows, schema=ACCOUNTS.polars, orient="row")
    open_accounts(ledger, opened, NOW)
    legs = [(0, "retail", 1, "anna", "EUR", 150), (1, "retail", 2, "bert", "EUR", 150)]
    done = post(ledger, "alpha", "f", charge_frame("alpha", "f", legs), NOW)
    assert done.postings.select("account", "kind", "amount_micros").rows() == [
        ("anna", "usage", -110), ("anna", "over_limit", -40), ("bert", "usage", -150)
    ]
