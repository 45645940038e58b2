"""Each sample file becomes exactly what lies beside it."""

import difflib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from golden import goldens, stored

from ratemill.demo import prepare_home
from ratemill.reference import PAGES

_LINES_SHOWN = 12


def differences(texts):
    """Unified differences between the goldens and the texts, a few lines of each."""
    shown = [f"{p.name}: no longer made" for p in sorted(stored() - set(texts))]
    for path, text in sorted(texts.items()):
        before = path.read_text() if path.exists() else ""
        if before != text:
            lines = list(difflib.unified_diff(
                before.splitlines(), text.splitlines(), path.name, "now", lineterm="", n=0))
            shown += lines[:_LINES_SHOWN]
            if len(lines) > _LINES_SHOWN:
                shown.append(f"… {len(lines) - _LINES_SHOWN} more lines in {path.name}")
    return shown


def test_every_sample_file_gives_its_goldens(example):
    shown = differences(goldens(example))
    assert not shown, "\n" + "\n".join(shown) + "\nIf this is right: make golden, review, commit."


def test_a_changed_price_shows_in_the_goldens(tmp_path, runner):
    home = prepare_home(tmp_path / "home")
    rates = home.catalog / "rates.csv"
    lines = rates.read_text().splitlines()
    at = lines[0].split(",").index("price")
    changed = [lines[0]]
    for line in lines[1:]:
        cells = line.split(",")
        if len(cells) > at and cells[at] not in ("", "0"):
            cells[at] = f"{float(cells[at]) + 0.01:.6f}"
        changed.append(",".join(cells))
    rates.write_text("\n".join(changed) + "\n")
    runner(home, ["alpenfon"])
    shown = differences(
        {p: t for p, t in goldens(home).items() if "alpenfon" in p.parts} | {
            p: p.read_text() for p in stored() if "alpenfon" not in p.parts
        }
    )
    assert any(line.startswith("-") for line in shown)
    assert any(line.startswith("+") for line in shown)
    assert not any("usage.csv" in line for line in shown)


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_those_of_the_declarations(name):
    stored_page = Path(__file__).parents[2] / "docs" / "reference" / name
    assert stored_page.read_text() == PAGES[name](), "make golden writes it"
