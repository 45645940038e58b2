"""Held files in Airflow: the runs that ask, the wait for an answer, and what follows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mediation.schema import FILE
from ratemill import pipeline
from ratemill.airflow_stack import REPOSITORY, environment
from ratemill.decisions import of_file
from ratemill.demo import partners_online, prepare_home
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split
from ratemill.run import run
from ratemill.settings import clock

ROOT = Path(__file__).parents[2]
WITHOUT_A_DATABASE = """
import json, os
from ratemill import airflow_hold as hold, held
from ratemill.held import Question
from airflow.sdk.exceptions import TaskAwaitingInput

ask = hold.AskAPerson(task_id="ask")
open_ones = []
held.question = lambda home, file: open_ones[0] if open_ones else None
taken_back = []
hold.upsert_hitl_detail = lambda **given: taken_back.append(given["ti_id"])
class Instance: id = "ti"
context = {"params": {"file": "x"}, "task_instance": Instance()}

def answer(**event):
    try:
        return ask.execute_complete(context, event)
    except TaskAwaitingInput as wait:
        return f"waits {wait.timeout.total_seconds():.0f} s for {wait.method_name}"

def chosen(option, reason):
    return answer(chosen_options=[option] if option else [], params_input={"reason": reason},
                  responded_by_user={"id": "1", "name": "deputy"}, responded_at=None)

found = {"nothing open": ask.execute(context), "decided elsewhere": chosen("Approve", "agreed")}
open_ones.append(Question("s", "b"))
found |= {
    "released": chosen("Approve", " agreed by phone "), "rejected": chosen("Reject", "too dear"),
    "timeout": answer(error="over", error_type="timeout"), "before": list(taken_back),
    "no reason": chosen("Approve", "    a "), "no choice": chosen("", "long enough"),
    "after": list(taken_back), "form": ask.serialized_params,
    "limits": [ask.execution_timeout, ask.response_timeout.total_seconds()],
}
print(json.dumps(found))
"""


def test_only_an_answer_with_a_reason_ends_the_wait(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_DATABASE], capture_output=True, text=True, check=False,
        env={"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}, cwd=tmp_path, timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    waits = "waits 3600 s for execute_complete"
    form = found.pop("form")["reason"]
    assert found == {
        "nothing open": None, "decided elsewhere": None,
        "released": {"let_pass": True, "who": "deputy", "why": "agreed by phone"},
        "rejected": {"let_pass": False, "who": "deputy", "why": "too dear"},
        "timeout": waits, "before": [], "no reason": waits, "no choice": waits,
        "after": ["ti", "ti"], "limits": [None, 3600],
    }
    assert form["value"] is None
    assert (form["schema"]["type"], form["schema"]["minLength"]) == ("string", 5)


# As a person does it in the page: through the function behind it, once the question is there.
ANSWERED_RUN = """
import json, sys, threading, time
from airflow.dag_processing.dagbag import DagBag

dag = DagBag(sys.argv[1]).dags["held_file"]
dag.deadline = None  # which a test run cannot read back
file, option, reason = json.loads(sys.argv[2])
said = {}

def answer():
    from sqlalchemy import select
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    while not said:
        time.sleep(0.5)
        with create_session() as session:
            waiting = session.scalars(
                select(TaskInstance).where(TaskInstance.state == "awaiting_input",
                                           TaskInstance.dag_id == "held_file")
            ).first()
            if waiting is None:
                continue
            detail = update_hitl_detail(
                "held_file", waiting.run_id, "ask",
                UpdateHITLDetailPayload(chosen_options=[option], params_input={"reason": reason}),
                SimpleAuthManagerUser(username="deputy", role="op"), session,
            )
            said.update(subject=waiting.hitl_detail.subject, body=waiting.hitl_detail.body)

