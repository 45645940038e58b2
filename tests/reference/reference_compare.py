"""The product's rating of a frame of usage beside the reference's, value by value."""

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from random_catalogs import random_catalog
from random_events import random_usage
from reference_allowances import State
from reference_catalog import read_catalog
from reference_rater import rate_events
from reference_time import ALWAYS, seconds

from mediation.schema import USAGE
from rating.catalog import load_catalog
from rating.rate import price_usage
from rating.schema import ALLOWANCE_USE

COLUMNS = (
    "account", "used_by", "product", "currency", "amount_micros", "net_micros", "tax_micros",
    "source", "expected_micros", "tariff", "rate_line", "serving_zone", "destination_zone",
    "relation", "used_units", "billed_units", "covered_units", "first_interval", "next_interval",
    "setup_fee_micros", "adjustment_micros", "discount_micros", "rounding_micros",
    "tariff_currency", "tariff_amount_micros", "unrounded_nanos",
)


def usage_frame(rows):
    """A frame of the table usage."""
    schema = {name: kind for name, kind in USAGE.polars.items() if name in rows[0]}
    return USAGE.fill(pl.DataFrame(rows, schema=schema, orient="row"))


def loaded(texts, home):
    """The product's catalog of CSV texts; CatalogError where lint finds an error."""
    with TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / f"{name}.csv").write_text(text)
        return load_catalog(Path(folder), home)


