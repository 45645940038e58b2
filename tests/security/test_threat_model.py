"""The threat model's claims: each names code that is there and a test that is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat_model.md"
ATTACKERS = (
    "A partner as attacker", "A stolen key", "A malicious file", "A curious analyst",
    "An operator who goes too far", "Somebody on the network", "What we build on",
)
NAMED = re.compile(r"`(test_\w+)\.py::(test_\w+)`")
PLACE = re.compile(r"`([\w/.-]+)`")


def claims(text: str) -> dict[str, list[list[str]]]:
    """By heading, the cells of each row of its table: threat, what stops it, where, test."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| threat", "|---")):
            found.setdefault(heading, []).append(
                [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            )
    return found


@cache
def names_in(module: str) -> frozenset[str]:
    """Names of the tests in the module of that name; none where there is no such module."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob(f"{module}.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def unfounded(text: str) -> list[str]:
    """What is wrong with a page's claims: cells without content, places and tests not there."""
    wrong = []
    for heading, rows in claims(text).items():
        for row in rows:
            if len(row) != 4 or not all(row):
                wrong.append(f"{heading}: {row[0]}: not four cells")
                continue
            threat, _, where, proof = row
            places = PLACE.findall(where)
            wrong += [f"{threat}: no {place}" for place in places if not (ROOT / place).exists()]
            tests = NAMED.findall(proof)
            wrong += [
                f"{threat}: no {module}.py::{test}" for module, test in tests
                if test not in names_in(module)
            ]
            if not places or not tests:
                wrong.append(f"{threat}: names no place or no test")
    return wrong


def test_every_claim_of_the_threat_model_has_its_place_and_its_test() -> None:
    assert unfounded(PAGE.read_text()) == []


def test_every_attacker_has_claims_and_a_remainder() -> None:
    found = claims(PAGE.read_text())
    assert tuple(found) == ATTACKERS
    assert sum(map(len, found.values())) >= 40
    parts = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    left = {part.split("\n")[0] for part in parts if "**What is left.**" in part}
    assert left >= set(ATTACKERS)


@pytest.mark.parametrize(("row", "wrong"), [
    ("| a | b | `mediation/limits.py` | `test_unpack.py::test_archives_open` |", []),
    ("| a | b | `mediation/nowhere.py` | `test_unpack.py::test_archives_open` |",
     ["a: no mediation/nowhere.py"]),
    ("| a | b | `mediation/limits.py` | `test_unpack.py::test_made_up` |",
     ["a: no test_unpack.py::test_made_up"]),
    ("| a | b | `mediation/limits.py` | somebody looked |", ["a: names no place or no test"]),
    ("| a | b | `mediation/limits.py` |", ["h: a: not four cells"]),
])
def test_a_claim_without_foundation_is_found(row: str, wrong: list[str]) -> None:
    head = "| threat | what stops it | where | test |\n|---|---|---|---|"
    assert unfounded(f"## h\n\n{head}\n{row}") == wrong
