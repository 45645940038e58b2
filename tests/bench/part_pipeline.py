"""File to posted: mediate, rate, post, receipt, publish and reconcile of one large file.

The file is in the archive when the clock starts. Each round works on a fresh home. The reference,
measured in the same run, is what only reads the same bytes: asn1tools into Python objects for TAP,
Polars' CSV reader for CSV.
"""

import hashlib
import io
import random
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import asn1tools
import gen_alpenfon
import gen_tap
import polars as pl
from gen_events import day_of_events, travellers
from gen_iot import agreed_charge
from report import ROUNDS, SCALE, Timing, publish

from asn1.compile_grammar import parse_module
from asn1.encode import encode_transfer_batch
from charging.ledger import Ledger
from mediation.collect import Fetched
from ratemill import pipeline
from ratemill.arrivals import register
from ratemill.demo import prepare_home
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.settings import clock

TAP_RECORDS = round(20_000 * SCALE)
CSV_RECORDS = round(200_000 * SCALE)
DAY = date(2026, 9, 20)


def tap_file() -> bytes:
    """A TAP 3.12 file of calls, messages and data sessions."""
    rng = random.Random(1)
    events = day_of_events(rng, DAY, travellers(20, 60), TAP_RECORDS, ("479", "4722", "46705"))
    priced = [
        gen_tap.Priced(e, agreed_charge("nordtel", e) // gen_tap.MICROS_PER_UNIT, 0)
        for e in events
    ]
    made = datetime(2026, 9, 21, 2)
    return encode_transfer_batch(gen_tap.batch(71, made, priced))


def csv_file() -> bytes:
    """The same kind of traffic as Alpenfon writes it."""
    rng = random.Random(2)
    events = day_of_events(rng, DAY, travellers(0, 45), CSV_RECORDS, ("420602", "4202", "48601"))
    return gen_alpenfon.text(
        [gen_alpenfon.row(rng, gen_alpenfon.as_written(e)) for e in events])


def fresh(folder: Path, partner: str, name: str, data: bytes) -> tuple[Home, str]:
    """A home with this one file collected, and its reference."""
    home, file_id = prepare_home(folder), hashlib.sha256(data).hexdigest()
    path, now = home.archived(partner, file_id), clock(home.settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with Ledger(home.ledger) as ledger:
        register(Lake(home.lake), ledger,
                 Fetched(partner, name, name, len(data), now, file_id, path), now)
    return home, f"{partner}/{file_id}"


def steps(home: Home, ref: str) -> dict[str, Callable[[], object]]:
    """What happens to a collected file, in order."""
    now = clock(home.settings)
    return {
        "mediate": lambda: pipeline.mediate(home, [ref]),
        "rate": lambda: pipeline.rate(home, [ref], now=now),
        "post": lambda: pipeline.post(home, [ref], now=now),
        "deliver": lambda: pipeline.deliver(home, [ref]),
        "publish": lambda: pipeline.publish(home),
        "reconcile": lambda: pipeline.reconcile(home, [ref]),
    }


def measure(
    kind: str, partner: str, name: str, data: bytes, records: int, read: Callable[[], object]
) -> list[dict[str, object]]:
    """Figures of one kind of file."""
    whole, reading, parts = Timing(), Timing(), {}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            home, ref = fresh(Path(folder) / "home", partner, name, data)
            todo = steps(home, ref)
            whole.run(lambda todo=todo: [
                parts.setdefault(n, Timing()).run(work) for n, work in todo.items()])
            (row,) = pipeline.rows_of(home, [ref])
            assert row["posted"] > records * 0.9, row
            reading.run(read)
    size = f"{records:,} records, {len(data) / 1e6:.1f} MB"
    return [
        {"name": f"pipeline_{kind}_records_per_s", "value": records / whole.wall,
         "unit": "records/s", "input": size},
        {"name": f"pipeline_{kind}_records_per_cpu_s", "value": records / whole.cpu,
         "unit": "records/CPU s", "input": size},
        {"name": f"pipeline_{kind}_vs_reading_only", "value": whole.cpu / reading.cpu,
         "unit": "x CPU", "input": f"reading alone {reading.cpu:.3f} CPU s"},
        *({"name": f"pipeline_{kind}_{n}", "value": t.wall, "unit": "s", "input": size}
          for n, t in parts.items()),
    ]


def main() -> None:
    tap, table = tap_file(), csv_file()
    schema = asn1tools.compile_dict(parse_module(), "ber")
    results = measure("tap", "nordtel", "CDNORNTAUTRM00071", tap, TAP_RECORDS,
                      lambda: schema.decode("DataInterChange", tap))
    results += measure("csv", "alpenfon", f"ALPENFON_{DAY:%Y%m%d}_0071.csv", table, CSV_RECORDS,
                       lambda: pl.read_csv(io.BytesIO(table), separator=";", encoding="latin1"))
    publish("pipeline", results)


if __name__ == "__main__":
    main()
