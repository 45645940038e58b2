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
import importlib.util, json, sys, time
from airflow.sdk import DAG
from airflow.sdk.definitions._internal.contextmanager import DagContext
sys.path.append(sys.argv[1])
def parse(path):
    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = name = "parsed_" + path.rpartition("/")[2][:-3]
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [dag for dag, of in DagContext.autoregistered_dags if of is module]
dags = [dag for path in sys.argv[2:] for dag in parse(path)]
seconds = {}
for path in sys.argv[2:]:
    begun = time.perf_counter()
    parse(path)
    seconds[path.rpartition("/")[2]] = time.perf_counter() - begun
def schedule(dag):
    condition = getattr(dag.timetable, "asset_condition", None)
    timed = getattr(dag.timetable, "timetable", None)
    return {"assets": {asset.name: [w.trigger.serialize() for w in asset.watchers]
                       for asset in getattr(condition, "objects", ())},
            "every_s": timed and timed.delta.total_seconds()}
import mediation
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "mediation": mediation.__file__, "seconds": seconds,
    "dags": {dag.dag_id: {
        "doc": dag.doc_md, "tags": sorted(dag.tags), "runs": dag.max_active_runs,
        "schedule": schedule(dag),
        "tasks": {t.task_id: {"doc": t.doc_md, "pool": t.pool, "rule": t.trigger_rule.value,
                              "after": sorted(t.upstream_task_ids),
                              "outlets": [o.name for o in t.outlets],
                              "policy": type(t.retry_policy).__name__}
                  for t in dag.tasks},
        "form": {k: dag.params.get_param(k).schema for k in dag.params},
        "empty": [k for k in dag.params if not dag.params.get_param(k).has_value],
    } for dag in dags},
}))
"""
PARSE_S = 0.5
"""Airflow parses each file twice a minute; this machine may be busy, so the best of it counts"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process sees that parses all DAG files, one of the two profiles being empty."""
    folder = tmp_path_factory.mktemp("parse")
    (folder / "partners").mkdir()
    profile = (ROOT / "sample_data/home/partners/nordtel.toml").read_text()
    mine = profile.replace("watch_s = 10", 'watch_s = 45\nlook_every = "1h"')
    (folder / "partners" / "nordtel.toml").write_text(mine)
    (folder / "partners" / "alpenfon.toml").touch()
    environ = {"AIRFLOW_HOME": str(folder), "RATEMILL_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags"), *map(str, FILES)],
        env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def test_dag_ids(parsed: dict[str, Any]) -> None:
    assert set(parsed["dags"]) >= {
        "mediation_alpenfon", "mediation_nordtel", "rating_posting", "publish", "rerun",
    }


def test_parsing_loads_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert HEAVY.intersection(parsed["modules"]) == set()


def test_parsing_again_takes_no_time(parsed: dict[str, Any]) -> None:
    slow = {name: seconds for name, seconds in parsed["seconds"].items() if seconds > PARSE_S}
    assert slow == {}


def test_a_partners_dag_starts_by_what_his_profile_says(parsed: dict[str, Any]) -> None:
    assert parsed["dags"]["mediation_nordtel"]["schedule"] == {
        "assets": {"files_nordtel": [[
            "ratemill.airflow_watch.PartnerFiles", {"partner": "nordtel", "watch_s": 45},
        ]]},
        "every_s": 3600,
    }


def test_a_profile_that_cannot_be_used_costs_only_the_watch(parsed: dict[str, Any]) -> None:
    assert parsed["dags"]["mediation_alpenfon"]["schedule"] == {
        "assets": {"files_alpenfon": []}, "every_s": 900,
    }


def test_each_dag_starts_on_what_the_one_before_announces(parsed: dict[str, Any]) -> None:
    dags = parsed["dags"]
    assert dags["mediation_nordtel"]["tasks"]["announce"]["outlets"] == ["usage"]
    assert dags["rating_posting"]["schedule"] == {"assets": {"usage": []}, "every_s": 900}
    assert dags["rating_posting"]["tasks"]["post"]["outlets"] == ["posted"]
    assert dags["publish"]["schedule"] == {"assets": {"posted": []}, "every_s": 3600}


def test_runs_of_one_dag_wait_for_each_other(parsed: dict[str, Any]) -> None:
    names = ("mediation_alpenfon", "mediation_nordtel", "rating_posting", "publish")
    assert {parsed["dags"][name]["runs"] for name in names} == {1}


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
    mediation = {
        "collect": [], "plan": ["collect"], "mediate": ["plan"], "announce": ["mediate"],
        "held": ["announce"], "ask_a_person": ["held"],
        "reconcile": ["announce", "collect", "plan"],
    }
    assert after | {
        "mediation_alpenfon": mediation, "mediation_nordtel": mediation,
        "rating_posting": {
            "recycle": [], "plan": ["recycle"], "rate": ["plan"], "post": ["rate"],
            "deliver": ["post"], "send": ["deliver"], "reconcile": ["plan", "recycle", "send"],
        },
        "publish": {"warehouse": [], "measure": ["warehouse"]},
    } == after


def test_the_proof_runs_whatever_happened_and_nothing_comes_after_it(
    parsed: dict[str, Any],
) -> None:
    for name, last in (
        # a question that cannot be put fails the run as well
        ("mediation_alpenfon", {"reconcile", "ask_a_person"}), ("rating_posting", {"reconcile"}),
    ):
        tasks = parsed["dags"][name]["tasks"]
        assert tasks["reconcile"]["rule"] == "all_done"
        before = {task for facts in tasks.values() for task in facts["after"]}
        assert set(tasks) - before == last


def test_what_has_one_writer_has_a_pool(parsed: dict[str, Any]) -> None:
    dags = parsed["dags"]
    assert dags["rating_posting"]["tasks"]["post"]["pool"] == "ledger"
    assert dags["publish"]["tasks"]["warehouse"]["pool"] == "warehouse"


def test_every_working_task_fails_at_once_where_waiting_cannot_help(
    parsed: dict[str, Any],
) -> None:
    policies = {facts["policy"] for dag in parsed["dags"].values()
                for facts in dag["tasks"].values()}
    assert policies == {"FaultPolicy"}
