"""Rating again what is posted: the difference first, then all of it posted in one go, once."""

import getpass
import json
import sys
from pathlib import Path

import polars as pl
import pytest

from charging.ledger import Ledger
from mediation.schema import REJECT
from ratemill import correction_lake, pipeline
from ratemill.catalog_versions import manifests
from ratemill.errors import RatemillError
from ratemill.lake import Lake
from ratemill.rerate import apply_difference, difference
from ratemill.rerate_catalog import choose_catalog
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CATALOG
from corrected_home import A1, A2, NOW, contents, posted, prove, revisions
from mediated_files import Event, usage_of, write_mediated

DEARER = CATALOG["rates"].replace("0.19", "0.25").replace("0.123", "0.2")
UNPRICED = CATALOG["rates"].replace("voice,mo,home,home,peak", "voice,mo,home,world,peak").replace(
    "voice,mo,eea,eea", "voice,mo,world,eea")


@pytest.fixture
def three(small, begun):
    """Three posted files: two calls of A1, and of A2 three calls, two of which its minutes cover.

    Days of November are week days at noon but for the 8th, a Sunday.
    """
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)
    calls = {"aaaa": [(A1, 3, 60), (A2, 4, 90)], "bbbb": [(A1, 8, 60), (A2, 5, 90)],
             "cccc": [(A2, 6, 90)]}

    def made():
        refs = [
            write_mediated(small, name, usage_of(catalog, [
                Event(imsi, f"2026-11-{day:02d}T12:00:00", seconds, f"{day:032x}")
                for imsi, day, seconds in of_file
            ]))
            for name, of_file in calls.items()
        ]
        posted(small, refs)
        return refs

    return begun(small, "rerate", made)


def compute(home, where, catalog=None):
    return difference(home, where, choose_catalog(home, catalog and str(catalog)))


def put(home, where, catalog=None):
    chosen = choose_catalog(home, catalog and str(catalog))
    return apply_difference(home, where, chosen, NOW, who="ann", why="new prices")


def total(found, leg="retail"):
    return {
        row["currency"]: (row["changed"], row["before"], row["after"])
        for row in found.difference["totals"].filter(leg=leg).iter_rows(named=True)
    }


def balances(home):
    with Ledger(home.ledger) as ledger:
        return dict(ledger.balances().select("account", "balance_micros").iter_rows())


def test_the_same_catalog_changes_nothing(small, three):
    found = compute(small, "true")
    assert (found.selected, found.followers, found.unpriced) == (5, 0, 0)
    assert found.difference["totals"]["changed"].sum() == 0
    assert found.difference["totals"]["difference"].sum() == 0
    before = contents(small)
    assert put(small, "true").corrected is None
    assert contents(small) == before


def test_the_difference_is_shown_then_posted_once(small, three, tmp_path, write_catalog):
    other = write_catalog(tmp_path / "other", rates=DEARER)
    before, start = contents(small), balances(small)
    found = compute(small, "used_by = 'A1'", other)
    # 0.24 and 0.17, then 0.30 and 0.25, with 20 percent of tax each
    assert total(found) == {"EUR": (2, 490_000, 660_000)}
    assert total(found, "wholesale") == {"SDR": (0, 200_000, 200_000)}
    assert found.difference["accounts"].rows() == [
        ("retail", "A1", "EUR", 2, 2, 490_000, 660_000, 170_000)]
    assert contents(small) == before
    assert balances(small) == start
    done = put(small, "used_by = 'A1'", other)
    assert done.corrected.postings.height == 4
    prove(small)
    assert balances(small) == start | {"A1": start["A1"] - 170_000}
    assert revisions(small, three[0])[0, "retail"] == (1, 360_000)
    assert revisions(small, three[0])[0, "wholesale"][0] == 0
    assert found.catalog_version in {one.version for one in manifests(small)}
    assert put(small, "used_by = 'A1'", other).corrected is None
    prove(small)


def test_back_to_a_version_that_is_kept(small, three, tmp_path, write_catalog):
    start, (first,) = balances(small), manifests(small)
    put(small, "true", write_catalog(tmp_path / "other", rates=DEARER))
    assert balances(small) != start
    assert put(small, "true", first.version[:10]).corrected.postings.height > 0
    prove(small)
    assert balances(small) == start
    assert revisions(small, three[0])[0, "retail"] == (2, 290_000)


def test_others_follow_where_their_allowances_give_them_something_else(
    small, three, tmp_path, write_catalog
):
    """Half of the minutes, and dearer: what was not selected is charged anew by what it draws."""
    other = write_catalog(
        tmp_path / "other", rates=DEARER,
        allowances=CATALOG["allowances"].replace("minutes,min,2", "minutes,min,1"),
    )
    where = "used_by = 'A2' and started_at < '2026-11-05'"
    found = compute(small, where, other)
    assert (found.selected, found.followers) == (1, 2)
    done = put(small, where, other)
    prove(small)
    # 90 and 30 units were covered, now it is 60; the last call drew nothing before or after
    assert [revisions(small, ref)[record, "retail"][0]
            for ref, record in zip(three, (1, 1, 0), strict=True)] == [1, 1, 0]
    assert done.difference.charges["leg"].unique().to_list() == ["retail"]
    assert revisions(small, three[0])[0, "retail"][0] == 0


