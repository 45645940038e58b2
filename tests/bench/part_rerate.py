"""Re-rating: ten million charges of five million records with the difference; and one rollback.

Each step is a process of its own. The records are charged as the pipeline would have, by a catalog
of a million subscribers with allowances, and rated again by one in which every tenth tariff costs
twice as much.
"""

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from report import ROUNDS, SCALE, in_process, publish

SUBSCRIBERS = round(1_000_000 * SCALE)
BATCH = round(125_000 * SCALE)
EVENTS = 40 * BATCH


def run(step: str, folder: Path) -> dict[str, Any]:
    """What one step prints."""
    return in_process("rerate_process.py", step, folder, SUBSCRIBERS, EVENTS, BATCH)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("RATEMILL_BENCH_FOLDER")) as name:
        folder = Path(name)
        run("home", folder)
        found = [run("difference", folder) for _ in range(ROUNDS)]
        back = run("rollback", folder)
    assert found[0]["charges"] == 2 * EVENTS, found[0]
    assert found[0]["changed"] > 0, found[0]

    def middle(figure: str) -> float:
        return statistics.median(one[figure] for one in found)

    charges, postings = f"{2 * EVENTS:,} charges", f"{back['postings']:,} postings"
    publish("rerate", [
        {"name": name, "value": value, "unit": unit, "input": of} for name, value, unit, of in (
            ("difference", middle("wall_s"), "s", charges),
            ("difference_cpu", middle("cpu_s"), "s", charges),
            ("charges_per_s", 2 * EVENTS / middle("wall_s"), "charges/s", charges),
            ("charges_per_cpu_s", 2 * EVENTS / middle("cpu_s"), "charges/s", charges),
            ("peak_memory", middle("peak_mb"), "MB", charges),
            ("rollback", back["wall_s"], "s", postings),
            ("rollback_cpu", back["cpu_s"], "s", postings),
        )
    ])


if __name__ == "__main__":
    main()
