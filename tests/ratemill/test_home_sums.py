"""The promise after random days: all that was received is in one place, in counts and in money."""

import sys
from pathlib import Path
from random import Random

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from corrected_home import prove
from random_home import CATALOGS, World, of_two_partners

from charging.ledger import Ledger
from charging.legs import legs_of_file
from charging.posting_id import unpacked
from mediation.schema import USAGE
from ratemill.funnel import equation, file_status, totals
from ratemill.lake import Lake
from ratemill.reconcile import reconcile
from ratemill.refs import split
from ratemill.suspense import cases, suspended
from rating.catalog import load_catalog

ACTIONS_OF_A_HOME = 10
MONEY = {"record_index": pl.Int32, "money": pl.Int64, "outcome": pl.String}


@pytest.fixture
def world_of(small, images, write_catalog, unpublished):
    """Makes the home of a seed, in which nothing happened yet; analysts' pages are not made."""
    folders = {name: images.parent / "random" / name for name in CATALOGS}
    for name, folder in folders.items():
        if not folder.exists():
            load_catalog(write_catalog(folder, **CATALOGS[name]), "Europe/Vienna", cache=images)
    return lambda seed: World(of_two_partners(small), Random(seed), folders)


def posted_records(home):
    """By reference, the records with a charge that stands on the ledger."""
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        return {
            f"{row['partner']}/{row['file_id']}": legs_of_file(connection, row["file_number"])
            .filter("stands").select(unpacked(pl.col("leg_id"))["record_index"].unique())
            .to_series().sort()
            for row in ledger.file_states().iter_rows(named=True)
        }


def ends_of(home, ref, posted):
    """Where each record of a file is, and the partner's charge that is there with it."""
    lake = Lake(home.lake)
    usage = lake.load(USAGE, *split(ref), "mediate").filter(
        pl.col("record_index").is_in(posted.implode())
    )
    away = lake.rejects(*split(ref)).drop_nulls("record_index")
    return pl.concat([
        usage.select("record_index", pl.col("partner_charge_micros").alias("money"),
                     pl.lit("posted").alias("outcome")),
        away.select("record_index", pl.col("money_at_risk_micros").alias("money"), "outcome"),
        pl.DataFrame(schema=MONEY),
    ]).sort("record_index")


def check_home(world):
    """All sums of the files that are finished, and of the home, against what was sent."""
    home = world.home
    posted = posted_records(home)
    rows = {f"{row['partner']}/{row['file_id']}": row
            for row in Lake(home.lake).file_rows().iter_rows(named=True)}
    assert rows.keys() == world.files.keys()
    finished = {ref: row for ref, row in rows.items() if row["stage"] == "post"}
    money, keys = {}, []
    for ref, row in finished.items():
        ends = ends_of(home, ref, posted.get(ref, pl.Series(dtype=pl.Int32)))
        sent = [line.charge for line in world.files[ref]]
        assert ends["record_index"].to_list() == list(range(len(sent)))
        assert ends["money"].to_list() == sent
        counts = dict(ends.group_by("outcome").len().iter_rows())
        for name in ("posted", "duplicate", "suspended", "dropped"):
            assert row[name] == counts.get(name, 0)
        assert row["records"] == len(sent)
        assert row["charge_micros"] == sum(charge or 0 for charge in sent)
        for outcome, micros in ends.group_by("outcome").agg(pl.sum("money")).iter_rows():
            money[outcome] = money.get(outcome, 0) + micros
        usage = Lake(home.lake).load(USAGE, *split(ref), "mediate")
        keys += usage.filter(
            pl.col("record_index").is_in(ends.filter(outcome="posted")["record_index"].implode())
        )["usage_key"].to_list()
    assert len(keys) == len(set(keys))
    check_whole(world, finished, money)


def check_whole(world, finished, money):
    """The home's screens and the ledger say what its files say."""
    home = world.home
    sums = totals([row for row in file_status(home)
                   if f"{row.partner}/{row.file_id}" in finished and row.state != "copy"])
    assert "≠" not in equation(sums)
    sent = [line.charge or 0 for ref in finished for line in world.files[ref]]
    assert (sums["received"], sum(money.values())) == (len(sent), sum(sent))
    waiting = suspended(home)
    of_finished = waiting.filter(pl.concat_str("partner", "file_id", separator="/").is_in(
        list(finished)))
    assert of_finished["record_index"].count() == sums["suspended"]
    assert of_finished["money_at_risk_micros"].sum() == money.get("suspended", 0)
    told = cases(of_finished)
    assert sum(case.money_micros.get("EUR", 0) for case in told) == money.get("suspended", 0)
    with Ledger(home.ledger) as ledger:
        owed = ledger.balances().filter(pl.col("account").str.starts_with("partner:"))
    if len(finished) == len(world.files):
        assert -owed["balance_micros"].sum() == money.get("posted", 0)
    prove(home)
    reconcile(home, finished)


def live(world, actions):
    """Let so much happen, and look at every state in between."""
    for _ in range(actions):
        world.act()
        check_home(world)
    world.run()
    check_home(world)


@pytest.mark.parametrize("seed", range(2))
def test_all_that_is_received_is_accounted_for(world_of, seed):
    live(world_of(seed), 6)


@pytest.mark.slow
@pytest.mark.seeds
@pytest.mark.parametrize("seed", range(100, 146))
def test_all_that_is_received_is_accounted_for_in_five_hundred_states(world_of, seed):
    live(world_of(seed), ACTIONS_OF_A_HOME)
