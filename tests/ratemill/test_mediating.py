"""Many files mediated in one call come to what each of them comes to in a call of its own."""

import random
import sys
from pathlib import Path

import polars as pl
import pytest

from mediation.schema import REJECT, USAGE
from ratemill import mediating
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.mediating import mediate

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import collected, with_profile

CONTROL = '[control]\nsequence_from_name = "^CD([0-9]+)"\n[gate]'


def files_of(seed):
    """Names and lines of files that repeat each other's records, with some that are broken."""
    rng = random.Random(seed)
    lines = [f"MOC;23299000000000{n % 7};43123{n};AUTRM;2026-11-30 10:{n:02};{60 + n};0.{n}0"
             for n in range(40)]
    broken = ["MOC;;43123;AUTRM;2026-11-30 10:00;60;x", "MOC;1;2"]
    return [
        (f"CD{rng.choice([number, number, number + 3]):04}.csv",
         [*rng.choices(lines, k=rng.randrange(0, 9)), *rng.choices(broken, k=rng.randrange(2)),
          f"MOC;232990000000001;{number};AUTRM;2026-11-29 09:00;1;0.1"])
        for number in range(1, 13)
    ]


def home_of(small, root, files):
    """A home of its own with these files collected, and their references."""
    root.mkdir()
    (root / "ratemill.toml").write_bytes((small.root / "ratemill.toml").read_bytes())
    home = with_profile(Home.find(root, {}))
    path = root / "partners" / "alpenfon.toml"
    path.write_text(path.read_text().replace("[gate]", CONTROL))
    return home, [collected(home, name, *lines) for name, lines in files]


def picture(home):
    """All rows that mediation leaves, words as text."""
    lake = Lake(home.lake)
    rows = [lake.read(table, lake.files(table)).sort("file_id", "record_index").rows()
            for table in (USAGE, REJECT)]
    return [*rows, lake.file_rows("mediate").rows()]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_one_call_and_many_calls_agree(small, tmp_path, monkeypatch, seed):
    files = files_of(seed)
    home, refs = home_of(small, tmp_path / "together", files)
    rows = mediate(home, refs)
    assert [row["file_number"] for row in rows] == list(range(1, 13))
    one_by_one, refs = home_of(small, tmp_path / "one", files)
    for ref in refs:
        mediate(one_by_one, [ref])
    assert picture(one_by_one) == picture(home)
    monkeypatch.setattr(mediating, "_FILES_TOGETHER", 2)
    in_twos, refs = home_of(small, tmp_path / "twos", files)
    mediate(in_twos, refs)
    assert picture(in_twos) == picture(home)
    assert sum(row["duplicate"] for row in rows) > 3
    assert Lake(home.lake).file_rows().filter(pl.col("notes").is_not_null()).height > 2


def test_a_run_cut_short_is_finished_by_the_next(small, tmp_path, monkeypatch):
    files = files_of(9)
    whole, refs = home_of(small, tmp_path / "whole", files)
    mediate(whole, refs)
    home, refs = home_of(small, tmp_path / "cut", files)
    judged, left = mediating.Mediator.judged, iter(range(5))

    def dying(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return judged(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(mediating.Mediator, "judged", dying)
        with pytest.raises(KeyboardInterrupt):
            mediate(home, refs)
    assert Lake(home.lake).file_rows("mediate").height <= 5
    mediate(home, refs)
    assert picture(home) == picture(whole)
