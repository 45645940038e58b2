"""Files on SFTP to posted and reconciled: a million records of CSV, and as many of TAP.

The partner's server runs on loopback in this process. Each round has a fresh home. The reference,
measured in the same run, is what only reads the same octets: asn1tools into Python objects for TAP
(of a block of it, counted up), Polars' CSV reader for CSV.
"""

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asn1tools
import polars as pl
from collect_input import CsvLines, csv_name, offered, put, tap_file, widen
from report import ROUNDS, SCALE, Timing, publish

from asn1.compile_grammar import parse_module
from ratemill import pipeline
from ratemill.home import Home
from ratemill.settings import clock

RECORDS: Final = round(1_000_000 * SCALE)
FILES: Final = 10
CSV_LINE, TAP_EVENT, BLOCK = 119, 221, 4_000_000
"""Octets of a CSV line, of a TAP event, and of what asn1tools is given to read"""
Offer = Callable[[Home], tuple[str, int, int]]


def csv_files(home: Home) -> tuple[str, int, int]:
    """Alpenfon's files: partner, records, octets."""
    lines, records, octets = CsvLines(), 0, 0
    for number in range(1, FILES + 1):
        data, count = lines.take(RECORDS * CSV_LINE // FILES)
        put(home, "alpenfon", csv_name(number), data)
        records, octets = records + count, octets + len(data)
    widen(home, "alpenfon")
    return "alpenfon", records, octets


def tap_files(home: Home) -> tuple[str, int, int]:
    """NordTel's one file: its events are repeated, and only their places in it differ."""
    data, records = tap_file(RECORDS * TAP_EVENT)
    put(home, "nordtel", "CDNORNTAUTRM00071", data)
    widen(home, "nordtel", by_place=True)
    return "nordtel", records, len(data)


def steps(home: Home, partner: str, refs: list[str]) -> dict[str, Callable[[], object]]:
    """What happens to the partner's files, in order; collection says which there are."""
    now = clock(home.settings)
    return {
        "collect": lambda: refs.extend(
            pipeline.collect(home, partner, now=now, environ=os.environ)),
        "mediate": lambda: pipeline.mediate(home, refs),
        "rate": lambda: pipeline.rate(home, refs, now=now),
        "post": lambda: pipeline.post(home, refs, now=now),
        "replay": lambda: pipeline.replay_late(home, refs, now=now),
        "deliver": lambda: pipeline.deliver(home, refs),
        "publish": lambda: pipeline.publish(home),
        "reconcile": lambda: pipeline.reconcile(home, refs),
    }


def measure(kind: str, offer: Offer, read: Callable[[], float]) -> list[dict[str, object]]:
    """Figures of one kind of file; `read` gives the CPU seconds of reading an octet."""
    whole, parts = Timing(), dict[str, Timing]()
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder, offered(Path(folder) / "home", 4) as home:
            partner, records, octets = offer(home)
            refs: list[str] = []
            todo = steps(home, partner, refs)
            whole.run(lambda todo=todo: [
                parts.setdefault(n, Timing()).run(work) for n, work in todo.items()])
            posted = sum(row["posted"] for row in pipeline.rows_of(home, refs))
            assert posted > records * 0.9, posted
    size = f"{records:,} records, {octets / 1e6:.1f} MB"
    rows: list[tuple[str, float, str]] = [
        ("records_per_s", records / whole.wall, "records/s"),
        ("records_per_cpu_s", records / whole.cpu, "records/CPU s"),
        ("vs_reading_only", whole.cpu / (read() * octets), "x CPU"),
    ]
    for name, timing in parts.items():
        rows.append((name, timing.wall, "s"))
        rows.append((f"{name}_share", 100 * timing.wall / whole.wall, "% of time"))
    return [{"name": f"pipeline_{kind}_{name}", "value": value, "unit": unit, "input": size}
            for name, value, unit in rows]


def reading_tap() -> float:
    """CPU seconds an octet that asn1tools takes to read."""
    schema, (data, _) = asn1tools.compile_dict(parse_module(), "ber"), tap_file(BLOCK)
    timing = Timing()
    timing.run(lambda: schema.decode("DataInterChange", data))
    return timing.cpu / len(data)


def reading_csv() -> float:
    """CPU seconds an octet that Polars takes to read."""
    data, timing = CsvLines().take(RECORDS * CSV_LINE)[0], Timing()
    for _ in range(ROUNDS):
        timing.run(lambda: pl.read_csv(io.BytesIO(data), separator=";", encoding="latin1"))
    return timing.cpu / len(data)


def main() -> None:
    results = measure("csv", csv_files, reading_csv)
    results += measure("tap", tap_files, reading_tap)
    publish("pipeline", results)


if __name__ == "__main__":
    main()
