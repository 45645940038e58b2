"""Which parts make one session: when all are there, and what becomes of those that stay alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final, Literal, NamedTuple

import polars as pl

from mediation.profile import Partials

Ending = Literal["charged", "waiting", "orphan", "dropped", "duplicate"]

ORDER: Final = (
    pl.col("started_at"), pl.col("part_number"), ~pl.col("begins"), pl.col("ends"),
    pl.col("file_number"), pl.col("record_index"),
)
"""The order of parts within a session; a null number comes first"""
SUMMED: Final = (
    "duration_s", "volume_up_bytes", "volume_down_bytes", "events", "partner_charge_micros",
    "partner_tax_micros", "partner_discount_micros",
)
"""Columns of which a session has the sum over its parts"""

_SAID: Final = {
    "state": pl.String(), "into_file_id": pl.String(), "into_record_index": pl.Int32(),
    "complete": pl.Boolean(),
}
_DURATION_MAX_S: Final = 10**12
"""In microseconds 64 bits hold it; parts that last longer are looked at one by one"""
_INTO: Final = ("into_file_id", "into_record_index")
_INT64_MAX: Final = (1 << 63) - 1


class _Part(NamedTuple):
    """What is looked at of one part; its fields are the columns of table part."""

    part_key: str
    file_number: int
    record_index: int
    file_id: str
    received_at: datetime
    usage_key: str
    begins: bool
    ends: bool
    part_number: int | None
    started_at: datetime
    duration_s: int | None

    @property
    def identity(self) -> tuple[object, ...]:
        """What another delivery of the same part has too."""
        return self.usage_key, self.started_at, self.part_number, self.begins, self.ends

    @property
    def rank(self) -> tuple[object, ...]:
        """Its place in its session, as ORDER has it."""
        number = -1 if self.part_number is None else self.part_number
        return (self.started_at, number, not self.begins, self.ends, self.file_number,
                self.record_index)

    @property
    def arrival(self) -> tuple[int, int]:
        """Its place in the order of arrival."""
        return self.file_number, self.record_index


class _End(NamedTuple):
    """What became of a part: charged or a duplicate with another, or what of the others."""

    state: Ending
    into_file_id: str | None = None
    into_record_index: int | None = None
    complete: bool = False


def settled(parts: pl.DataFrame, rule: Partials, now: datetime) -> pl.DataFrame:
    """The parts (table part, up to `state`) with state, into_file_id, into_record_index, complete.

    They are looked at in the order of arrival, file by file: what was put together once stays
    together, whatever comes later. A session is charged with the part that arrived last of it. The
    answer does not depend on the order of the rows, and depends on `now` alone for parts whose
    time runs out after the last arrival.
    """
    plain = parts.drop(_SAID, strict=False)
    at_once = _whole_at_once(plain, rule)
    others = plain.filter(~pl.col("part_key").is_in(at_once["part_key"].unique().implode()))
    ended = _one_by_one(others.sort("part_key", "file_number", "record_index"), rule, now)
    return _whole_sessions(pl.concat([at_once, ended]))


def _one_by_one(ordered: pl.DataFrame, rule: Partials, now: datetime) -> pl.DataFrame:
    """The parts, which are in the order of key and arrival, with what became of them."""
    rows = [_Part(*row) for row in ordered.select(_Part._fields).iter_rows()]
    ends: list[_End] = []
    for _, of_key in groupby(rows, key=lambda part: part.part_key):
        ends += _Key(rule, list(of_key)).ends(now)
    return ordered.hstack(pl.DataFrame(ends, orient="row", schema=_SAID))


def _whole_at_once(parts: pl.DataFrame, rule: Partials) -> pl.DataFrame:
    """The parts of keys that have one session, whole and in one file, ended as _one_by_one does.

    Most are so, and need no look at each part.
    """
    ordered = parts.sort("part_key", *ORDER)
    before = pl.col("part_key", "file_id", "ends", "started_at", "duration_s",
                    "part_number").shift(1).name.suffix("_before")
    placed = ordered.with_columns(before).with_columns(
        first=pl.col("part_key").ne_missing(pl.col("part_key_before")),
        last=pl.col("part_key").ne_missing(pl.col("part_key").shift(-1)),
    )
    apart_us = (pl.col("started_at") - pl.col("started_at_before")).dt.total_microseconds()
    lasted = pl.col("duration_s_before").fill_null(0)
    gap_us = (apart_us - lasted * 1_000_000).abs()
    follows = pl.col("part_number") == pl.col("part_number_before") + 1 if rule.number else (
        (apart_us > 0) & lasted.is_between(0, _DURATION_MAX_S)
        & (pl.col("duration_s_before").is_null() | (gap_us <= rule.gap_max_s * 1_000_000))
    )
    sound = (
        (pl.col("begins") == pl.col("first")) & (pl.col("ends") == pl.col("last"))
        & (pl.col("first") | (follows & (pl.col("file_id") == pl.col("file_id_before"))))
    )
    key = pl.col("first").cum_sum()
    return placed.with_columns(sound=sound.fill_null(value=False)).filter(
        pl.col("sound").all().over(key)
    ).with_columns(key=key).select(
        *parts.columns, state=pl.lit("charged"), into_file_id="file_id",
        into_record_index=pl.col("record_index").max().over("key"), complete=pl.lit(value=True),
    )


def _whole_sessions(parts: pl.DataFrame) -> pl.DataFrame:
    """The parts with what holds for a session as a whole: written off, or too large to be one."""
    of_session = pl.col("state") == "charged"
    itself = (pl.col("file_id") == pl.col("into_file_id")) & (
        pl.col("record_index") == pl.col("into_record_index")
    )
    too_large = pl.any_horizontal(
        pl.col(name).cast(pl.Int128).sum().over(_INTO).abs() > _INT64_MAX for name in SUMMED
    )
    given_up = pl.col("written_off").is_not_null().any().over(_INTO)
    return parts.with_columns(
        state=pl.when(~of_session).then("state")
        .when(given_up).then(pl.lit("written_off"))
        .when(too_large).then(pl.lit("overflow"))
        .when(itself).then("state")
        .otherwise(pl.lit("merged"))
    )


@dataclass(slots=True)
class _Key:
    """The parts of one key, in the order of arrival, and those that are not in a session yet."""

    rule: Partials
    parts: Sequence[_Part]
    _open: list[_Part] = field(default_factory=list)
    _ends: dict[tuple[int, int], _End] = field(default_factory=dict)
    _seen: dict[tuple[object, ...], _Part] = field(default_factory=dict)

    def ends(self, now: datetime) -> list[_End]:
        """What became of each part."""
        for _, arrivals in groupby(self.parts, key=lambda part: part.file_number):
            came = list(arrivals)
            self._time_out(came[0].received_at)
            for part in came:
                first = self._seen.setdefault(part.identity, part)
                if first is part:
                    self._open.append(part)
                else:
                    self._ends[part.arrival] = _End("duplicate", first.file_id, first.record_index)
            for session in self._sessions():
                if self._is_whole(session):
                    self._charge(session, complete=True)
            self._forget()
        self._time_out(now)
        late = {p.arrival for s in self._sessions() if self._deadline(s) <= now for p in s}
        for part in self._open:
            state: Ending = "orphan" if part.arrival in late else "waiting"
            self._ends[part.arrival] = _End(state)
        return [self._ends[part.arrival] for part in self.parts]

    def _time_out(self, at: datetime) -> None:
        """End the sessions whose time is over, where the rule is not to keep them."""
        if self.rule.orphans == "suspend":
            return
        for session in self._sessions():
            if self._deadline(session) > at:
                continue
            if self.rule.orphans == "rate":
                self._charge(session, complete=False)
            else:
                self._end(session, _End("dropped"))
        self._forget()

    def _charge(self, session: Sequence[_Part], *, complete: bool) -> None:
        last = max(session, key=lambda part: part.arrival)
        self._end(session, _End("charged", last.file_id, last.record_index, complete))

    def _end(self, session: Sequence[_Part], end: _End) -> None:
        self._ends.update((part.arrival, end) for part in session)

    def _forget(self) -> None:
        """Leave open what has not ended."""
        self._open = [part for part in self._open if part.arrival not in self._ends]

    def _deadline(self, session: Sequence[_Part]) -> datetime:
        """When its parts have waited long enough."""
        last = max(part.received_at for part in session)
        return last + timedelta(hours=self.rule.timeout_hours)

    def _sessions(self) -> Iterator[list[_Part]]:
        """The parts that are left, cut where one session ends and another begins."""
        session: list[_Part] = []
        for part in sorted(self._open, key=lambda part: part.rank):
            if session and (part.begins or session[-1].ends):
                yield session
                session = []
            session.append(part)
        if session:
            yield session

    def _is_whole(self, session: Sequence[_Part]) -> bool:
        """Whether a session is there from its first part to its last."""
        return session[0].begins and session[-1].ends and all(
            self._follows(before, after) for before, after in pairwise(session)
        )

    def _follows(self, before: _Part, after: _Part) -> bool:
        """Whether no part is missing between two."""
        if self.rule.number:
            return after.part_number == (before.part_number or 0) + 1
        if before.duration_s is None:
            return True
        apart_us = (after.started_at - before.started_at) // timedelta(microseconds=1)
        return abs(apart_us - before.duration_s * 1_000_000) <= self.rule.gap_max_s * 1_000_000
