"""The cookbook's events as usage, and what charges say in the columns of expected.csv."""

from datetime import datetime
from decimal import Decimal

import polars as pl

from mediation.schema import USAGE


def usage_of(events):
    """Usage of events.csv: one file, records in order."""
    return USAGE.fill(pl.DataFrame(
        [_usage(index, event) for index, event in enumerate(events)], schema=USAGE.polars
    ))


def _usage(index, event):
    units, stated = int(event["units"]), event.get("stated", "0.00")
    name = {"voice": "duration_s", "data": "volume_down_bytes"}.get(event["service"], "events")
    return {
        "partner": event.get("partner") or "visited", "file_id": "f" * 64, "record_index": index,
        "usage_key": f"{index:032x}", "record_type": event["service"],
        "service": event["service"], "direction": event["direction"],
        "imsi": f"23299000000000{event.get('sim') or 1}",
        "other_party": event["other"] or None, "serving_network": event["network"],
        "started_at": datetime.fromisoformat(event["start"]),
        "utc_offset_s": int(event.get("offset_s") or 7200), name: units,
        "partner_charge_micros": _scaled(stated, 6),
        "partner_tax_micros": _scaled(stated and "0", 6),
        "partner_currency": (event.get("currency") or "EUR") if stated else None,
        "partner_per_sdr_nanos": _scaled(event.get("per_sdr", ""), 9),
    }


def _scaled(text, places):
    return int(Decimal(text).scaleb(places)) if text else None


def money(micros):
    """Micro-units as decimal text, at least two places and no more zeros than that."""
    if micros is None:
        return ""
    text = f"{Decimal(micros).scaleb(-6):.6f}".rstrip("0")
    return text + "0" * (2 - len(text.partition(".")[2]))


def short(micros):
    """The same without zeros at the end."""
    return f"{Decimal(micros).scaleb(-6):.6f}".rstrip("0").rstrip(".")


def part(struct):
    """One part as the page writes it."""
    band = "" if struct["band"] == "*" else f"{struct['band']} "
    if struct["price_micros"] is not None:
        price = f"{short(struct['price_micros'])}/{struct['price_units']}"
        return f"{band}{struct['units']}@{price}={short(struct['amount_micros'])}"
    if struct["amount_micros"]:
        return f"{band}{struct['units']} imported={short(struct['amount_micros'])}"
    return f"{band}{struct['units']} free"


def joined(parts):
    return "; ".join(parts)


TOLD = {
    "leg": lambda c: c["leg"],
    "account": lambda c: c["account"],
    "used_by": lambda c: c["used_by"],
    "product": lambda c: c["product"] or "",
    "relation": lambda c: c["relation"] or "",
    "amount": lambda c: money(c["amount_micros"]),
    "net": lambda c: money(c["net_micros"]),
    "tax": lambda c: money(c["tax_micros"]),
    "currency": lambda c: c["currency"],
    "expected": lambda c: money(c["expected_micros"]),
    "source": lambda c: c["source"],
    "tariff_currency": lambda c: c["tariff_currency"] or "",
    "tariff_amount": lambda c: money(c["tariff_amount_micros"]),
    "billed": lambda c: str(c["billed_units"]),
    "covered": lambda c: str(c["covered_units"]),
    "fee": lambda c: money(c["setup_fee_micros"]),
    "adjustment": lambda c: money(c["adjustment_micros"]),
    "discount": lambda c: money(c["discount_micros"]),
    "rounding": lambda c: money(c["rounding_micros"]),
    "parts": lambda c: joined(part(p) for p in c["parts"]),
    "draws": lambda c: joined(f"{d['allowance']} {d['units']}" for d in c["draws"]),
    "periods": lambda c: joined(
        f"{d['period_start']:%Y-%m-%d %H:%M} {d['units']}" for d in c["draws"]
    ),
}


def told(charge, columns):
    """What a charge says in the columns of expected.csv."""
    return {name: tell(charge) for name, tell in TOLD.items() if name in columns}
