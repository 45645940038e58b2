"""Numbers of a counter: positions over the end of a round, gaps, numbers used twice."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.sequence import Counter, spans_text

TAP = Counter((1, 99_999))
ROUND = Counter((0, 49))


def positions(counter: Counter, *numbers: int) -> list[int]:
    return counter.positions(np.array(numbers, np.int64)).tolist()


def test_positions_go_on_where_numbers_begin_again():
    assert positions(TAP, 99_998, 99_999, 1, 2) == [99_998, 99_999, 100_000, 100_001]
    assert positions(TAP, 2, 99_998, 1) == [2, -1, 1]
    assert positions(ROUND, 48, 1, 49, 0, 30, 2) == [48, 51, 49, 50, 30, 52]
    assert positions(Counter(), 7, 100_000, 5) == [7, 100_000, 5]
    assert positions(TAP) == []


def test_a_position_has_its_number():
    assert [TAP.number(p) for p in (0, 1, 99_999, 100_000)] == [99_999, 1, 99_999, 1]
    assert [ROUND.number(p) for p in (-1, 0, 49, 50, 101)] == [49, 0, 49, 0, 1]
    assert Counter().number(123_456) == 123_456


@pytest.mark.parametrize(
    ("counter", "before", "after", "gap"),
    [
        (TAP, 5, 6, []),
        (TAP, 5, 7, [(6, 6)]),
        (TAP, 99_997, 100_002, [(99_998, 2)]),
        (Counter(None, ((6, 7), (9, 9))), 4, 12, [(5, 5), (8, 8), (10, 11)]),
        (Counter(None, ((1, 100),)), 4, 12, []),
        (Counter((1, 20), ((19, 20), (3, 3))), 17, 25, [(18, 18), (1, 2), (4, 4)]),
        (Counter((1, 20), ((5, 6),)), 3, 4, []),
        (Counter((1, 20), ((4, 6),)), 5, 8, [(7, 7)]),
    ],
)
def test_missing_numbers(counter, before, after, gap):
    assert counter.missing(before, after) == gap


def test_a_span_over_the_end_of_a_round_is_counted():
    assert TAP.count((99_998, 2)) == 4
    assert TAP.count((7, 7)) == 1
    assert Counter().count((10, 19)) == 10


def test_a_number_is_used_for_half_a_round_of_files():
    assert [ROUND.recent(files) for files in (0, 24, 25, 50)] == [0, 24, 25, 25]
    assert Counter().recent(50) == 50


@given(st.data())
@settings(settings.get_profile("few"))
def test_gaps_of_a_disordered_counter_are_what_was_lost(data):
    count = data.draw(st.integers(2, 120))
    start = data.draw(st.integers(0, 49))
    lost = data.draw(st.sets(st.integers(1, count - 2), max_size=8)) if count > 2 else set()
    kept = [i for i in range(count) if i not in lost]
    delays = data.draw(st.lists(st.integers(0, 6), min_size=len(kept), max_size=len(kept)))
    order = [kept[0], *(i for _, i in sorted(zip(
        (i + d for i, d in zip(kept[1:], delays[1:], strict=True)), kept[1:], strict=True)))]
    placed = sorted(positions(ROUND, *((start + i) % 50 for i in order)))
    found = [
        span for before, after in itertools.pairwise(placed)
        for span in ROUND.missing(before, after)
    ]
    numbers = [(first + k) % 50 for first, last in found for k in range(ROUND.count((first, last)))]
    assert numbers == [(start + i) % 50 for i in sorted(lost)]


def test_numbers_as_text():
    assert spans_text([(4, 4), (7, 9)]) == "4, 7 to 9"
