"""Operators' forms run: what a look shows, what is done in earnest, and who the trail says did it.

The runs of a test share a process: to start Airflow takes longer than any of them.
"""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from charging.ledger import Ledger
from charging.ledger_schema import AUDIT
from ratemill import pipeline
from ratemill.airflow_stack import REPOSITORY, environment
from ratemill.home import Home
from ratemill.ledger_check import check_home
from ratemill.suspense import cases, suspended

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

# Airflow's own in-process run names this user as who triggered it.
USER = "dag_test"
RUN = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
for number, (name, conf) in enumerate(json.loads(sys.argv[1])):
    print(f"BEGIN {number}", flush=True)
    # A DAG keeps what the form of its last run said.
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    # Of a run that fails, test() calls this with the form's empty fields, which it refuses then.
    bag.dags[name].on_failure_callback = None
    bag.dags[name].has_on_failure_callback = False
    run = bag.dags[name].test(run_conf=conf)
    tasks = {ti.task_id: ti for ti in run.get_task_instances()}
    print("\\nRESULT", json.dumps({
        "state": str(run.state),
        "tasks": {task_id: str(ti.state) for task_id, ti in tasks.items()},
        "tries": {task_id: ti.try_number for task_id, ti in tasks.items()},
        "values": {task_id: ti.xcom_pull(task_ids=task_id)
                   for task_id, ti in tasks.items() if ti.map_index < 0},
    }), flush=True)
