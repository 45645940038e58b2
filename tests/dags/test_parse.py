"""Each DAG file: light to parse, short, documented, with the tasks and forms operators rely on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = {"polars", "pyarrow", "duckdb", "pandas", "numba", "numpy", "great_expectations",
         "paramiko", "asyncssh", "lxml"}
# As Airflow does it: the DAG folder is on the import path, each file gets a made-up module name.
PARSE = """
import importlib.util, json, sys
from airflow.sdk import DAG
from airflow.sdk.definitions._internal.contextmanager import DagContext
sys.path.append(sys.argv[1])
dags = []
for path in sys.argv[2:]:
    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = name = "parsed_" + path.rpartition("/")[2][:-3]
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dags += [dag for dag, of in DagContext.autoregistered_dags if of is module]
import mediation
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "mediation": mediation.__file__,
    "dags": {dag.dag_id: {
        "doc": dag.doc_md, "tags": sorted(dag.tags),
        "tasks": {t.task_id: {"doc": t.doc_md, "pool": t.pool, "rule": t.trigger_rule.value,
                              "after": sorted(t.upstream_task_ids),
                              "policy": type(t.retry_policy).__name__}
                  for t in dag.tasks},
        "form": {k: dag.params.get_param(k).schema for k in dag.params},
        "empty": [k for k in dag.params if not dag.params.get_param(k).has_value],
    } for dag in dags},
}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process sees that parses all DAG files, with a home of two (empty) profiles."""
    folder = tmp_path_factory.mktemp("parse")
    (folder / "partners").mkdir()
    for name in ("nordtel", "alpenfon"):
        (folder / "partners" / f"{name}.toml").touch()
    environ = {"AIRFLOW_HOME": str(folder), "RATEMILL_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags"), *map(str, FILES)],
        env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def test_dag_ids(parsed: dict[str, Any]) -> None:
    assert set(parsed["dags"]) == {"mediation", "rating_posting", "rerun"}


def test_parsing_loads_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert HEAVY.intersection(parsed["modules"]) == set()


def test_no_dag_file_shadows_a_package(parsed: dict[str, Any]) -> None:
    assert Path(parsed["mediation"]) == ROOT / "mediation" / "__init__.py"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_dag_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 80


def test_every_dag_and_task_is_explained(parsed: dict[str, Any]) -> None:
    bare = [name for name, dag in parsed["dags"].items() if not dag["doc"] or not dag["tags"]]
    bare += [f"{name}.{task}" for name, dag in parsed["dags"].items()
             for task, facts in dag["tasks"].items() if not facts["doc"]]
    assert bare == []


def test_order_of_tasks(parsed: dict[str, Any]) -> None:
    after = {name: {task: facts["after"] for task, facts in dag["tasks"].items()}
             for name, dag in parsed["dags"].items()}
    assert after == {
        "mediation": {
            "collect": [], "plan": ["collect"], "mediate": ["plan"], "announce": ["mediate"],
            "finish": ["announce", "collect", "mediate"],
        },
        "rating_posting": {
            "plan": [], "rate": ["plan"], "post": ["rate"], "deliver": ["post"],
            "publish": ["deliver"], "send": ["deliver"],
            "reconcile": ["plan", "publish", "send"],
        },
        "rerun": {
            "select": [], "in_earnest": ["select"], "reset": ["in_earnest", "select"],
            "process": ["reset", "select"], "post": ["process"], "publish": ["post"],
            "reconcile": ["publish", "select"],
        },
    }


@pytest.mark.parametrize("dag", ["rating_posting", "rerun"])
def test_reconcile_always_runs_and_single_writers_have_pools(
    parsed: dict[str, Any], dag: str
) -> None:
    tasks = parsed["dags"][dag]["tasks"]
    assert tasks["reconcile"]["rule"] == "all_done"
    assert (tasks["post"]["pool"], tasks["publish"]["pool"]) == ("ledger", "warehouse")


def test_every_working_task_fails_at_once_where_waiting_cannot_help(
    parsed: dict[str, Any],
) -> None:
    policies = {facts["policy"] for dag in parsed["dags"].values()
                for facts in dag["tasks"].values()}
    assert policies == {"FaultPolicy"}


def test_rerun_form(parsed: dict[str, Any]) -> None:
    rerun = parsed["dags"]["rerun"]
    required = [name for name in rerun["empty"] if "null" not in rerun["form"][name]["type"]]
    assert required == ["reason"]
    assert rerun["form"]["reason"]["minLength"] == 5
    assert rerun["form"]["partner"]["enum"] == ["all", "alpenfon", "nordtel"]
    assert rerun["form"]["stage"]["enum"] == ["mediate", "rate", "post"]
