"""A file of the example rolled back and rerun: everything is as if nothing had happened."""

import shutil

import polars as pl
import pytest

from charging.ledger import Ledger
from ratemill import pipeline
from ratemill.charges_now import charges_of
from ratemill.funnel import file_status
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.rollback import find_file, roll_back_file, rollback_of
from ratemill.settings import clock


@pytest.fixture
def copied(example, tmp_path):
    """A home of one's own, already run."""
    shutil.copytree(example.root, tmp_path / "home")
    return Home.find(tmp_path / "home", {})


def amounts(home):
    """What every account has, and what stands of every file."""
    with Ledger(home.ledger) as ledger:
        balances = ledger.balances().drop("postings")
    files = pipeline.find(home)
    charges = charges_of(Lake(home.lake), files).group_by("file_id", "leg", "currency").agg(
        pl.len(), pl.col("amount_micros").sum()).sort("file_id", "leg", "currency")
    return balances, charges


@pytest.mark.slow
def test_rolled_back_and_rerun(copied, runner):
    before, status = amounts(copied), {r.file_id: r.posted for r in file_status(copied)}
    file = find_file(copied, "CDNORNTAUTRM00002")
    ref = f"{file['partner']}/{file['file_id']}"
    others = rollback_of(copied, file).others
    with Ledger(copied.ledger) as ledger:
        roll_back_file(copied, ledger, file, clock(copied.settings), who="ann", why="test")
    assert runner(copied).finished == []
    (row,) = pipeline.rows_of(copied, [ref])
    assert (row["state"], row["posted"]) == ("rolled_back", 0)
    pipeline.reconcile(copied, pipeline.find(copied))
    pipeline.reset(copied, [ref], "mediate")
    runner(copied)
    pipeline.reconcile(copied, pipeline.find(copied))
    after = amounts(copied)
    assert after[0].equals(before[0])
    assert after[1].equals(before[1])
    assert {r.file_id: r.posted for r in file_status(copied)} == status
    assert all(other.records > 0 for other in others)
