"""What decoding costs a process of its own: start, memory, and two processes beside each other.

Run by name, this file is such a process: `decode_process.py start|memory|repeat FILE [WARM-UP]`.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FORGET_HIGH_WATER = "5"
REPEATS = 5


def cached_start(path: Path) -> tuple[float, float]:
    """Wall and CPU seconds from the start of a process to its first decoded file."""
    started = time.time()
    with _process("start", path) as process:
        ended, cpu = _answer(process)
    return ended - started, cpu


def memory_over_size(path: Path, warm_up: Path) -> float:
    """Octets that reading adds to the resident memory at its highest, by the file's octets."""
    with _process("memory", path, warm_up) as process:
        return _answer(process) / path.stat().st_size


def throughput(paths: list[Path]) -> float:
    """Octets a second, each file read several times by a process of its own, all at once."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_process("repeat", p)) for p in paths]
        for process in processes:
            assert _answer(process) == "ready"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        seconds = max(_answer(p) for p in processes)
    return sum(p.stat().st_size for p in paths) * REPEATS / seconds


def second_core(paths: tuple[Path, Path], rounds: int) -> float:
    """The throughput of two processes over that of one, median of the rounds."""
    return statistics.median(throughput(list(paths)) / throughput([paths[0]])
                             for _ in range(rounds))


def memory_is_measurable() -> bool:
    """Whether this system tells, and lets reset, a process's highest resident memory."""
    return os.access(CLEAR, os.W_OK)


@contextmanager
def _process(*arguments: object) -> Iterator[Any]:
    # Users keep compiled modules; a shell that forbids them would slow every import.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)], cwd=ROOT, env=environ, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:
        yield process


def _answer(process: Any) -> Any:
    return json.loads(process.stdout.readline())


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


def _resident(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    assert found
    return int(found[1]) * 1024


def _start(path: Path) -> None:
    import asn1

    file = asn1.read(path)
    now, cpu = time.time(), time.process_time()
    assert file.complete
    _say((now, cpu))


def _memory(path: Path, warm_up: Path) -> None:
    import asn1

    asn1.read(warm_up, engine="kernel")
    CLEAR.write_text(FORGET_HIGH_WATER)
    before = _resident("VmRSS")
    file = asn1.read(path, engine="kernel")
    after = _resident("VmHWM")
    assert file.complete
    _say(after - before)


def _repeat(path: Path) -> None:
    import asn1

    asn1.read(path, engine="kernel")
    _say("ready")
    sys.stdin.readline()
    started = time.perf_counter()
    for _ in range(REPEATS):
        asn1.read(path, engine="kernel")
    _say(time.perf_counter() - started)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    role, *files = sys.argv[1:]
    {"start": _start, "memory": _memory, "repeat": _repeat}[role](*map(Path, files))
