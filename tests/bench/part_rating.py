"""Rating: a million and ten million events of a million subscribers, against two other ways.

Each run is a process of its own. All raters must find the same sums. Ratemill writes both legs of
every event with all that `explain` needs; the others the retail amount alone.
"""

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rating_world import build
from report import ROUNDS, SCALE, in_process, publish

SUBSCRIBERS = round(1_000_000 * SCALE)
BATCH = round(125_000 * SCALE)
"""Events priced at once: memory follows it, and writing one batch overlaps with pricing the next"""
EVENTS = {"1 M": 8 * BATCH, "10 M": 80 * BATCH}


def run(engine: str, folder: Path, events: int) -> dict[str, Any]:
    """The figures of one process."""
    return in_process("rating_process.py", engine, folder, SUBSCRIBERS, events, BATCH)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("RATEMILL_BENCH_FOLDER")) as name:
        folder = Path(name)
        for events in EVENTS.values():
            build(folder, SUBSCRIBERS, events, BATCH)
        run("ours", folder, EVENTS["1 M"])  # makes the catalog's image
        small = [run("ours", folder, EVENTS["1 M"]) for _ in range(ROUNDS)]
        duckdb, naive = (run(engine, folder, EVENTS["1 M"]) for engine in ("duckdb", "naive"))
        large = [run("ours", folder, EVENTS["10 M"]) for _ in range(ROUNDS)]
    assert small[0]["sums"] == duckdb["sums"] == naive["sums"], (small[0], duckdb, naive)
    publish("rating", rows(small, large, duckdb, naive))


def rows(
    small: list[dict[str, Any]], large: list[dict[str, Any]], duckdb: dict[str, Any],
    naive: dict[str, Any],
) -> list[dict[str, object]]:
    """The figures as rows of a report."""
    def middle(figure: str, rounds: list[dict[str, Any]] = small) -> float:
        return statistics.median(r[figure] for r in rounds)

    one, ten = EVENTS.values()
    shown = [
        ("events_per_s", one / middle("wall_s"), "events/s", one),
        ("events_per_cpu_s", one / middle("cpu_s"), "events/s", one),
        ("events_per_s_large", ten / middle("wall_s", large), "events/s", ten),
        ("events_per_cpu_s_large", ten / middle("cpu_s", large), "events/s", ten),
        ("cpu_large_over_small", middle("cpu_s", large) / middle("cpu_s"), "x", ten),
        ("peak_memory_large", middle("peak_mb", large), "MB", ten),
        ("peak_memory", middle("peak_mb"), "MB", one),
        ("catalog_from_image", middle("load_s"), "s", one),
        ("duckdb_events_per_cpu_s", one / duckdb["cpu_s"], "events/s", one),
        ("cpu_vs_duckdb", duckdb["cpu_s"] / middle("cpu_s"), "x", one),
        ("naive_events_per_cpu_s", one / naive["cpu_s"], "events/s", one),
        ("cpu_vs_naive", naive["cpu_s"] / middle("cpu_s"), "x", one),
    ]
    return [{"name": name, "value": value, "unit": unit, "input": f"{events:,} events"}
            for name, value, unit, events in shown]


if __name__ == "__main__":
    main()