def test_whoever_shares_a_pool_follows(small, write_catalog):
    write_catalog(
        small.catalog, pools="pool,account,valid_from,valid_to\nP,A1,,\nP,A2,,\n",
        grants="holder_kind,holder,allowance,valid_from,valid_to\npool,P,minutes,2026-11-01,\n",
    )
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)
    ref = write_mediated(small, "aaaa", usage_of(catalog, [
        Event(A1, "2026-11-03T12:00:00", 90, "1" * 32),
        Event(A2, "2026-11-04T12:00:00", 90, "2" * 32),
    ]))
    posted(small, [ref])
    found = compute(small, "used_by = 'A1'")
    assert (found.selected, found.followers) == (1, 1)
    assert found.difference["totals"]["changed"].sum() == 0


def test_what_has_no_price_goes_to_suspense_and_comes_back(
    small, three, tmp_path, write_catalog
):
    start = balances(small)
    other = write_catalog(tmp_path / "other", rates=UNPRICED)
    where = "used_by = 'A1'"
    found = compute(small, where, other)
    assert found.codes.rows() == [("RATE_MISSING", "p", 1)]
    put(small, where, other)
    prove(small)
    rejects = Lake(small.lake).load(REJECT, "p", "aaaa", "post")
    assert rejects.select("record_index", "code", "stage", "outcome").rows() == [
        (0, "RATE_MISSING", "rate", "suspended")]
    assert balances(small)["A1"] == start["A1"] + 290_000
    assert put(small, where, other).corrected is None
    put(small, where)
    prove(small)
    assert balances(small) == start
    assert revisions(small, three[0])[0, "retail"] == (1, 290_000)


def test_what_is_rolled_back_is_not_rated_again(small, three, ratemill):
    assert ratemill("rollback", "aaaa", "--why", "x", home=small).returncode == 0
    assert compute(small, "true").selected == 3


def test_cut_short_after_the_ledger_it_is_finished(
    small, three, tmp_path, write_catalog, monkeypatch
):
    other = write_catalog(tmp_path / "other", rates=UNPRICED)

    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(correction_lake, "follow", cut)
        with pytest.raises(KeyboardInterrupt):
            put(small, "true", other)
    with pytest.raises(RatemillError, match="was cut short"):
        compute(small, "true", other)
    assert put(small, "true", other).corrected is None
    prove(small)
    assert compute(small, "true", other).difference["totals"]["changed"].sum() == 0


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("used_by =", "syntax error"),
        ("no_such = 1", "no_such"),
        ("true; drop table usage", "modifiers"),
        ("used_by in (select * from read_csv('/etc/hosts'))", "file system"),
        ("used_by::int > 2", "Could not convert"),
        ("", "is empty"),
    ],
)
def test_a_condition_that_cannot_be_used_is_one_line(small, three, ratemill, where, says):
    shown = ratemill("rerate", "--where", where, home=small)
    assert (shown.returncode, shown.stderr.count("\n")) == (2, 1)
    assert says in shown.stderr


@pytest.mark.parametrize(
    ("where", "selected"),
    [
        ("partner = 'p' and service = 'voice'", 5),
        ('"started_at" >= \'2026-11-05\' and duration_s > 60', 2),
        ("tariff = 'flex' and amount_micros = 0", 1),
        ("len(draws) > 0 and draws[1].allowance = 'minutes'", 2),
        ("imsi like '%0001'", 2),
        ("leg = 'retail' and record_index = 1", 2),
        ("revision = 0 and file_id like 'a%'", 2),
        ("columns('used_by') = 'A1'", 2),
        ("false", 0),
    ],
)
def test_conditions_are_on_usage_and_charge(small, three, where, selected):
    assert compute(small, where).selected == selected


def test_the_command_shows_and_applies(small, three, tmp_path, write_catalog, ratemill):
    other = write_catalog(tmp_path / "other", rates=DEARER)
    before = contents(small)
    asked = ("rerate", "--where", "used_by = 'A1'", "--catalog", other)
    shown = ratemill(*asked, "--out", tmp_path / "out", home=small)
    assert "Nothing was posted; --apply posts it." in shown.stdout
    assert contents(small) == before
    accounts = pl.read_parquet(tmp_path / "out" / "accounts.parquet")
    assert accounts["difference"].to_list() == [170_000]
    assert pl.read_csv(tmp_path / "out" / "zones.csv").height == 2
    assert ratemill(*asked, "--apply", home=small).returncode == 2
    done = json.loads(ratemill(*asked, "--apply", "--why", "new prices", "--json",
                               home=small).stdout)
    assert (done["postings"], done["posted"][:7]) == (4, "rerate:")
    assert "Nothing changes; nothing was posted." in ratemill(
        *asked, "--apply", "--why", "again", home=small).stdout
    who = getpass.getuser()
    explained = ratemill("explain", "aaaa:0", home=small).stdout
    assert "Charge given back, retail: A1 0.29 EUR (290000 micros), revision 0" in explained
    assert "Charge, retail: A1 0.36 EUR (360000 micros)" in explained
    postings = [line.strip() for line in explained.partition("Postings")[2].splitlines()]
    assert [line.partition("EUR, ")[2] for line in postings if "A1" in line] == [
        "charge (batch 1, entry 1/0/retail/0)",
        f"charge given back, rerate by {who}: new prices (batch 4, entry 1/0/retail/0)",
        f"charge, rerate by {who}: new prices (batch 4, entry 1/0/retail/1)",
    ]
    prove(small)


def test_a_catalog_that_is_not_there(small, three):
    with pytest.raises(RatemillError, match="is no folder and no version"):
        choose_catalog(small, "abc")


def test_a_rerun_keeps_what_was_rated_again(small, three, tmp_path, write_catalog):
    put(small, "true", write_catalog(tmp_path / "other", rates=DEARER))
    before = revisions(small, three[0])
    pipeline.reset(small, three, "rate")
    posted(small, three)
    prove(small)
    assert revisions(small, three[0]) == before
