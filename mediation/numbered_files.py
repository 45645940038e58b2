"""A partner's files with a number of his: which came before a file, and what became of them."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

REUSED: Final = "SEQUENCE_REUSED: "
"""What the note begins with of a file whose number another one had"""

Numbers = npt.NDArray[np.int64]


class Numbered(NamedTuple):
    """One file whose number counts."""

    file_id: str
    name: str
    state: str
    notes: str | None


class Owner(NamedTuple):
    """Whose numbers they are: what a partner sent to somebody; tests have numbers of their own."""

    sender: str | None
    recipient: str | None
    test: bool


@dataclass(slots=True)
class _Owned:
    """The files of one owner in order of arrival; the numbers in the first `len(files)` places."""

    arrived: list[int] = field(default_factory=list)
    files: list[Numbered] = field(default_factory=list)
    sequences: Numbers = field(default_factory=lambda: np.zeros(16, np.int64))

    def add(self, arrived: int, file: Numbered, sequence: int) -> None:
        """Put a file where it arrived, most often behind all others."""
        at, count = bisect_left(self.arrived, arrived), len(self.files)
        if count == len(self.sequences):
            # twice as many, so that each number is moved seldom
            self.sequences = np.concatenate([self.sequences, np.zeros(count, np.int64)])
        self.sequences[at + 1 : count + 1] = self.sequences[at:count].copy()
        self.sequences[at] = sequence
        self.arrived.insert(at, arrived)
        self.files.insert(at, file)

    def remove(self, arrived: int) -> None:
        """Forget a file."""
        at, count = bisect_left(self.arrived, arrived), len(self.files)
        self.sequences[at : count - 1] = self.sequences[at + 1 : count].copy()
        del self.arrived[at], self.files[at]


class NumberedFiles:
    """The files of one partner whose numbers count, by owner."""

    def __init__(self) -> None:
        """No files yet."""
        self._owned: dict[Owner, _Owned] = {}
        self._owner: dict[int, Owner] = {}

    def add(self, arrived: int, row: Mapping[str, Any]) -> None:
        """Count a file (file_control.EARLIER) in the place `arrived`, instead of what was there.

        One that could not be read counts for nothing, nor does the second of two with one number.
        """
        if arrived in self._owner:
            self._owned[self._owner.pop(arrived)].remove(arrived)
        notes = row["notes"]
        if row["sequence"] is None or row["state"] == "refused" or (
            notes and any(line.startswith(REUSED) for line in notes.split("\n"))
        ):
            return
        owner = Owner(row["sender"], row["recipient"], row["kind"] == "test")
        self._owner[arrived] = owner
        self._owned.setdefault(owner, _Owned()).add(
            arrived, Numbered(row["file_id"], row["name"], row["state"], notes), row["sequence"]
        )

    def before(self, arrived: int) -> "Before":
        """What came before this place, whatever is counted behind it."""
        return Before(self._owned, arrived)


class Before:
    """The files of a partner that arrived before one of his."""

    def __init__(self, owned: Mapping[Owner, _Owned], arrived: int) -> None:
        self._owned, self._arrived = owned, arrived

    @classmethod
    def of(cls, earlier: pl.DataFrame, but: str) -> "Before":
        """Those of a frame (file_control.EARLIER), without the file of the id `but`."""
        files = NumberedFiles()
        for at, row in enumerate(earlier.filter(pl.col("file_id") != but).iter_rows(named=True)):
            files.add(at, row)
        return files.before(earlier.height)

    def of_owner(self, owner: Owner) -> tuple[Numbers, list[Numbered]]:
        """Their numbers, and more than they: the first files are those of the numbers."""
        owned = self._owned.get(owner)
        if owned is None:
            return np.zeros(0, np.int64), []
        return owned.sequences[: bisect_left(owned.arrived, self._arrived)], owned.files
