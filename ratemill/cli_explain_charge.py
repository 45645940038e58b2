"""A charge in words, from its row alone: every step from the units to the amount due.

The row is one of table charge with destination_prefix, see `catalog_versions.with_prefix`.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from ratemill.money import exact_text

Row = Mapping[str, Any]


def charge_title(charge: Row) -> str:
    """Who pays what, in one line."""
    who = charge["account"]
    if charge["leg"] == "retail" and charge["used_by"] != who:
        who = f"{who} for {charge['used_by']}"
    return (f"Charge, {charge['leg']}: {who} {exact_text(charge['amount_micros'])} "
            f"{charge['currency']} ({charge['amount_micros']} micros)")


def charge_lines(charge: Row) -> list[str]:
    """The steps that led to the amount, a line each."""
    return [*_origin(charge), *_units(charge), *_amounts(charge), *_due(charge)]


def _origin(c: Row) -> Iterator[str]:
    if c["product"]:
        yield f"product {c['product']} of account {c['used_by']}"
    if c["source"] == "partner":
        yield "as the partner states it in the record"
    if c["rate_line"]:
        yield f"tariff {c['tariff']}, rate at rates.csv:{c['rate_line']}"
    place = f"zone {c['serving_zone']}"
    if c["destination_zone"] != "*":
        place += f" to zone {c['destination_zone']}"
    if c["destination"]:
        place += f" ({c['destination']}, {_number(c)})"
    if c["relation"]:
        place += f", relation {c['relation']}"
    yield f"{c['service']} {c['direction']}, {place}"


def _number(c: Row) -> str:
    """What of the called number decided."""
    if c["destination_line"] is None:
        return "ported number"
    if c["destination_prefix"] is None:
        return f"number_plan.csv:{c['destination_line']}"
    return f"prefix {c['destination_prefix']}"


def _units(c: Row) -> Iterator[str]:
    if c["source"] == "partner":
        yield f"{_units_text(c['used_units'], c['unit'])} used"
        return
    text = f"{_units_text(c['used_units'], c['unit'])} used, {c['billed_units']:,} billed"
    if c["first_interval"] is not None:
        text += f" in steps of {c['first_interval']:,} then {c['next_interval']:,}"
    if c["covered_units"]:
        text += f", {c['covered_units']:,} of them covered by allowances"
    yield text
    for draw in c["draws"] or ():
        yield _draw(draw, c)


def _draw(d: Row, c: Row) -> str:
    """What one period of an allowance or counter gave, and had given before."""
    before, taken = (Fraction(d[k], d["scale"]) for k in ("before", "taken"))
    holder = d["holder"] or f"account:{c['used_by']}"
    period = f"{holder}, period from {d['period_start']:%Y-%m-%d %H:%M} UTC"
    if not d["units"]:
        return f"counter {d['allowance']} of {period}: {_ratio(before)} before, +{_ratio(taken)}"
    return (f"allowance {d['allowance']} of {period}: covers {_units_text(d['units'], c['unit'])}; "
            f"{_ratio(before)} used before, {_ratio(before + taken)} after")


def _amounts(c: Row) -> Iterator[str]:
    """The way to the tariff's amount; nothing where the partner's charge is taken as it is."""
    currency = c["tariff_currency"]
    if c["source"] == "partner" or currency is None:
        return
    if c["setup_fee_micros"]:
        yield f"set-up fee {exact_text(c['setup_fee_micros'])} {currency}"
    for part in c["parts"] or ():
        yield _part(part, c)
    if c["adjustment_micros"]:
        which = "raised to the minimum" if c["adjustment_micros"] > 0 else "lowered to the maximum"
        yield f"{which}: {exact_text(c['adjustment_micros'], sign=True)} {currency}"
    if c["discount_micros"]:
        yield f"discount {exact_text(c['discount_micros'])} {currency}"
    if c["rounding_micros"]:
        exact = _nanos(c["unrounded_nanos"])
        yield (f"rounding ({c['rounding']}) from {exact}: "
               f"{exact_text(c['rounding_micros'], sign=True)} {currency}")
    yield f"tariff amount {exact_text(c['tariff_amount_micros'])} {currency}"


def _part(part: Row, c: Row) -> str:
    band = "" if part["band"] == "*" else f"{part['band']}: "
    head = band + _units_text(part["units"], c["unit"])
    if part["price_micros"] is None:
        if not c["covered_units"]:
            # An imported rate has no price of its own, and allowances never cover it.
            return (f"{head}, the partner's charge marked up (rates.csv:{part['rate_line']}) = "
                    f"{exact_text(part['amount_micros'])} {c['tariff_currency']}")
        return f"{head} covered (rates.csv:{part['rate_line']})"
    return (f"{head} at {exact_text(part['price_micros'])} per {part['price_units']:,} "
            f"(rates.csv:{part['rate_line']}) = "
            f"{exact_text(part['amount_micros'])} {c['tariff_currency']}")


def _due(c: Row) -> Iterator[str]:
    """From the tariff's currency to the amount due, and what was expected of a partner."""
    if c["exchange_rate"]:
        expected = c["expected_micros"] if c["source"] == "partner" else c["net_micros"]
        into = f" = {exact_text(expected)} {c['currency']}" if expected is not None else ""
        at = f" ({c['exchange_row']})" if c["exchange_row"] else ""
        yield (f"converted at {c['exchange_rate']} {c['currency']} a {c['tariff_currency']}"
               f"{at}{into}")
    if c["tax_micros"] or c["tax_ppm"] is not None:
        rate = "" if c["tax_ppm"] is None else f" {percent_text(c['tax_ppm'])} %"
        at = f" (taxes.csv:{c['tax_line']})" if c["tax_line"] else ""
        yield (f"net {exact_text(c['net_micros'])}, tax{rate}{at} {exact_text(c['tax_micros'])}, "
               f"due {exact_text(c['amount_micros'])} {c['currency']}")
    if c["source"] == "partner" and c["expected_micros"] is not None:
        gap = c["net_micros"] - c["expected_micros"]
        yield (f"the agreement gives {exact_text(c['expected_micros'])} {c['currency']}: "
               f"the partner's charge differs by {exact_text(gap, sign=True)}")


