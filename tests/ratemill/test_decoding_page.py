"""docs/decoding.md tells the truth: its examples and commands run, its tables are the layout's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from asn1.grammar import RELEASES
from asn1.layout import load_layout

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/decoding.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def test_the_examples_run_one_after_the_other(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) >= 4
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, "docs/decoding.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "transfer_batch NORNT 3.12 True" in shown
    assert "107 " in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_runs(command, tmp_path):
    program = f'{sys.executable} -c "from ratemill.cli import main; main()"'
    done = subprocess.run(
        ["bash", "-c", command.replace(".venv/bin/ratemill", program)], cwd=ROOT,
        capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_call_events_are_those_of_the_layout():
    layout = load_layout("tap")
    told = {row[0]: row[1:] for line in PAGE.splitlines()
            if (row := cells(line))[0] in layout.record_names}
    known = {}
    for tag, slot in layout.contexts[layout.records].slots.items():
        first, last = slot.since == RELEASES[0], slot.until == RELEASES[-1]
        releases = "all" if first and last else f"until 3.{slot.until}" if first else (
            f"3.{slot.since}" if slot.since == slot.until else f"from 3.{slot.since}")
        known[slot.name] = [str(tag >> 2), releases]
    assert told == known


def test_columns_that_the_page_names_exist():
    layout = load_layout("tap")
    known = {f"{table}.{c.name}" for table in layout.tables for c in layout.columns_of(table)}
    named = set(re.findall(rf"`((?:{'|'.join(layout.tables)})\.[a-z_]+)`", PAGE))
    assert len(named) >= 10
    assert named <= known
