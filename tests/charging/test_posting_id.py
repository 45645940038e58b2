"""The posting id holds its five parts in 63 bits, and orders as they do."""

from operator import itemgetter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charging.posting_id import (
    LARGEST_FILE,
    LARGEST_RECORD,
    LARGEST_REVISION,
    Kind,
    file_range,
    leg_of,
    packed,
    record_id,
    record_of,
    unpacked,
)

NAMES = ("file_number", "record_index", "leg", "revision", "kind")
LARGEST = (LARGEST_FILE, LARGEST_RECORD, 1, LARGEST_REVISION, max(Kind))
PARTS = st.tuples(*(st.integers(0, most) for most in LARGEST))


def ids(parts: list[tuple[int, ...]]) -> pl.DataFrame:
    """The parts with their posting_id."""
    frame = pl.DataFrame(parts, schema=dict.fromkeys(NAMES, pl.Int64), orient="row")
    return frame.with_columns(posting_id=packed(*map(pl.col, NAMES)))


@given(st.lists(PARTS, min_size=1, max_size=20))
def test_it_is_taken_apart_as_it_was_put_together(parts: list[tuple[int, ...]]) -> None:
    frame = ids([*parts, LARGEST, (0,) * 5])
    assert frame["posting_id"].is_between(0, 2**63 - 1).all()
    again = frame.select(**unpacked(pl.col("posting_id")))
    assert again.rows() == [*parts, LARGEST, (0,) * 5]


@given(st.lists(PARTS, min_size=2, max_size=20))
def test_it_orders_as_its_parts_do(parts: list[tuple[int, ...]]) -> None:
    assert ids(parts).sort("posting_id").select(NAMES).rows() == sorted(parts)


@given(PARTS)
def test_its_file_record_and_leg_are_found_in_it(parts: tuple[int, ...]) -> None:
    file, record, leg, *_ = parts
    frame = ids([parts, (file, record, 0, 0, 0), (file, record, leg, 0, 0)])
    mine, of_record, of_leg = frame["posting_id"]
    assert frame.select(record_of(pl.col("posting_id"))).item(0, 0) == of_record
    assert frame.select(leg_of(pl.col("posting_id"))).item(0, 0) == of_leg
    assert record_id(file, record) == of_record
    first, last = file_range(file)
    assert first <= mine <= last


@pytest.mark.parametrize("file", [0, 1, LARGEST_FILE])
def test_the_range_of_a_file_is_all_of_it_and_nothing_else(file: int) -> None:
    edges = ids([(file, 0, 0, 0, 0), (file, *LARGEST[1:-1], 7)])["posting_id"].to_list()
    assert file_range(file) == tuple(edges)
    assert file == 0 or file_range(file - 1)[1] + 1 == edges[0]


def test_kinds_keep_the_numbers_that_ledgers_have() -> None:
    assert sorted(((kind.name, int(kind)) for kind in Kind), key=itemgetter(1)) == [
        ("USAGE", 0), ("OVERDRAFT", 1), ("OVER_LIMIT", 2), ("CAP", 3), ("WRITE_OFF", 4),
        ("REFUND", 5), ("ADJUSTMENT", 6),
    ]
