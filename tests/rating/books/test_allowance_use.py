"""What was used of allowances: read, written, and kept from batch to batch."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from allowance_cases import asked, counted, hold, holdings_of, made, starts_of, use


def test_the_state_is_read_and_written(frames):
    day = datetime(2026, 5, 14, 22)
    before = use(
        ("pool:p", "daily", day - timedelta(days=1), 5, 3),
        ("pool:p", "daily", day, 1, 2),
        ("pool:p", "daily", day - timedelta(days=9), 4, 3),
        ("account:A", "k", datetime(2026, 4, 30, 22), 77, 1),
        ("account:B", "k", datetime(2026, 4, 30, 22), 11, 1),
        ("account:gone", "k", day, 1, 1), ("account:A", "gone", day, 1, 1), ("x", "k", day, 1, 1),
        ("sim:2", "pass", datetime(2026, 4, 30, 22), 2, 1),
    )
    held = hold(counted(frames), asked(
        {"account": "D", "tariff": "u"}, {"imsi": "2"}, {"account": "B", "tariff": "t"},
    ), before)
    names = holdings_of(held)
    found = {
        (names["holder"][h], names["allowance"][h], start): used
        for (h, start), used in zip(starts_of(held), held.used, strict=True)
    }
    assert found["pool:p", "daily", day - timedelta(days=1)] == 5
    # half an event is told in thirds, and rounded up
    assert found["pool:p", "daily", day] == 2
    assert found["account:A", "k", datetime(2026, 4, 30, 22)] == 77
    # New York's month began four hours later than Vienna's
    assert found["account:B", "k", datetime(2026, 5, 1, 4)] == 0
    assert found["sim:2", "pass", datetime(2026, 4, 30, 22)] == 2
    used = held.used.copy()
    used[[key[:2] for key in found].index(("account:A", "l"))] += 9
    after = held.state_after(used).frame
    assert after.schema == before.schema
    kept = {row[:3]: row[3:] for row in before.iter_rows()}
    kept["pool:p", "daily", day] = (2, 3)
    kept["account:A", "l", day] = (9, 1)
    assert {row[:3]: row[3:] for row in after.iter_rows()} == kept
    assert after.height == len(kept)


MONTH, NEXT = datetime(2026, 4, 30, 22), datetime(2026, 5, 31, 22)


@pytest.fixture
def monthly(frames):
    """What is used of the month by accounts, after a batch that adds to it."""
    book = made(frames, grants=[{"holder_kind": "account", "holder": name, "allowance": "monthly"}
                                for name in "AD"])

    def after(state, more, month=MONTH):
        events = [{"account": name, "started_at": month + timedelta(days=3)} for name in more]
        held = hold(book, asked(*events), state)
        for (holding, start), bucket in zip(
            starts_of(held), range(len(held.used)), strict=True
        ):
            if start == month:
                held.used[bucket] += more[holdings_of(held)["holder"][holding][-1]]
        return held.state_after(held.used)

    return after


def used_of(state):
    return {(row[0][-1], row[2]): row[3] for row in state.frame.iter_rows()}


def test_a_use_stays_as_it_was_whatever_comes_after_it(monthly):
    none = use()
    first = monthly(none, {"A": 5})
    second = monthly(first, {"A": 1, "D": 2})
    third = monthly(second, {"D": 3}, NEXT)
    told = [{("A", MONTH): 5}, {("A", MONTH): 6, ("D", MONTH): 2},
            {("A", MONTH): 6, ("D", MONTH): 2, ("D", NEXT): 3}]
    assert [used_of(state) for state in (first, second, third)] == told
    # another batch after an earlier one
    other = monthly(first, {"D": 7, "A": 2})
    assert used_of(other) == {("A", MONTH): 7, ("D", MONTH): 7}
    assert [used_of(monthly(state, {"A": 0})) for state in (first, second, third)] == told
    assert used_of(monthly(third, {"A": 4}, NEXT)) == told[2] | {("A", NEXT): 4}
    assert used_of(monthly(other.frame, {"A": 1})) == {("A", MONTH): 8, ("D", MONTH): 7}


def test_a_use_of_another_book_is_read_by_names(frames, monthly):
    state = monthly(use(), {"A": 5, "D": 2})
    book = made(frames, accounts=[{"account": name} for name in "DCA"], grants=[
        {"holder_kind": "account", "holder": "A", "allowance": "monthly"}])
    held = hold(book, asked({"account": "A"}), state)
    assert 5 in held.used.tolist()
    assert used_of(held.state_after(held.used)) == used_of(state)


def test_use_that_is_told_twice_at_different_scales_is_added_up(monthly):
    rows = use(("account:A", "monthly", MONTH, 3, 1), ("account:A", "monthly", MONTH, 5, 2))
    assert used_of(monthly(rows, {"A": 1})) == {
        ("A", MONTH): 3 * 60 + 5 * 30 + 1}


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.tuples(st.integers(0, 3), st.lists(
    st.tuples(st.sampled_from("AD"), st.sampled_from([MONTH, NEXT]), st.integers(1, 9)),
    max_size=4, unique_by=lambda row: row[:2])), max_size=8))
def test_batches_after_any_use(monthly_book, batches):
    """Each batch comes after one of those before it."""
    states, plain = [use()], [{}]
    for after, rows in batches:
        at = after % len(states)
        held = hold(monthly_book, asked(*(
            {"account": name, "started_at": month + timedelta(days=3)} for name, month, _ in rows
        )) if rows else asked({}).clear(), states[at])
        told = dict(plain[at])
        names = holdings_of(held)["holder"]
        places = {(names[h][-1], start): b for b, (h, start) in enumerate(starts_of(held))}
        for name, month, used in rows:
            held.used[places[name, month]] += used
            told[name, month] = told.get((name, month), 0) + used
        states.append(held.state_after(held.used))
        plain.append(told)
    assert [used_of(state) for state in states[1:]] == plain[1:]


@pytest.fixture(scope="module")
def monthly_book(frames):
    return made(frames, grants=[{"holder_kind": "account", "holder": name, "allowance": "monthly"}
                                for name in "AD"])