def product_results(texts, home, rows, pieces=1):
    """(charges by key and leg, codes by key, state) of the product, in so many calls."""
    catalog, state = loaded(texts, home), ALLOWANCE_USE.empty()
    legs, codes = {}, {}
    size = -(-len(rows) // pieces)
    for begin in range(0, len(rows), size):
        rated = price_usage(usage_frame(rows[begin:begin + size]), catalog, state)
        state = rated.state
        for row in rated.charges.iter_rows(named=True):
            legs[row["usage_key"], row["leg"]] = product_leg(row)
        codes |= dict(rated.turned.select("usage_key", "code").iter_rows())
    used = {
        (r["holder"], r["allowance"], begin_of(r["period_start"])): Fraction(r["used"], r["scale"])
        for r in state.iter_rows(named=True) if r["used"]
    }
    return legs, codes, used


def begin_of(moment):
    """Seconds of the start of a period; one that always was is ALWAYS."""
    return ALWAYS if moment.year < 1900 else seconds(moment)


def product_leg(row):
    """What is compared of a charge row."""
    parts = [
        (p["band"], p["rate_line"], p["units"], p["price_micros"], p["price_units"],
         p["amount_micros"])
        for p in row["parts"]
    ]
    return {name: row[name] for name in COLUMNS} | {
        "parts": parts,
        "draws": merged(
            (d["holder"] or f"account:{row['used_by']}", d["allowance"],
             begin_of(d["period_start"]), d["units"],
             Fraction(d["before"], d["scale"]), Fraction(d["taken"], d["scale"]))
            for d in row["draws"]
        ),
    }


def merged(draws):
    """Draws of one event, one for each period: units and quantity taken, in order of first use."""
    found = {}
    for holder, allowance, begins, units, before, taken in draws:
        old = found.setdefault((holder, allowance, begins), [0, before, 0])
        old[0] += units
        old[2] += taken
    return [(*key, *value) for key, value in found.items()]


def reference_results(texts, home, rows):
    """The same three of the reference."""
    state = State()
    legs, codes = {}, {}
    for outcome in rate_events(rows, read_catalog(texts, home), state):
        key = outcome.event.usage["usage_key"]
        if outcome.code:
            codes[key] = outcome.code
            continue
        for name in ("retail", "wholesale"):
            legs[key, name] = reference_leg(outcome.event, getattr(outcome, name), name)
    return legs, codes, {key: used for key, used in state.used.items() if used}


def reference_leg(event, leg, name):
    """What a charge row should hold."""
    priced, tariff = leg.priced, leg.tariff
    row = {
        "account": leg.account, "used_by": event.account["account"],
        "product": event.product["product"] if name == "retail" else None,
        "currency": leg.currency, "amount_micros": leg.amount, "net_micros": leg.net,
        "tax_micros": leg.tax, "source": leg.source, "expected_micros": leg.expected,
        "serving_zone": event.network["zone"], "destination_zone": event.called_zone,
        "relation": "".join(event.relation) or None, "used_units": event.units,
        "tariff": tariff and tariff.name, "tariff_currency": tariff and tariff.currency,
    }
    if priced is None:
        nothing = dict.fromkeys(
            ("covered_units", "setup_fee_micros", "adjustment_micros", "discount_micros",
             "rounding_micros"), 0)
        empty = dict.fromkeys(("rate_line", "first_interval", "next_interval",
                               "tariff_amount_micros", "unrounded_nanos"))
        return row | nothing | empty | {"billed_units": event.units, "parts": [], "draws": []}
    imported = priced.rate.markup is not None
    return row | {
        "rate_line": priced.rate.row.line,
        "billed_units": priced.billed, "covered_units": priced.covered,
        "first_interval": None if imported else priced.rate.first,
        "next_interval": None if imported else priced.rate.following,
        "setup_fee_micros": priced.setup, "adjustment_micros": priced.adjustment,
        "discount_micros": priced.discount, "rounding_micros": priced.rounding,
        "tariff_amount_micros": priced.amount, "unrounded_nanos": priced.nanos,
        "parts": [(p.band, p.line, p.units, p.price, p.per, p.amount)
                  for p in priced.parts],
        "draws": merged((d.holder, d.allowance, d.begins, d.units, d.before, d.taken)
                        for d in priced.draws),
    }


def differences(seed, count, pieces=1, most=5, *, huge=False):
    """What differs for one random catalog and its usage, in words; nothing where all is equal.

    With several pieces the product gets the usage in as many calls, in the order of time. Of huge
    usage the product may turn away what is too large for it; the rest is equal.
    """
    texts, home = random_catalog(seed)
    rows = random_usage(texts, home, seed, count, huge=huge)
    if pieces > 1:
        rows.sort(key=lambda r: (r["started_at"], r["usage_key"]))
    ours = product_results(texts, home, rows, pieces)
    if huge:
        large = {key for key, code in ours[1].items() if code == "AMOUNT_OVERFLOW"}
        rows = [r for r in rows if r["usage_key"] not in large]
        for key in large:
            del ours[1][key]
    theirs = reference_results(texts, home, rows)
    by_key = {r["usage_key"]: r for r in rows}
    if huge:
        leave_out_beside(ours[0], theirs[0])
    found = []
    for what, one, other in zip(("leg", "code", "state"), ours, theirs, strict=True):
        found += [
            told(what, key, one.get(key), other.get(key), by_key)
            for key in sorted(one.keys() | other.keys(), key=str) if one.get(key) != other.get(key)
        ]
    return [f"catalog {seed}: {text}" for text in found[:most]] + (
        [f"and {len(found) - most} more"] if len(found) > most else [])


def leave_out_beside(ours, theirs):
    """Takes away wholesale legs whose expected amount is too large for the product to keep.

    What the partner states is owed all the same.
    """
    for key, leg in list(ours.items()):
        if key[1] == "wholesale" and leg["tariff"] is None and key in theirs:
            assert leg["amount_micros"] == theirs[key]["amount_micros"]
            del ours[key], theirs[key]


def told(what, key, ours, theirs, rows):
    """One difference: the event, and only the values that are not equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = [n for n in theirs if ours[n] != theirs[n]]
        ours, theirs = ({n: leg[n] for n in names} for leg in (ours, theirs))
    event = rows.get(key[0] if what == "leg" else key, "")
    return f"{what} {key}:\n  product   {ours}\n  reference {theirs}\n  event {event}"
