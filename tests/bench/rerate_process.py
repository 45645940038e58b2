"""One step of the re-rating bench, a process each: `rerate_process.py STEP FOLDER SUBSCRIBERS
EVENTS BATCH`.

`home` makes a home in which the events of rating_world are charged; `difference` rates all of them
again by a dearer catalog; `rollback` posts one file of FILE records and rolls it back. The last two
print one line of JSON.
"""

import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import ratemill  # noqa: F401  (before Polars, for which it sets how long memory is kept)

# isort: split
import polars as pl
from rating_world import FILE_RECORDS, World, build

from charging.ledger import Ledger
from charging.posting import register_file
from charging.schema import POSTING
from mediation.schema import FILE, REJECT, USAGE
from ratemill import pipeline
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.rerate_compute import rerated
from ratemill.rollback import find_file, roll_back_file
from rating.catalog import Catalog, load_catalog
from rating.rate import price_usage
from rating.schema import ALLOWANCE_USE, CHARGE

NOW = datetime(2026, 12, 1)
ZONE = "Europe/Vienna"
SETTINGS = f'operator = "AUTRM"\ntitle = "Bench"\nzone = "{ZONE}"\n'


def _home(folder: Path, name: str) -> Home:
    """A home with settings and nothing else."""
    root = folder / name
    root.mkdir(exist_ok=True)
    (root / "ratemill.toml").write_text(SETTINGS)
    return Home.find(root, {})


def _row(partner: str, file_id: str, number: int, records: int) -> pl.DataFrame:
    return FILE.fill(pl.DataFrame([{
        "partner": partner, "file_id": file_id, "file_number": number, "name": file_id[-9:],
        "size_bytes": 1, "received_at": NOW, "stage": "post", "state": "posted",
        "records": records, "decoded": records, "duplicate": 0, "suspended": 0, "dropped": 0,
        "rated": records, "posted": records,
    }]))


def _files(world: World, catalog: Catalog) -> Iterator[tuple[str, str, pl.DataFrame, pl.DataFrame]]:
    """Partner, file id, usage and charges of each file, charged in the order of events."""
    use: Any = ALLOWANCE_USE.empty()
    for path in world.usage:
        rated = price_usage(pl.read_parquet(path), catalog, use)
        use = rated.use
        charges = rated.charges.partition_by("partner", "file_id", as_dict=True)
        usage = rated.legs.usage.partition_by("partner", "file_id", as_dict=True)
        for (partner, file_id), rows in usage.items():
            yield partner, file_id, rows, charges[partner, file_id]


def home(folder: Path, world: World) -> None:
    """Make the home, and a catalog in which every tenth tariff is dearer."""
    catalog = load_catalog(world.catalog, ZONE, folder / "images")
    lake, none = Lake(_home(folder, "home").lake), REJECT.empty()
    for number, (partner, file_id, usage, charges) in enumerate(_files(world, catalog), 1):
        row = _row(partner, file_id, number, usage.height)
        lake.save(partner, file_id, "collect", {FILE: row})
        lake.save(partner, file_id, "mediate", {USAGE: usage, REJECT: none, FILE: row})
        lake.save(partner, file_id, "rate", {CHARGE: charges, REJECT: none, FILE: row})
        lake.save(partner, file_id, "post", {POSTING: POSTING.empty(), REJECT: none, FILE: row})
    dearer = folder / "dearer"
    shutil.copytree(world.catalog, dearer)
    rates = pl.read_csv(dearer / "rates.csv", infer_schema=False)
    rates.with_columns(
        price=pl.when(pl.col("tariff").str.ends_with("3")).then(
            (pl.col("price").cast(pl.Float64) * 2).round(4).cast(pl.String)
        ).otherwise("price")
    ).write_csv(dearer / "rates.csv")
    load_catalog(dearer, ZONE, folder / "images")


def difference(folder: Path, _world: World) -> dict[str, Any]:
    """Figures of rating all records again, and the sums of the difference."""
    catalog = load_catalog(folder / "dearer", ZONE, folder / "images")
    begin, cpu = time.perf_counter(), time.process_time()
    found = rerated(Lake(folder / "home" / "lake"), "true", catalog, keep=False)
    totals = found.difference["totals"]
    return {
        "wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "charges": int(totals["legs"].sum()), "changed": int(totals["changed"].sum()),
    }


def rollback(folder: Path, world: World) -> dict[str, Any]:
    """Figures of rolling back one file."""
    target = _home(folder, "one")
    target.catalog.symlink_to(world.catalog)
    target.catalog_cache.parent.mkdir()
    target.catalog_cache.symlink_to(folder / "images")
    usage = pl.read_parquet(world.usage[0]).head(FILE_RECORDS).with_columns(
        partner=pl.lit("partner0"), file_id=pl.lit("a" * 64),
        record_index=pl.int_range(pl.len(), dtype=pl.Int32),
    )
    lake = Lake(target.lake)
    with Ledger(target.ledger) as ledger:
        number = register_file(ledger, "partner0", "a" * 64)
        row = _row("partner0", "a" * 64, number, usage.height)
        lake.save("partner0", "a" * 64, "collect", {FILE: row})
        lake.save("partner0", "a" * 64, "mediate", {
            USAGE: USAGE.plain(usage), REJECT: REJECT.empty(),
            FILE: row.with_columns(stage=pl.lit("mediate"), state=pl.lit("mediated")),
        })
        refs = [f"partner0/{'a' * 64}"]
        pipeline.rate(target, refs, now=NOW)
        pipeline.post(target, refs, now=NOW)
        begin, cpu = time.perf_counter(), time.process_time()
        done = roll_back_file(target, ledger, find_file(target, refs[0]), NOW, who="bench",
                              why="bench")
    return {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu,
            "postings": done.postings.height}


STEPS = {step.__name__: step for step in (home, difference, rollback)}

if __name__ == "__main__":
    base = Path(sys.argv[2])
    print(json.dumps(STEPS[sys.argv[1]](base, build(base, *map(int, sys.argv[3:])))))
