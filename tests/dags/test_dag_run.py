"""The DAGs, run in one process each, end in the same sums as a run without Airflow."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from ratemill import pipeline
from ratemill.airflow_stack import REPOSITORY, environment
from ratemill.demo import partners_online, prepare_home
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split
from ratemill.run import run
from ratemill.settings import clock

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]

TEST_RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
dags = DagBag(sys.argv[1]).dags
for name in sys.argv[3:]:
    # DAG.test() takes what it has serialized for the id of a row, and breaks.
    dags[name].deadline = None
    run = dags[name].test(run_conf=json.loads(sys.argv[2]))
    states = {f"{ti.task_id}[{ti.map_index}]": str(ti.state) for ti in run.get_task_instances()}
    print("RESULT", json.dumps({"run": str(run.state), "tasks": states}))
"""
EVENTS = """
import json
from sqlalchemy import select
from airflow.models.asset import AssetEvent, AssetModel
from airflow.utils.session import create_session
with create_session() as session:
    found = session.execute(select(AssetModel.name, AssetEvent.extra)
                            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
                            .order_by(AssetEvent.id)).all()
    print("RESULT", json.dumps([list(row) for row in found]))
"""


class State(NamedTuple):
    """How a run ended, and its tasks by `task[map index]`; and what the process said."""

    run: str
    tasks: dict[str, str]
    said: str


class Quiet:
    """Progress that nobody watches."""

    @contextmanager
    def step(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """A context that counts nothing."""
        assert label
        assert total >= 0
        yield lambda: None


def run_dags(environ: dict[str, str], *dags: str, **conf: object) -> list[State]:
    """How a run of each of the DAGs ended, one after the other in one process."""
    said = python(environ, TEST_RUN, str(REPOSITORY / "dags"), json.dumps(conf), *dags)
    found = [State(**json.loads(line.removeprefix("RESULT ")), said=said)
             for line in said.splitlines() if line.startswith("RESULT ")]
    assert len(found) == len(dags), said[-6000:]
    return found


def python(environ: dict[str, str], program: str, *arguments: str) -> str:
    """What a program of Airflow's says."""
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environ, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600,
    )
    return answer.stdout + answer.stderr


def mediations(home: Home) -> list[str]:
    """Ids of the DAGs of all partners."""
    return [f"mediation_{name}" for name in home.profiles()]


def sums(home: Home) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Counts of each file, and charged amounts by file, leg and currency."""
    proven = pipeline.reconcile(home, pipeline.find(home))
    counts = ("partner", "name", "state", "records", "posted", "duplicate", "suspended", "dropped")
    return proven.files.select(counts).sort(counts[:2]).rows(), proven.amounts.sort(pl.all()).rows()


@pytest.fixture
def airflow(airflow_home: Path, home: Home, connected: dict[str, str]) -> dict[str, str]:
    """The environment of an Airflow process over the example home."""
    return environment(connected, airflow_home, home.root, 8123)


def test_dags_end_in_the_sums_of_a_plain_run(
    airflow: dict[str, str], home: Home, tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    runs = run_dags(airflow, *mediations(home), "rating_posting", "publish", batch_files=5)
    assert [state.run for state in runs] == ["success"] * len(runs), runs[0].said[-6000:]
    assert pipeline.pending(home) == []
    assert home.warehouse.exists()
    # alpenfon has ten files: two batches of five
    assert {task for task in runs[0].tasks if task.startswith("mediate")} == {
        "mediate[0]", "mediate[1]",
    }
    assert "partner  | file" in runs[0].said

    other = prepare_home(tmp_path / "other")
    with partners_online(other, clean_environ) as environ:
        run(other, list(other.profiles()), now=clock(other.settings), environ=environ,
            progress=Quiet())
    assert sums(home) == sums(other)
    check_announced(airflow, home)


def check_announced(airflow: dict[str, str], home: Home) -> None:
    """The assets' events name all files, and their sums are those of the files."""
    said = python(airflow, EVENTS)
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    events = json.loads(line.removeprefix("RESULT "))
    found = set(pipeline.find(home))
    for name in ("usage", "posted"):
        mine = [extra for asset, extra in events
                if asset == name and found.issuperset(extra["refs"])]
        assert {ref for extra in mine for ref in extra["refs"]} == found
        funnel = {partner: figures for extra in mine for partner, figures in
                  extra["funnel"].items()}
        assert set(funnel) == set(home.profiles())
        records = sum(row["records"] or 0 for row in pipeline.rows_of(home, found))
        assert sum(figures["records"] for figures in funnel.values()) == records


def test_one_silent_partner_fails_his_own_run_alone(
    airflow: dict[str, str], home: Home
) -> None:
    silent, *others = home.profiles()
    connection = home.profiles()[silent].collect.connection
    airflow[f"AIRFLOW_CONN_{connection.upper()}"] = "sftp://nobody@127.0.0.1:1/?key_file=/none"
    failed, *well = run_dags(airflow, *mediations(home))
    assert failed.run == "failed"
    assert failed.tasks["reconcile[-1]"] == "failed"
    assert {state.run for state in well} == {"success"}
    arrived = pipeline.find(home)
    assert {ref.partition("/")[0] for ref in arrived} == set(others)
    assert all(row["stage"] == "mediate" for row in pipeline.rows_of(home, arrived))


def test_a_lost_file_fails_reconcile_by_name(airflow: dict[str, str], home: Home) -> None:
    name = next(iter(home.profiles()))
    assert run_dags(airflow, f"mediation_{name}")[0].run == "success"
    lost = pipeline.find(home)[0]
    Lake(home.lake).reopen(*split(lost), "mediate")
    (result,) = run_dags(airflow, "rating_posting")
    assert result.run == "failed"
    assert result.tasks["reconcile[-1]"] == "failed"
    assert f"{lost}: not finished: mediate, rate, post" in result.said
    assert pipeline.pending(home) == [lost]
