"""Figures for monitoring: what they say of homes, and that their sums are those of the rest."""

import re
from collections import Counter
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import text

from charging.ledger import Ledger
from mediation.schema import REJECT
from ratemill import metrics, pipeline
from ratemill.exposure import exposure
from ratemill.funnel import file_status, totals
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.metric_formats import prometheus_text
from ratemill.metric_list import METRICS
from ratemill.metrics_ledger import _lags
from ratemill.proven import keep_proof
from ratemill.settings import clock
from tests.ratemill.collected_files import collected, with_profile

NOW = datetime.fromisoformat("2026-12-01T06:00")
GOOD = "MOC;232990000000002;+4791234567;NORNT;2026-11-30 12:00;60;0.10"
UNKNOWN = "MOC;232990000000009;+4791234567;NORNT;2026-11-30 12:00;60;0.25"


def told(home, now=NOW, at=NOW):
    """By name and labels."""
    samples = metrics.measure(home, now, at)
    found = {(sample.metric.name.removeprefix("ratemill_"), *sample.labels): sample.value
             for sample in samples}
    assert len(found) == len(samples)
    assert all(type(value) is int for value in found.values())
    return found


def of(found, name):
    return {key[1:]: value for key, value in found.items() if key[0] == name}


def posted(home, *refs):
    pipeline.mediate(home, refs)
    pipeline.rate(home, refs, now=NOW)
    pipeline.post(home, refs, now=NOW)
    pipeline.deliver(home, refs)


def test_the_example_adds_up(example):
    found = told(example)
    rows, sums = file_status(example), totals(file_status(example))
    ends = Counter()
    for (_, outcome), count in of(found, "records").items():
        ends[outcome] += count
    assert ends == {**{name: sums[name] for name in sums if name != "received"}, "under_way": 0}
    assert sum(of(found, "records_received").values()) == sums["received"] == ends.total()
    assert sum(of(found, "files").values()) == sum(row.state != "copy" for row in rows)
    assert not any(of(found, "pending_files").values())
    assert not any(of(found, "oldest_pending_age_seconds").values())
    lake = Lake(example.lake)
    rejects = lake.read(REJECT, lake.files(REJECT))
    records = rejects.drop_nulls("record_index")
    assert of(found, "rejects") == Counter(
        records.select("partner", "stage", "outcome", "code").iter_rows())
    assert of(found, "file_rejects") == Counter(
        rejects.filter(pl.col("record_index").is_null())
        .select("partner", "stage", "code").iter_rows())


def test_the_examples_money(example):
    found = told(example)
    assert len(of(found, "ledger_difference_micros")) > 1
    assert not any(of(found, "ledger_difference_micros").values())
    charged = Counter()
    for row in file_status(example):
        for leg in ("retail", "wholesale"):
            for currency, micros in getattr(row, f"{leg}_micros").items():
                charged[leg, currency] += micros
    assert of(found, "charged_micros") == charged
    lake = Lake(example.lake)
    waits = lake.read(REJECT, lake.files(REJECT)).filter(
        pl.col("outcome") == "suspended", pl.col("record_index").is_not_null())
    at_risk = waits.drop_nulls("money_at_risk_micros").group_by("partner", "currency").agg(
        pl.col("money_at_risk_micros").sum())
    assert of(found, "money_at_risk_micros") == {
        (partner, currency): micros for partner, currency, micros in at_risk.iter_rows()}
    assert sum(of(found, "suspended_without_charge").values()) == waits[
        "money_at_risk_micros"].null_count()
    assert exposure(example)  # looked at by both without being changed


def test_every_metric_that_is_declared_is_told_of_the_example(example, tmp_path):
    root = tmp_path / "home"
    root.mkdir()
    for path in example.root.iterdir():
        (root / path.name).symlink_to(path)
    home = Home.find(root, {})
    keep_proof(home, NOW - timedelta(hours=3), ["a", "b"])
    found = told(home, clock(home.settings))
    missing = {metric.name for metric in METRICS} - {f"ratemill_{key[0]}" for key in found}
    assert missing == set()
    assert found["ledger_proof_faults",] == 2
    assert found["ledger_proof_age_seconds",] == 3 * 3600


def test_a_home_without_a_file(small):
    with_profile(small)
    (small.root / "ledger.db").unlink()
    found = told(small)
    assert found["files_received_total", "alpenfon"] == 0
    assert found["pending_files", "alpenfon", "mediate"] == 0
    assert found["findings", "alpenfon", "gap"] == 0
    assert not of(found, "ledger_holds")
    assert not (small.root / "ledger.db").exists()