threading.Thread(target=answer, daemon=True).start()
run = dag.test(run_conf={"file": file})
said.setdefault("subject", None)
states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
print("RESULT", json.dumps({"run": str(run.state), "tasks": states, **said}))
"""


class Unwatched:
    """Progress that nobody watches."""

    def step(self, label: str, total: int) -> Any:
        """A context that counts nothing."""
        from contextlib import nullcontext

        assert label
        assert total >= 0
        return nullcontext(lambda: None)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, clean_environ: dict[str, str]) -> Home:
    """The example home after a run: five of its files are held back."""
    home = prepare_home(tmp_path_factory.mktemp("held") / "home")
    with partners_online(home, clean_environ) as environ:
        run(home, list(home.profiles()), now=clock(home.settings), environ=environ,
            progress=Unwatched())
    return home


def held_of(home: Home) -> dict[str, str]:
    """References of the files in quarantine by name."""
    rows = pipeline.rows_of(home, pipeline.find(home))
    return {row["name"]: f"{row['partner']}/{row['file_id']}" for row in rows
            if row["state"] == "quarantined"}


def ask(airflow_home: Path, home: Home, clean_environ: dict[str, str], *answer: str) -> Any:
    """How a run ends in which somebody answers so: file, option, reason."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWERED_RUN, str(REPOSITORY / "dags"), json.dumps(answer)],
        env=environment(clean_environ, airflow_home, home.root, 8123), cwd=REPOSITORY,
        capture_output=True, text=True, check=False, timeout=600,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(lines[-1].removeprefix("RESULT "))


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.timeout(2000)
def test_a_released_file_is_mediated_and_a_rejected_one_stays(
    airflow_home: Path, ran: Home, clean_environ: dict[str, str]
) -> None:
    files = held_of(ran)
    released, rejected = files["FXL_20260912_0003.dat"], files["CDNORNTAUTRM00005.other"]
    ended = ask(airflow_home, ran, clean_environ, released, "Approve", "counted by hand: 150")
    assert (ended["run"], set(ended["tasks"].values())) == ("success", {"success"})
    assert ended["subject"] == "fixline: FXL_20260912_0003.dat is held. Approve it?"
    assert "| records found less stated | -17 | 0 | 0 |" in ended["body"]
    row = Lake(ran.lake).load(FILE, *split(released), "mediate").row(0, named=True)
    assert (row["state"], row["suspended"] < row["records"]) == ("mediated", True)

    ended = ask(airflow_home, ran, clean_environ, rejected, "Reject", "number used twice")
    assert ended["run"] == "success"
    assert ended["tasks"] == {"ask": "success", "decide": "success", "mediate": "skipped",
                              "prove": "success"}
    assert rejected in held_of(ran).values()
    decisions = [of_file(Lake(ran.lake), ref) for ref in (released, rejected)]
    assert [(d.action, d.who, d.why) for d in decisions if d] == [
        ("release", "deputy", "counted by hand: 150"), ("reject", "deputy", "number used twice")]

    # asked again, there is nothing to decide, and nobody is
    ended = ask(airflow_home, ran, clean_environ, rejected, "Approve", "changed my mind")
    assert (ended["run"], ended["subject"], ended["tasks"]["mediate"]) == (
        "success", None, "skipped")


def test_each_held_file_is_asked_about_in_a_run_of_its_own(ran: Home, tmp_path: Path) -> None:
    refs = pipeline.find(ran)
    code = ("import json, sys; from pathlib import Path; from ratemill.home import Home;"
            "from ratemill.airflow_hold import waiting;"
            "print(json.dumps(waiting(Home.find(Path(sys.argv[1]), {}), sys.argv[2:])))")
    answer = subprocess.run(
        [sys.executable, "-c", code, str(ran.root), *refs], capture_output=True, text=True,
        check=True, env={"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}, timeout=120,
    )
    runs = json.loads(answer.stdout.splitlines()[-1])
    undecided = {ref for ref in held_of(ran).values() if of_file(Lake(ran.lake), ref) is None}
    assert {run["conf"]["file"] for run in runs} == undecided
    assert {run["trigger_run_id"] for run in runs} == {
        f"held__{partner}__{file_id[:16]}"
        for partner, _, file_id in (ref.partition("/") for ref in undecided)
    }
    assert len(undecided) >= 3
    (cut,) = (run["note"] for run in runs if "CDNORNTAUTRM00007" in run["note"])
    assert cut.startswith("`CDNORNTAUTRM00007`: `FILE_INCOMPLETE: ")
