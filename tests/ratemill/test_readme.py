"""Every shell command that README.md and the tutorial tell a newcomer to type runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/tutorial.md")


def commands():
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
            yield from (line for line in block.splitlines() if line)


@pytest.mark.parametrize("command", sorted(set(commands()) - {"make demo"}))
def test_the_command_runs(command, example):
    there = command.replace(".venv/bin/python", sys.executable).replace(
        ".venv/bin/ratemill", f'{sys.executable} -c "from ratemill.cli import main; main()"'
    ).replace(".ratemill/", f"{example.root}/")
    done = subprocess.run(
        ["bash", "-c", there], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "RATEMILL_HOME": str(example.root)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_commands_are_many():
    assert len(set(commands())) >= 6


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
