"""A little of what `make fuzz` does much of: damaged files, read alike by both engines."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_run import run


def test_both_engines_read_damaged_files_alike():
    tally = run(count=300, seed=20261122)
    assert tally["files"] == 300
    # A run in which nothing was read, or nothing was damaged, would show nothing.
    assert tally["records"] > 100
    assert tally["errors"] > 50
    assert tally["clean"] > 20
