"""What a catalog table is declared with: columns, keys and references."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal[
    "text", "digits", "choice", "currency", "timezone", "midnight", "day", "money", "balance",
    "percent", "ratio", "decimal", "count", "days", "clock",
]

ANY: Final = "*"
GROUP: Final = "@group"
FRIEND: Final = "@friend"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY: Final = 7
"""The day after sunday: first_day and last_day of calendar rows for `holiday`"""
SERVICES: Final = ("voice", "sms", "mms", "data", "vas", "units")
DIRECTIONS: Final = ("mo", "mt", "mf")
SERVICE_UNIT: Final = {
    "voice": "s", "sms": "event", "mms": "event", "data": "bytes", "vas": "event", "units": "unit",
}
"""Base unit that usage of a service is counted in"""
UNITS: Final = {
    "s": ("s", 1, 0), "min": ("s", 60, 0), "bytes": ("bytes", 1, 0), "kB": ("bytes", 1, 1),
    "MB": ("bytes", 1, 2), "GB": ("bytes", 1, 3), "event": ("event", 1, 0),
    "unit": ("unit", 1, 0),
}
"""Unit to (base unit, factor, power of kilo): one unit is factor * kilo ** power base units"""


@dataclass(frozen=True, slots=True)
class Column:
    """One CSV column: name, kind, meaning, and what its cells may hold."""

    name: str
    kind: Kind
    doc: str
    empty: bool = False
    """the cell may be empty"""
    optional: bool = False
    """a file may leave the whole column out, which says the same as empty cells"""
    fill: int | None = None
    """value of an empty cell; else an empty number is null and an empty text is empty"""
    refers: str = ""
    """table.column in which the value must occur, where it is given"""
    refers_if_any: bool = False
    """the reference holds only where the table it names has rows"""
    chooser: str = ""
    """column of the same table whose value says which of `refers_by` holds"""
    refers_by: Mapping[str, str] = field(default_factory=dict)
    """value of the chooser to table.column"""
    wild: bool = False
    """`*` is allowed"""
    also: tuple[str, ...] = ()
    """texts that are allowed beside those referred to"""
    choices: tuple[str, ...] = ()
    least: int = 1
    """smallest count"""
    most: int = 999_999_999_999
    """largest count, or percentage"""
    width: int = 15
    """most digits"""


@dataclass(frozen=True, slots=True, eq=False)
class CatalogTable:
    """One CSV file: name, grain, columns, and the keys that hold one row at a time each.

    A key of one column counts only where that column is given.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    required: bool = False
    """the file must be there; a file that may be missing then has no rows"""

    @property
    def dated(self) -> bool:
        """Whether the rows have a validity."""
        return any(c.name == "valid_from" for c in self.columns)


VALIDITY: Final = (
    Column("valid_from", "midnight", "first day; empty: always was", empty=True),
    Column("valid_to", "midnight", "the day after the last; empty: no end", empty=True),
)


def service(*, wild: bool = False) -> Column:
    """The column of the service."""
    more = ", or *" if wild else ""
    return Column("service", "choice", f"service of the usage{more}", choices=SERVICES, wild=wild)


def direction(*, wild: bool = False) -> Column:
    """The column of the direction."""
    more = ", or *" if wild else ""
    return Column("direction", "choice", f"mo: from the subscriber, mt: to, mf: forwarded{more}",
                  choices=DIRECTIONS, wild=wild)


SERVING_ZONE: Final = Column(
    "serving_zone", "text", "zone of the serving network or one above it, or *",
    refers="zones.zone", wild=True,
)
DESTINATION_ZONE: Final = Column(
    "destination_zone", "text",
    "zone of the called number or one above it, @group (own closed user group), @friend, or *; "
    "what calls no number has no zone but *",
    refers="zones.zone", wild=True, also=(GROUP, FRIEND),
)
BAND: Final = Column("band", "text", "time band of the calendar, or *", refers="calendars.band",
                     wild=True)