_POSTED: Final = {
    "usage": "charge",
    "overdraft": "charge, beyond the prepaid balance",
    "over_limit": "charge, over the credit limit",
    "cap": "given back, the price ends with the balance",
    "write_off": "given back, not to be collected",
    "refund": "charge given back",
    "adjustment": "adjustment, as the billing period is closed",
}
"""Words for the kinds of postings"""


def posting_line(posting: Row) -> str:
    """A posting with when, why and by whom, in one line."""
    batch = posting["batch_kind"]
    cause = "" if batch == "file" else f", {batch} by {posting['who']}: {posting['why']}"
    place = "/".join(str(posting[n]) for n in ("file_number", "record_index", "leg", "revision"))
    return (f"{posting['posted_at']:%Y-%m-%d %H:%M} {posting['account']}: "
            f"{exact_text(posting['amount_micros'], sign=True)} {posting['currency']}, "
            f"{_POSTED[posting['kind']]}{cause} (batch {posting['batch_number']}, entry {place})")


def percent_text(ppm: int) -> str:
    """A rate in millionths as percent, without needless zeros."""
    return f"{ppm // 10_000}.{ppm % 10_000:04d}".rstrip("0").rstrip(".")


def _nanos(nanos: int) -> str:
    sign = "-" if nanos < 0 else ""
    whole, rest = divmod(abs(nanos), 1_000_000_000)
    return f"{sign}{whole:,}.{rest:09d}".rstrip("0").rstrip(".")


def _ratio(value: Fraction) -> str:
    """The quantity as a whole number, else as a fraction behind the whole."""
    whole, rest = divmod(value.numerator, value.denominator)
    return f"{whole:,}" + (f" {rest}/{value.denominator}" if rest else "")


def _units_text(units: int, unit: str) -> str:
    return f"{units:,} {unit}" + ("s" if unit in {"event", "unit"} and units != 1 else "")
