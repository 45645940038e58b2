"""Dense numbers for keys, and answers to questions that recur, kept from batch to batch."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from asn1.compiled import njit

Ints = npt.NDArray[np.int64]

_ROOM: Final = 1024


class Numbers:
    """Distinct keys, numbered in the order in which they first came; a number never changes."""

    def __init__(self) -> None:
        """No keys yet."""
        self._keys = np.empty(_ROOM, np.int64)
        self._slots = np.full(2 * _ROOM, -1, np.int64)
        self._count = 0

    @property
    def keys(self) -> Ints:
        """The keys in the order of their numbers."""
        return self._keys[: self._count]

    def of(self, keys: Ints) -> Ints:
        """The number of each key; keys that are new get the next ones."""
        found = np.empty(len(keys), np.int64)
        keys, done = np.ascontiguousarray(keys).view(), 0
        keys.setflags(write=False)
        while True:
            done, self._count = _number(keys, done, self._keys, self._slots, self._count, found)
            if done == len(keys):
                return found
            self._grow()

    def _grow(self) -> None:
        known = self.keys.view()
        known.setflags(write=False)
        self._keys = np.empty(2 * len(self._keys), np.int64)
        self._slots = np.full(2 * len(self._slots), -1, np.int64)
        _number(known, 0, self._keys, self._slots, 0, np.empty(len(known), np.int64))


class Answers:
    """Answers to questions that are whole numbers, each asked but once."""

    def __init__(self, ask: Callable[[Ints], Ints]) -> None:
        """No answers yet; `ask` gives those to questions that all differ."""
        self._ask = ask
        self._asked = Numbers()
        self._known = np.empty(0, np.int64)

    def of(self, questions: Ints) -> Ints:
        """The answer to each question."""
        place = self._asked.of(questions)
        new = self._asked.keys[len(self._known):]
        if len(new):
            self._known = np.concatenate([self._known, self._ask(new)])
        found: Ints = self._known[place]
        return found


def distinct(keys: Ints) -> tuple[Ints, Ints]:
    """The distinct keys in order, and per key its place among them."""
    numbers = Numbers()
    number = numbers.of(keys)
    order = np.argsort(numbers.keys)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return numbers.keys[order], place[number]


@njit(cache=True, nogil=True, _nrt=False)
def _number(  # pragma: no cover - compiled
    keys: Ints, done: int, known: Ints, slots: Ints, count: int, found: Ints
) -> tuple[int, int]:
    """Number the keys from `done` on; how far it came before `known` was full, and the count."""
    mask = len(slots) - 1
    for i in range(done, len(keys)):
        key = keys[i]
        # the golden ratio spreads what differs in low bits over the high ones
        mixed = key * -7046029254386353131
        slot = (mixed ^ (mixed >> 32)) & mask
        while slots[slot] >= 0 and known[slots[slot]] != key:
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            if count == len(known):
                return i, count
            slots[slot] = count
            known[count] = key
            count += 1
        found[i] = slots[slot]
    return len(keys), count
