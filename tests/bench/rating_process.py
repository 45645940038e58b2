"""One rater in a process of its own: `rating_process.py ENGINE FOLDER SUBSCRIBERS EVENTS BATCH`.

It prints one line of JSON: seconds to load the catalog, wall and CPU seconds from the first octet
of usage read to the last octet of charges written, the highest resident memory, and the sums.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rating_world import World, build

Sums = tuple[int, int, int]
"""Events, retail micro-units and units covered by allowances"""


def ours(world: World, folder: Path, out: Path) -> Callable[[], Iterator[Sums]]:
    """Ratemill: both legs of every event, with the state carried from batch to batch.

    One thread prices, another reads the next batch and writes the last one.
    """
    import polars as pl

    from ratemill.lake import Lake
    from rating.catalog import load_catalog
    from rating.rate import price_usage
    from rating.schema import ALLOWANCE_USE, CHARGE

    catalog, lake = load_catalog(world.catalog, "Europe/Vienna", folder / "images"), Lake(out)

    def batches(disk: Executor) -> Iterator[pl.DataFrame]:
        coming = [disk.submit(pl.read_parquet, path) for path in world.usage[:1]]
        for following in (*world.usage[1:], None):
            usage = coming.pop().result()
            if following:
                coming.append(disk.submit(pl.read_parquet, following))
            yield usage

    def run() -> Iterator[Sums]:
        use, written = ALLOWANCE_USE.empty(), []
        with ThreadPoolExecutor(1) as disk:
            for number, usage in enumerate(batches(disk)):
                rated = price_usage(usage, catalog, use)
                assert rated.turned.is_empty()
                for writing in written[-1:]:
                    writing.result()
                path = lake.path(CHARGE, "all", str(number), "rate")
                written.append(disk.submit(lake.write, CHARGE, path, rated.charges))
                use = rated.use
                retail = rated.charges.head(usage.height)
                yield retail.height, retail["amount_micros"].sum(), retail["covered_units"].sum()

    return run


def duckdb(world: World, _folder: Path, out: Path) -> Callable[[], Iterator[Sums]]:
    """One SQL plan over all batches, the retail leg only."""
    import rating_duckdb

    con = rating_duckdb.load(world)
    return lambda: iter([rating_duckdb.rate(con, world.usage, out / "rated.parquet")])


def naive(world: World, _folder: Path, _out: Path) -> Callable[[], Iterator[Sums]]:
    """A loop over records in Python, the retail leg only, nothing written."""
    import rating_naive

    rater = rating_naive.Naive(world)
    return lambda: (rating_naive.rate(rater, path) for path in world.usage)


ENGINES = {f.__name__: f for f in (ours, duckdb, naive)}


def measure(engine: str, folder: Path, subscribers: int, events: int, batch: int) -> dict[str, Any]:
    """The figures of one run."""
    world = build(folder, subscribers, events, batch)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        begin = time.perf_counter()
        run = ENGINES[engine](world, folder, Path(out))
        loaded, cpu = time.perf_counter(), time.process_time()
        sums = [sum(column) for column in zip(*run(), strict=True)]
        return {
            "load_s": loaded - begin, "wall_s": time.perf_counter() - loaded,
            "cpu_s": time.process_time() - cpu, "sums": sums,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))))
