"""Words of charges: what a catalog names as Enums, whole where it is little."""

import numpy as np
import polars as pl

from mediation.tables import as_words
from rating.charge_words import Words, occurring, slim
from rating.validity import rows_index

MANY = pl.Series([f"d{number // 2}" for number in range(1000)])


def test_few_words_keep_one_enum_and_null_is_minus_one():
    words = Words.of(pl.Series(["a", "b", "a"]))
    paid, owed = words.columns(np.array([2, -1]), np.array([1, 0]))
    assert paid.dtype == owed.dtype == pl.Enum(["a", "b"])
    assert (paid.to_list(), owed.to_list()) == (["a", None], ["b", "a"])


def test_of_many_words_only_those_that_occur_are_named():
    paid, owed = Words.of(MANY).columns(np.array([998, -1, 7, 6]), np.array([0, 0, -1, -1]))
    assert paid.dtype == owed.dtype == pl.Enum(["d0", "d3", "d499"])
    assert paid.to_list() == ["d499", None, "d3", "d3"]
    assert owed.to_list() == ["d0", "d0", None, None]
    (none,) = Words.of(MANY).columns(np.array([-1, -1]))
    assert none.to_list() == [None, None]


def test_rows_that_occur():
    used, (places,) = occurring(5, np.array([4, -1, 1, 4]))
    assert (used.tolist(), places.tolist()) == ([1, 4], [1, -1, 0, 1])
    assert rows_index(np.zeros(0, np.int64)).is_empty()


def test_a_column_of_many_words_names_those_that_occur():
    many = as_words(MANY)
    assert slim(many[:5]).dtype == pl.Enum(["d0", "d1", "d2"])
    few = as_words(MANY[:5])
    assert slim(few) is few


def test_words_stay_as_they_are():
    words = as_words(pl.Series(["x", None, "y"]))
    assert words.dtype == pl.Enum(["x", "y"])
    assert as_words(words) is words
