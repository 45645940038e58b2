"""Stages' outputs on their way to the lake while the next files are worked on."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self

import polars as pl

from mediation.tables import Table
from ratemill.lake import Lake, Stage

_TOGETHER: Final = 32
"""Files that are put on disk at once: of more, each costs hardly less"""
_OCTETS: Final = 16 << 20
"""Octets in memory that are worth writing by themselves"""


class LakeWriter:
    """Writes the outputs of a stage in the order given, by a thread; a context manager.

    What could not be written is raised by a later call, at the latest when the block ends.
    """

    def __init__(self, lake: Lake, stage: Stage) -> None:
        self._lake, self._stage = lake, stage
        self._pool = ThreadPoolExecutor(1, "lake")
        self._given: list[tuple[str, dict[Table, pl.DataFrame]]] = []
        self._octets = 0
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._ended()
            if kind is None:
                self.wait()
        finally:
            self._pool.shutdown()

    def save(self, ref: str, frames: dict[Table, pl.DataFrame]) -> None:
        """Have the outputs of a file written soon, as Lake.save does."""
        self._given.append((ref, frames))
        self._octets += sum(int(frame.estimated_size()) for frame in frames.values())
        if len(self._given) >= _TOGETHER or self._octets > _OCTETS:
            self._begin()

    def wait(self) -> None:
        """Return once all that was given is in the lake."""
        self._begin()
        self._ended()

    def _begin(self) -> None:
        """Have what was given written; one lot is under way at a time."""
        self._ended()
        if self._given:
            self._writing = self._pool.submit(self._lake.save_all, self._stage, self._given)
            self._given, self._octets = [], 0

    def _ended(self) -> None:
        writing, self._writing = self._writing, None
        if writing:
            writing.result()
