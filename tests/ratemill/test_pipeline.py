"""The conductor over a home: repeatable, resumable, and loud when something is missing."""

import shutil

import polars as pl
import pytest

from charging.schema import POSTING
from mediation.outcome import ConservationError
from mediation.schema import FILE, REJECT, USAGE
from ratemill import pipeline
from ratemill.cli_run import _exit_code
from ratemill.demo import partners_online, prepare_home
from ratemill.funnel import equation, file_status, totals
from ratemill.home import Home
from ratemill.lake import TABLES, Lake
from ratemill.refs import receipt_path, split
from ratemill.settings import clock
from rating.schema import CHARGE


@pytest.fixture
def copied(example, tmp_path):
    """A home of one's own, already run."""
    shutil.copytree(example.root, tmp_path / "home")
    return Home.find(tmp_path / "home", {})


def contents(lake):
    """Every file of the lake; words as text, as settled rows are written anew from other Enums."""
    tables = {table.name: table for table in TABLES}
    return {
        p: lake.read(tables[p.relative_to(lake.root).parts[0].partition(".")[0]], [p])
        for p in lake.root.rglob("*.parquet")
    }


def same(one, other):
    assert one.keys() == other.keys()
    for path, frame in one.items():
        assert frame.equals(other[path]), path


def test_every_record_is_in_one_place(example):
    rows = file_status(example)
    sums = totals(rows)
    assert sums["received"] > 4_000
    assert "≠" not in equation(sums)
    assert all(sums.values())
    assert {r.state for r in rows} == {
        "posted", "copy", "notification", "test", "quarantined", "refused"}


def test_a_second_run_finds_nothing_to_do(copied, runner):
    before = contents(Lake(copied.lake))
    result = runner(copied)
    assert (result.new, result.finished, result.rows) == ([], [], [])
    same(before, contents(Lake(copied.lake)))


@pytest.mark.parametrize("table", [USAGE, REJECT, FILE, CHARGE, POSTING], ids=lambda t: t.name)
def test_a_deleted_output_is_made_again_and_nothing_else_changes(copied, runner, table):
    lake = Lake(copied.lake)
    before = contents(lake)
    stages = {"usage": "mediate", "reject": "mediate", "file": "rate", "charge": "rate",
              "posting": "post"}
    row = next(r for r in lake.file_rows().rows(named=True) if r["state"] == "posted")
    lake.path(table, row["partner"], row["file_id"], stages[table.name]).unlink()
    result = runner(copied)
    assert result.finished == [f"{row['partner']}/{row['file_id']}"]
    same(before, contents(lake))


def test_reset_runs_stages_again_without_charging_twice(copied, runner):
    lake = Lake(copied.lake)
    before = contents(lake)
    refs = pipeline.find(copied, partner="nordtel")
    pipeline.reset(copied, refs, "mediate")
    assert not lake.done(*split(refs[0]), "mediate")
    assert not receipt_path(copied, *split(refs[0])).exists()
    runner(copied)
    same(before, contents(lake))
    assert all(receipt_path(copied, *split(ref)).exists() for ref in refs)


def test_a_rerun_posts_what_was_suspended_and_changes_nothing_else(copied, runner):
    lake = Lake(copied.lake)
    row = lake.file_rows().filter(name="CDNORNTAUTRM00002").row(0, named=True)
    ref = f"{row['partner']}/{row['file_id']}"
    before = lake.load(POSTING, *split(ref), "post")
    assert row["suspended"] == 2
    sims, rates = copied.catalog / "sims.csv", copied.catalog / "rates.csv"
    lines = sims.read_text().splitlines()
    known = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    known |= {"iccid": "", "imsi": "232999999999999", "msisdn": "436995559999", "valid_from": "",
              "valid_to": ""}
    sims.write_text("\n".join([*lines, ",".join(known.values())]) + "\n")
    # Dearer as well: what is posted must not notice.
    rates.write_text(rates.read_text().replace("0.19", "0.91"))
    pipeline.reset(copied, [ref], "rate")
    runner(copied)
    after = lake.load(POSTING, *split(ref), "post")
    (again,) = pipeline.rows_of(copied, [ref])
    assert (again["suspended"], again["posted"]) == (0, row["posted"] + 2)
    assert after.join(before, on=["record_index", "leg"], how="semi").equals(before)
    assert after.height == before.height + 4


