"""The DAGs daily and alarms: order, light parsing, a run of each, callbacks and deadlines."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from charging.holds import hold
from charging.ledger import Ledger
from ratemill.airflow_stack import REPOSITORY, environment
from ratemill.demo import prepare_home
from ratemill.home import Home

sys.path.append(str(Path(__file__).parents[1] / "ratemill"))
from alert_receivers import Hook, MailBox, serving

NOW = datetime(2026, 10, 1, 6)
PARSE = """
import importlib.util, json, sys
loaded = {}
for name in ("daily", "alarms"):
    spec = importlib.util.spec_from_file_location(name, f"{sys.argv[1]}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from airflow.sdk import DAG
    from airflow.sdk.definitions._internal.contextmanager import DagContext
    dag = [dag for dag, _ in DagContext.autoregistered_dags if dag.dag_id == name][-1:]
    dag = dag[0] if dag else vars(module)[name]()
    loaded[name] = {
        "tasks": {t.task_id: [sorted(t.upstream_task_ids), t.pool, t.trigger_rule.value,
                              bool(t.doc_md)] for t in dag.tasks},
        "zone": str(getattr(dag.timetable, "timezone", "")), "doc": bool(dag.doc_md),
        "tags": sorted(dag.tags),
    }
heavy = {"polars", "pyarrow", "duckdb", "pandas", "numba", "numpy", "paramiko", "lxml"}
print("RESULT", json.dumps([loaded, sorted(heavy & set(sys.modules))]))
"""


def answer_of(program: str, environ: dict[str, str], *arguments: str) -> Any:
    """What a program prints behind RESULT."""
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environ, cwd=REPOSITORY,
        capture_output=True, text=True, check=False, timeout=300,
    )
    lines = [line for line in answer.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, answer.stdout[-3000:] + answer.stderr[-3000:]
    return json.loads(lines[-1].removeprefix("RESULT "))


@pytest.fixture(scope="module")
def parsed_daily(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a process sees that parses the two DAG files, with an example home."""
    folder = tmp_path_factory.mktemp("parse_daily")
    root = prepare_home(folder / "home").root
    environ = {"AIRFLOW_HOME": str(folder), "RATEMILL_HOME": str(root),
               "PYTHONPATH": str(REPOSITORY)}
    return answer_of(PARSE, environ, str(REPOSITORY / "dags"))


def test_daily_and_alarms_load_nothing_heavy(parsed_daily: Any) -> None:
    assert parsed_daily[1] == []


def test_order_of_the_daily_tasks(parsed_daily: Any) -> None:
    tasks = parsed_daily[0]["daily"]["tasks"]
    steps = {"recurring_charges", "life_cycle", "ledger_check", "files", "suspense", "agreements",
             "retention"}
    assert {name: facts[0] for name, facts in tasks.items() if facts[0]} == {
        "life_cycle": ["recurring_charges"], "ledger_check": ["life_cycle"],
        "summary": sorted(steps),
    }
    assert set(tasks) == {*steps, "summary"}
    assert {name for name, facts in tasks.items() if facts[1] == "ledger"} == {
        "recurring_charges", "life_cycle", "ledger_check"}
    assert tasks["summary"][2] == tasks["ledger_check"][2] == "all_done"
    assert parsed_daily[0]["daily"]["zone"] == "Europe/Vienna"


def test_daily_and_alarms_are_explained(parsed_daily: Any) -> None:
    for dag in parsed_daily[0].values():
        assert dag["doc"]
        assert "ratemill" in dag["tags"]
        assert all(facts[3] for facts in dag["tasks"].values())


def test_no_task_of_alarms_hides_that_another_failed(parsed_daily: Any) -> None:
    tasks = parsed_daily[0]["alarms"]["tasks"]
    assert {name: facts[0] for name, facts in tasks.items()} == {
        "look": [], "tell": ["look"], "measure": []}


RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
run = DagBag(sys.argv[1]).dags[sys.argv[2]].test()
states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
found = {ti.task_id: ti.xcom_pull(task_ids=ti.task_id) for ti in run.get_task_instances()}
print("RESULT", json.dumps([str(run.state), states, found], default=str))
"""
CALLBACKS = """
import json, sys, types
from ratemill import airflow_alerts as alerts
ti = types.SimpleNamespace(task_id="post", dag_id="rating_posting", run_id="r1", map_index=-1)
alerts.task_failed({"ti": ti, "exception": ValueError("the disk is full\\nand more")})
many = [types.SimpleNamespace(task_id="rate", dag_id="rating_posting", run_id="r1", map_index=n,
                              rendered_map_index=f"batch {n}") for n in range(7)]
for one in many:
    alerts.task_failed({"ti": one, "exception": None})
dag = types.SimpleNamespace(dag_id="rating_posting")
for _ in range(2):
    alerts.run_failed({"dag": dag, "run_id": "r1", "reason": "task_failure"})
print("RESULT", "{}")
"""
DEADLINE = """
import asyncio, json
from airflow.sdk._shared.module_loading import accepts_context, import_string
from ratemill.airflow_alerts import deadline
alert = deadline(45)
called = import_string(alert.callback.path)
assert accepts_context(called)
asyncio.run(called(**alert.callback.kwargs, context={
    "dag_run": {"dag_id": "publish", "dag_run_id": "scheduled__1"}, "deadline": {"id": "1"}}))
print("RESULT", json.dumps(alert.interval.total_seconds()))
"""


@pytest.fixture
def told_home(tmp_path: Path) -> Home:
    """An example home whose alarms go by mail and to a webhook."""
    home = prepare_home(tmp_path / "home")
    path = home.root / "ratemill.toml"
    path.write_text(path.read_text() + """
[alerts]
email_to = ["ops@example.org"]
email_from = "ratemill@example.org"
webhook = "hook"
""")
    return Home.find(home.root, {})


def connected_to(
    environ: dict[str, str], box: MailBox, web: Hook, airflow_home: Path, home: Home
) -> dict[str, str]:
    """The environment of an Airflow process that reaches the mail server and the webhook."""
    return environment(environ | {
        "AIRFLOW_CONN_SMTP_RATEMILL":
            f"smtp://ops:geheim@127.0.0.1:{box.port}/?disable_ssl=true&disable_tls=true",
        "AIRFLOW_CONN_HOOK": f"http://:geheim@127.0.0.1:{web.port}/services/x",
    }, airflow_home, home.root, 8123)


@pytest.mark.slow
def test_a_failed_run_is_one_readable_message(
    tmp_path: Path, told_home: Home, clean_environ: dict[str, str]
) -> None:
    with serving(MailBox()) as box, serving(Hook()) as web:
        environ = connected_to(clean_environ, box, web, tmp_path / "airflow", told_home)
        answer_of(CALLBACKS, environ)
    assert len(web.posts) == 2
    text = web.posts[0][2]["text"]
    assert "rating_posting: post: the disk is full and more" in text
    assert "rate [batch 0], rate [batch 1]" in text
    assert "and 2 more: ended without a word" in text
    assert "http://127.0.0.1:8123/dags/rating_posting/runs/r1" in text
    subject = "Ratemill, Roamwell Mobile (example): A run failed (rating_posting)"
    assert box.mails[0]["Subject"] == subject
    assert "geheim" not in text
    # the second failure knew no task: another message, and not the first once more
    assert "task_failure" in web.posts[1][2]["text"]


@pytest.mark.slow
def test_a_missed_deadline_is_told(
    tmp_path: Path, told_home: Home, clean_environ: dict[str, str]
) -> None:
    with serving(MailBox()) as box, serving(Hook()) as web:
        environ = connected_to(clean_environ, box, web, tmp_path / "airflow", told_home)
        assert answer_of(DEADLINE, environ) == 2700
    assert "publish: not finished after 45 minutes" in web.posts[0][2]["text"]
    assert "runs/scheduled__1" in box.mails[0].get_content()


@pytest.mark.slow
def test_a_callback_that_reaches_nobody_leaves_it_to_the_alarms(
    tmp_path: Path, told_home: Home, clean_environ: dict[str, str]
) -> None:
    with serving(MailBox()) as box, serving(Hook(503)) as web:
        environ = connected_to(clean_environ, box, web, tmp_path / "airflow", told_home)
        del environ["AIRFLOW_CONN_SMTP_RATEMILL"]
        answer_of(DEADLINE, environ)
    kept = list((told_home.root / "alerts" / "happened").glob("*.json"))
    assert len(kept) == 1


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_alarms_say_it_once(
    airflow_home: Path, told_home: Home, clean_environ: dict[str, str]
) -> None:
    with Ledger(told_home.ledger) as ledger:
        hold(ledger, NOW, who="check", why="balances: account A1 is off")
    with serving(MailBox()) as box, serving(Hook()) as web:
        environ = connected_to(clean_environ, box, web, airflow_home, told_home)
        for _ in range(2):
            state, states, found = answer_of(RUN, environ, str(REPOSITORY / "dags"), "alarms")
            assert state == "success", states
    assert len(box.mails) == len(web.posts) == 1
    assert "Posting is on hold" in box.mails[0]["Subject"]
    assert "account A1 is off" in box.mails[0].get_content()
    assert "hold" in {one["kind"] for one in found["look"]}


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_daily_runs_twice_without_harm(
    airflow_home: Path, told_home: Home, clean_environ: dict[str, str]
) -> None:
    with serving(MailBox()) as box, serving(Hook()) as web:
        environ = connected_to(clean_environ, box, web, airflow_home, told_home)
        for _ in range(2):
            state, states, found = answer_of(RUN, environ, str(REPOSITORY / "dags"), "daily")
            assert state == "success", states
            assert "none was found" in found["summary"]
    assert box.mails == []


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_daily_run_that_fails_is_told(
    airflow_home: Path, told_home: Home, clean_environ: dict[str, str]
) -> None:
    with serving(MailBox()) as box, serving(Hook()) as web:
        environ = connected_to(clean_environ, box, web, airflow_home, told_home)
        (told_home.catalog / "accounts.csv").unlink()
        state, states, _ = answer_of(RUN, environ, str(REPOSITORY / "dags"), "daily")
    assert state == "failed"
    failed = {name for name, of in states.items() if of == "failed"}
    assert {"recurring_charges", "summary"} <= failed
    assert states["ledger_check"] == "success"
    (mail,) = box.mails
    assert "daily: " in mail.get_content()
    assert "accounts.csv" in mail.get_content()
