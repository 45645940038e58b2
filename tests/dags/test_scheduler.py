"""The one-command stack: files arrive and are posted by themselves, people decide and rerun.

What each user may do is tested in it, as a stack takes a minute to start.
"""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import psutil  # type: ignore[import-untyped]
import pytest

from ratemill import pipeline
from ratemill.airflow_stack import REPOSITORY, free_port
from ratemill.decisions import of_file
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

READY = re.compile(r"Airflow is ready: (http://127\.0\.0\.1:\d+) ")
START_S, RUN_S, STOP_S = 240, 300, 60
BUSY_TRIES = 4
Found = TypeVar("Found")


@dataclass
class Api:
    """Airflow's REST interface, logged in."""

    url: str
    token: str = ""

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The JSON answer; HTTPError carries the status of a refusal."""
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for attempt in range(BUSY_TRIES):
            try:
                with opener.open(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                # Airflow's own database on SQLite: two requests can lock each other out until one
                # times out, before it has done anything (docs/operators.md).
                if error.code != HTTPStatus.INTERNAL_SERVER_ERROR or attempt == BUSY_TRIES - 1:
                    raise
        raise AssertionError("not reached")

    def login(self, user: str, password: str) -> None:
        """Log in."""
        answer = self.call("POST", "/auth/token", {"username": user, "password": password})
        self.token = answer["access_token"]

    def trigger(self, dag: str, **conf: object) -> str:
        """Id of a new run."""
        body = {"logical_date": None, "conf": conf}
        return str(self.call("POST", f"/api/v2/dags/{dag}/dagRuns", body)["dag_run_id"])

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """The DAG's runs."""
        found: list[dict[str, Any]] = self.call("GET", f"/api/v2/dags/{dag}/dagRuns")["dag_runs"]
        return found

    def tasks(self, dag: str, run_id: str) -> dict[str, str]:
        """State of each task instance of a run, the last of a mapped task's."""
        path = f"/api/v2/dags/{dag}/dagRuns/{urllib.parse.quote(run_id)}/taskInstances"
        found = self.call("GET", path)["task_instances"]
        return {task["task_id"]: task["state"] for task in found}


def until(look: Callable[[], Found | None], seconds: float) -> Found:
    """What `look` finds at last."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(1)
    raise AssertionError(f"nothing after {seconds} s")


def ended(api: Api, dag: str, run_id: str) -> Callable[[], str | None]:
    """A look at whether a run has ended, and how."""
    def look() -> str | None:
        states = {run["dag_run_id"]: run["state"] for run in api.runs(dag)}
        return states[run_id] if states[run_id] in ("success", "failed") else None
    return look


def by_asset(api: Api, dag: str) -> Callable[[], str | None]:
    """A look at how the first run ended that an asset's event started."""
    def look() -> str | None:
        ends = [run["state"] for run in api.runs(dag) if run["run_type"] == "asset_triggered"]
        return ends[0] if ends and ends[0] in ("success", "failed") else None
    return look


@pytest.fixture
def airflow_home(tmp_path: Path) -> Path:
    """One of its own: asset events of other tests name files of other homes."""
    return tmp_path / "airflow"


