"""A process after `rating.warm` finds machine code, and makes none."""

import subprocess
import sys


def test_a_warmed_process_finds_all_that_rating_compiles():
    code = (
        "import gc; from numba.core.registry import CPUDispatcher; from rating.warm import warm;"
        "warm(); stats = [o.stats for o in gc.get_objects() if isinstance(o, CPUDispatcher)];"
        "print(sum(map(len, (s.cache_misses for s in stats))),"
        "sum(map(len, (s.cache_hits for s in stats))) > 10)"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == ["0", "True"]
