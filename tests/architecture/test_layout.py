"""The layout of docs/how-it-works.md: who imports whom, and how large a piece may be."""

import ast
import importlib
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Leftmost may import everything to its right, never the other way.
ORDER = ("dags", "ratemill", "charging", "rating", "mediation", "asn1")
PACKAGES = ORDER[1:]
MODULES = sorted(p for name in ORDER for p in (ROOT / name).rglob("*.py"))
SQL_WORD = re.compile(r"\b(select|insert|update|delete|create|drop|from|where)\b", re.IGNORECASE)
NAMELESS = {"utils", "helpers", "common", "base", "manager"}


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> set[str]:
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    left = set(ORDER[: ORDER.index(package)]) | {"tests", "sample_data"}
    assert not {n for n in imports(path) if n.partition(".")[0] in left}


def test_charging_takes_only_table_schemas_from_mediation():
    allowed = {"mediation.tables", "mediation.schema"}
    for path in (ROOT / "charging").rglob("*.py"):
        taken = {n for n in imports(path) if n.startswith("mediation")}
        assert taken <= allowed, path


def test_asn1_knows_no_business():
    for path in (ROOT / "asn1").rglob("*.py"):
        assert not {n.partition(".")[0] for n in imports(path)} & set(ORDER[:-1]), path


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= (80 if path.parts[-2] == "dags" else 400)
    assert path.stem not in NAMELESS
    for node in nodes(path):
        # A DAG's function is the declaration of all its tasks; its file's limit holds instead.
        if isinstance(node, ast.FunctionDef) and path.parts[-2] != "dags":
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 50, f"{node.name}: {length} lines"


def test_no_init_below_tests_shadows_a_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("name", PACKAGES)
def test_package_names_resolve_to_this_checkout(name):
    module = importlib.import_module(name)
    assert Path(module.__file__ or "").parent == ROOT / name


def test_test_modules_have_unique_names():
    names = [p.name for p in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))


def test_sql_is_never_assembled():
    """A literal handed to execute or sql is plain; an f-string there would be assembled SQL."""
    for path in MODULES:
        for node in nodes(path):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"execute", "executemany", "executescript", "sql", "query"}
            ):
                for argument in node.args:
                    if isinstance(argument, ast.JoinedStr):
                        assert not SQL_WORD.search(ast.unparse(argument)), path


def test_the_repository_names_no_place_outside_itself():
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    hosts = ("pypi" + ".org", "python" + "hosted", "/wo" + "rk/", "/ro" + "ot/")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            text = data.decode("utf-8", "replace")
            assert not [h for h in hosts if h in text], name
