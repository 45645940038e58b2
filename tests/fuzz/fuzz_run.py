"""`make fuzz COUNT=n`: mutated files through both engines, which must agree on everything.

With RATEMILL_KERNEL_CHECKED=1 the kernel checks the bounds of every access.
"""

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from fuzz_mutate import mutated  # noqa: E402
from fuzz_seeds import seeds  # noqa: E402

from asn1.tap import NotTapError, TapFile, read  # noqa: E402

MAX_SECONDS = 2.0
"""For one file of some kilobytes: thousands of times what it should take."""


def seen(data: bytes, engine: str) -> TapFile | str:
    """The file as that engine reads it, or the words it is refused with."""
    try:
        return read(data, engine=engine)
    except NotTapError as error:
        return str(error)


def difference(kernel: TapFile | str, walker: TapFile | str) -> str | None:
    """The first thing the two readings disagree on, None when there is none."""
    if isinstance(kernel, str) or isinstance(walker, str):
        return None if kernel == walker else f"{kernel!r} and {walker!r}"
    for name in ("kind", "header", "errors", "notes", "unknown_tags", "complete", "repaired"):
        ours, theirs = getattr(kernel, name), getattr(walker, name)
        if ours != theirs:
            return f"{name}: {ours!r} and {theirs!r}"
    if list(kernel.tables) != list(walker.tables):
        return f"tables: {list(kernel.tables)} and {list(walker.tables)}"
    pairs = {**{n: (t, walker.tables[n]) for n, t in kernel.tables.items()},
             "unknown": (kernel.unknown, walker.unknown)}
    for name, (ours, theirs) in pairs.items():
        if ours.schema != theirs.schema or not ours.equals(theirs):
            return f"table {name}: {ours} and {theirs}"
    if len(kernel.following) != len(walker.following):
        return "following"
    rest = zip(kernel.following, walker.following, strict=True)
    return next(filter(None, (difference(a, b) for a, b in rest)), None)


def run(count: int, seed: int) -> Counter[str]:
    """Compares that many mutated files; raises AssertionError with the octets on a difference."""
    rng = random.Random(seed)
    corpus = seeds(rng, 64)
    tally: Counter[str] = Counter()
    seen(corpus[0], "kernel")  # loads the kernel, which takes as long as a thousand files
    for number in range(count):
        data = mutated(rng, rng.choice(corpus), corpus)
        began = time.process_time()
        try:
            kernel, walker = seen(data, "kernel"), seen(data, "walker")
        except Exception as error:
            error.add_note(f"file {number} of seed {seed}: {data.hex()}")
            raise
        seconds = time.process_time() - began
        found = difference(kernel, walker)
        assert found is None, f"file {number} of seed {seed}: {found}\n{data.hex()}"
        assert seconds < MAX_SECONDS, f"file {number} of seed {seed}: {seconds} s\n{data.hex()}"
        tally["files"] += 1
        if isinstance(kernel, str):
            tally["refused"] += 1
            continue
        tally["records"] += kernel.tables.get("event", []).__len__()
        tally["errors"] += len(kernel.errors)
        tally["notes"] += len(kernel.notes)
        tally["unknown"] += kernel.unknown.height
        tally["clean"] += not kernel.errors
    return tally


def _block(block: tuple[int, int]) -> Counter[str]:
    return run(*block)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    blocks = [(min(1000, args.count - at), args.seed + at) for at in range(0, args.count, 1000)]
    total: Counter[str] = Counter()
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(args.jobs) as pool:
        for tally in pool.imap_unordered(_block, blocks):
            total.update(tally)
            if total["files"] % 20_000 == 0:
                seconds = time.perf_counter() - began
                print(f"{total['files']:,} files in {seconds:.0f} s", flush=True)
    seconds = time.perf_counter() - began
    print(f"{dict(total)} in {seconds:.0f} s: kernel and walker agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
