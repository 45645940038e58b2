"""The operators' forms: what they ask, what they refuse, and the order of what follows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("rerun", "rollback", "rerate", "whatif", "recycle")
# The folder has no more than these DAGs: what others need for theirs is not asked for here.
PARSE = """
import copy, json, os, sys
from airflow.sdk.exceptions import ParamValidationError
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
assert not bag.import_errors, bag.import_errors
def refused(dag, conf):
    params = copy.deepcopy(dag.params)
    try:
        params.update(conf)
        params.validate()
    except ParamValidationError:
        return True
    return False
tried = [refused(bag.dags[name], conf) for name, conf in json.loads(sys.argv[1])]
print("PARSED", json.dumps({"refused": tried, "dags": {name: {
    "title": dag.dag_display_name, "doc": dag.doc_md, "tags": sorted(dag.tags),
    "after": {t.task_id: sorted(t.upstream_task_ids) for t in dag.tasks},
    "pools": {t.task_id: t.pool for t in dag.tasks if t.pool != "default_pool"},
    "rules": {t.task_id: t.trigger_rule.value for t in dag.tasks},
    "bare": [t.task_id for t in dag.tasks if not t.doc_md],
    "form": {k: dag.params.get_param(k).dump() for k in dag.params},
} for name, dag in bag.dags.items()}}))
"""
WHY = "because of the tariff"
TRIED: list[tuple[str, dict[str, Any], bool]] = [
    *((name, {}, True) for name in NAMES),
    ("rerun", {"reason": WHY}, False),
    ("rerun", {"reason": "why"}, True),
    ("rerun", {"reason": "        "}, True),
    ("rerun", {"reason": "a    b"}, False),
    ("rerun", {"reason": WHY, "partner": "nobody"}, True),
    ("rerun", {"reason": WHY, "partner": "nordtel", "stage": "post"}, False),
    ("rerun", {"reason": WHY, "stage": "collect"}, True),
    ("rerun", {"reason": WHY, "received_from": "2026-11-01T00:00:00+01:00"}, False),
    ("rerun", {"reason": WHY, "file_ids": None}, False),
    ("rollback", {"reason": WHY}, True),
    ("rollback", {"reason": WHY, "file": ""}, True),
    ("rollback", {"reason": WHY, "file": "A_1.csv"}, False),
    ("rerate", {"reason": WHY}, False),
    ("rerate", {"reason": WHY, "condition": None, "catalog": None}, False),
    ("rerate", {"reason": WHY, "apply": "yes"}, True),
    ("whatif", {"reason": WHY}, True),
    ("whatif", {"reason": WHY, "catalog": ""}, True),
    ("whatif", {"reason": WHY, "catalog": "try"}, False),
    ("recycle", {"reason": WHY}, False),
    ("recycle", {"reason": WHY, "case": "02000a9d", "dry_run": False}, False),
]


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process sees of the five DAGs, in a home of two partners and two catalogs."""
    folder = tmp_path_factory.mktemp("forms")
    for name in ("partners/nordtel.toml", "partners/alpenfon.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    for version in ("0123456789abcdef", "fedcba9876543210", ".part"):
        (folder / "catalog_versions" / version).mkdir(parents=True)
    (folder / "dags").mkdir()
    for name in NAMES:
        (folder / "dags" / f"{name}.py").symlink_to(ROOT / "dags" / f"{name}.py")
    environ = {
        "AIRFLOW_HOME": str(folder), "RATEMILL_HOME": str(folder), "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    wanted = json.dumps([(name, conf) for name, conf, _ in TRIED])
    answer = subprocess.run(
        [sys.executable, "-c", PARSE, wanted],
        env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )
    lines = [line for line in answer.stdout.splitlines() if line.startswith("PARSED ")]
    assert lines, answer.stdout[-2000:] + answer.stderr[-2000:]
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("PARSED "))
    return found


def test_forms_refuse_what_cannot_be_meant(forms: dict[str, Any]) -> None:
    wrong = [case for case, refused in zip(TRIED, forms["refused"], strict=True)
             if case[2] != refused]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_a_form_has_sections_help_and_a_required_reason(forms: dict[str, Any], name: str) -> None:
    dag = forms["dags"][name]
    assert dag["tags"] == ["operator", "ratemill"]
    assert dag["title"] != name
    assert dag["bare"] == []
    for field in dag["form"].values():
        assert field["schema"]["section"]
        assert field["schema"]["title"]
        assert field["description"] or field["schema"]["description_md"]
    reason = dag["form"]["reason"]
    assert reason["schema"]["minLength"] == 5
    assert "audit trail" in reason["description"]
    # what is chosen comes first, who answers for it last
    assert list(dag["form"])[-1] == "reason"


def test_nothing_is_done_unless_somebody_says_so(forms: dict[str, Any]) -> None:
    dags = forms["dags"]
    for name in ("rerun", "rollback", "recycle"):
        assert dags[name]["form"]["dry_run"]["value"] is True
    assert dags["rerate"]["form"]["apply"]["value"] is False
    assert {"dry_run", "apply"}.isdisjoint(dags["whatif"]["form"])


def test_choices_come_from_the_home(forms: dict[str, Any]) -> None:
    for name in ("rerun", "rerate", "whatif", "recycle"):
        partner = forms["dags"][name]["form"]["partner"]
        assert partner["schema"]["enum"] == ["all", "alpenfon", "nordtel"]
        assert partner["value"] == "all"
    for name in ("rerate", "whatif"):
        offered = forms["dags"][name]["form"]["catalog"]["schema"]["examples"]
        assert sorted(offered) == ["0123456789ab", "fedcba987654"]


def test_what_changes_something_comes_after_the_question(forms: dict[str, Any]) -> None:
    assert {name: dag["after"] for name, dag in forms["dags"].items()} == {
        "rerun": {
            "select": [], "in_earnest": ["select"], "reset": ["in_earnest", "select"],
            "process": ["reset", "select"], "post": ["process"], "publish": ["post"],
            "reconcile": ["publish", "select"],
        },
        "rollback": {
            "look": [], "in_earnest": ["look"], "roll_back": ["in_earnest", "look"],
            "publish": ["roll_back"], "reconcile": ["publish", "roll_back"],
        },
        "rerate": {
            "compare": [], "in_earnest": ["compare"], "apply": ["in_earnest"],
            "publish": ["apply"], "reconcile": ["apply", "publish"],
        },
        "whatif": {"compare": [], "note": ["compare"]},
        "recycle": {
            "look": [], "in_earnest": ["look"], "reset": ["in_earnest", "look"],
            "process": ["look", "reset"], "post": ["process"], "publish": ["post"],
            "outcome": ["look", "post"], "reconcile": ["look", "publish"],
        },
    }


def test_the_ledger_and_the_warehouse_have_one_writer(forms: dict[str, Any]) -> None:
    again = {"reset": "ledger", "post": "ledger", "publish": "warehouse"}
    assert {name: dag["pools"] for name, dag in forms["dags"].items()} == {
        "rerun": again, "recycle": again,
        "rollback": {"roll_back": "ledger", "publish": "warehouse"},
        "rerate": {"apply": "ledger", "publish": "warehouse"},
        "whatif": {"note": "ledger"},
    }


@pytest.mark.parametrize("name", ["rerun", "rollback", "rerate", "recycle"])
def test_the_proof_of_a_form_runs_whatever_happened(forms: dict[str, Any], name: str) -> None:
    rules = forms["dags"][name]["rules"]
    assert rules.pop("reconcile") == "all_done"
    assert set(rules.values()) == {"all_success"}
