"""The compiled charging function is worth compiling: against plain Python, not a clock."""

import sys
from pathlib import Path
from random import Random
from time import process_time

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from price_books import arrays, priced
from price_chance import book_at, event_at, used_at

from rating.price_batch import price_batch


@pytest.mark.slow
def test_compiled_is_fifty_times_as_fast_as_plain():
    chance = Random(7)
    there, used = book_at(chance), used_at(chance)
    rows = [event_at(chance) for _ in range(2000)]
    table, compiled = np.array(rows * 50), arrays(there)
    order, grown = np.arange(len(table)), np.array(used)
    times_as_fast = []
    for _ in range(3):
        # one after the other, for a machine may change its pace between rounds
        begin = process_time()
        priced(rows, there, list(used))
        plain_s = (process_time() - begin) / len(rows)
        begin = process_time()
        price_batch(table, order, compiled, grown.copy())
        times_as_fast.append(plain_s / ((process_time() - begin) / len(table)))
    assert max(times_as_fast) >= 50
