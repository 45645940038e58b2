"""What an analyst opens: consistent, documented, never in the pipeline's way."""

import threading

import duckdb
import pytest

from ratemill import pipeline
from ratemill.demo import prepare_home
from ratemill.funnel import file_status


@pytest.fixture
def analyst(example):
    with duckdb.connect(str(example.warehouse), read_only=True) as connection:
        yield connection


def test_revenue_per_partner_is_what_the_funnel_says(example, analyst):
    found = dict(analyst.sql(
        "select partner, sum(retail_micros)::bigint from charged_usage group by partner"
    ).fetchall())
    expected = {}
    for row in file_status(example):
        for micros in row.retail_micros.values():
            expected[row.partner] = expected.get(row.partner, 0) + micros
    assert found == expected


def test_funnel_adds_up(analyst):
    assert analyst.sql(
        "select count(*) from funnel "
        "where received <> posted + duplicate + suspended + dropped"
    ).fetchall() == [(0,)]


def test_balances_are_the_sums_of_postings(analyst):
    assert analyst.sql(
        "select count(*) from account_balance b join "
        "(select account, currency, sum(amount_micros) as s from posting group by all) p "
        "using (account, currency) where b.mode = 'partner' and b.balance_micros <> p.s"
    ).fetchall() == [(0,)]


def test_queries_work_while_the_pipeline_runs(tmp_path, runner):
    home = prepare_home(tmp_path / "home")
    runner(home, ["fixline"])
    failures, answers, over = [], [], threading.Event()

    def ask():
        while not over.is_set():
            try:
                with duckdb.connect(str(home.warehouse), read_only=True) as connection:
                    answers.append(connection.sql(
                        "select partner, count(*), sum(retail_micros)/1e6 from charged_usage "
                        "group by partner order by partner").fetchall())
            except duckdb.Error as error:
                failures.append(error)

    reader = threading.Thread(target=ask)
    reader.start()
    try:
        runner(home, ["xmlcom"])
        pipeline.publish(home)
    finally:
        over.set()
        reader.join()
    assert not failures
    assert [row[0] for row in answers[0]] == ["fixline"]
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        partners = connection.sql("select distinct partner from charged_usage order by 1")
        assert partners.fetchall() == [("fixline",), ("xmlcom",)]


def test_an_open_warehouse_does_not_hold_up_publishing(tmp_path, runner):
    home = prepare_home(tmp_path / "home")
    runner(home, ["fixline"])
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        before = connection.sql("select count(*) from funnel").fetchall()
        runner(home, ["xmlcom"])
        assert connection.sql("select count(*) from funnel").fetchall() == before
