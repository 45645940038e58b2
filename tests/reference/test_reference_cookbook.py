"""The reference rater comes to the amounts of docs/cookbook.md that were worked out by hand."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "rating"))

from cookbook_charges import told, usage_of
from cookbook_page import BASE, plans, rows, tables
from reference_allowances import State
from reference_catalog import read_catalog
from reference_rater import rate_events

# The reference does not say how it came to these, or only by other names.
UNTOLD = {"used_by", "product", "relation"}
TARIFF_FIELDS = {
    "billed_units": "billed", "covered_units": "covered", "setup_fee_micros": "setup",
    "adjustment_micros": "adjustment", "discount_micros": "discount",
    "rounding_micros": "rounding", "tariff_amount_micros": "amount",
}


def charge_of(name, leg):
    """A leg of the reference as far as expected.csv asks."""
    charge = {
        "leg": name, "account": leg.account, "currency": leg.currency, "source": leg.source,
        "amount_micros": leg.amount, "net_micros": leg.net, "tax_micros": leg.tax,
        "expected_micros": leg.expected, "parts": [], "draws": [],
    }
    if leg.source == "partner":
        return charge | dict.fromkeys(TARIFF_FIELDS, 0)
    priced = leg.priced
    charge |= {column: getattr(priced, name) for column, name in TARIFF_FIELDS.items()}
    charge["tariff_currency"] = leg.tariff.currency
    charge["parts"] = [
        {"band": p.band, "units": p.units, "price_micros": p.price, "price_units": p.per,
         "amount_micros": p.amount}
        for p in priced.parts
    ]
    charge["draws"] = [
        {"allowance": d.allowance, "units": d.units,
         "period_start": datetime(1970, 1, 1) + timedelta(seconds=d.begins)}
        for d in priced.draws if d.units
    ]
    return charge


@pytest.mark.parametrize("folder", plans(), ids=lambda p: p.name)
def test_the_reference_agrees_with_what_was_worked_out_by_hand(folder):
    texts = {p.stem: p.read_text(encoding="utf-8") for p in (*tables(BASE), *tables(folder))}
    events, expected = rows(folder / "events.csv"), rows(folder / "expected.csv")
    outcomes = rate_events(
        usage_of(events).to_dicts(), read_catalog(texts, "Europe/Vienna"), State()
    )
    ended = {outcome.event.usage["record_index"]: outcome for outcome in outcomes}
    places = {event["event"]: index for index, event in enumerate(events)}
    for row in expected:
        outcome, columns = ended[places[row["event"]]], row.keys() - UNTOLD
        assert outcome.code == row.get("reject", "")
        if not outcome.code:
            leg = row.get("leg") or "retail"
            found = told(charge_of(leg, getattr(outcome, leg)), columns)
            assert found == {name: row[name] for name in found}
