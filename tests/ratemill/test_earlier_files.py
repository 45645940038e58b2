"""Which files a file sees that arrived before it."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.file_control import in_counter
from mediation.numbered_files import Owner
from mediation.schema import FILE
from ratemill.earlier_files import EarlierFiles

START = datetime.fromisoformat("2026-11-01")
WINDOW = timedelta(days=90)


def row_of(number, partner="p", state="mediated", days=0):
    return {
        "partner": partner, "file_id": f"f{number}", "file_number": number,
        "name": f"CD{number}", "size_bytes": 1, "received_at": START + timedelta(days=days),
        "stage": "mediate", "state": state, "sequence": number,
    }


def frame(rows):
    return FILE.fill(pl.DataFrame(rows, schema=FILE.polars)) if rows else FILE.empty()


ROWS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from("pq"),
              st.sampled_from(["mediated", "test", "quarantined", "notification", "refused"]),
              st.integers(-100, 100)),
    unique_by=lambda drawn: drawn[0], max_size=20,
).map(lambda drawn: [row_of(*one) for one in drawn])


def plain(rows, row, *, test):
    """Number and file id of the partner's files before that of the row, by looking at all."""
    return frame(sorted(rows, key=lambda one: one["file_number"])).filter(
        pl.col("file_number") < row["file_number"], pl.col("partner") == row["partner"],
        in_counter(), (pl.col("state") == "test") == test,
    ).select("sequence", "file_id").rows()


def seen(earlier, row, *, test=False):
    """The same, as EarlierFiles gives it."""
    numbers, files = earlier.of_partner(row).of_owner(Owner(None, None, test))
    return [(number, file.file_id)
            for number, file in zip(numbers.tolist(), files, strict=False)]


@settings(max_examples=60)
@given(ROWS, st.integers(0, 20), st.integers(1, 30), st.sampled_from("pq"))
def test_files_known_from_the_start_and_added_later_are_alike(rows, known, number, partner):
    first = sorted(rows[:known], key=lambda one: one["file_number"])
    earlier = EarlierFiles(frame(first), WINDOW)
    for row in rows[known:]:
        earlier.add(row | {"notes": None, "sender": None, "recipient": None})
    asked = row_of(number, partner)
    for test in (False, True):
        assert seen(earlier, asked, test=test) == plain(rows, asked, test=test)
    every = [(one["partner"], one["file_id"]) for one in rows]
    counted = [
        (one["partner"], one["file_id"])
        for one in sorted(rows, key=lambda one: one["file_number"])
        if one["state"] == "mediated" and one["file_number"] < number
        and one["received_at"] >= START - WINDOW
    ]
    assert earlier.owners(asked, reversed(every)) == counted
    mediated = {(r["partner"], r["file_id"]) for r in rows if r["state"] == "mediated"}
    assert set(earlier.with_usage()) == mediated


@pytest.mark.parametrize("state", ["mediated", "quarantined"])
def test_a_file_that_is_mediated_again_counts_once(state):
    rows = [row_of(number) for number in (1, 2, 3)]
    earlier = EarlierFiles(frame(rows), WINDOW)
    earlier.add(row_of(2, state=state) | {"notes": "again", "sender": None, "recipient": None})
    _, files = earlier.of_partner(row_of(4)).of_owner(Owner(None, None, test=False))
    assert [file.notes for file in files] == [None, "again", None]
    found = earlier.owners(row_of(4), [("p", "f2"), ("p", "f1"), ("p", "other")])
    assert found == [("p", "f1"), *([("p", "f2")] if state == "mediated" else [])]


def test_a_file_whose_number_counts_no_more_is_forgotten():
    earlier = EarlierFiles(frame([row_of(number) for number in range(1, 40)]), WINDOW)
    none = {"notes": None, "sender": None, "recipient": None}
    earlier.add(row_of(20, state="refused") | none)
    earlier.add(row_of(30, state="quarantined") | none | {"notes": "x\nSEQUENCE_REUSED: by f3"})
    left = [number for number in range(1, 40) if number not in (20, 30)]
    assert [number for number, _ in seen(earlier, row_of(50))] == left
    earlier.add(row_of(20) | none)
    assert [number for number, _ in seen(earlier, row_of(26))] == [*range(1, 26)]