@pytest.fixture
def stack(
    airflow_home: Path, tmp_path: Path, clean_environ: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """`python -m ratemill.airflow_stack` over a home it has to make; killed if still there."""
    command = [
        sys.executable, "-m", "ratemill.airflow_stack", "--home", str(tmp_path / "home"),
        "--airflow-home", str(airflow_home), "--port", str(free_port(28080)), "--arriving", "0.5",
    ]
    with subprocess.Popen(
        command, env=clean_environ, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)


def first_line(process: subprocess.Popen[str]) -> str:
    """What the process says first."""
    assert process.stdout
    return process.stdout.readline()


def belonging(airflow_home: Path) -> list[psutil.Process]:
    """Live processes whose environment names this AIRFLOW_HOME."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AIRFLOW_HOME") == str(airflow_home):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(START_S + 5 * RUN_S + STOP_S)
def test_the_stack_from_start_to_stop(
    stack: subprocess.Popen[str], airflow_home: Path, tmp_path: Path
) -> None:
    begun = time.monotonic()
    ready = READY.match(first_line(stack))
    assert ready, "the stack ended before it was ready"
    assert time.monotonic() - begun < START_S
    words = json.loads((airflow_home / "passwords.json").read_text())
    api, viewer = Api(ready[1]), Api(ready[1])
    api.login("operator", words["operator"])
    viewer.login("viewer", words["viewer"])
    assert api.call("GET", "/api/v2/importErrors")["import_errors"] == []
    home = Home.find(tmp_path / "home", {})
    offered = {hashlib.sha256(path.read_bytes()).hexdigest()
               for path in home.root.glob("*/*/outgoing/*")}

    # Nobody triggers anything.
    until(lambda: {split(ref)[1] for ref in pipeline.find(home)} == offered or None, RUN_S)
    until(lambda: not pipeline.pending(home) or None, RUN_S)
    for dag in ("mediation_nordtel", "rating_posting"):
        ends = [until(ended(api, dag, run["dag_run_id"]), RUN_S) for run in api.runs(dag)]
        assert set(ends) == {"success"}

    before = pipeline.reconcile(home, pipeline.find(home))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        viewer.trigger("rerun", reason="only looking")
    check_reruns(api, home)
    after = pipeline.reconcile(home, pipeline.find(home))
    assert after.amounts.equals(before.amounts)
    check_held(api, viewer, home)

    stack.send_signal(signal.SIGINT)  # Ctrl-C
    assert stack.wait(STOP_S) == 0
    assert belonging(airflow_home) == []


def check_held(api: Api, viewer: Api, home: Home) -> None:
    """Each file in quarantine waits for a person; one that is approved is posted."""
    held = {row["name"]: f"{row['partner']}/{row['file_id']}"
            for row in pipeline.rows_of(home, pipeline.find(home)) if row["state"] == "quarantined"}
    assert len(held) == 5
    asked = until(lambda: found if len(found := waiting(api)) == len(held) else None, RUN_S)
    assert set(asked) == set(held.values())
    file = held["FXL_20260912_0003.dat"]
    answer = {"chosen_options": ["Approve"], "params_input": {"reason": "counted by hand"}}
    with pytest.raises(urllib.error.HTTPError, match="403"):
        viewer.call("PATCH", asked[file], answer)
    api.call("PATCH", asked[file], {"chosen_options": ["Approve"], "params_input": {}})
    until(lambda: file in waiting(api) or None, RUN_S)
    api.call("PATCH", asked[file], answer)
    run = urllib.parse.unquote(asked[file].split("/")[6])
    assert until(ended(api, "held_file", run), RUN_S) == "success"
    until(lambda: state_of(home, file) == "posted" or None, RUN_S)
    decision = of_file(Lake(home.lake), file)
    assert decision
    assert (decision.action, decision.who, decision.why) == (
        "release", "operator", "counted by hand")
    del asked[file]
    assert waiting(api) == asked


def waiting(api: Api) -> dict[str, str]:
    """The address of each open question, by the file it is about."""
    found = {}
    for run in api.runs("held_file"):
        run_id = urllib.parse.quote(run["dag_run_id"])
        if api.tasks("held_file", run["dag_run_id"])["ask"] == "awaiting_input":
            found[run["conf"]["file"]] = (
                f"/api/v2/dags/held_file/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails"
            )
    return found


def state_of(home: Home, ref: str) -> str:
    """The state of a file."""
    return str(pipeline.rows_of(home, [ref])[0]["state"])


def check_reruns(api: Api, home: Home) -> None:
    """No rerun without a reason, a dry run changes nothing, a real one runs and ends well."""
    for conf in ({}, {"reason": "why"}, {"reason": "wrong stage", "stage": "collect"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            api.trigger("rerun", **conf)
        assert 400 <= refused.value.code < 500
    chosen = pipeline.find(home)[0].partition("/")[2]
    made = {path: path.stat().st_mtime_ns for path in home.lake.rglob("*.parquet")}
    dry = api.trigger("rerun", reason="what would happen", file_ids=[chosen[:12]])
    assert until(ended(api, "rerun", dry), RUN_S) == "success"
    assert api.tasks("rerun", dry)["reset"] == "skipped"
    assert {p: p.stat().st_mtime_ns for p in home.lake.rglob("*.parquet")} == made

    real = api.trigger("rerun", reason="tariff was wrong", file_ids=[chosen[:12]], dry_run=False)
    assert until(ended(api, "rerun", real), RUN_S) == "success"
    assert set(api.tasks("rerun", real).values()) == {"success"}
    changed = {p for p in home.lake.rglob("*.parquet") if made.get(p) != p.stat().st_mtime_ns}
    assert changed
    assert all(chosen in str(path) for path in changed)
