"""When a partner's files are due, and which of those that came count for which time."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

State = Literal["on time", "late", "missing", "waiting"]
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_DAY: Final = timedelta(days=1)
Span = Annotated[str, Meta(pattern="^[1-9][0-9]{0,3}[mh]$|^1d$")]
"""How often something is: minutes, hours or each day"""
_FURTHEST: Final = {True: timedelta(days=33), False: timedelta(days=2)}
"""No two due times are further apart, where days are chosen and where each day has some"""


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When files are due; a file counts for the due time that it is nearest to."""

    every: Span = "1d"
    """1d, or minutes or hours that divide a day: 15m, 1h, 6h"""
    by: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """Local time at which a file is due; one of the times where several a day are"""
    zone: str = "UTC"
    """IANA zone name of `by` and of days"""
    grace: Annotated[str, Meta(pattern="^[0-9]{1,4}[mhd]$")] = "1h"
    """A file is late this long after it was due: 30m, 2h, 1d; no longer than `every`"""
    days: tuple[
        Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        | Annotated[int, Meta(ge=1, le=28)], ...
    ] = ()
    """Days on which files are due: weekdays, days of the month to 28; empty: every day"""
    files: Annotated[int, Meta(gt=0)] = 1
    """How many files are due each time, at least"""
    begins: date | None = None
    """First local day on which a file is due; absent: files are due after the first that came"""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        try:
            ZoneInfo(self.zone)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f"zone: {self.zone!r} is no time zone; write one as "
                             "Europe/Vienna") from error
        if _DAY % span(self.every):
            raise ValueError(f"every: {self.every} does not divide a day; write one as 15m, 1h, 1d")
        if span(self.grace) > span(self.every):
            raise ValueError(f"grace: {self.grace} is longer than {self.every}, after which the "
                             "next file is due; make `by` later instead")


@dataclass(frozen=True, slots=True)
class Due:
    """One due time, and when the files came that count for it; times are naive UTC."""

    at: datetime
    late_after: datetime
    files: int
    """how many are due"""
    came: tuple[datetime, ...]

    @property
    def full_at(self) -> datetime | None:
        """When the last of the files that are due came."""
        return self.came[self.files - 1] if len(self.came) >= self.files else None

    def state(self, now: datetime) -> State:
        """Whether the files came, and in time; waiting until they are late."""
        if self.full_at is not None:
            return "late" if self.full_at > self.late_after else "on time"
        return "missing" if now > self.late_after else "waiting"


def span(text: str) -> timedelta:
    """The length of time of a text as 15m, 6h or 1d."""
    return int(text[:-1]) * _UNITS[text[-1]]


def due_times(calendar: Calendar, start: datetime, end: datetime) -> list[datetime]:
    """The due times from start to before end, all naive UTC, in order, whenever it begins."""
    zone = ZoneInfo(calendar.zone)
    step, by = span(calendar.every), time.fromisoformat(calendar.by)
    first = timedelta(hours=by.hour, minutes=by.minute) % step
    found = {
        (datetime.combine(day, time(), zone) + first + i * step)
        .astimezone(UTC).replace(tzinfo=None)
        for day in _days(calendar, start.date() - _DAY, end.date() + _DAY)
        for i in range(_DAY // step)
    }
    return sorted(at for at in found if start <= at < end)


def _days(calendar: Calendar, first: date, last: date) -> Iterator[date]:
    """The local days on which files are due."""
    day = first
    while day <= last:
        if not calendar.days or {_WEEKDAYS[day.weekday()], day.day} & {*calendar.days}:
            yield day
        day += _DAY


def dues(calendar: Calendar, came: Sequence[datetime], start: datetime, end: datetime) -> list[Due]:
    """Every due time from start to end, both in it, with the files that count for it, in order.

    `came` is when each file came, in order. Where the calendar does not say when it begins, nothing
    is due before the first. All times are naive UTC.
    """
    if calendar.begins is None and not came:
        return []
    # neighbours outside the period decide to which due time a file near its ends belongs
    reach, grace = _FURTHEST[bool(calendar.days)], span(calendar.grace)
    around = due_times(calendar, start - reach, end + reach)
    first = max(start, _midnight(calendar, calendar.begins) if calendar.begins else came[0])
    found = []
    for before, at, after in zip(around, around[1:], around[2:], strict=False):
        if first <= at <= end:
            low, high = _between(before, at, grace), _between(at, after, grace)
            of_it = came[bisect_right(came, low) : bisect_right(came, high)]
            found.append(Due(at, at + grace, calendar.files, tuple(of_it)))
    return found


def expected(calendar: Calendar, came: Sequence[datetime], now: datetime) -> Due | None:
    """The first due time whose files did not all come and are not late; None before any is due."""
    begin = max(now, _midnight(calendar, calendar.begins)) if calendar.begins else now
    reach = _FURTHEST[bool(calendar.days)]
    coming = dues(calendar, came, now - span(calendar.grace), begin + 2 * reach)
    return next((due for due in coming if due.state(now) == "waiting"), None)


def _midnight(calendar: Calendar, day: date) -> datetime:
    """When the calendar's local day begins, naive UTC."""
    local = datetime.combine(day, time(), ZoneInfo(calendar.zone))
    return local.astimezone(UTC).replace(tzinfo=None)


def _between(before: datetime, after: datetime, grace: timedelta) -> datetime:
    """The last moment at which a file counts for the earlier of two due times."""
    return max(before + (after - before) / 2, min(before + grace, after))
