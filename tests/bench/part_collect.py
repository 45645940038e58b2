"""Collection and mediation: two thousand files of 50 KB, and single files of 500 MB.

The partner's server runs on loopback in this process, what collects in another; both share the
machine. Each round has a fresh home. The collecting process tells its highest resident memory.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from collect_input import CsvLines, csv_name, offered, put, tap_file, widen
from report import ROUNDS, SCALE, in_process, publish

from ratemill.home import Home

FILES: Final = max(1, round(2_000 * SCALE))
SMALL: Final = 50_000
LARGE: Final = round(500_000_000 * SCALE)
SESSIONS: Final = 4


def many(home: Home) -> tuple[str, int, int]:
    """Small files of Alpenfon's: partner, records, octets."""
    lines, records, octets = CsvLines(), 0, 0
    for number in range(1, FILES + 1):
        data, count = lines.take(SMALL)
        put(home, "alpenfon", csv_name(number), data)
        records, octets = records + count, octets + len(data)
    return "alpenfon", records, octets


def large_csv(home: Home) -> tuple[str, int, int]:
    """A large file of Alpenfon's."""
    data, records = CsvLines().take(LARGE)
    widen(home, "alpenfon")
    put(home, "alpenfon", csv_name(1), data)
    return "alpenfon", records, len(data)


def large_tap(home: Home) -> tuple[str, int, int]:
    """A large file of NordTel's."""
    data, records = tap_file(LARGE)
    widen(home, "nordtel", by_place=True)
    put(home, "nordtel", "CDNORNTAUTRM00071", data)
    return "nordtel", records, len(data)


def measure(offer: Callable[[Home], tuple[str, int, int]]) -> tuple[dict[str, Any], str]:
    """Medians of what the collecting process tells, and what it was given."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            root = Path(folder) / str(number)
            with offered(root, SESSIONS) as home:
                partner, records, octets = offer(home)
                found.append(in_process("collect_process.py", root, partner))
            assert found[-1]["passed"] > records * 0.9, found[-1]
    size = f"{found[0]['files']:,} files, {records:,} records, {octets / 1e6:.1f} MB"
    told = {name: median(one[name] for one in found) for name in found[0]}
    return told | {"records": records, "octets": octets}, size


def main() -> None:
    told, size = measure(many)
    whole = told["collect_s"] + told["mediate_s"]
    rows: list[dict[str, object]] = [
        {"name": f"collect_many_{name}", "value": value, "unit": unit, "input": size}
        for name, value, unit in (
            ("s", whole, "s"),
            ("fetch_s", told["collect_s"], "s"),
            ("mediate_s", told["mediate_s"], "s"),
            ("cpu_s", told["collect_cpu_s"] + told["mediate_cpu_s"], "CPU s"),
            ("files_per_s", told["files"] / whole, "files/s"),
            ("peak_mb", told["peak_octets"] / 1e6, "MB"),
        )
    ]
    for kind, offer in (("csv", large_csv), ("tap", large_tap)):
        told, size = measure(offer)
        rows += [
            {"name": f"collect_large_{kind}_{name}", "value": value, "unit": unit, "input": size}
            for name, value, unit in (
                ("fetch_s", told["collect_s"], "s"),
                ("mediate_s", told["mediate_s"], "s"),
                ("peak_mb", told["peak_octets"] / 1e6, "MB"),
                ("peak_over_size", told["peak_octets"] / told["octets"], "x file"),
            )
        ]
    publish("collect", rows)


if __name__ == "__main__":
    main()
