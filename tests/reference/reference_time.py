"""Local time for the reference rater: clocks, midnights, periods and bands, with zoneinfo only."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1)
ALWAYS = -(10**12)
NEVER = 10**12
DAY = timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def seconds(moment):
    """Seconds since 1970 of a naive UTC datetime."""
    return (moment - EPOCH) // timedelta(seconds=1)


@cache
def zone_of(name):
    return ZoneInfo(name)


def offset_at(zone, at):
    """Local time minus UTC, in seconds."""
    return datetime.fromtimestamp(at, zone_of(zone)).utcoffset() // timedelta(seconds=1)


@lru_cache(maxsize=100_000)
def first_moment(zone, day):
    """The first second of a local date; where clocks skip midnight, the moment they do."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone_of(zone))
    return int(midnight.astimezone(UTC).timestamp())


@cache
def changes_in_year(zone, year):
    """Seconds at which the zone's clocks change within a UTC year, by looking at every hour."""
    found = []
    at = seconds(datetime(year, 1, 1))
    end = seconds(datetime(year + 1, 1, 1))
    while at < end:
        before = offset_at(zone, at)
        if offset_at(zone, at + 3600) != before:
            low, high = at, at + 3600
            while high - low > 1:
                middle = (low + high) // 2
                if offset_at(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            found.append(high)
        at += 3600
    return found


@dataclass(frozen=True, slots=True)
class Clock:
    """The local time that counts: of a time zone, or at a fixed offset where zone is None."""

    zone: str | None
    offset_s: int = 0

    def local(self, at):
        """Naive local time."""
        shift = self.offset_s if self.zone is None else offset_at(self.zone, at)
        return EPOCH + timedelta(seconds=at + shift)

    def moments(self, wall):
        """Every moment at which the clock could show the naive local time."""
        if self.zone is None:
            return [seconds(wall) - self.offset_s]
        return [
            int(wall.replace(tzinfo=zone_of(self.zone), fold=fold).timestamp()) for fold in (0, 1)
        ]

    def changes(self, start, end):
        """Moments in [start, end) at which the clocks change."""
        if self.zone is None:
            return []
        years = range(Clock.year(start), Clock.year(end) + 1)
        return [t for y in years for t in changes_in_year(self.zone, y) if start <= t < end]

    @staticmethod
    def year(at):
        return (EPOCH + timedelta(seconds=at)).year


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """One line of calendars.csv: day types, minutes of the day, band."""

    days: frozenset[str]
    from_minute: int
    to_minute: int
    band: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The bands of a week and the dates that are holidays."""

    rows: tuple[CalendarRow, ...]
    holidays: frozenset[date]

    def band(self, wall):
        """The band at a naive local time."""
        day = wall.date()
        kind = "holiday" if day in self.holidays else WEEKDAYS[day.weekday()]
        minute = wall.hour * 60 + wall.minute
        for row in self.rows:
            if kind in row.days and row.from_minute <= minute < row.to_minute:
                return row.band
        raise LookupError(f"no band at {wall}")

    def edges(self):
        """Minutes of the day at which some row begins; 0 among them."""
        return {0} | {row.from_minute for row in self.rows}


def band_borders(calendar, clock, start, end):
    """Moments in (start, end) at which the band may change; more than needed does no harm."""
    if calendar is None:
        return set()
    found = set(clock.changes(start, end))
    edges = [timedelta(minutes=m) for m in calendar.edges()]
    day = clock.local(start).date() - DAY
    last = clock.local(end).date() + DAY
    while day <= last:
        midnight = datetime(day.year, day.month, day.day)
        for edge in edges:
            found.update(clock.moments(midnight + edge))
        day += DAY
    return {t for t in found if start < t < end}


def band_at(calendar, clock, at):
    return "*" if calendar is None else calendar.band(clock.local(at))


def period_date(kind, day):
    """The first date of the day's, week's or month's period that holds the date."""
    if kind == "day":
        return day
    if kind == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1)


def period_after(kind, day, count):
    """The first date of the period that is count periods later (earlier where negative)."""
    if kind == "month":
        month = day.year * 12 + day.month - 1 + count
        return date(month // 12, month % 12 + 1, 1)
    return day + timedelta(days=count * (7 if kind == "week" else 1))


def local_date(zone, at):
    return Clock(zone).local(at).date()
