"""What was used of allowances and counters: a table of which a batch changes few rows."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from asn1.compiled import njit
from rating.allowance_claims import ST_BUCKET, ST_FIRST, ST_HOLDING, ST_LAST, ST_OWNER
from rating.allowance_holders import INLINE, OPTIONS
from rating.allowance_owners import Owners
from rating.local_time import ALWAYS_S, Clocks, seconds
from rating.price_arrays import H_ALLOWANCE, H_CLOCK, H_FROM_S
from rating.row_spans import Ints, SmallInts
from rating.validity import frozen
from rating.zone_chains import Words

U_NEXT, U_KEY, U_START, U_USED = range(4)
_COLUMNS: Final = 4
_STATE: Final = ("holder", "allowance", "period_start", "used", "scale")
_MOST_USED: Final = 2**62
_AT_ONCE: Final = 512


class Kinds(NamedTuple):
    """Allowances, then counters, by number."""

    words: Words
    names: pl.Series
    """Enum"""
    scales: Ints
    """in how many parts a base unit of each is counted"""


class Buckets(NamedTuple):
    """The periods of the stores of a batch, one after the other."""

    starts: Ints
    """when each begins; for a quantity given once, when the grant does"""
    rows: Ints
    """the row of the Use, -1: none"""
    used: Ints
    before: Ints
    """what was used before the batch"""


class Table(NamedTuple):
    """Rows of what owners used, in any order; each names the owner's next."""

    heads: SmallInts
    """per owner the number of its first row + 1"""
    rows: Ints
    """[U_] Number + 1 of the owner's next row, whose period starts no later; owner x kinds + kind;
    start of the period; used. There may be room for more."""
    near: Ints
    """scratch of any length but 0"""

    @classmethod
    def empty(cls, owners: int, room: int) -> "Table":
        """One without rows."""
        return cls(np.zeros(owners, np.int32), np.empty((room + 1, _COLUMNS), np.int64),
                   np.zeros(_AT_ONCE, np.int64))


