"""The world that rating is measured in: a catalog of many subscribers, and a month of usage.

Everything is drawn from seeds, so every engine and every run rates the same events.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mediation.schema import USAGE

TARIFFS, ZONES, SERVING, NETWORKS, PARTNERS, PREFIXES = 50, 40, 10, 100, 4, 60_000
MONTH, SECONDS = datetime(2026, 11, 1), 29 * 86_400
FILE_RECORDS = 100_000
MINUTES, TEXTS, GIGABYTES = 60, 40, 2
"""What every account has of each allowance in the month"""


@dataclass(frozen=True)
class World:
    """A catalog folder, and Parquet files of table usage, a batch of events each."""

    catalog: Path
    usage: tuple[Path, ...]


def build(folder: Path, subscribers: int, events: int, batch: int) -> World:
    """The world with its files in the folder; those that are there already are kept."""
    catalog = folder / f"catalog-{subscribers}"
    if not catalog.exists():
        _write_catalog(catalog, subscribers)
    size, batches = min(events, batch), math.ceil(events / batch)
    paths = [folder / f"usage-{subscribers}-{size}-{n}-of-{batches}.parquet"
             for n in range(batches)]
    if not paths[-1].exists():
        plan = pl.read_csv(catalog / "number_plan.csv", infer_schema=False)
        for number, path in enumerate(paths):
            usage = _usage(subscribers, plan["prefix"], size, number, batches)
            USAGE.worded(usage).write_parquet(path)
    return World(catalog, tuple(paths))


def _write_catalog(folder: Path, subscribers: int) -> None:
    folder.mkdir(parents=True)
    tables = _customers(subscribers) | _places() | _prices() | _bundles()
    for name, frame in tables.items():
        frame.write_csv(folder / f"{name}.csv")


def _numbers(prefix: str, width: int, column: pl.Expr) -> pl.Expr:
    return pl.lit(prefix) + column.cast(pl.String).str.zfill(width)


def _customers(subscribers: int) -> dict[str, pl.DataFrame]:
    n = pl.int_range(subscribers)
    account = _numbers("A", 7, n).alias("account")
    undated = {"valid_from": pl.lit(""), "valid_to": pl.lit("")}
    return {
        "accounts": pl.select(
            account, customer=_numbers("C", 7, n), mode=pl.lit("postpaid"),
            currency=pl.lit("EUR"), timezone=pl.lit("Europe/Vienna"), status=pl.lit("active"),
            credit_limit=pl.lit(""), payer=pl.lit(""), tax=pl.lit(""),
            opening_balance=pl.lit("0"),
        ),
        "sims": pl.select(
            account, iccid=pl.lit(""), imsi=_numbers("23201", 10, n),
            msisdn=_numbers("43660", 7, n), **undated,
        ),
        "subscriptions": pl.select(
            account, imsi=pl.lit(""), product=_numbers("p", 2, n % TARIFFS), **undated),
        "products": pl.select(
            product=_numbers("p", 2, pl.int_range(TARIFFS)),
            tariff=_numbers("t", 2, pl.int_range(TARIFFS)), tax=pl.lit(""), **undated),
    }


def _places() -> dict[str, pl.DataFrame]:
    rng = np.random.default_rng(1)
    zones = [f"d{z}" for z in range(ZONES)] + [f"s{z}" for z in range(SERVING)]
    prefixes = {str(cc): int(rng.integers(ZONES)) for cc in range(20, 99)}
    known = list(prefixes)
    while len(prefixes) < PREFIXES:
        tail = str(rng.integers(10, 1000))
        longer = known[int(rng.integers(len(known)))] + tail
        if len(longer) <= 10 and longer not in prefixes:
            prefixes[longer] = int(rng.integers(ZONES))
            known.append(longer)
    return {
        "zones": pl.DataFrame({"zone": zones, "parent": "", "name": zones}),
        "networks": pl.DataFrame([
            {"tadig": f"NET{n:02}", "mcc_mnc": f"{232_00 + n}", "country": "AT",
             "zone": f"s{n % SERVING}", "timezone": "Europe/Vienna", "valid_from": "",
             "valid_to": ""} for n in range(NETWORKS)]),
        "number_plan": pl.DataFrame([
            {"prefix": p, "destination": f"destination {z}", "zone": f"d{z}", "valid_from": "",
             "valid_to": ""} for p, z in prefixes.items()]),
        "calendars": pl.DataFrame(
            [("week", days, begin, end, band) for days, begin, end, band in (
                ("mon-fri", "00:00", "07:00", "off-peak"), ("mon-fri", "07:00", "19:00", "peak"),
                ("mon-fri", "19:00", "24:00", "off-peak"),
                ("sat-sun", "00:00", "24:00", "off-peak"),
            )], schema=["calendar", "days", "from", "to", "band"], orient="row"),
    }


def _prices() -> dict[str, pl.DataFrame]:
    rng, rows, tariffs = np.random.default_rng(2), [], []

    def price(tariff: str, service: str, direction: str, zones: tuple[str, str], band: str) -> None:
        first, following, per, unit = {
            "voice": ((60, 60, 60, "s"), (60, 30, 60, "s"), (1, 1, 60, "s"))[len(rows) % 3],
            "data": (1024, 1024, 1_048_576, "bytes"), "sms": (1, 1, 1, "event"),
        }[service]
        fee = f"0.{rng.integers(1, 9)}" if service == "voice" and len(rows) % 4 == 0 else "0"
        rows.append({
            "tariff": tariff, "service": service, "direction": direction,
            "serving_zone": zones[0], "destination_zone": zones[1], "band": band,
            "valid_from": "", "valid_to": "", "from_units": "", "counter": "", "setup_fee": fee,
            "minimum": "", "maximum": "", "first_interval": first, "next_interval": following,
            "price": f"0.{rng.integers(1, 9999):04}", "per": per, "unit": unit, "markup": "",
        })

    for number in range(TARIFFS):
        tariff, banded = f"t{number:02}", number % 2 == 0
        tariffs.append(_tariff(tariff, "week" if banded else ""))
        for s in range(SERVING):
            for band in ("peak", "off-peak") if banded else ("*",):
                for d in range(ZONES):
                    price(tariff, "voice", "mo", (f"s{s}", f"d{d}"), band)
                price(tariff, "voice", "mt", (f"s{s}", "*"), band)
            for d in range(ZONES):
                price(tariff, "sms", "mo", (f"s{s}", f"d{d}"), "*")
            price(tariff, "data", "mo", (f"s{s}", "*"), "*")
    tariffs.append(_tariff("iot", ""))
    for service, direction in (("voice", "mo"), ("voice", "mt"), ("sms", "mo"), ("data", "mo")):
        price("iot", service, direction, ("*", "*"), "*")
    agreements = pl.DataFrame([{"partner": f"partner{n}", "tariff": "iot", "valid_from": "",
                                "valid_to": ""} for n in range(PARTNERS)])
    return {"tariffs": pl.DataFrame(tariffs), "agreements": agreements,
            "rates": pl.DataFrame(rows, infer_schema_length=None)}


def _tariff(name: str, calendar: str) -> dict[str, Any]:
    return {"tariff": name, "currency": "EUR", "calendar": calendar, "band_time": "home",
            "interval_rounding": "up", "rounding_stage": "event", "rounding": "half_up",
            "decimals": 6, "tax_included": "no", "kilo": 1024}


def _bundles() -> dict[str, pl.DataFrame]:
    every = {"serving_zone": "*", "destination_zone": "*", "band": "*", "partner": "*",
             "takes": 1, "per": 1}
    return {
        "allowances": pl.DataFrame([
            {"allowance": name, "unit": unit, "quantity": quantity, "period": "month",
             "roll_over": 0, "priority": 1}
            for name, unit, quantity in (("minutes", "min", MINUTES), ("texts", "event", TEXTS),
                                         ("volume", "GB", GIGABYTES))]),
        "scopes": pl.DataFrame([
            {"allowance": name, "service": service, "direction": direction, "unit": unit, **every}
            for name, service, direction, unit in (
                ("minutes", "voice", "*", "s"), ("texts", "sms", "mo", "event"),
                ("volume", "data", "*", "bytes"))]),
        "grants": pl.DataFrame([
            {"holder_kind": "product", "holder": f"p{n:02}", "allowance": name, "valid_from": "",
             "valid_to": ""}
            for n in range(TARIFFS) for name in ("minutes", "texts", "volume")]),
    }


def _usage(
    subscribers: int, prefixes: pl.Series, size: int, number: int, batches: int
) -> pl.DataFrame:
    """One batch: a slice of the month, up to half an hour out of order within itself."""
    rng = np.random.default_rng(100 + number)
    begin = SECONDS * number // batches
    seconds = np.sort(rng.integers(begin, SECONDS * (number + 1) // batches, size))
    seconds = np.maximum(seconds + rng.integers(-1800, 1, size), begin)
    who = np.minimum((rng.random(size) ** 1.6 * subscribers).astype(np.int64), subscribers - 1)
    kind = rng.choice(4, size, p=[0.4, 0.1, 0.15, 0.35])
    called = pl.Series("other_party", prefixes.gather(rng.integers(len(prefixes), size=size))) + (
        pl.Series(rng.integers(100_000, 999_999, size)).cast(pl.String))
    index = pl.int_range(size, dtype=pl.Int64)
    frame = pl.DataFrame({
        "who": who, "kind": kind, "second": seconds, "called": called,
        "network": rng.integers(NETWORKS, size=size),
        "partner_no": rng.integers(PARTNERS, size=size),
        "duration": np.minimum(rng.exponential(110, size) ** 1.15 + 1, 14_400).astype(np.int64),
        "volume": np.exp(rng.normal(13.5, 2.2, size)).clip(1, 5e10).astype(np.int64),
        "charge": rng.integers(0, 900_000, size), "stated": rng.random(size) < 0.75,
    }).with_columns(file=index // FILE_RECORDS + number * math.ceil(size / FILE_RECORDS))
    kind_is = pl.col("kind")
    calls = kind_is.is_in([0, 2])
    return USAGE.fill(frame.select(
        partner=_numbers("partner", 1, pl.col("partner_no")),
        file_id=_numbers("", 64, pl.col("file")),
        record_index=index % FILE_RECORDS, byte_offset=index * 97, byte_length=pl.lit(97),
        usage_key=_numbers("", 32, index + number * size),
        record_type=pl.when(kind_is == 3).then(pl.lit("GPRS")).otherwise(pl.lit("MOC")),
        service=kind_is.replace_strict({0: "voice", 1: "voice", 2: "sms", 3: "data"}),
        direction=pl.when(kind_is == 1).then(pl.lit("mt")).otherwise(pl.lit("mo")),
        imsi=_numbers("23201", 10, pl.col("who")), msisdn=_numbers("43660", 7, pl.col("who")),
        other_party=pl.when(calls).then("called"),
        serving_network=_numbers("NET", 2, pl.col("network")),
        started_at=pl.lit(MONTH) + pl.duration(seconds="second"), utc_offset_s=pl.lit(3600),
        duration_s=pl.when(kind_is != 2).then("duration"),
        volume_up_bytes=pl.when(kind_is == 3).then(pl.col("volume") // 5),
        volume_down_bytes=pl.when(kind_is == 3).then(pl.col("volume") - pl.col("volume") // 5),
        events=pl.when(kind_is == 2).then(1),
        partner_charge_micros=pl.when("stated").then("charge"),
        partner_currency=pl.when("stated").then(pl.lit("EUR")),
    ))
