"""Octets to tables: the decoder beside asn1tools, pycrate and pyasn1, whose objects are flattened.

All read the same TAP 3.12 events (decode_input.py) and, before any clock starts, give the same
tables. CPU seconds count all threads. The peers are slow, so they get fewer records; what is
compared is records a CPU second.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from decode_flatten import assert_same_tables, flatten
from decode_input import made
from decode_peers import asn1tools_decoder, plain, pyasn1_decoder, pycrate_decoder
from decode_process import cached_start, memory_is_measurable, memory_over_size, second_core
from polars.testing import assert_frame_equal
from report import ROUNDS, SCALE, Timing, publish

import asn1
from asn1.audit import audit_differences
from asn1.layout import load_layout
from mediation.tap_checks import COLUMNS

Result = dict[str, object]


def scaled(count: int) -> int:
    """That many records, at the scale of this run."""
    return max(round(count * SCALE), 100)


MILLION, LARGE, MIDDLE, SMALL, PEER = map(scaled, (1_000_000, 200_000, 100_000, 10_000, 1_000))


@dataclass
class Contestant:
    """One way of reading a file, done so many times a round, and its times."""

    name: str
    records: int
    path: Path
    work: Callable[[], object]
    times: int = 1
    timing: Timing = field(default_factory=Timing)

    def round(self) -> None:
        def several() -> None:
            for _ in range(self.times):
                self.work()

        self.timing.run(several)

    @property
    def records_per_cpu_s(self) -> float:
        return self.records * self.times / self.timing.cpu

    @property
    def megabytes_per_cpu_s(self) -> float:
        return self.path.stat().st_size / 1e6 * self.times / self.timing.cpu


def kernel(path: Path, **options: Any) -> Callable[[], dict[str, Any]]:
    """Reading by the compiled engine, to tables."""
    return lambda: asn1.read(path, engine="kernel", **options).tables


def contestants() -> list[Contestant]:
    """All that is measured beside each other; the decoder itself is first."""
    large, small, peer = made(LARGE), made(SMALL), made(PEER)
    layout, by_asn1tools = load_layout("tap"), asn1tools_decoder()
    by_pycrate, by_pyasn1 = pycrate_decoder(), pyasn1_decoder()

    def pyasn1_objects() -> list[Any]:
        return [plain(v) for v in by_pyasn1(peer.read_bytes())]

    return [
        Contestant("tap", LARGE, large, kernel(large)),
        Contestant("tap_10k", SMALL, small, kernel(small), times=20),
        Contestant("tap_100k", MIDDLE, made(MIDDLE), kernel(made(MIDDLE)), times=2),
        Contestant("tap_1m", MILLION, made(MILLION), kernel(made(MILLION))),
        Contestant("tap_indefinite", LARGE, made(LARGE, "indefinite"),
                   kernel(made(LARGE, "indefinite"))),
        Contestant("tap_mediation_columns", LARGE, large, kernel(large, columns=COLUMNS)),
        Contestant("asn1tools_to_polars", SMALL, small,
                   lambda: flatten(by_asn1tools(small.read_bytes()), layout)),
        Contestant("asn1tools_to_objects", SMALL, small,
                   lambda: by_asn1tools(small.read_bytes())),
        Contestant("pycrate_to_polars", PEER, peer,
                   lambda: flatten(by_pycrate(peer.read_bytes()), layout)),
        Contestant("pycrate_to_objects", PEER, peer, lambda: by_pycrate(peer.read_bytes())),
        Contestant("pyasn1_to_polars", PEER, peer, lambda: flatten(pyasn1_objects(), layout)),
        Contestant("pyasn1_to_objects", PEER, peer, lambda: by_pyasn1(peer.read_bytes())),
        Contestant("plain_walker_to_polars", SMALL, small,
                   lambda: asn1.read(small, engine="walker").tables),
        Contestant("copy_of_the_file", LARGE, large, np.fromfile(large, np.uint8).copy, times=5),
    ]


def check(entries: dict[str, Contestant]) -> None:
    """Fails unless the files are read cleanly, and all who make tables of one make the same."""
    for name in ("tap", "tap_10k", "tap_indefinite"):
        file = asn1.read(entries[name].path, engine="kernel")
        assert file.complete
        assert not file.errors
        assert not audit_differences(file)
    for count, names in (
        (SMALL, ("asn1tools_to_polars",)), (PEER, ("pycrate_to_polars", "pyasn1_to_polars")),
    ):
        ours = kernel(made(count))()
        for name in names:
            theirs: Any = entries[name].work()
            assert_same_tables(ours, theirs)
    walked: Any = entries["plain_walker_to_polars"].work()
    for name, table in kernel(made(SMALL))().items():
        assert_frame_equal(table, walked[name])


def side_by_side(entries: dict[str, Contestant]) -> list[Result]:
    """Records a CPU second of each, all measured in turn."""
    for _ in range(ROUNDS):
        for entry in entries.values():
            entry.round()
    reference = entries["asn1tools_to_polars"].records_per_cpu_s
    return [
        {"name": f"{name}_records_per_cpu_s", "value": e.records_per_cpu_s,
         "unit": "records/CPU s",
         "input": f"{e.records:,} records, {e.megabytes_per_cpu_s:,.1f} MB/CPU s, "
                  f"{e.records_per_cpu_s / reference:,.2f} x asn1tools_to_polars",
         "megabytes_per_cpu_s": e.megabytes_per_cpu_s,
         "vs_asn1tools_to_polars": e.records_per_cpu_s / reference}
        for name, e in entries.items()
    ]


def headlines(entries: dict[str, Contestant]) -> list[Result]:
    """The decoder against the others, and its largest file against its smallest."""
    rate = {name: e.records_per_cpu_s for name, e in entries.items()}
    return [
        *({"name": f"tap_to_polars_vs_{peer}", "value": rate["tap"] / rate[f"{peer}_to_polars"],
           "unit": "x records/CPU s", "input": f"{LARGE:,} events; the peer's flattened too"}
          for peer in ("asn1tools", "pycrate", "pyasn1", "plain_walker")),
        {"name": "tap_flatness", "value": rate["tap_1m"] / rate["tap_10k"],
         "unit": "x records/CPU s", "input": f"{MILLION:,} events against {SMALL:,}"},
    ]


def of_processes() -> list[Result]:
    """Start, memory and the second core, each measured in processes of their own."""
    large, small = made(LARGE), made(SMALL)
    cached_start(small)  # compiles what has changed since the last start
    starts = [cached_start(small) for _ in range(ROUNDS)]
    results: list[Result] = [
        {"name": f"tap_cached_start_{kind}", "value": statistics.median(values), "unit": "s",
         "input": f"process start to {SMALL:,} events as tables"}
        for kind, values in zip(("wall_s", "cpu_s"), zip(*starts, strict=True), strict=True)
    ]
    if memory_is_measurable():
        results.append(
            {"name": "tap_peak_memory_vs_file", "value": memory_over_size(large, small),
             "unit": "x file size", "input": f"{LARGE:,} events, {size(large)}"})
    results.append(
        {"name": "tap_second_core", "value": second_core((large, made(LARGE - 1)), ROUNDS),
         "unit": "x throughput", "input": f"two processes, two files of {size(large)}"})
    return results


def size(path: Path) -> str:
    """The file's size in words."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def main() -> None:
    entries = {c.name: c for c in contestants()}
    check(entries)
    table = side_by_side(entries)
    publish("decode", [*headlines(entries), *table, *of_processes()])


if __name__ == "__main__":
    main()
