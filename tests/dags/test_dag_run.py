"""The DAGs, run in one process each, end in the same sums as a run without Airflow."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
run = DagBag(sys.argv[1]).dags[sys.argv[2]].test(run_conf=json.loads(sys.argv[3]))
states = {f"{ti.task_id}[{ti.map_index}]": str(ti.state) for ti in run.get_task_instances()}
print("RESULT", json.dumps({"run": str(run.state), "tasks": states}))
"""
State = dict[str, object]


class Quiet:
    """Progress that nobody watches."""

    @contextmanager
    def step(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """A context that counts nothing."""
        assert label
        assert total >= 0
        yield lambda: None


def run_dag(environ: dict[str, str], dag: str, **conf: object) -> State:
    """State of the run and of its task instances."""
    answer = subprocess.run(
        [sys.executable, "-c", TEST_RUN, str(REPOSITORY / "dags"), dag, json.dumps(conf)],
        env=environ, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300,
    )
    lines = [line for line in answer.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, answer.stdout[-3000:] + answer.stderr[-3000:]
    found: State = json.loads(lines[-1].removeprefix("RESULT "))
    return found


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
    collected = run_dag(airflow, "mediation", batch_files=12)
    assert collected["run"] == "success", collected
    assert run_dag(airflow, "rating_posting", batch_files=12)["run"] == "success"
    assert pipeline.pending(home) == []
    assert home.warehouse.exists()

    other = prepare_home(tmp_path / "other")
    with partners_online(other, clean_environ) as environ:
        run(other, list(other.profiles()), now=clock(other.settings), environ=environ,
            progress=Quiet())
    assert sums(home) == sums(other)


def test_one_silent_partner_fails_the_run_but_holds_up_nobody(
    airflow: dict[str, str], home: Home
) -> None:
    silent, *others = home.profiles()
    connection = home.profiles()[silent].collect.connection
    airflow[f"AIRFLOW_CONN_{connection.upper()}"] = "sftp://nobody@127.0.0.1:1/?key_file=/none"
    result = run_dag(airflow, "mediation")
    assert result["run"] == "failed"
    arrived = pipeline.find(home)
    assert {ref.partition("/")[0] for ref in arrived} == set(others)
    assert all(row["stage"] == "mediate" for row in pipeline.rows_of(home, arrived))


def test_a_lost_file_fails_reconcile_by_name(airflow: dict[str, str], home: Home) -> None:
    assert run_dag(airflow, "mediation")["run"] == "success"
    lost = pipeline.find(home)[0]
    Lake(home.lake).reopen(*split(lost), "mediate")
    result = run_dag(airflow, "rating_posting")
    assert result["run"] == "failed"
    assert result["tasks"]["reconcile[-1]"] == "failed"  # type: ignore[index]
    assert pipeline.pending(home) == [lost]
