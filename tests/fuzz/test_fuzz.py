"""A little of what `make fuzz` does much of: damaged files, read alike by both engines."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_run import run


def test_both_engines_read_damaged_files_alike():
    tally = run(count=200, seed=20261122)
    assert tally["files"] == 200
    # A run in which nothing was read, or nothing was damaged, would show nothing.
    assert tally["records"] > 70
    assert tally["errors"] > 30
    assert tally["clean"] > 10
