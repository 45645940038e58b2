"""One rater in a process of its own: `rating_process.py ENGINE FOLDER SUBSCRIBERS EVENTS BATCH`.

It prints one line of JSON: seconds to load the catalog, wall and CPU seconds from the first octet
of usage read to the last octet of charges written, the highest resident memory, and the sums.
"""

import json
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ratemill  # noqa: F401  (before Polars, for which it sets how long memory is kept)

# isort: split
from rating_world import World, build

Sums = tuple[int, int, int]
"""Events, retail micro-units and units covered by allowances"""
_WAITING = 2
"""Batches that may wait to be written while another is priced: memory follows it"""


def ours(world: World, folder: Path, out: Path) -> Callable[[], Iterator[Sums]]:
    """Ratemill: both legs of every event, with what was used carried from batch to batch.

    One thread prices; two others read the next batch, and make and write the charges of the last.
    """
    import polars as pl

    from ratemill.lake import Lake
    from rating.allowance_use import Use
    from rating.catalog import load_catalog
    from rating.rate import Rated, price_usage
    from rating.schema import ALLOWANCE_USE, CHARGE

    catalog, lake = load_catalog(world.catalog, "Europe/Vienna", folder / "images"), Lake(out)

    def write(number: int, rated: Rated) -> Sums:
        assert rated.turned.is_empty()
        lake.write(CHARGE, lake.path(CHARGE, "all", str(number), "rate"), rated.charges)
        retail = rated.charges.head(rated.charges.height // 2)
        return retail.height, int(retail["amount_micros"].sum()), int(retail["covered_units"].sum())

    def run() -> Iterator[Sums]:
        writing, paths = deque[Future[Sums]](), iter(world.usage)
        use: pl.DataFrame | Use = ALLOWANCE_USE.empty()
        with ThreadPoolExecutor(2) as disk:
            reading = disk.submit(pl.read_parquet, next(paths))
            for number in range(len(world.usage)):
                usage = reading.result()
                if following := next(paths, None):
                    reading = disk.submit(pl.read_parquet, following)
                rated = price_usage(usage, catalog, use)
                use = rated.use
                writing.append(disk.submit(write, number, rated))
                if len(writing) > _WAITING:
                    yield writing.popleft().result()
            yield from (one.result() for one in writing)

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
