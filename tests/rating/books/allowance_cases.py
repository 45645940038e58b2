"""Books of small catalogs with allowances, events that ask them, and what comes of it in words."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from rating.allowance_book import AllowanceBook
from rating.allowance_claims import ST_FIRST, ST_HOLDING, ST_LAST, ST_OWNER
from rating.allowance_holders import Askers
from rating.allowance_scopes import QUESTION
from rating.price_arrays import H_ALLOWANCE, H_CLOCK
from rating.schema import ALLOWANCE_USE

VIENNA = "Europe/Vienna"
ZONE_OF = {"A": VIENNA, "B": "America/New_York", "C": "Asia/Tokyo", "D": VIENNA}
ALLOWANCES = [
    {"allowance": "monthly", "unit": "min", "quantity": 100, "period": "month", "roll_over": 1,
     "priority": 2},
    {"allowance": "weekly", "unit": "MB", "quantity": "0.5", "period": "week", "priority": 1},
    {"allowance": "daily", "unit": "event", "quantity": 7, "period": "day", "roll_over": 2,
     "priority": 2},
    {"allowance": "pass", "unit": "unit", "quantity": 3, "period": "once", "priority": 1},
]
PERIOD = {row["allowance"]: (row["period"], row.get("roll_over", 0)) for row in ALLOWANCES}
ORDER = {row["allowance"]: (row["priority"], n) for n, row in enumerate(ALLOWANCES)}
START = datetime(1970, 1, 1)
PLACES = []
"""All that was asked of scopes; the place of each is its number"""


def made(frames, **tables):
    allowances = tables.get("allowances", ALLOWANCES)
    return AllowanceBook.of(frames(**({
        "accounts": [{"account": name, "timezone": zone} for name, zone in ZONE_OF.items()],
        "zones": [{"zone": "eu"}, {"zone": "at", "parent": "eu"}, {"zone": "us"}],
        "allowances": allowances,
        "scopes": [{"allowance": row["allowance"], "unit": row["unit"]} for row in allowances],
    } | tables)), VIENNA, ["*", "peak", "night"])


def hold(book, events, state):
    places = events.select(QUESTION).rows()
    PLACES.extend(dict.fromkeys(place for place in places if place not in PLACES))
    grants = book.grants
    return book.hold(Askers(
        grants.owners.accounts.find(events["account"]), grants.products.codes(events["product"]),
        grants.tariffs.codes(events["tariff"]), grants.owners.sims.find(events["imsi"]),
        events["started_at"].to_physical().to_numpy(),
        np.array([PLACES.index(place) for place in places], np.int64),
    ), lambda numbers: pl.DataFrame([PLACES[n] for n in numbers], schema=QUESTION, orient="row"),
        state)


def asked(*rows):
    normal = {
        "account": "A", "imsi": "1", "product": "P", "tariff": "t", "service": "voice",
        "started_at": datetime(2026, 5, 15, 12), "direction": "mo", "relation": "",
        "serving_zone": "at", "destination_zone": "eu", "partner": "x",
    }
    frame = pl.DataFrame([normal | row for row in rows])
    return frame.with_columns(pl.col("started_at").cast(pl.Datetime("us")))


def use(*rows):
    return pl.DataFrame(rows, schema=ALLOWANCE_USE.polars, orient="row")


def holdings_of(held):
    """Per holding what it is called, and its kind of period."""
    table, use = held.matrices, held.use
    rows = table.holdings

    def period(clock):
        if clock < 0:
            return "once"
        first = int(table.clock_from[clock]) + 1
        days = (table.periods[first + 1] - table.periods[first]) // 86_400
        return {1: "day", 7: "week"}.get(days, "month")

    return pl.DataFrame({
        "holder": use.owners.named(held.stores[held.store_of[:len(rows)], ST_OWNER]),
        "allowance": use.kinds.names[pl.Series(rows[:, H_ALLOWANCE])].cast(pl.String),
        "period": pl.Series([period(c) for c in rows[:, H_CLOCK].tolist()], dtype=pl.String),
    })


def starts_of(held):
    """Per bucket one of its holdings, and when its period begins."""
    holdings = [
        store[ST_HOLDING] for store in held.stores.tolist()
        for _ in range(store[ST_FIRST], store[ST_LAST] + 1)
    ]
    return [(holding, START + timedelta(seconds=start))
            for holding, start in zip(holdings, held.buckets.starts.tolist(), strict=True)]


def counted(frames):
    """Two tariffs with counters, a SIM with a pass and a pool of two accounts."""
    return made(
        frames, counters=[{"counter": "k", "period": "month"}, {"counter": "l", "period": "day"}],
        tariffs=[{"tariff": "t"}, {"tariff": "u"}],
        rates=[
            {"tariff": "t", "counter": counter, "first_interval": 1, "next_interval": 1,
             "price": 1, "per": 1, "serving_zone": zone}
            for counter, zone in (("k", "eu"), ("l", "at"), ("k", "*"), ("", "us"))
        ],
        grants=[{"holder_kind": "sim", "holder": "2", "allowance": "pass",
                 "valid_from": "2026-05-01"},
                {"holder_kind": "pool", "holder": "p", "allowance": "daily"}],
        pools=[{"pool": "p", "account": "C"}, {"pool": "p", "account": "D"}],
        scopes=[{"allowance": "daily", "unit": "event", "per": 3},
                {"allowance": "pass", "unit": "unit"}],
    )
