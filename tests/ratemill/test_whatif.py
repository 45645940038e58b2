"""What another catalog would have earned: told by product, zone and account, and kept nowhere."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from charging.ledger import Ledger
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CATALOG
from corrected_home import A1, A2, contents, posted, prove
from mediated_files import Event, usage_of, write_mediated


@pytest.fixture
def one(small):
    """A posted file of two accounts."""
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)
    ref = write_mediated(small, "aaaa", usage_of(catalog, [
        Event(imsi, f"2026-11-{day:02d}T12:00:00", 240, f"{day:032x}")
        for imsi, day in ((A1, 3), (A1, 4), (A2, 5))
    ]))
    posted(small, [ref])
    return ref


def test_nothing_is_written_to_the_home(small, one, tmp_path, write_catalog, ratemill):
    other = write_catalog(
        tmp_path / "other", rates=CATALOG["rates"].replace("0.19", "0.38"))
    before = contents(small)
    with Ledger(small.ledger) as ledger:
        start = ledger.balances()
    asked = ("whatif", "--where", "true", "--catalog", other)
    shown = json.loads(ratemill(*asked, "--json", "--out", tmp_path / "out", home=small).stdout)
    assert contents(small) == before
    with Ledger(small.ledger) as ledger:
        assert ledger.balances().equals(start)
    tables = shown["tables"]
    assert [(row["product"], row["currency"]) for row in tables["products"]] == [
        ("flex", "EUR"), ("flex", "CHF")]
    # four minutes each at 0.19 more, with tax; of the other account two are covered
    assert [row["difference"] for row in tables["products"]] == [1_820_000, 360_000]
    assert {row["decile"] for row in tables["deciles"]} == {1}
    assert sum(row["accounts"] for row in tables["deciles"]) == 2
    deciles = pl.read_csv(tmp_path / "out" / "deciles.csv")
    assert deciles["difference"].sum() == 2_180_000
    text = ratemill(*asked, home=small).stdout
    assert "By product" in text
    assert "Nothing was posted" not in text
    prove(small)


def test_a_catalog_with_faults_is_refused(small, one, tmp_path, write_catalog, ratemill):
    other = write_catalog(tmp_path / "other", tariffs=None)
    shown = ratemill("whatif", "--where", "true", "--catalog", other, home=small)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr


def test_a_home_without_files_has_nothing_to_tell(small, ratemill):
    shown = ratemill("whatif", "--where", "true", "--catalog", small.catalog, home=small)
    assert shown.returncode == 0
    assert "0 records" in shown.stdout
    assert not small.lake.exists()
