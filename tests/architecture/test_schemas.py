"""What must hold for every declared table."""

import polars as pl
import pyarrow as pa
import pytest

from mediation.tables import Column, Table, TableError, conform
from ratemill.lake import TABLES


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_no_float_and_money_is_int64(table):
    for field in table.arrow:
        assert not pa.types.is_floating(field.type)
        if field.name.endswith("_micros"):
            assert field.type == pa.int64()


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_every_column_says_what_it_means(table):
    assert table.grain
    for column in table.columns:
        assert len(column.doc) > 3, column.name


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_arrow_and_polars_agree(table):
    assert conform(table, pl.from_arrow(table.arrow.empty_table())).is_empty()


SMALL = Table("small", "a row", (Column("a", "int64", "a number"),
                                 Column("b", "text", "a text", null=True)))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pl.DataFrame({"a": [1]}), "missing"),
        (pl.DataFrame({"b": ["x"], "a": [1]}), "order"),
        (pl.DataFrame({"a": [1.5], "b": ["x"]}), "Float64"),
        (pl.DataFrame({"a": [None, 1], "b": ["x", None]}), "a has 1 nulls"),
    ],
)
def test_conform_refuses(frame, words):
    with pytest.raises(TableError, match=words):
        conform(SMALL, frame)


def test_fill_adds_nullable_columns_and_casts():
    filled = SMALL.fill(pl.DataFrame({"a": pl.Series([1], dtype=pl.Int32)}))
    assert filled.rows() == [(1, None)]