"""


@dataclass(frozen=True)
class Ran:
    """How a run ended, and what its tasks said."""

    state: str
    tasks: dict[str, str]
    tries: dict[str, int]
    values: dict[str, Any]
    log: str


@pytest.fixture
def home(example: Home, tmp_path: Path) -> Home:
    """A copy of the example home after a run."""
    shutil.copytree(example.root, tmp_path / "home", symlinks=True)
    return Home.find(tmp_path / "home", {})


@pytest.fixture
def environ(
    airflow_home: Path, home: Home, clean_environ: dict[str, str], tmp_path: Path
) -> dict[str, str]:
    """The environment of an Airflow process over the home, with the DAGs of forms alone."""
    folder = tmp_path / "dags"
    folder.mkdir()
    for name in ("rerun", "rollback", "rerate", "whatif", "recycle"):
        (folder / f"{name}.py").symlink_to(REPOSITORY / "dags" / f"{name}.py")
    found = environment(clean_environ, airflow_home, home.root, 8123)
    return found | {"AIRFLOW__CORE__DAGS_FOLDER": str(folder)}


def ran(environ: dict[str, str], *forms: tuple[str, dict[str, Any]]) -> list[Ran]:
    """The forms, sent off one after the other."""
    answer = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(forms)],
        env=environ, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=400,
    )
    parts = answer.stdout.split("BEGIN ")[1:]
    found = []
    for part in parts:
        log, mark, told = part.partition("\nRESULT ")
        assert mark, part[-3000:] + answer.stderr[-3000:]
        found.append(Ran(**json.loads(told.splitlines()[0]), log=log))
    assert len(found) == len(forms), answer.stdout[-3000:] + answer.stderr[-3000:]
    return found


def trail(home: Home) -> list[tuple[str, ...]]:
    """What the user did, to what and why, oldest first."""
    deeds = AUDIT.select().where(AUDIT.c.who == USER).order_by(AUDIT.c.audit_number)
    columns = (AUDIT.c.action, AUDIT.c.subject, AUDIT.c.why)
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        return [tuple(row) for row in connection.execute(deeds.with_only_columns(*columns))]


def money(home: Home) -> dict[str, int]:
    """The sum of all balances by currency."""
    with Ledger(home.ledger) as ledger:
        sums = ledger.balances().group_by("currency").agg(pl.col("balance_micros").sum())
    return dict(sums.iter_rows())


def made(home: Home) -> dict[Path, int]:
    """Every file of the lake and the outbox, with the time it was written."""
    return {path: path.stat().st_mtime_ns for folder in (home.lake, home.outbox)
            for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_looked_at_rolled_back_and_rerun(environ: dict[str, str], home: Home) -> None:
    posted = [row for row in pipeline.rows_of(home, pipeline.find(home, "nordtel"))
              if row["state"] == "posted"]
    name, ref = posted[0]["name"], f"nordtel/{posted[0]['file_id']}"
    start, before = money(home), made(home)
    unknown, look = ran(
        environ,
        ("rollback", {"file": "nothing.tap", "reason": "sent by mistake"}),
        ("rollback", {"file": name, "reason": "sent by mistake"}),
    )
    assert (unknown.state, unknown.tasks["look"], unknown.tries["look"]) == ("failed", "failed", 1)
    assert "nothing.tap: no file is called so" in unknown.log
    assert (look.state, look.tasks["roll_back"], look.tasks["reconcile"]) == (
        "success", "skipped", "skipped")
    assert "would be rolled back" in look.log
    shown = look.values["look"][0]
    assert (shown["ref"], shown["records"]) == (ref, posted[0]["posted"])
    assert (money(home), made(home), trail(home)) == (start, before, [])

    back, again = ran(
        environ,
        ("rollback", {"file": name, "reason": "sent  by mistake", "dry_run": False}),
        ("rerun", {"file_ids": [ref[8:20]], "stage": "rate", "reason": "it was right after all",
                   "dry_run": False}),
    )
    assert set(back.tasks.values()) == {"success"}
    assert f"{shown['records']:,} records rolled back" in back.log
    assert set(again.tasks.values()) == {"success"}
    assert money(home) == start
    assert trail(home) == [
        ("rollback", ref, "sent by mistake"), ("rerun", ref, "it was right after all"),
    ]
    assert check_home(home) == []


def dearer(home: Home) -> str:
    """The name of a folder below the home, with a catalog of prices twice as high."""
    folder = home.root / "try"
    shutil.copytree(home.catalog, folder)
    with (folder / "rates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["tariff"] == "flex" and row["price"]:
            row["price"] = str(Decimal(row["price"]) * 2)
    with (folder / "rates.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder.name


def test_another_catalog_is_compared_then_applied(environ: dict[str, str], home: Home) -> None:
    folder, start, before = dearer(home), money(home), made(home)
    by = {"catalog": folder, "reason": "new prices"}
    outside, wrong, what_if, look = ran(
        environ,
        ("whatif", {"catalog": "../try", "reason": "new prices"}),
        ("rerate", {"condition": "prize > 3", "reason": "new prices"}),
        ("whatif", by),
        ("rerate", {**by, "partner": "nordtel"}),
    )
    assert (outside.state, outside.tries["compare"]) == ("failed", 1)
    assert "catalog ../try: is no folder below the home" in outside.log
    assert (wrong.state, wrong.tries["compare"]) == ("failed", 1)
    assert "further condition: Binder Error" in wrong.log
    assert what_if.state == "success"
    assert "By account: ten groups" in what_if.log
    all_of_it = what_if.values["compare"]["tables"]["totals"]
    assert sum(row["changed"] for row in all_of_it) > 0
    assert (look.state, look.tasks["apply"]) == ("success", "skipped")
    assert (money(home), made(home)) == (start, before)
    assert trail(home) == [("whatif", folder, "new prices")]

    (applied,) = ran(environ, ("rerate", {**by, "partner": "nordtel", "apply": True}))
    assert set(applied.tasks.values()) == {"success"}
    shown = look.values["compare"]["tables"]["totals"]
    assert applied.values["compare"]["tables"]["totals"] == shown
    more = {row["currency"]: row["difference"] for row in shown if row["leg"] == "retail"}
    assert more["EUR"] > 0
    assert {currency: start[currency] - now for currency, now in money(home).items()
            if start[currency] != now} == {c: m for c, m in more.items() if m}
    assert [(action, why) for action, _, why in trail(home)[1:]] == [("rerate", "new prices")]
    assert check_home(home) == []


def test_suspense_is_looked_at_and_recycled(environ: dict[str, str], home: Home) -> None:
    found = next(c for c in cases(suspended(home)) if c.waits_for == "IMSI 232999999999999")
    with (home.catalog / "sims.csv").open("a") as file:
        file.write(",232999999999999,436995559999,A0001,2026-01-01,\n")
    start, before = money(home), made(home)
    waiting = suspended(home).height
    form = {"case": found.case[:6], "reason": "the SIM is known now"}
    unknown, look, done = ran(
        environ,
        ("recycle", {"case": "ffffffffff", "reason": "no such case"}),
        ("recycle", form),
        ("recycle", {**form, "dry_run": False}),
    )
    assert (unknown.state, unknown.tries["look"]) == ("failed", 1)
    assert "case ffffffffff: no case of suspense begins so" in unknown.log
    assert (look.state, look.tasks["reset"]) == ("success", "skipped")
    assert "would be charged" in look.log
    assert set(done.tasks.values()) == {"success"}
    assert made(home) != before
    gone = waiting - suspended(home).height
    assert gone >= found.records
    assert done.values["outcome"].startswith(f"{gone} of ")
    assert money(home)["EUR"] < start["EUR"]
    assert [(action, why) for action, _, why in trail(home)] == [
        ("recycle", "the SIM is known now")] * found.files
    assert check_home(home) == []
