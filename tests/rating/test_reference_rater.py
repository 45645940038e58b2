"""The rater agrees with the reference of tests/reference to the last micro-unit.

Random catalogs with every option, and usage around the instants at which something changes.
"""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))
from reference_compare import differences


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_reference(seed):
    assert not differences(seed, 500, pieces=1 + seed % 3)


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(1_000, 10**9), st.integers(1, 4))
def test_usage_may_come_in_several_files(seed, pieces):
    assert not differences(seed, 60, pieces)


@pytest.mark.slow
@pytest.mark.seeds
@pytest.mark.parametrize("seed", range(300, 306))
def test_what_is_too_large_is_turned_away_and_never_wrong(seed):
    assert not differences(seed, 100, huge=True)


@pytest.mark.slow
@pytest.mark.seeds
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [*range(4), *range(100, 150)])
def test_agrees_over_many_catalogs(seed):
    assert not differences(seed, 4_000, pieces=1 + seed % 3)
