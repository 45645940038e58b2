"""What re-rating is made of: frames of several files as one, legs beside events, and sums."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ratemill import rerate_compute
from ratemill.charges_now import beside, of_leg
from ratemill.rerate import difference
from ratemill.rerate_catalog import choose_catalog
from ratemill.rerate_sums import BY, Difference, Facts
from ratemill.word_frames import together, unlike
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CATALOG
from corrected_home import A1, A2, posted
from mediated_files import Event, usage_of, write_mediated

LARGE = 2**61
ACCOUNTS = pl.DataFrame({"account": ["A0", "A1", "A2"], "currency": ["EUR", "USD", "EUR"]})


def words(*values, known=None):
    return pl.Series(values, dtype=pl.Enum(known or sorted({v for v in values if v is not None})))


def test_frames_with_words_of_their_own_become_one():
    frames = [
        pl.DataFrame({"w": words("b", None, "a"), "n": [1, 2, 3], "text": words("x", "x", "y")}),
        pl.DataFrame({"w": words("c", "b"), "n": [4, 5], "text": ["y", "z"]}),
    ]
    found = together(frames, {"text": pl.String()})
    assert found["w"].dtype == pl.Enum(["a", "b", "c"])
    plain = pl.concat([frame.cast({"w": pl.String, "text": pl.String}) for frame in frames])
    assert_frame_equal(found.cast({"w": pl.String}), plain)
    assert together(frames[:1], {}) is frames[0]


@pytest.mark.parametrize("as_text", [True, False])
def test_words_are_compared_and_not_their_numbers(as_text):
    other = words("a", "c", None, "c", None, known=["c", "b", "a"])
    found = unlike(words("a", "b", None, None, "a"), other.cast(pl.String) if as_text else other)
    assert found.to_list() == [False, True, False, True, True]


@pytest.mark.parametrize("order", ["rwrw", "rrww", "wwrr", "rrr", ""])
def test_the_legs_of_a_file_in_any_order(order):
    legs = ["retail" if letter == "r" else "wholesale" for letter in order]
    charges = pl.DataFrame({"record_index": range(len(legs)), "leg": legs},
                           schema={"record_index": pl.Int32, "leg": pl.String})
    for leg in ("retail", "wholesale"):
        assert_frame_equal(of_leg(charges, leg), charges.filter(leg=leg))


def test_what_stands_beside_a_record_is_found_by_its_number():
    rows = pl.DataFrame({"record_index": [3, 1, 2], "a": [30, 10, 20]})
    same = pl.DataFrame({"record_index": [3, 1, 2], "b": [3, 1, 2]})
    fewer = pl.DataFrame({"record_index": [1, 3, 9], "b": [1, 3, 9]})
    assert beside(rows, same).rows() == [(3, 30, 3), (1, 10, 1), (2, 20, 2)]
    assert beside(rows, fewer).rows() == [(3, 30, 3), (1, 10, 1)]


def some_facts(leg, rng, size):
    """Facts with null words, words as Enum or String, and amounts of both signs and any size."""
    payer = rng.integers(0, ACCOUNTS.height, size)
    few = rng.integers(0, 3, size).astype(np.uint32)
    amounts = rng.integers(-LARGE, LARGE, (2, size)) >> rng.integers(0, 60, size)
    rows = ACCOUNTS[pl.Series(payer.astype(np.uint32))].with_columns(
        pl.col("currency").cast(pl.Enum(["USD", "EUR", "SDR"])),
        partner=words("p", "q", "r")[few], product=words("x", None, "y")[few],
        serving_zone=pl.Series(["s", "t", "*"])[few], destination_zone=words("d", "e", "*")[few],
        changed=pl.Series(rng.random(size) < 0.5),
        before=pl.Series(amounts[0] // size), after=pl.Series(amounts[1] // size),
    )
    return Facts(leg, rows, payer if rng.random() < 0.5 else None)


def test_sums_are_those_of_plain_grouping():
    rng = np.random.default_rng(7)
    facts = [some_facts(leg, rng, size) for size in (1, 7, 500)
             for leg in ("retail", "wholesale", "retail")]
    found = Difference(ACCOUNTS)
    for some in facts:
        found.add(some)
    plain = pl.concat([
        some.rows.with_columns(pl.col(pl.Enum).cast(pl.String), leg=pl.lit(some.leg))
        for some in facts
    ])
    for name, frame in found.frames.items():
        of = plain.filter(leg="retail") if name in {"accounts", "products"} else plain
        wanted = of.group_by(BY[name]).agg(
            legs=pl.len().cast(pl.Int64), changed=pl.col("changed").sum().cast(pl.Int64),
            before=pl.col("before").sum(), after=pl.col("after").sum(),
        ).with_columns(difference=pl.col("after") - pl.col("before"))
        assert_frame_equal(frame.sort(BY[name]), wanted.sort(BY[name]))


def test_the_sum_of_what_does_not_fit_is_refused():
    rows = some_facts("retail", np.random.default_rng(1), 3).rows.with_columns(
        before=pl.lit(2 * LARGE), account=pl.lit("A0"), currency=pl.lit("EUR"))
    found = Difference(ACCOUNTS)
    for _ in range(2):
        found.add(Facts("retail", rows, np.zeros(3, np.int64)))
    with pytest.raises(pl.exceptions.InvalidOperationError):
        _ = found.frames


@pytest.mark.parametrize("where", ["true", "used_by = 'A1'", "started_at < '2026-11-05'"])
def test_batches_do_not_change_what_comes_out(small, tmp_path, write_catalog, monkeypatch, where):
    """Files of events in no order, cut into batches of two events."""
    catalog = load_catalog(small.catalog, "Europe/Vienna")
    files = {"aaaa": [(A1, 9), (A2, 4), (A1, 3), (A2, 8)], "bbbb": [(A2, 6), (A1, 5), (A2, 7)]}
    posted(small, [
        write_mediated(small, name, usage_of(catalog, [
            Event(imsi, f"2026-11-{day:02d}T12:00:00", 90, f"{day:032x}") for imsi, day in calls
        ]))
        for name, calls in files.items()
    ])
    other = write_catalog(tmp_path / "other", rates=CATALOG["rates"].replace("0.19", "0.25"))
    chosen = choose_catalog(small, str(other))
    whole = difference(small, where, chosen)
    assert whole.difference["totals"]["changed"].sum() > 0
    monkeypatch.setattr(rerate_compute, "_BATCH", 2)
    cut = difference(small, where, chosen)
    assert (cut.selected, cut.followers) == (whole.selected, whole.followers)
    for name, frame in whole.difference.items():
        assert_frame_equal(cut.difference[name], frame)
