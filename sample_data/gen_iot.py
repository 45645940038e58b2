"""What a partner may charge for an event by the sample catalog's agreements, in micro-units."""

import csv
from dataclasses import dataclass
from datetime import UTC, date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from zoneinfo import ZoneInfo

from gen_events import CATALOG, Event

HOME_ZONE = ZoneInfo("Europe/Vienna")


@dataclass(frozen=True, slots=True)
class Price:
    """One row of agreements.csv: price per `per` units, counted from first and next interval."""

    setup_fee: Decimal
    first: int
    following: int
    price: Decimal
    per: int


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
    exact = (price.setup_fee + price.price * billed / price.per) * 1_000_000
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


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
def _number_plan() -> dict[str, str]:
    with (CATALOG / "number_plan.csv").open(encoding="utf-8", newline="") as lines:
        return {row["prefix"]: row["zone"] for row in csv.DictReader(lines)}


@cache
def _agreements() -> tuple[dict[str, str], ...]:
    with (CATALOG / "agreements.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))


@cache
def _price(partner: str, service: str, direction: str, zone: str, day: date) -> Price | None:
    """The agreement's row for the event, one that names the zone before one that does not."""
    rows = [
        r
        for r in _agreements()
        if (r["partner"], r["service"], r["direction"]) == (partner, service, direction)
        and r["destination_zone"] in (zone, "*")
        and r["valid_from"] <= day.isoformat()
        and (not r["valid_to"] or day.isoformat() < r["valid_to"])
    ]
    rows.sort(key=lambda r: r["destination_zone"] == "*")
    if not rows:
        return None
    row = rows[0]
    return Price(
        Decimal(row["setup_fee"]),
        int(row["first_interval"]),
        int(row["next_interval"]),
        Decimal(row["price"]),
        int(row["per"]),
    )
