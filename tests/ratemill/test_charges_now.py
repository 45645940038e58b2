"""The charges that stand: the latest of every leg, in the lake and in the warehouse."""

import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from charging.ledger import Ledger
from mediation.schema import REJECT
from ratemill import pipeline
from ratemill.charges_now import ChargesNow, charges_of, superseding
from ratemill.correction_lake import Correction, apply, taken_back
from ratemill.lake import Lake
from ratemill.rerate_compute import rejects_of
from ratemill.rollback import find_file, roll_back_file
from ratemill.warehouse import build_warehouse
from rating.catalog import load_catalog
from rating.schema import CHARGE

sys.path.insert(0, str(Path(__file__).parent))

from corrected_home import A1, NOW, posted, prove, revisions
from mediated_files import Event, usage_of, write_mediated


@pytest.fixture
def two(small, begun):
    """Two posted files of three calls each."""
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)

    def made():
        refs = [
            write_mediated(small, name, usage_of(catalog, [
                Event(A1, f"2026-11-{first + n:02d}T12:00:00", 60, f"{first + n:032x}")
                for n in range(3)
            ]))
            for name, first in (("aaaa", 3), ("bbbb", 10))
        ]
        posted(small, refs)
        return refs

    return begun(small, "charges now", made)


def raised(charges, by=10_000):
    """The charges, dearer and of the next revision."""
    return charges.with_columns(
        pl.col("revision") + 1, pl.col("amount_micros") + by, pl.col("net_micros") + by
    )


def correct(home, key, before, after, rejects=None):
    with Ledger(home.ledger) as ledger:
        return apply(home, ledger, Correction(
            key, "replay", before, after, REJECT.empty() if rejects is None else rejects
        ), NOW + timedelta(hours=1), who="ann", why="test")


def of(charges, *records):
    return charges.filter(pl.col("record_index").is_in(records), leg="retail")


def in_warehouse(home):
    """Charges as the analyst sees them, by file, record and leg."""
    build_warehouse(home)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        rows = connection.sql(
            "select file_id, record_index, leg, revision, amount_micros from charge").fetchall()
        history = connection.sql("select count(*) from charge_history").fetchall()[0][0]
        usage = connection.sql("select count(*) from charged_usage").fetchall()[0][0]
        total = connection.sql("select sum(amount_micros)::bigint from posting").fetchall()[0][0]
    with Ledger(home.ledger) as ledger:
        changes = ledger.balances().filter(pl.col("account") != "A1")["balance_micros"].sum()
        changes += ledger.balances().filter(account="A1")["balance_micros"].sum() - 10_000_000
    assert total == changes
    return {tuple(row[:3]): tuple(row[3:]) for row in rows}, history, usage


def agree(home, refs):
    """The lake's and the warehouse's view of what stands are the same."""
    shown, history, usage = in_warehouse(home)
    lake = {
        (ref[2:], *leg): value for ref in refs for leg, value in revisions(home, ref).items()
    }
    assert shown == lake
    assert usage == len(lake) // 2
    prove(home)
    return history


def test_the_latest_of_two_revisions_counts(small, two):
    lake = Lake(small.lake)
    first = charges_of(lake, two)
    assert agree(small, two) == 12
    correct(small, "one", of(first, 0, 1), raised(of(first, 0, 1)))
    second = charges_of(lake, two)
    assert of(second, 0, 1)["revision"].to_list() == [1] * 4
    assert of(second, 2).equals(of(first, 2))
    assert agree(small, two) == 16
    only = of(second, 1).filter(file_id="bbbb")
    correct(small, "two", only, raised(only))
    assert agree(small, two) == 17
    assert superseding(lake).height == 4
    assert ChargesNow(lake, two[:1]).of(two[0], ["revision"])["revision"].sum() == 2


def test_a_correction_is_done_once(small, two):
    first = of(charges_of(Lake(small.lake), two), 0)
    done = correct(small, "one", first, raised(first))
    again = correct(small, "one", first, raised(first))
    assert (done.repeated, again.repeated) == (False, True)
    assert again.postings.equals(done.postings)
    assert agree(small, two) == 14


def test_what_is_withdrawn_is_in_suspense_until_it_is_rated_again(small, two):
    lake = Lake(small.lake)
    gone = charges_of(lake, two[:1]).filter(record_index=1)
    rejects = rejects_of(gone.filter(leg="retail").select(
        "partner", "file_id", "record_index", "usage_key", byte_offset=pl.lit(0, pl.Int64),
        code=pl.lit("RATE_MISSING"), detail=pl.lit("none"),
        partner_charge_micros=pl.lit(1, pl.Int64), partner_currency=pl.lit("SDR"),
    ))
    correct(small, "one", gone, CHARGE.empty(), rejects)
    assert agree(small, two) == 12
    assert {record for record, _ in revisions(small, two[0])} == {0, 2}
    with Ledger(small.ledger) as ledger:
        assert taken_back(lake, ledger, "p", "aaaa").equals(rejects)
        assert taken_back(lake, ledger, "p", "bbbb").is_empty()
    assert ChargesNow(lake).of(two[0], withdrawn=True).height == 6
    pipeline.reset(small, two[:1], "rate")
    posted(small, two[:1])
    agree(small, two)
    assert revisions(small, two[0])[1, "retail"][0] == 1


def test_after_a_rollback_the_new_charges_count(small, two):
    lake = Lake(small.lake)
    first = of(charges_of(lake, two), 0)
    correct(small, "one", first, raised(first))
    with Ledger(small.ledger) as ledger:
        roll_back_file(small, ledger, find_file(small, "aaaa"), NOW, who="ann", why="test")
    agree(small, two)
    assert revisions(small, two[0]) == {}
    pipeline.reset(small, two[:1], "rate")
    posted(small, two[:1])
    agree(small, two)
    assert {value[0] for value in revisions(small, two[0]).values()} == {2}


def test_a_file_that_waits_has_none(small, two):
    pipeline.reset(small, two[:1], "post")
    assert charges_of(Lake(small.lake), two)["file_id"].unique().to_list() == ["bbbb"]
