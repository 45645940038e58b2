"""The proof of mediated files finds what is missing, and says which file it is of."""

import re
import sys
from pathlib import Path

import polars as pl
import pytest

from mediation.outcome import ConservationError
from mediation.schema import FILE, REJECT, USAGE
from ratemill.lake import Lake
from ratemill.mediated_proof import prove_mediated
from ratemill.mediating import mediate
from ratemill.refs import split

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import collected, with_profile

GOOD = "MOC;232990000000001;43123;AUTRM;2026-11-30 10:00;60;0.10"
BROKEN = "MOC;;43123;AUTRM;2026-11-30 10:00;60;x"


@pytest.fixture
def mediated(small):
    """A home with two mediated files, and their references."""
    home = with_profile(small)
    refs = [collected(home, "first.csv", GOOD, BROKEN, GOOD),
            collected(home, "second.csv", GOOD.replace("10:00", "11:00"))]
    mediate(home, refs)
    return home, refs


def test_the_rows_of_files_that_add_up(mediated):
    home, refs = mediated
    rows = prove_mediated(home, refs)
    assert [(row["name"], row["records"]) for row in rows] == [("first.csv", 3), ("second.csv", 1)]
    assert rows[0]["suspended"] == 1
    assert prove_mediated(home, []) == []


def test_a_file_that_vanished_is_named(mediated):
    home, refs = mediated
    Lake(home.lake).reopen(*split(refs[1]), "mediate")
    with pytest.raises(ConservationError, match=rf"^{refs[1]}: not mediated$"):
        prove_mediated(home, refs)


@pytest.mark.parametrize(("table", "found"), [
    (USAGE, "3 records in, but 0 usage + 2 turned away"),
    (REJECT, "2 counted as turned away, but 0 in the lake"),
])
def test_records_that_are_not_in_the_lake_are_named(mediated, table, found):
    home, refs = mediated
    path = Lake(home.lake).path(table, *split(refs[0]), "mediate")
    Lake(home.lake).write(table, path, table.empty())
    with pytest.raises(ConservationError, match=re.escape(f"first.csv ({refs[0][:21]}): {found}")):
        prove_mediated(home, refs)


def test_a_count_that_does_not_add_up_is_named(mediated):
    home, refs = mediated
    lake = Lake(home.lake)
    row = lake.load(FILE, *split(refs[1]), "mediate").with_columns(records=pl.lit(2, pl.Int64))
    lake.write(FILE, lake.path(FILE, *split(refs[1]), "mediate"), row)
    with pytest.raises(ConservationError, match=r"second\.csv .*2 records in, but 1 usage \+ 0"):
        prove_mediated(home, refs)
