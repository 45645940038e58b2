"""The row of the number plan that a called number has at a time, compiled for many numbers."""

from typing import NamedTuple

import numpy as np

from asn1.compiled import njit
from rating.number_plan import NumberPlan
from rating.row_search import ranges
from rating.row_spans import interleaved
from rating.validity import Ints, frozen, ints


class Ranked(NamedTuple):
    """Ascending keys with a row of the plan each, divided into ranges as those of `Spread`."""

    keys: Ints
    rows: Ints
    first: Ints
    shift: int

    @classmethod
    def of(cls, keys: Ints, rows: Ints) -> "Ranked":
        """Keys that differ, with their rows."""
        return cls(frozen(keys), frozen(rows), *ranges(keys))


class PlanSearch(NamedTuple):
    """A number plan as the compiled search reads it."""

    intervals: Ranked
    ported: Ranked
    rows: Ints
    """valid_from, valid_to, next and zone of each row of the plan"""

    @classmethod
    def of(cls, plan: NumberPlan, zone: Ints) -> "PlanSearch":
        """The search in a plan; `zone` is the number of each row's zone."""
        dated = [ints(plan.rows[name]) for name in ("valid_from", "valid_to", "next")]
        return cls(
            Ranked.of(ints(plan.intervals["start"]), ints(plan.intervals["row"])),
            Ranked.of(ints(plan.ported["key"]), ints(plan.ported["row"])),
            frozen(interleaved([*dated, zone])),
        )

    def rows_at(self, keys: Ints, at: Ints) -> tuple[Ints, Ints]:
        """Per number_key and time in microseconds the row that holds, and its zone; -1 for none."""
        found = np.empty((2, len(keys)), np.int64)
        _search(self, frozen(keys), frozen(at), found[0], found[1])
        return found[0], found[1]


@njit(cache=True, nogil=True, _nrt=False)
def _search(  # pragma: no cover - compiled
    plan: PlanSearch, keys: Ints, at: Ints, found: Ints, zone: Ints
) -> None:
    for i in range(len(keys)):
        key, time = keys[i], at[i]
        row = -1
        place = _last(plan.ported, key)
        if place >= 0 and plan.ported.keys[place] == key:
            row = _valid(plan.rows, plan.ported.rows[place], time)
        if row < 0:
            place = _last(plan.intervals, key)
            if place >= 0:
                row = _valid(plan.rows, plan.intervals.rows[place], time)
        found[i], zone[i] = row, (plan.rows[row, 3] if row >= 0 else -1)


@njit(cache=True, nogil=True, _nrt=False)
def _last(ranked: Ranked, key: int) -> int:  # pragma: no cover - compiled
    """The place of the last key up to this one, -1 for none."""
    keys = ranked.keys
    if len(keys) == 0 or key < keys[0]:
        return -1
    if key >= keys[-1]:
        return len(keys) - 1
    part = (key - keys[0]) >> ranked.shift
    below, above = ranked.first[part], ranked.first[part + 1]
    while below < above:
        middle = (below + above) // 2
        if keys[middle] <= key:
            below = middle + 1
        else:
            above = middle
    return int(below) - 1


@njit(cache=True, nogil=True, _nrt=False)
def _valid(rows: Ints, row: int, time: int) -> int:  # pragma: no cover - compiled
    """The first row from this one on that holds at the time, -1 for none."""
    while row >= 0 and not rows[row, 0] <= time < rows[row, 1]:
        row = rows[row, 2]
    return row
