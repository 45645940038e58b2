"""Events are priced in an order in which each walk's come by start and usage key."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rating.walking_order import walking_order

EVENTS = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3), st.sampled_from("abcdef")))


@given(EVENTS)
def test_each_walk_comes_by_start_and_key(events: list[tuple[int, int, str]]) -> None:
    walk, at, keys = ([event[n] for event in events] for n in range(3))
    order = walking_order(
        np.array(at, np.int64), pl.Series(keys, dtype=pl.String), np.array(walk, np.int64)
    ).tolist()
    assert sorted(order) == list(range(len(events)))
    for one in range(4):
        walked = [events[place] for place in order if walk[place] == one]
        assert walked == sorted(walked)


def test_events_of_other_walks_stay_where_they_are() -> None:
    walk, at = np.array([0, -1, 1, 0, 2, -1]), np.array([9, 8, 7, 6, 5, 4])
    order = walking_order(at, pl.Series(list("abcdef")), walk)
    assert order.tolist() == [3, 1, 2, 0, 4, 5]
