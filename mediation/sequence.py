"""The numbers of a partner's files: where each stands in its counter, and which never came."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from mediation.numbered_files import Numbers
from mediation.profile import Profile

TAP_RANGE: Final = (1, 99_999)
"""After 99999 a TAP sender counts from 1 again (TD.57)."""

Span = tuple[int, int]
"""Numbers or positions from the first to the last, both in it."""


@dataclass(frozen=True, slots=True)
class Counter:
    """How a partner counts: positions go on where his numbers begin again.

    `around` is the first and the last number, None where numbers never begin again.
    """

    around: Span | None = None
    skipped: tuple[Span, ...] = ()

    @property
    def size(self) -> int:
        """Numbers in one round; 0 without rounds."""
        return self.around[1] - self.around[0] + 1 if self.around else 0

    def holds(self) -> pl.Expr:
        """Whether the counter ever comes to the number in column sequence."""
        return pl.col("sequence").is_between(*self.around) if self.around else pl.lit(value=True)

    def positions(self, numbers: Numbers) -> Numbers:
        """The position of each number, given in order of arrival: the nearest to the one before.

        The first number is its own position.
        """
        if not self.around or not len(numbers):
            return numbers
        steps = np.diff(numbers) % self.size
        steps[steps > self.size // 2] -= self.size
        return np.cumsum(np.concatenate([numbers[:1], steps]))

    def number(self, position: int) -> int:
        """The number at a position."""
        if not self.around:
            return position
        return (position - self.around[0]) % self.size + self.around[0]

    def recent(self, files: int) -> int:
        """Of so many files how many, the newest, have numbers that no other file may have yet.

        Where numbers begin again, half a round of files has to come before one is used again.
        """
        return min(files, self.size // 2) if self.around else files

    def missing(self, before: int, after: int) -> list[Span]:
        """The numbers between two positions, without those that are skipped."""
        if after - before < 2:
            return []
        skipped = [span for agreed in self.skipped for span in self._at(agreed, before, after)]
        return [(self.number(first), self.number(last))
                for first, last in _without((before + 1, after - 1), sorted(skipped))]

    def count(self, numbers: Span) -> int:
        """How many numbers a span holds, which may go over the last number of a round."""
        steps = numbers[1] - numbers[0]
        return (steps % self.size if self.around else steps) + 1

    def _at(self, numbers: Span, before: int, after: int) -> Iterator[Span]:
        """The positions of numbers in each round that lies between two positions."""
        if not self.around:
            yield numbers
            return
        first = before + (numbers[0] - self.number(before)) % self.size - self.size
        while first < after:
            yield first, first + numbers[1] - numbers[0]
            first += self.size


def counter_of(profile: Profile) -> Counter:
    """How the partner counts his files."""
    control = profile.control
    around = control.sequence_range or (TAP_RANGE if profile.format.kind == "tap" else None)
    return Counter(around, control.sequence_skipped)


def _without(span: Span, skipped: Iterable[Span]) -> Iterator[Span]:
    """What is left of a span without others, which are in order."""
    first, last = span
    for begin, end in skipped:
        if begin > last:
            break
        if begin > first:
            yield first, begin - 1
        first = max(first, end + 1)
    if first <= last:
        yield first, last


def spans_text(spans: Sequence[Span]) -> str:
    """Numbers as text: 4, 7 to 9."""
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in spans)
