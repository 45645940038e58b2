"""The guard of the kernel's speed: private options of numba and small edits can cost half of it."""

import sys
import time
from pathlib import Path

import pytest

from asn1.tap import read

sys.path.insert(0, str(Path(__file__).parent))

LEAST_RATIO = 35
"""Records a CPU second, kernel against walker: 70 where it is measured in peace."""


def cpu_seconds(path: Path, engine: str) -> float:
    began = time.process_time()
    read(path, engine=engine)
    return time.process_time() - began


@pytest.mark.slow
def test_the_kernel_is_many_times_as_fast_as_the_walker(tmp_path):
    from decode_input import transfer_batch

    many, few = tmp_path / "many", tmp_path / "few"
    many.write_bytes(transfer_batch(60_000))
    few.write_bytes(transfer_batch(2_000))
    read(few, engine="kernel")
    kernel = min(cpu_seconds(many, "kernel") for _ in range(5)) / 60_000
    walker = min(cpu_seconds(few, "walker") for _ in range(3)) / 2_000
    assert walker / kernel > LEAST_RATIO
