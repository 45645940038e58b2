"""Typed frames of small catalogs, written as lines of CSV and not linted."""

from functools import cache

import polars as pl
import pytest

from rating.catalog_read import typed
from rating.catalog_tables import TABLE_BY_NAME, TABLES
from rating.catalog_units import with_unit_sizes

DEFAULTS = {
    "accounts": {"customer": "C", "mode": "postpaid", "currency": "EUR", "status": "active",
                 "timezone": "Europe/Vienna", "opening_balance": "0"},
    "tariffs": {"currency": "EUR", "band_time": "home", "interval_rounding": "up",
                "rounding_stage": "event", "rounding": "half_up", "decimals": "2",
                "tax_included": "no", "kilo": "1024"},
    "rates": {"service": "voice", "direction": "mo", "serving_zone": "*", "destination_zone": "*",
              "band": "*", "unit": "s"},
    "scopes": {"service": "*", "direction": "*", "serving_zone": "*", "destination_zone": "*",
               "band": "*", "partner": "*", "takes": "1", "per": "1"},
    "zones": {"name": "Zone"},
    "holidays": {"name": "Feast"},
    "allowances": {"roll_over": "0", "priority": "10"},
}


def read(table, rows, findings):
    names = [column.name for column in table.columns]
    full = [DEFAULTS.get(table.name, {}) | row for row in rows]
    assert not {name for row in full for name in row} - set(names)
    cells = {name: [str(row.get(name, "")) for row in full] for name in names}
    text = pl.DataFrame(
        {"line": range(2, len(full) + 2)} | cells,
        schema={"line": pl.Int64} | dict.fromkeys(names, pl.String),
    )
    return typed(table, text, "Europe/Vienna", findings)


@cache
def empty():
    return {table.name: read(table, [], []) for table in TABLES}


def make(**tables):
    findings = []
    read_ones = {
        name: read(TABLE_BY_NAME[name], rows, findings) for name, rows in tables.items() if rows
    }
    frames = with_unit_sizes(empty() | read_ones, findings)
    assert not findings
    return frames


@pytest.fixture(scope="session")
def frames():
    return make