@dataclass(eq=False)
class Use:
    """What was used up to some time.

    The Use after a batch has the memory of the one before, which then notes what it had where the
    batch changed it.
    """

    owners: Owners
    kinds: Kinds
    unknown: pl.DataFrame
    """rows of table allowance_use that name nothing in the catalog"""
    table: Table
    height: int
    """how many rows of the table are those of this Use"""
    later: "tuple[Use, Ints, Ints] | None" = None
    """the Use after the next batch, the rows that differ there, and what was used of them here"""

    @classmethod
    def of(cls, state: pl.DataFrame, owners: Owners, kinds: Kinds) -> "Use":
        """What table allowance_use says, told at the scales of the catalog."""
        owner, kind = owners.find(state["holder"]), kinds.words.codes(state["allowance"])
        known = (owner >= 0) & (kind < len(kinds.scales))
        rows, start = np.flatnonzero(known), seconds(state["period_start"])
        rows = rows[np.argsort(start[rows], kind="stable")]
        used = _rescaled(
            state["used"].to_numpy()[rows], state["scale"].to_numpy()[rows],
            kinds.scales[kind[rows]],
        )
        table = Table.empty(owners.count, len(rows))
        keys, unknown = owner * len(kinds.scales) + kind, state.filter(pl.Series(~known))
        height = _add_rows(
            table, len(kinds.scales), frozen(keys[rows]), frozen(start[rows]), frozen(used)
        )
        return cls(owners, kinds, unknown.select(_STATE), table, height)

    @property
    def current(self) -> "Use":
        """Itself, or a copy with memory of its own where there was a batch after it."""
        if self.later is None:
            return self
        old, table = self.table.rows[:self.height], Table.empty(self.owners.count, self.height)
        _add_rows(table, len(self.kinds.scales), frozen(old[:, U_KEY]), frozen(old[:, U_START]),
                  frozen(self._used()))
        return replace(self, table=table, later=None)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Table allowance_use."""
        rows = self.table.rows[:self.height]
        owner, kind = np.divmod(rows[:, U_KEY], max(len(self.kinds.scales), 1))
        return pl.concat([self.unknown, pl.DataFrame({
            "holder": self.owners.named(owner),
            "allowance": self.kinds.names[pl.Series(kind)].cast(pl.String),
            "period_start": times(rows[:, U_START]), "used": self._used(),
            "scale": self.kinds.scales[kind],
        })])

    def load(self, stores: SmallInts, holdings: Ints, size: int, clocks: Clocks) -> Buckets:
        """The buckets of the stores of some holdings, of which there are `size`."""
        buckets = Buckets(*(np.empty(size, np.int64) for _ in Buckets._fields))
        _load(stores, holdings, frozen(clocks.clock_from), frozen(clocks.periods),
              len(self.kinds.scales), self.table, buckets)
        return buckets

    def after(
        self, stores: SmallInts, holdings: Ints, buckets: Buckets, used: Ints
    ) -> "Use":
        """What is used after a batch that left its buckets as in `used`."""
        use, size, kinds = self.current, len(used), len(self.kinds.scales)
        changed, keys = np.empty(size, np.int64), np.empty(size, np.int64)
        count = _changed(stores, holdings, kinds, buckets, used, changed, keys)
        changed, keys, before = changed[:count], keys[:count], np.empty(count, np.int64)
        table = use.table
        if use.height + count > len(table.rows):
            rows = np.empty((2 * len(table.rows) + count, _COLUMNS), np.int64)
            rows[:use.height] = table.rows[:use.height]
            table = table._replace(rows=rows)
        height = _keep(changed, keys, kinds, table, use.height, buckets, used, before)
        newer = replace(use, table=table, height=height)
        use.later = newer, changed, before
        return newer

    def _used(self) -> Ints:
        """What was used, per row."""
        notes, use = [], self
        while use.later is not None:
            notes.append(use.later[1:])
            use = use.later[0]
        used = use.table.rows[:self.height, U_USED].copy()
        for changed, before in reversed(notes):
            here = changed < self.height
            # of a row that was changed twice the first note counts
            used[changed[here][::-1]] = before[here][::-1]
        return used


def times(at: Ints) -> pl.Series:
    """Moments of which the seconds since 1970 are given."""
    return pl.Series(at * 1_000_000).cast(pl.Datetime("us"))


def _rescaled(used: Ints, old: Ints, new: Ints) -> Ints:
    """What was used, told at new scales; rounded up, and never more than fits."""
    told = used.copy()
    for at in np.flatnonzero(old != new).tolist():
        told[at] = min(-(-int(told[at]) * int(new[at]) // int(old[at])), _MOST_USED)
    return told


@njit(**INLINE)
def _row(  # pragma: no cover - compiled
    table: Table, owner: int, key: int, start: int
) -> tuple[int, int]:
    """The row of a key and start, -1 where there is none; the row behind which it would come."""
    rows, behind = table.rows, -1
    number: int = table.heads[owner] - 1
    while number >= 0 and rows[number, U_START] >= start:
        if rows[number, U_START] == start and rows[number, U_KEY] == key:
            return number, behind
        behind, number = number, rows[number, U_NEXT] - 1
    return -1, behind


@njit(**INLINE)
def _row_made(  # pragma: no cover - compiled
    table: Table, height: int, owner: int, key: int, start: int
) -> int:
    """The row of a key and start, made as row `height` where there is none."""
    number: int
    number, behind = _row(table, owner, key, start)
    if number < 0:
        heads, rows, number = table.heads, table.rows, height
        row = rows[number]
        row[U_KEY], row[U_START], row[U_USED] = key, start, 0
        if behind < 0:
            row[U_NEXT], heads[owner] = heads[owner], number + 1
        else:
            row[U_NEXT], rows[behind, U_NEXT] = rows[behind, U_NEXT], number + 1
    return number


@njit(**OPTIONS)
def _add_rows(  # pragma: no cover - compiled
    table: Table, kinds: int, keys: Ints, starts: Ints, used: Ints
) -> int:
    """How many rows a table has after these are added to none; the same twice is one row."""
    height = 0
    for place in range(len(keys)):
        number = _row_made(table, height, keys[place] // kinds, keys[place], starts[place])
        height = max(height, number + 1)
        table.rows[number, U_USED] = min(table.rows[number, U_USED] + used[place], _MOST_USED)
    return height


@njit(**OPTIONS)
def _load(  # pragma: no cover - compiled
    stores: SmallInts, holdings: Ints, clock_from: Ints, periods: Ints, kinds: int, table: Table,
    buckets: Buckets,
) -> None:
    heads, rows, near = table.heads, table.rows, table.near
    for number in range(len(stores)):
        if number % len(near) == 0:
            # rows lie anywhere in memory, which brings many at once much faster than one by one
            count, last = 0, -1
            for further in range(number, min(number + len(near), len(stores))):
                owner = stores[further, ST_OWNER]
                if owner != last:
                    near[count], last, count = max(heads[owner] - 1, 0), owner, count + 1
            for place in range(count):
                near[place] = rows[near[place], U_START]
        store = stores[number]
        holding = holdings[store[ST_HOLDING]]
        owner, clock, bucket = store[ST_OWNER], holding[H_CLOCK], store[ST_BUCKET]
        key = owner * kinds + holding[H_ALLOWANCE]
        for period in range(store[ST_FIRST], store[ST_LAST] + 1):
            start = holding[H_FROM_S]
            if clock >= 0:
                start = max(periods[clock_from[clock] + period], ALWAYS_S)
            row, _ = _row(table, owner, key, start)
            used = rows[row, U_USED] if row >= 0 else 0
            buckets.starts[bucket], buckets.rows[bucket] = start, row
            buckets.used[bucket], buckets.before[bucket] = used, used
            bucket += 1


@njit(**OPTIONS)
def _changed(  # pragma: no cover - compiled
    stores: SmallInts, holdings: Ints, kinds: int, buckets: Buckets, used: Ints, changed: Ints,
    keys: Ints,
) -> int:
    """How many buckets differ from before; they and their keys are written."""
    count = 0
    for number in range(len(stores)):
        bucket = stores[number, ST_BUCKET]
        periods = stores[number, ST_LAST] - stores[number, ST_FIRST] + 1
        for place in range(bucket, bucket + periods):
            if used[place] != buckets.before[place]:
                kind = holdings[stores[number, ST_HOLDING], H_ALLOWANCE]
                changed[count], keys[count] = place, stores[number, ST_OWNER] * kinds + kind
                count += 1
    return count


@njit(**OPTIONS)
def _keep(  # pragma: no cover - compiled
    changed: Ints, keys: Ints, kinds: int, table: Table, height: int, buckets: Buckets, used: Ints,
    before: Ints,
) -> int:
    """The height after changed buckets are written; they become rows, and what those had."""
    rows, near = table.rows, table.near
    for number in range(len(changed)):
        if number % len(near) == 0:
            # as in `_load`
            end = min(number + len(near), len(changed))
            for further in range(number, end):
                row = buckets.rows[changed[further]]
                head = table.heads[keys[further] // kinds] - 1
                near[further - number] = row if row >= 0 else max(head, 0)
            for place in range(end - number):
                near[place] = rows[near[place], U_START]
        bucket, key = changed[number], keys[number]
        row = buckets.rows[bucket]
        if row < 0:
            row = _row_made(table, height, key // kinds, key, buckets.starts[bucket])
            height = max(height, row + 1)
        changed[number], before[number] = row, rows[row, U_USED]
        rows[row, U_USED] = used[bucket]
    return height