def test_what_two_workers_both_let_pass_is_charged_once(example, tmp_path):
    """The second of two overlapping files is taken to its end before the first is mediated."""
    home = prepare_home(tmp_path / "home")
    now = clock(home.settings)
    with partners_online(home, {}) as environ:
        refs = pipeline.collect(home, "alpenfon", now=now, environ=environ)
    first, second = refs[2:4]
    for ref in (second, first):
        pipeline.mediate(home, [ref])
        pipeline.rate(home, [ref], now=now)
        pipeline.post(home, [ref], now=now)
    one, other = pipeline.rows_of(home, [first, second])
    assert (one["duplicate"], other["duplicate"]) == (12, 0)
    lake = Lake(home.lake)
    assert lake.load(REJECT, *split(first), "post")["code"].unique().to_list() == ["ALREADY_POSTED"]
    pipeline.reconcile(home, [first, second])
    usual = pipeline.rows_of(example, [first, second])
    assert one["posted"] + other["posted"] == sum(row["posted"] for row in usual)


def test_a_run_names_what_the_ledger_refuses_and_finishes_the_rest(tmp_path, runner):
    home = prepare_home(tmp_path / "home")
    now, lake = clock(home.settings), Lake(home.lake)
    with partners_online(home, {}) as environ:
        refs = pipeline.collect(home, "fixline", now=now, environ=environ)
    pipeline.mediate(home, refs)
    pipeline.rate(home, refs, now=now)
    path = lake.path(CHARGE, *split(refs[0]), "rate")
    lake.write(CHARGE, path, lake.read(CHARGE, [path]).with_columns(usage_key=pl.lit("none")))
    result = runner(home, ["fixline"])
    assert list(result.not_posted.faults) == [refs[0]]
    assert result.finished == refs[1:]
    assert _exit_code(result) == 2


def test_find_by_partner_arrival_and_file_id(example):
    every = pipeline.find(example)
    some = pipeline.find(example, partner="nordtel")
    assert 0 < len(some) < len(every)
    at = Lake(example.lake).file_rows()["received_at"].max()
    assert pipeline.find(example, received_to=at) == []
    assert pipeline.find(example, received_from=at) == every
    assert pipeline.find(example, file_ids=[split(some[0])[1][:10]]) == [some[0]]


@pytest.mark.parametrize(
    ("table", "stage", "words"),
    [
        (POSTING, "post", "in none: "),
        (REJECT, "mediate", "in none: "),
        (CHARGE, "rate", "differ from postings"),
    ],
    ids=["posting", "reject", "charge"],
)
def test_reconcile_names_the_file_that_lost_a_row(copied, table, stage, words):
    lake = Lake(copied.lake)
    for row in lake.file_rows().rows(named=True):
        path = lake.path(table, row["partner"], row["file_id"], stage)
        frame = pl.read_parquet(path)
        if frame.height and (table != REJECT or frame["record_index"].null_count() == 0):
            last = pl.col("record_index") == pl.col("record_index").max()
            lake.write(table, path, frame.filter(~last))
            break
    with pytest.raises(ConservationError, match=words) as caught:
        pipeline.reconcile(copied, pipeline.find(copied))
    assert row["name"] in str(caught.value)


def test_reconcile_names_unfinished_files(copied):
    ref = pipeline.find(copied)[0]
    pipeline.reset(copied, [ref], "post")
    with pytest.raises(ConservationError, match="not finished: post"):
        pipeline.reconcile(copied, [ref])


def test_an_unreachable_partner_costs_only_himself(tmp_path, runner):
    home = prepare_home(tmp_path / "home")
    profile = home.root / "partners" / "xmlcom.toml"
    profile.write_text(profile.read_text().replace("[collect]", '[collect]\npath = "gone"'))
    result = runner(home, ["fixline", "xmlcom"])
    assert [e.where for e in result.unreachable] == ["xmlcom"]
    assert {r.partner for r in result.rows} == {"fixline"}
