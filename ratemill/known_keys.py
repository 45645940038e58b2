"""Usage keys of earlier files: which of them a file repeats, without reading them all again."""

from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from mediation.dedupe import KNOWN
from mediation.schema import REJECT, USAGE
from ratemill.key_runs import Heads, Run, distinct, merged, run_of, to_merge
from ratemill.key_store import File, Stamp, keep, kept
from ratemill.lake import Lake

_MOST: Final = 5_000_000
"""Keys that wait in memory, 12 octets each, before they are put on disk"""
_WORTH: Final = 100_000
"""Fewer are read again as quickly as they are found on disk"""
_PIECE: Final = 500_000
"""Keys that are read at a time: each takes three times its size on the way"""


class KnownKeys:
    """The usage keys of mediated files in the lake.

    Those of most files are on disk below `place`, sorted; of the others they are read once.
    """

    def __init__(
        self, lake: Lake, place: Path, written: Callable[[], None] = lambda: None
    ) -> None:
        """What is on disk is found; nothing is read yet.

        `written` returns once the usage of every file that was added is in the lake.
        """
        self._lake, self._place, self._written = lake, place, written
        self._stamps: dict[File, Stamp] = {}
        self._stored = kept(place)
        self._on_disk = {file: stamp for one in self._stored for file, stamp in one.files}
        self._waiting: list[Run] = []
        self._files: list[File] = []
        self._added: set[File] = set()
        """those of the waiting files that were added before they were written"""

    def among(self, files: Iterable[File], keys: pl.Series) -> pl.DataFrame:
        """Those of the keys that the files (partner, file_id) hold.

        usage_key, file_id, record_index.
        """
        given = list(files)
        self.look_at(given)
        alike = self.holders(keys)
        # in the order given: of two files with a key, the first is its owner
        return self.held_by([file for file in given if file in alike], keys)

    def look_at(self, files: Iterable[File]) -> None:
        """Have the keys of the files at hand, but of those whose usage is to be made anew."""
        for file in files:
            if file in self._stamps or file in self._added or not self._path(file).exists():
                continue
            stamp = self._stamps[file] = self._stamp(file)
            if self._on_disk.get(file) == stamp:
                continue
            keys = pl.read_parquet(self._path(file), columns=["usage_key"])["usage_key"]
            self._wait(file, heads_of(keys))

    def add(self, file: File, keys: pl.Series) -> None:
        """Have the keys of a file at hand whose usage is about to be written to the lake."""
        self._stamps.pop(file, None)
        self._added.add(file)
        self._wait(file, heads_of(keys))

    def holders(self, keys: pl.Series) -> set[File]:
        """Of the files at hand those that may hold one of the keys."""
        heads = distinct(heads_of(keys))
        return self._alike(heads) if len(heads) else set()

    def held_by(self, files: Sequence[File], keys: pl.Series) -> pl.DataFrame:
        """Those of the keys that the files hold: see among."""
        if not files:
            return pl.DataFrame(schema=KNOWN)
        if not self._added.isdisjoint(files):
            self._written()
        return self._read(files, keys)

    def keep(self) -> None:
        """Put what waits in memory on disk, where it is worth it."""
        if sum(map(len, self._waiting)) < _WORTH:
            return
        self._written()
        self._stamps |= {file: self._stamp(file) for file in self._added}
        names = [(file, self._stamps[file]) for file in self._files]
        keep(self._place, merged(self._waiting), names, self._stamps)
        self._waiting, self._files, self._added = [], [], set()
        self._stored = kept(self._place)

    def _wait(self, file: File, heads: Heads) -> None:
        """Keep a file's heads in memory, and on disk once there are many."""
        self._add(run_of(heads, len(self._files)))
        self._files.append(file)
        if sum(map(len, self._waiting)) > _MOST:
            self.keep()

    def _stamp(self, file: File) -> Stamp:
        state = self._path(file).stat()
        return state.st_size, state.st_mtime_ns

    def _add(self, run: Run) -> None:
        """Keep a run in memory; together with shorter ones, so that few are to be searched."""
        self._waiting.sort(key=len)
        taken = to_merge(map(len, self._waiting), len(run))
        self._waiting[:taken] = [merged([run, *self._waiting[:taken]])]

    def _alike(self, heads: Heads) -> set[File]:
        """The files that hold one of the heads."""
        found = {self._files[n] for run in self._waiting for n in run.holders(heads)}
        return found | {one.files[n][0] for one in self._stored for n in one.run.holders(heads)}

    def _read(self, files: Sequence[File], keys: pl.Series) -> pl.DataFrame:
        """Those of the keys that the files hold, from the lake."""
        found = self._lake.scan(USAGE, map(self._path, files), "usage_key", "record_index")
        file_id = pl.col("path").str.extract(r"([^/]+)\.parquet$").alias("file_id")
        held = found.filter(pl.col("usage_key").is_in(keys.implode())).select(
            "usage_key", file_id, "record_index"
        ).collect()
        return held.join(
            self._without_charge(files), on=["file_id", "record_index"], how="anti",
            maintain_order="left",
        )

    def _without_charge(self, files: Sequence[File]) -> pl.DataFrame:
        """file_id and record_index of records whose charge a correction took back."""
        paths = [self._lake.path(REJECT, *file, "post") for file in files]
        away = self._lake.read(REJECT, (path for path in paths if path.exists()))
        # the key of what was posted before is somebody's
        return away.filter(pl.col("code") != "ALREADY_POSTED").select("file_id", "record_index")

    def _path(self, file: File) -> Path:
        return self._lake.path(USAGE, *file, "mediate")


def heads_of(keys: pl.Series) -> Heads:
    """The first 64 bits of usage keys (32 hex digits): whoever agrees in them is looked at."""
    pieces = [_heads(keys[at : at + _PIECE]) for at in range(0, len(keys), _PIECE)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint64)


def _heads(keys: pl.Series) -> Heads:
    array: Any = keys.to_arrow(compat_level=pl.CompatLevel.oldest())
    # The keys stand one behind another there; a null takes no room.
    _, ends, octets = array.buffers()
    bounds = np.frombuffer(ends, np.int64)[array.offset : array.offset + len(array) + 1]
    text = memoryview(octets)[bounds[0] : bounds[-1]]
    return np.frombuffer(unhexlify(text), dtype=">u8")[::2].astype(np.uint64)