def test_what_waits_is_counted_by_its_next_stage(small):
    with_profile(small)
    refs = [collected(small, f"{n}.csv", GOOD.replace("60", str(60 + n))) for n in range(4)]
    pipeline.mediate(small, refs[1:])
    pipeline.rate(small, refs[2:], now=NOW)
    pipeline.post(small, refs[3:], now=NOW)
    found = told(small, NOW)
    assert of(found, "pending_files") == {
        ("alpenfon", stage): 1 for stage in ("mediate", "rate", "post", "receipt")}
    assert found["oldest_pending_age_seconds", "alpenfon"] == 6 * 3600
    assert found["last_file_age_seconds", "alpenfon"] == 6 * 3600
    assert found["records", "alpenfon", "under_way"] == 2
    pipeline.deliver(small, refs[3:])
    assert told(small)["pending_files", "alpenfon", "receipt"] == 0


def test_suspense_with_its_money_and_lags(small):
    with_profile(small)
    posted(small, collected(small, "a.csv", GOOD, UNKNOWN))
    found = told(small)
    assert found["records", "alpenfon", "posted"] == found["records", "alpenfon", "suspended"] == 1
    assert of(found, "money_at_risk_micros") == {("alpenfon", "EUR"): 250_000}
    assert found["findings", "alpenfon", "suspense"] == 1
    # received at midnight, the event at 11:00 UTC the day before
    assert found["arrival_to_post_seconds", "alpenfon", "max"] == 6 * 3600
    assert found["call_to_post_seconds", "alpenfon", "median"] == (13 + 6) * 3600
    assert not of(told(small, NOW + timedelta(hours=25)), "call_to_post_seconds")


def test_a_balance_that_was_changed_by_hand_is_seen(small):
    with_profile(small)
    posted(small, collected(small, "a.csv", GOOD))
    assert told(small)["ledger_difference_micros", "EUR"] == 0
    with Ledger(small.ledger) as ledger, ledger.writing() as connection:
        connection.execute(text(
            "UPDATE balance SET amount_micros = amount_micros + 7 WHERE account_number = 1"))
    found = told(small)
    assert sum(of(found, "ledger_difference_micros").values()) == 7


@pytest.mark.parametrize(("counts", "median"), [((1, 1, 1), 20), ((5, 1, 1), 10), ((1, 1, 9), 30)])
def test_the_median_lag_is_by_records(counts, median):
    came = [NOW - timedelta(seconds=s) for s in (10, 20, 30)]
    files = pl.DataFrame({
        "partner": "p", "file_id": ["a", "b", "c"], "received_at": came, "posted": counts,
        "age_median_s": [0, 0, 0], "age_max_s": [100, 0, 0], "posted_at": NOW,
    })
    lags = {(s.metric.name, *s.labels): s.value for s in _lags(files)}
    assert lags["ratemill_arrival_to_post_seconds", "p", "median"] == median
    assert lags["ratemill_call_to_post_seconds", "p", "max"] == 110


def test_the_text_is_what_prometheus_reads(example):
    shown = prometheus_text(metrics.measure(example, NOW, NOW))
    value = r'"(?:[^"\\\n]|\\[\\"n])*"'
    line = re.compile(
        rf"# (HELP|TYPE) ratemill_\w+ .+|ratemill_\w+(\{{\w+={value}(,\w+={value})*\}})? -?\d+")
    assert shown.endswith("\n")
    assert all(line.fullmatch(one) for one in shown.splitlines())
    parser = pytest.importorskip("prometheus_client.parser", reason="no other reader is there")
    families = list(parser.text_string_to_metric_families(shown))
    assert len({family.name for family in families}) == len(families)
    samples = metrics.measure(example, NOW, NOW)
    read = {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}
    assert read == {(s.metric.name, *s.labels): s.value for s in samples
                    if s.metric.name != "ratemill_disk_free_bytes"} | {
        key: value for key, value in read.items() if key[0] == "ratemill_disk_free_bytes"}


def test_the_command_prints_it(small, ratemill):
    with_profile(small)
    shown = ratemill("metrics", home=small)
    assert shown.returncode == 0, shown.stderr
    assert 'ratemill_files_received_total{partner="alpenfon"} 0\n' in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) > 100  # nothing is folded
    wrong = ratemill("metrics", "--statsd", "nowhere", home=small)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "statsd is not HOST:PORT" in wrong.stderr
