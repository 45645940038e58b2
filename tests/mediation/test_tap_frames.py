"""The rows that TAP checks look at have their own record beside them, or none."""

from types import SimpleNamespace

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.tap_frames import _with_event


@settings(max_examples=30)
@given(st.lists(st.integers(0, 12), unique=True), st.lists(st.integers(0, 15)))
def test_rows_stand_beside_their_record(records, of):
    events = pl.DataFrame(
        {"record_index": records, "event": [f"event {n}" for n in records], "imsi": records},
        schema={"record_index": pl.Int32, "event": pl.String, "imsi": pl.Int64},
    )
    rows = pl.DataFrame(
        {"record_index": of, "code": range(len(of))},
        schema={"record_index": pl.Int32, "code": pl.Int64},
    )
    number = pl.col("imsi").alias("number")
    joined = rows.join(events.select("record_index", "event", number), on="record_index",
                       how="left", maintain_order="left")
    assert _with_event(SimpleNamespace(events=events), rows, number).equals(joined)
