"""Files on SFTP to posted and reconciled: a million records of CSV, and as many of TAP.

The files of CSV follow one another in time, as a partner sends them. A fifth as many records come
once more as files that each span the whole day: all but the first of them are late, and what their
accounts drew from allowances is made anew.

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
from collect_input import HEAD, CsvLines, csv_name, offered, put, tap_file, widen
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
    """Alpenfon's files, one after the other in time: partner, records, octets."""
    text = CsvLines().take(RECORDS * CSV_LINE)[0].decode("latin-1")
    lines = pl.Series(text.removeprefix(HEAD).splitlines(keepends=True))
    starts = lines.str.split_exact(";", 3).struct.field("field_2")
    ordered = lines.gather(starts.arg_sort())
    size = -(-len(lines) // FILES)
    parts = (ordered.slice(first, size) for first in range(0, len(lines), size))
    return _offered(home, [
        (HEAD + "".join(part)).encode("latin-1") for part in parts
    ]), len(lines), len(text) + (FILES - 1) * len(HEAD)


def late_files(home: Home) -> tuple[str, int, int]:
    """A fifth of such files, each of them over the whole day: partner, records, octets."""
    lines = CsvLines()
    files = [lines.take(RECORDS // 5 * CSV_LINE // FILES) for _ in range(FILES)]
    data = [octets for octets, _ in files]
    return _offered(home, data), sum(count for _, count in files), sum(map(len, data))


def _offered(home: Home, files: list[bytes]) -> str:
    """Put Alpenfon's files on his server; his name."""
    for number, data in enumerate(files, 1):
        put(home, "alpenfon", csv_name(number), data)
    widen(home, "alpenfon")
    return "alpenfon"


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
        "reconcile": lambda: pipeline.reconcile(home, refs),
    }


def measure(kind: str, offer: Offer, read: Callable[[], float]) -> list[dict[str, object]]:
    """Figures of one kind of file; `read` gives the CPU seconds of reading an octet."""
    whole, publishing, parts = Timing(), Timing(), dict[str, Timing]()
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder, offered(Path(folder) / "home", 4) as home:
            partner, records, octets = offer(home)
            # the home was asked for its profiles before the files changed them
            home = Home(home.root, home.ledger)  # noqa: PLW2901
            refs: list[str] = []
            todo = steps(home, partner, refs)
            whole.run(lambda todo=todo: [
                parts.setdefault(n, Timing()).run(work) for n, work in todo.items()])
            publishing.run(lambda home=home: pipeline.publish(home))
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
    rows.append(("publish_afterwards", publishing.wall, "s"))
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
    results += measure("late", late_files, reading_csv)
    publish("pipeline", results)


if __name__ == "__main__":
    main()
