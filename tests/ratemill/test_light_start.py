"""The front door opens quickly: nothing heavy is loaded before a command needs it."""

import subprocess
import sys

import pytest

HEAVY = {"polars", "duckdb", "pyarrow", "numba", "airflow", "great_expectations", "sqlalchemy",
         "pandas", "lxml", "asyncssh", "paramiko", "asn1tools"}


@pytest.mark.parametrize(
    "statement",
    ["import ratemill.cli", "import ratemill.home", "import rating.price", "import asn1"],
)
def test_light_parts_load_nothing_heavy(statement):
    code = f"import sys; {statement}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(loaded) & HEAVY


def test_help_lists_the_commands():
    shown = subprocess.run(
        [sys.executable, "-c", "from ratemill.cli import main; main()", "--help"],
        capture_output=True, text=True, check=True,
    ).stdout
    for command in ("demo", "run", "status", "inspect", "rejects", "explain", "rate", "why-not",
                    "catalog"):
        assert command in shown
