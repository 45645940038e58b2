"""Measuring and reporting: medians of several runs, ratios within one run, one JSON a part."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OUT = ROOT / ".ratemill" / "bench"
# Inputs shrink to this share; CI checks that a benchmark works, not how fast its machine is.
SCALE = float(os.environ.get("RATEMILL_BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("RATEMILL_BENCH_ROUNDS", "3"))


def in_process(program: str, *arguments: object) -> dict[str, Any]:
    """The figures that a program beside this file prints, in a process of its own.

    Compiled modules are kept as users have them.
    """
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(here / program), *map(str, arguments)],
        env=environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(here)])},
        stdout=subprocess.PIPE, text=True, check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass
class Timing:
    """Wall and CPU seconds of several runs of one thing (CPU of all threads and children)."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def run(self, work: Callable[[], object]) -> None:
        """Run once and note the times."""
        wall, cpu = time.perf_counter(), _cpu()
        work()
        self.wall_s.append(time.perf_counter() - wall)
        self.cpu_s.append(_cpu() - cpu)

    @property
    def wall(self) -> float:
        """Median wall seconds."""
        return statistics.median(self.wall_s)

    @property
    def cpu(self) -> float:
        """Median CPU seconds."""
        return statistics.median(self.cpu_s)


def _cpu() -> float:
    own, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF,
                                                     resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def machine() -> str:
    """Processor, cores and Python of this machine."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in text.splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def commit() -> str:
    """The commit measured, with + when the tree differs from it."""
    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True,
                              check=False).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")


def publish(part: str, results: list[dict[str, object]]) -> None:
    """Print the results as a table and write them to .ratemill/bench/PART.json."""
    place = {"machine": machine(), "commit": commit()}
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{part}.json"
    path.write_text(json.dumps([{**r, **place} for r in results], indent=2) + "\n")
    width = max(len(str(r["name"])) for r in results)
    print(f"{part}: {place['machine']}, commit {place['commit']}, median of {ROUNDS}")
    for r in results:
        value = float(str(r["value"]))
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        print(f"  {r['name']:<{width}}  {shown:>12} {r['unit']:<14} {r['input']}")
    print(f"written to {path.relative_to(ROOT)}")
