"""What a partner may charge for an event by the sample catalog's agreements, in micro-units.

Knows no more of tariffs than those of the agreements say: one tier, no bands, intervals rounded
up, amounts rounded half up.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from zoneinfo import ZoneInfo

from gen_events import CATALOG, Event

HOME_ZONE = ZoneInfo("Europe/Vienna")
EXPONENTS = {"kB": 1, "MB": 2, "GB": 3}


@dataclass(frozen=True, slots=True)
class Price:
    """Price per `per` units, counted from first and next interval, and decimals of the amount."""

    setup_fee: Decimal
    first: int
    following: int
    price: Decimal
    per: int
    decimals: int


def agreed_charge(partner: str, event: Event) -> int:
    """The charge in micro-units of the agreement's currency; 0 where it names no rate."""
    price = _price(partner, event.service, event.direction, _zone(event), _home_day(event))
    if price is None:
        return 0
    units = {
        "voice": event.duration_s,
        "sms": 1,
        "data": event.up_bytes + event.down_bytes,
    }[event.service]
    over = max(units - price.first, 0)
    billed = 0 if units <= 0 else price.first + -(-over // price.following) * price.following
    exact = price.setup_fee + price.price * billed / price.per
    rounded = exact.quantize(Decimal(1).scaleb(-price.decimals), ROUND_HALF_UP)
    return int(rounded * 1_000_000)


def _home_day(event: Event) -> date:
    return event.started_at.replace(tzinfo=UTC).astimezone(HOME_ZONE).date()


def _zone(event: Event) -> str:
    """Zone of the called number by longest prefix; * where it plays no part."""
    if event.direction == "mt" or event.service == "data":
        return "*"
    plan, digits = _number_plan(), event.other
    matches = (plan[digits[:n]] for n in range(len(digits), 0, -1) if digits[:n] in plan)
    return next(matches, "*")


@cache
def _rows(table: str) -> tuple[dict[str, str], ...]:
    with (CATALOG / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))


@cache
def _number_plan() -> dict[str, str]:
    return {row["prefix"]: row["zone"] for row in _rows("number_plan")}


@cache
def _chain(zone: str) -> tuple[str, ...]:
    """The zone, its parents and *."""
    parents = {row["zone"]: row["parent"] for row in _rows("zones")}
    parent = parents.get(zone, "")
    return (zone, *(_chain(parent) if parent else ("*",) if zone != "*" else ()))


@cache
def _price(partner: str, service: str, direction: str, zone: str, day: date) -> Price | None:
    """The agreement's rate for the event: the zone's own before its parent's before any other."""
    agreed = next(r["tariff"] for r in _rows("agreements") if r["partner"] == partner)
    tariff = next(r for r in _rows("tariffs") if r["tariff"] == agreed)
    chain = _chain(zone)
    rows = [
        r
        for r in _rows("rates")
        if (r["tariff"], r["service"], r["direction"]) == (agreed, service, direction)
        and r["destination_zone"] in chain
        and r["valid_from"] <= day.isoformat()
        and (not r["valid_to"] or day.isoformat() < r["valid_to"])
    ]
    if not rows:
        return None
    row = min(rows, key=lambda r: chain.index(r["destination_zone"]))
    size = int(tariff["kilo"]) ** EXPONENTS.get(row["unit"], 0)
    return Price(
        Decimal(row["setup_fee"] or 0),
        int(row["first_interval"]) * size,
        int(row["next_interval"]) * size,
        Decimal(row["price"]),
        int(row["per"]) * size,
        int(tariff["decimals"]),
    )
