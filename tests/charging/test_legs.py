"""What legs come to, by their postings: the quick way for one posting says what the other does."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from charging.legs import _of_several, summed
from charging.posting_id import Kind, leg_of, packed, unpacked

NUMBERS = st.integers(-(10**12), 10**12)
IDS = st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 1), st.integers(0, 2),
                st.sampled_from([int(kind) for kind in Kind]))


@given(st.dictionaries(IDS, st.tuples(st.integers(1, 4), NUMBERS, st.integers(1, 9)), max_size=12))
def test_legs_come_to_the_same_in_either_way(rows) -> None:
    names = ("file_number", "record_index", "leg", "revision", "kind", "account_number",
             "amount_micros", "batch_number")
    given_rows = pl.DataFrame([(*key, *rest) for key, rest in rows.items()],
                              schema=dict.fromkeys(names, pl.Int64), orient="row")
    postings = given_rows.select(
        *names[5:], posting_id=packed(*(pl.col(name) for name in names[:5])),
    )
    parts = unpacked(pl.col("posting_id"))
    every = _of_several(postings.sort("posting_id").with_columns(
        leg_id=leg_of(pl.col("posting_id")), revision=parts["revision"], kind=parts["kind"],
    )).sort("leg_id")
    assert summed(postings).equals(every)
    assert summed(postings).schema == every.schema
