"""Sorted runs of usage keys: which files may hold a key is searched for, not read."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Heads = NDArray[np.uint64]
Numbers = NDArray[np.uint32]
_GROWTH: Final = 2
"""A run takes up those that are at most so many times as long: few runs, and each key is moved
seldom"""


@dataclass(frozen=True, slots=True)
class Run:
    """The first 64 bits of usage keys, ascending, and the number of the file of each."""

    heads: Heads
    files: Numbers

    def __len__(self) -> int:
        return len(self.heads)

    def holders(self, heads: Heads) -> set[int]:
        """The numbers of files that hold one of the heads (ascending)."""
        begin = np.searchsorted(self.heads, heads, "left")
        found = begin < len(self.heads)
        begin, wanted = begin[found], heads[found]
        same = self.heads[begin] == wanted
        begin, wanted = begin[same], wanted[same]
        if not len(begin):
            return set()
        # Several files may hold a key: its rows stand one behind another.
        lengths = np.searchsorted(self.heads, wanted, "right") - begin
        first = np.repeat(begin - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
        return set(np.unique(self.files[first + np.arange(lengths.sum())]).tolist())


def distinct(heads: Heads) -> Heads:
    """The heads in order, each once."""
    # numpy's unique hashes what it then sorts: ten times as long
    ordered = np.sort(heads)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))[: len(ordered)]]


def run_of(heads: Heads, file: int) -> Run:
    """The run of one file's heads, in any order."""
    return Run(np.sort(heads), np.full(len(heads), file, np.uint32))


def merged(runs: Iterable[Run]) -> Run:
    """One run of all."""
    given = list(runs)
    heads = np.concatenate([run.heads for run in given])
    order = np.argsort(heads, kind="stable")  # quick for what is sorted in parts
    return Run(heads[order], np.concatenate([run.files for run in given])[order])


def to_merge(lengths: Iterable[int], new: int) -> int:
    """How many of the runs of these lengths (ascending) a run of the length `new` takes up."""
    taken = 0
    for length in lengths:
        if length > _GROWTH * new:
            break
        taken, new = taken + 1, new + length
    return taken
