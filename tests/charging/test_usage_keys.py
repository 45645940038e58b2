"""A usage key is one record's, whoever brings it, until the record gives it up."""

from collections.abc import Iterator
from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from charging.ledger import Ledger
from charging.ledger_schema import USAGE_KEY, USAGE_KEY_TWIN
from charging.usage_keys import claim, free

Claim = tuple[int, int, int]


def frame(claims: list[Claim]) -> pl.DataFrame:
    return pl.DataFrame(claims, schema=dict.fromkeys(("head", "rest", "record"), pl.Int64),
                        orient="row")


def claimed_within(ledger: Ledger, connection: Connection, *claims: Claim) -> list[tuple[int, int]]:
    """The records that fail, with the record whose the key is."""
    failed = claim(ledger, connection, frame(list(claims)))
    return failed.select("record", "original_record").rows()


def claimed(ledger: Ledger, *claims: Claim) -> list[tuple[int, int]]:
    with ledger.writing() as connection:
        return claimed_within(ledger, connection, *claims)


def freed(ledger: Ledger, *claims: Claim) -> int:
    with ledger.writing() as connection:
        return free(ledger, connection, frame(list(claims)))


def kept(connection: Connection) -> tuple[list[Claim], list[Claim]]:
    """The rows of the two tables of usage keys."""
    tables = [
        [tuple(row) for row in connection.execute(table.select().order_by("head", "rest"))]
        for table in (USAGE_KEY, USAGE_KEY_TWIN)
    ]
    return tables[0], tables[1]


def test_a_key_is_its_first_record_s(ledger: Ledger) -> None:
    assert claimed(ledger, (1, 1, 100), (2, 2, 200)) == []
    assert claimed(ledger, (1, 1, 300), (3, 3, 400)) == [(300, 100)]
    assert claimed(ledger, (1, 1, 100), (3, 3, 400)) == []


def test_the_least_of_several_records_has_the_key(ledger: Ledger) -> None:
    assert claimed(ledger, (1, 1, 300), (1, 1, 100), (1, 1, 200)) == [(200, 100), (300, 100)]
    with ledger.reading() as connection:
        assert kept(connection) == ([(1, 1, 100)], [])


def test_the_legs_of_a_record_claim_as_one(ledger: Ledger) -> None:
    assert claimed(ledger, (1, 1, 100), (1, 1, 100)) == []


@pytest.mark.parametrize("together", [True, False])
def test_keys_that_begin_alike_are_two(ledger: Ledger, *, together: bool) -> None:
    pair = [(7, 1, 100), (7, 2, 200), (7, 3, 300)]
    for claims in [pair] if together else [[one] for one in pair]:
        assert claimed(ledger, *claims) == []
    with ledger.reading() as connection:
        assert kept(connection) == ([(7, 1, 100)], [(7, 2, 200), (7, 3, 300)])
    assert claimed(ledger, (7, 3, 500), (7, 1, 400), (7, 4, 600)) == [(400, 100), (500, 300)]
    assert claimed(ledger, *pair) == []


def test_a_key_given_up_is_anybody_s(ledger: Ledger) -> None:
    claimed(ledger, (7, 1, 100), (7, 2, 200), (8, 1, 300))
    assert freed(ledger, (7, 2, 200), (8, 1, 999), (9, 9, 900)) == 1
    assert claimed(ledger, (7, 2, 400), (8, 1, 400)) == [(400, 300)]
    assert freed(ledger, (7, 1, 100)) == 1
    assert claimed(ledger, (7, 2, 500)) == [(500, 400)], "a twin stays a twin"
    assert claimed(ledger, (7, 1, 500)) == []
    assert freed(ledger) == 0


KEYS = st.tuples(st.integers(-2, 2), st.integers(0, 2))
STEPS = st.lists(st.tuples(st.booleans(), st.lists(st.tuples(KEYS, st.integers(1, 9)), max_size=6)),
                 max_size=8)


class Enough(Exception):
    """Nothing of an example is to stay."""


@pytest.fixture(scope="module")
def keys_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger whose usage keys stay empty."""
    with Ledger(tmp_path_factory.mktemp("keys") / "ledger.db") as opened:
        yield opened


@given(STEPS)
def test_claims_end_as_in_a_dictionary(keys_ledger: Ledger, steps) -> None:
    with suppress(Enough), keys_ledger.writing() as connection:
        check_steps(keys_ledger, connection, steps)
        raise Enough


def check_steps(ledger: Ledger, connection: Connection, steps) -> None:
    owners: dict[tuple[int, int], int] = {}
    for is_claim, keys in steps:
        rows = [(*key, record) for key, record in keys]
        if is_claim:
            for *key, record in sorted(rows):
                owners.setdefault(tuple(key), record)
            failed = {(record, owners[tuple(key)]) for *key, record in rows
                      if owners[tuple(key)] != record}
            assert set(claimed_within(ledger, connection, *rows)) == failed
        else:
            mine = {row for row in rows if owners.get(row[:2]) == row[2]}
            assert free(ledger, connection, frame(rows)) == len(mine)
            for row in mine:
                del owners[row[:2]]
    one, two = kept(connection)
    assert {row[:2]: row[2] for row in one + two} == owners
    assert len(one) + len(two) == len(owners)
