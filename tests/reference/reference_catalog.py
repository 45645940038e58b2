"""The catalog as the reference rater reads it: CSV texts to plain records.

Money is in micro-units, moments in seconds since 1970 UTC, percentages are fractions of one.
"""

import csv
import io
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from reference_money import micros, percent
from reference_time import (
    ALWAYS,
    NEVER,
    WEEKDAYS,
    Calendar,
    CalendarRow,
    first_moment,
)

SIZES = {"s": (1, 0), "min": (60, 0), "bytes": (1, 0), "kB": (1, 1), "MB": (1, 2), "GB": (1, 3),
         "event": (1, 0), "unit": (1, 0)}


def unit_size(unit, kilo):
    """Base units (s, bytes, event, unit) of one unit."""
    factor, power = SIZES[unit]
    return factor * kilo**power


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file, its cells by column, and when it holds (half-open)."""

    line: int
    cells: dict[str, str]
    since: int
    until: int

    def holds(self, at):
        return self.since <= at < self.until

    def __getitem__(self, column):
        return self.cells[column]


@dataclass(frozen=True, slots=True)
class Tier:
    """One price: from a position on, so many micro-units for so many base units."""

    line: int
    begins: int
    price: int
    per: int


@dataclass(frozen=True, slots=True)
class Rate:
    """One base line of rates.csv with its tiers; intervals in base units."""

    row: Row
    setup: int
    minimum: int | None
    maximum: int | None
    first: int
    following: int
    counter: str
    markup: Fraction | None
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Tariff:
    """One line of tariffs.csv."""

    name: str
    currency: str
    calendar: Calendar | None
    band_time: str
    intervals: str
    stage: str
    mode: str
    decimals: int
    tax_included: bool
    kilo: int


@dataclass(frozen=True, slots=True)
class Scope:
    """One line of scopes.csv: what it matches, and base units used by one base unit of usage."""

    row: Row
    cost: Fraction


@dataclass(frozen=True, slots=True)
class Allowance:
    """One line of allowances.csv with its scopes; the quantity in base units."""

    name: str
    line: int
    priority: int
    quantity: Fraction
    period: str
    roll_over: int
    scopes: tuple[Scope, ...]


@dataclass(slots=True)
class Catalog:
    """All tables; the dictionaries hold the lines of one key in the order of the file."""

    home: str
    accounts: dict[str, Row]
    tariffs: dict[str, Tariff]
    rates: dict[tuple[str, str, str], list[Rate]]
    parents: dict[str, str]
    allowances: dict[str, Allowance]
    counters: dict[str, str]
    grants: list[Row]
    keyed: dict[str, dict[str, list[Row]]] = field(default_factory=dict)

    def lines(self, table, key, at):
        """The lines of a table with the key that hold at the moment."""
        return [r for r in self.keyed[table].get(key, ()) if r.holds(at)]

    def line(self, table, key, at):
        """The one line of a table with the key that holds at the moment, or None."""
        found = self.lines(table, key, at)
        return found[0] if found else None

    def chain(self, zone):
        """The zone, its parents, and * at the end."""
        found = []
        while zone and zone != "*":
            found.append(zone)
            zone = self.parents[zone]
        return [*found, "*"]


KEYS = {
    "sims_by_imsi": ("sims", "imsi"), "sims_by_msisdn": ("sims", "msisdn"),
    "subscriptions": ("subscriptions", "account"), "products": ("products", "product"),
    "networks": ("networks", "tadig"), "number_plan": ("number_plan", "prefix"),
    "ported": ("ported", "number"), "friends": ("friends", "account"),
    "groups": ("groups", "number"), "agreements": ("agreements", "partner"),
    "pools": ("pools", "account"), "discounts": ("discounts", "holder"),
    "taxes": ("taxes", "tax"), "exchange_rates": ("exchange_rates", "from"),
}


def read_catalog(texts, home):
    """The catalog of CSV texts by table name; a table that is not there is empty."""
    tables = defaultdict(list, {name: list(rows(text, home)) for name, text in texts.items()})
    tariffs = {r["tariff"]: read_tariff(r, tables) for r in tables["tariffs"]}
    catalog = Catalog(
        home=home,
        accounts={r["account"]: r for r in tables["accounts"]},
        tariffs=tariffs,
        rates=read_rates(tables["rates"], tariffs),
        parents={r["zone"]: r["parent"] for r in tables["zones"]},
        allowances={r["allowance"]: read_allowance(r, tables["scopes"])
                    for r in tables["allowances"]},
        counters={r["counter"]: r["period"] for r in tables["counters"]},
        grants=tables["grants"],
    )
    for name, (table, column) in KEYS.items():
        keyed = defaultdict(list)
        for row in tables[table]:
            keyed[row[column]].append(row)
        catalog.keyed[name] = dict(keyed)
    return catalog


def rows(text, home):
    """The lines of one CSV text; the header is line 1."""
    reader = csv.DictReader(io.StringIO(text))
    for cells in reader:
        since, until = cells.get("valid_from"), cells.get("valid_to")
        yield Row(
            reader.line_num, cells,
            first_moment(home, date.fromisoformat(since)) if since else ALWAYS,
            first_moment(home, date.fromisoformat(until)) if until else NEVER,
        )


def read_tariff(row, tables):
    name = row["calendar"]
    calendar = None
    if name:
        calendar = Calendar(
            tuple(
                CalendarRow(days(r["days"]), minute(r["from"]), minute(r["to"]), r["band"])
                for r in tables["calendars"] if r["calendar"] == name
            ),
            frozenset(date.fromisoformat(r["date"]) for r in tables["holidays"]
                      if r["calendar"] == name),
        )
    return Tariff(
        row["tariff"], row["currency"], calendar, row["band_time"], row["interval_rounding"],
        row["rounding_stage"], row["rounding"], int(row["decimals"]),
        row["tax_included"] == "yes", int(row["kilo"]),
    )


def days(text):
    if "-" not in text:
        return frozenset({text})
    first, last = (WEEKDAYS.index(d) for d in text.split("-"))
    return frozenset(WEEKDAYS[first:last + 1])


def minute(text):
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def read_rates(lines, tariffs):
    """Base lines with their tiers, by (tariff, service, direction)."""
    def key(row):
        names = ("tariff", "service", "direction", "serving_zone", "destination_zone", "band")
        return (*(row[n] for n in names), row.since, row.until)

    tiers, found = defaultdict(list), defaultdict(list)
    for row in lines:
        size = unit_size(row["unit"], tariffs[row["tariff"]].kilo)
        if row["price"]:
            begins = int(row["from_units"] or 0) * size
            tiers[key(row)].append(
                Tier(row.line, begins, micros(row["price"]), int(row["per"]) * size))
    for row in lines:
        if int(row["from_units"] or 0) > 0:
            continue
        size = unit_size(row["unit"], tariffs[row["tariff"]].kilo)
        found[row["tariff"], row["service"], row["direction"]].append(Rate(
            row, micros(row["setup_fee"] or "0"),
            micros(row["minimum"]) if row["minimum"] else None,
            micros(row["maximum"]) if row["maximum"] else None,
            int(row["first_interval"]) * size if row["first_interval"] else 1,
            int(row["next_interval"]) * size if row["next_interval"] else 1,
            row["counter"],
            percent(row["markup"]) if row["markup"] else None,
            tuple(sorted(tiers[key(row)], key=lambda t: t.begins)),
        ))
    return dict(found)


def read_allowance(row, scopes):
    return Allowance(
        row["allowance"], row.line, int(row["priority"]),
        Fraction(Decimal(row["quantity"])) * unit_size(row["unit"], 1024),
        row["period"], int(row["roll_over"]),
        tuple(
            Scope(s, Fraction(int(s["takes"]), int(s["per"]) * unit_size(s["unit"], 1024)))
            for s in scopes if s["allowance"] == row["allowance"]
        ),
    )
