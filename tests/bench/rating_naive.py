"""The naive rater: a Python loop over records with dictionaries, retail only.

It prices the world of rating_world.py and no other, in integers, the way a first version of a
rater is written; what it leaves out makes it faster, not slower.
"""

import csv
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from rating_world import GIGABYTES, MINUTES, TEXTS, World

VIENNA, UTC = ZoneInfo("Europe/Vienna"), ZoneInfo("UTC")
QUANTITY = {"voice": MINUTES * 60, "sms": TEXTS, "data": GIGABYTES << 30}
Rate = tuple[int, int, int, int, int]


class Naive:
    """The catalog in dictionaries, and what was used of the allowances."""

    def __init__(self, world: World) -> None:
        def rows(name: str) -> list[dict[str, str]]:
            with (world.catalog / f"{name}.csv").open() as file:
                return list(csv.DictReader(file))

        tariff = {r["product"]: r["tariff"] for r in rows("products")}
        bought = {r["account"]: tariff[r["product"]] for r in rows("subscriptions")}
        self.sims = {r["imsi"]: (r["account"], bought[r["account"]]) for r in rows("sims")}
        self.banded = {r["tariff"]: bool(r["calendar"]) for r in rows("tariffs")}
        self.zones = {r["tadig"]: r["zone"] for r in rows("networks")}
        self.prefixes = {r["prefix"]: r["zone"] for r in rows("number_plan")}
        self.rates: dict[tuple[str, ...], Rate] = {
            (r["tariff"], r["service"], r["direction"], r["serving_zone"],
             r["destination_zone"], r["band"]): (
                int(r["first_interval"]), int(r["next_interval"]), int(r["per"]),
                _micros(r["price"]), _micros(r["setup_fee"]))
            for r in rows("rates")}
        self.used: dict[tuple[str, str], int] = defaultdict(int)

    def rate(self, record: dict[str, Any]) -> tuple[int, int]:
        """Amount in micro-units, and covered units."""
        service, direction = record["service"], record["direction"]
        account, tariff = self.sims[record["imsi"]]
        place = (tariff, service, direction, self.zones[record["serving_network"]],
                 self._destination(record) if service != "data" and direction == "mo" else "*")
        units = (record["duration_s"] if service == "voice" else 1 if service == "sms"
                 else record["volume_up_bytes"] + record["volume_down_bytes"])
        pieces = [("*", units)]
        if self.banded[tariff] and service == "voice":
            pieces = _bands(record["started_at"], units)
        first, following, per, _, fee = self._rate(place, pieces[0][0])
        amount = billed = charged = covered = 0
        for band, until in pieces:
            upto = first if until <= first else (
                first + (until - first + following - 1) // following * following)
            need, billed = upto - billed, upto
            free = 0
            if not (service == "sms" and direction == "mt"):
                free = min(need, QUANTITY[service] - self.used[account, service])
                self.used[account, service] += free
            covered += free
            charged += need - free
            amount += (need - free) * self._rate(place, band)[3]
        if not charged:
            return 0, covered
        return fee + (2 * amount + per) // (2 * per), covered

    def _rate(self, place: tuple[str, ...], band: str) -> Rate:
        return self.rates.get((*place, band)) or self.rates[*place, "*"]

    def _destination(self, record: dict[str, Any]) -> str:
        number = record["other_party"]
        for digits in range(10, 0, -1):
            zone = self.prefixes.get(number[:digits])
            if zone:
                return zone
        raise KeyError(number)


def _micros(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0"))


def _bands(start: datetime, units: int) -> list[tuple[str, int]]:
    """Bands with the seconds from the start at which each one ends."""
    pieces: list[tuple[str, int]] = []
    at, end = start, start + timedelta(seconds=units)
    while at < end:
        local = at.replace(tzinfo=UTC).astimezone(VIENNA)
        peak = local.isoweekday() <= 5 and 7 <= local.hour < 19
        border = local.replace(hour=7, minute=0, second=0)
        if local.hour >= 7:
            border = local.replace(hour=19, minute=0, second=0)
        if local.hour >= 19:
            border = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0)
        at = min(end, border.astimezone(UTC).replace(tzinfo=None))
        band = "peak" if peak else "off-peak"
        if pieces and pieces[-1][0] == band:
            pieces.pop()
        pieces.append((band, int((at - start).total_seconds())))
    return pieces


def rate(naive: Naive, usage: Path) -> tuple[int, int, int]:
    """Events, sum of amounts and covered units, in order of time."""
    frame = pl.read_parquet(usage).sort("started_at", "usage_key")
    amount = covered = 0
    for record in frame.iter_rows(named=True):
        paid, free = naive.rate(record)
        amount += paid
        covered += free
    return frame.height, amount, covered
