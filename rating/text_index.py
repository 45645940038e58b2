"""Where texts stand in a long list, for lists too long to be looked through at each call."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rating.row_spans import Ints


@dataclass(frozen=True, slots=True)
class TextIndex:
    """Distinct texts by hash: made once, then found in time that does not grow with the list."""

    texts: pl.Series
    seed: int
    hashes: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.int32]
    """place in `texts` at the hash's low bits, else at the next free slot; -1: free"""

    @classmethod
    def of(cls, texts: pl.Series) -> "TextIndex":
        """The index of texts that differ from each other."""
        seed = 0
        while texts.hash(seed).n_unique() < len(texts):
            seed += 1
        hashes = texts.hash(seed).to_numpy()
        slots = np.full(1 << (2 * len(texts)).bit_length(), -1, np.int32)
        place = np.arange(len(texts), dtype=np.int32)
        at = _low_bits(hashes, len(slots))
        while len(place):
            free = slots[at] < 0
            slots[at[free]] = place[free]
            # where several wanted one slot the last has it
            left = slots[at] != place
            place, at = place[left], (at[left] + 1) % len(slots)
        return cls(texts, seed, hashes, slots)

    def find(self, texts: pl.Series) -> Ints:
        """The place of each text, -1 where it is not in the list or null."""
        hashes = texts.hash(self.seed).to_numpy()
        found = np.full(len(texts), -1, np.int64)
        left = np.arange(len(texts), dtype=np.int64)
        at = _low_bits(hashes, len(self.slots))
        while len(left):
            place = self.slots[at]
            taken = place >= 0
            left, at, place = left[taken], at[taken], place[taken]
            same = self.hashes[place] == hashes[left]
            found[left[same]] = place[same]
            left, at = left[~same], (at[~same] + 1) % len(self.slots)
        if not len(self.texts):
            return found
        # another text may have the same hash
        equal = self.texts.gather(pl.Series(np.maximum(found, 0))) == texts
        return np.where(equal.fill_null(value=False).to_numpy(), found, -1)


def _low_bits(hashes: npt.NDArray[np.uint64], size: int) -> Ints:
    return (hashes & np.uint64(size - 1)).astype(np.int64)
