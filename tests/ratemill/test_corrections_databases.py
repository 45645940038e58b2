"""Corrections on both databases, where the lake says the same as the ledger after each."""

import dataclasses
import sys
from pathlib import Path

from charging.ledger import Ledger
from ratemill import pipeline
from ratemill.rerate import apply_difference
from ratemill.rerate_catalog import choose_catalog
from ratemill.rollback import find_file, roll_back_file
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CATALOG
from corrected_home import A1, A2, NOW, posted, prove, revisions
from mediated_files import Event, usage_of, write_mediated


def test_rated_again_rolled_back_and_rerun(small, ledger_url, tmp_path, write_catalog):
    home = dataclasses.replace(small, ledger=ledger_url)
    catalog = load_catalog(home.catalog, "Europe/Vienna", cache=home.catalog_cache)
    refs = [
        write_mediated(home, name, usage_of(catalog, [
            Event(imsi, f"2026-11-{day:02d}T12:00:00", 90, f"{key:032x}")
            for imsi, day, key in calls
        ]))
        for name, calls in (("aaaa", [(A1, 3, 1), (A2, 4, 2)]), ("bbbb", [(A2, 5, 3)]))
    ]
    posted(home, refs)
    prove(home)
    with Ledger(home.ledger) as ledger:
        start = ledger.balances().drop("postings")
    dearer = write_catalog(
        tmp_path / "dearer", rates=CATALOG["rates"].replace("0.19", "0.25"),
        allowances=CATALOG["allowances"].replace("minutes,min,2", "minutes,min,1"),
    )
    for where in (dearer, home.catalog):
        chosen = choose_catalog(home, str(where))
        for repeated in (False, True):
            done = apply_difference(home, "true", chosen, NOW, who="ann", why="test")
            assert (done.corrected is None) is repeated
            prove(home)
    with Ledger(home.ledger) as ledger:
        assert ledger.balances().drop("postings").equals(start)
        roll_back_file(home, ledger, find_file(home, "aaaa"), NOW, who="ann", why="test")
    prove(home)
    pipeline.reset(home, refs[:1], "rate")
    posted(home, refs[:1])
    prove(home)
    assert {revision for revision, _ in revisions(home, refs[0]).values()} == {3}
