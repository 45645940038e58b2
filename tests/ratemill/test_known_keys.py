"""Usage keys of earlier files: found as by reading them all, whatever is on disk or damaged."""

import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.schema import USAGE
from ratemill import known_keys
from ratemill.key_runs import Run, distinct, merged, run_of, to_merge
from ratemill.key_store import keep, kept
from ratemill.known_keys import KnownKeys, heads_of
from ratemill.lake import Lake
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from mediated_files import Event, usage_of, write_mediated

HEADS = st.lists(st.integers(0, 12) | st.integers(2**64 - 3, 2**64 - 1), max_size=12)


def heads(values):
    return np.array(values, dtype=np.uint64)


@given(st.lists(HEADS, min_size=1, max_size=5), HEADS)
def test_the_holders_of_a_run_are_those_of_its_files(files, wanted):
    runs = [run_of(heads(values), number) for number, values in enumerate(files)]
    asked = distinct(heads(wanted))
    assert asked.tolist() == sorted(set(wanted))
    want = {number for number, values in enumerate(files) if set(values) & set(wanted)}
    assert set().union(*(run.holders(asked) for run in runs)) == want
    whole = merged(runs)
    assert whole.holders(asked) == want
    assert (np.diff(whole.heads.astype(object)) >= 0).all()


@given(st.lists(st.integers(1, 1000), max_size=200))
def test_runs_stay_few(sizes):
    lengths: list[int] = []
    for size in sizes:
        lengths.sort()
        taken = to_merge(lengths, size)
        lengths = [*lengths[taken:], size + sum(lengths[:taken])]
    assert sum(lengths) == sum(sizes)
    assert len(lengths) <= 1 + np.log2(1 + sum(sizes))


def test_a_kept_run_takes_up_shorter_ones_and_leaves_out_what_counts_no_longer(tmp_path):
    a, b, c = ("p", "a"), ("p", "b"), ("p", "c")
    keep(tmp_path, merged([run_of(heads([5, 1]), 0), run_of(heads([7]), 1)]), [(a, (1, 1)),
         (b, (1, 1))], {})
    keep(tmp_path, run_of(heads([3, 4]), 0), [(c, (1, 1))], {a: (1, 1), b: (2, 2)})
    (one,) = kept(tmp_path)
    assert one.files == [(c, (1, 1)), (a, (1, 1))]
    assert one.run.heads.tolist() == [1, 3, 4, 5]
    assert one.run.files.tolist() == [1, 0, 0, 1]


def test_what_is_damaged_on_disk_is_left_out(tmp_path):
    keep(tmp_path, run_of(heads([1]), 0), [(("p", "a"), (1, 1))], {})
    (folder,) = tmp_path.iterdir()
    (folder / "heads.npy").write_bytes(b"")
    assert kept(tmp_path) == []


@pytest.fixture
def three(small):
    """A home with three files of two records, of which the last two share one key."""
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)
    keys = {"a": (1, 2), "b": (3, 4), "c": (4, 5)}
    for name, numbers in keys.items():
        events = [Event("232990000000001", f"2026-11-0{n}T10:00:00", 60, f"{n:016x}{n:016x}")
                  for n in numbers]
        write_mediated(small, name, usage_of(catalog, events))
    return small


ALL = [("p", name) for name in "abc"]
ASKED = pl.Series([f"{n:016x}{n:016x}" for n in (1, 4, 9)])
WANT = [("a", 0), ("b", 1), ("c", 0)]


def found(known, files=ALL):
    return known.among(files, ASKED).select("file_id", "record_index").rows()


def test_keys_are_found_from_memory_and_from_disk(three, monkeypatch):
    lake = Lake(three.lake)
    known = KnownKeys(lake, three.usage_keys)
    assert found(known) == WANT
    known.keep()
    assert not three.usage_keys.exists()  # too few to be worth it
    monkeypatch.setattr(known_keys, "_WORTH", 1)
    known.keep()
    assert found(known) == WANT
    reads = []
    monkeypatch.setattr(pl, "read_parquet", lambda path, **_: reads.append(path))
    again = KnownKeys(lake, three.usage_keys)
    assert again._alike(np.zeros(0, np.uint64)) == set()
    again.look_at(ALL)
    assert reads == []


def test_only_the_files_that_are_named_count(three):
    known = KnownKeys(Lake(three.lake), three.usage_keys)
    assert found(known) == WANT
    assert found(known, [("p", "b")]) == [("b", 1)]
    assert found(known, []) == []


def test_little_room_in_memory_changes_nothing(three, monkeypatch):
    monkeypatch.setattr(known_keys, "_MOST", 1)
    monkeypatch.setattr(known_keys, "_WORTH", 1)
    assert found(KnownKeys(Lake(three.lake), three.usage_keys)) == WANT
    assert len(kept(three.usage_keys)) == 1
    shutil.rmtree(three.usage_keys)
    assert found(KnownKeys(Lake(three.lake), three.usage_keys)) == WANT


def test_a_file_that_was_mediated_anew_is_read_again(three, monkeypatch):
    monkeypatch.setattr(known_keys, "_WORTH", 1)
    lake = Lake(three.lake)
    KnownKeys(lake, three.usage_keys).among(ALL, ASKED)
    first = KnownKeys(lake, three.usage_keys)
    first.among(ALL, ASKED)
    first.keep()
    path = lake.path(USAGE, "p", "a", "mediate")
    usage = lake.load(USAGE, "p", "a", "mediate")
    lake.write(USAGE, path, usage.with_columns(usage_key=pl.lit(ASKED[2])))
    assert found(KnownKeys(lake, three.usage_keys)) == [("a", 0), ("a", 1), ("b", 1), ("c", 0)]


def test_an_empty_run_holds_nothing():
    assert Run(heads([]), np.zeros(0, np.uint32)).holders(heads([1])) == set()


def test_heads_are_the_first_half_of_each_key():
    keys = [f"{number:016x}{'f' * 16}" for number in (7, 1 << 63, 0, 9)]
    for some, wanted in (
        (keys, [7, 1 << 63, 0, 9]), ([None, keys[3], None], [9]), ([None], []), ([], []),
    ):
        assert heads_of(pl.Series(some, dtype=pl.String)).tolist() == wanted
    assert heads_of(pl.Series(keys)[1:3]).tolist() == [1 << 63, 0]
    assert heads_of(pl.concat([pl.Series(keys), pl.Series(keys[:1])], rechunk=False))[-1] == 7
