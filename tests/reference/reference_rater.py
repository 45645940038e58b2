"""A second rater, written from docs/rating.md alone: one event at a time, exact, in plain Python.

It reads the catalog's CSV texts itself and shares no code with the product. Clarity before speed.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from reference_allowances import Holder
from reference_catalog import Catalog, Row, Tariff
from reference_match import Question
from reference_money import percent, rounded
from reference_price import Priced, Terms, Turned, price, start_rate
from reference_time import Clock, offset_at, seconds

CALLED = ("voice", "sms", "mms")
BIGGEST = 2**63 - 1


@dataclass(slots=True)
class Leg:
    """What one side owes for an event; amounts in micro-units."""

    account: str
    currency: str
    amount: int
    net: int
    tax: int
    source: str
    expected: int | None
    tariff: Tariff | None
    priced: Priced | None


@dataclass(slots=True)
class Outcome:
    """One event's end: both legs, or the code that turned it away."""

    event: "Event"
    code: str = ""
    retail: Leg | None = None
    wholesale: Leg | None = None


@dataclass
class Event:
    """A row of usage with what §1 finds in the catalog."""

    usage: dict
    catalog: Catalog
    sim: Row = field(init=False)

    @cached_property
    def start(self):
        return seconds(self.usage["started_at"])

    @cached_property
    def units(self):
        usage = self.usage
        if usage["service"] == "voice":
            return usage["duration_s"] or 0
        if usage["service"] == "data":
            return (usage["volume_up_bytes"] or 0) + (usage["volume_down_bytes"] or 0)
        return 1 if usage["events"] is None else usage["events"]

    @cached_property
    def account(self):
        return self.catalog.accounts[self.sim["account"]]

    @cached_property
    def payer(self):
        return self.catalog.accounts[self.account["payer"] or self.account["account"]]

    @cached_property
    def product(self):
        """The line of products.csv."""
        at, imsi = self.start, self.sim["imsi"]
        found = [s for s in self.catalog.lines("subscriptions", self.sim["account"], at)
                 if s["imsi"] in (imsi, "")]
        if not found:
            raise Turned("PRODUCT_MISSING")
        best = min(found, key=lambda s: s["imsi"] == "")
        product = self.catalog.line("products", best["product"], at)
        if product is None:
            raise Turned("PRODUCT_MISSING")
        return product

    @cached_property
    def network(self):
        network = self.catalog.line("networks", self.usage["serving_network"], self.start)
        if network is None:
            raise Turned("NETWORK_UNKNOWN")
        return network

    @cached_property
    def serving(self):
        return tuple(self.catalog.chain(self.network["zone"]))

    @cached_property
    def called_zone(self):
        usage, catalog, at = self.usage, self.catalog, self.start
        called = usage["service"] in CALLED and usage["direction"] in ("mo", "mf")
        if not called and usage["service"] != "vas":
            return "*"
        number = usage["other_party"] or ""
        ported = catalog.line("ported", number, at)
        if ported is not None:
            return ported["zone"]
        for length in range(len(number), 0, -1):
            prefix = catalog.line("number_plan", number[:length], at)
            if prefix is not None:
                return prefix["zone"]
        raise Turned("DESTINATION_UNKNOWN")

    @cached_property
    def relation(self):
        other, at = self.usage["other_party"], self.start
        if not other:
            return []
        own = self.usage["msisdn"] or self.sim["msisdn"]
        groups = [{r["group"] for r in self.catalog.lines("groups", n, at)} for n in (own, other)]
        friends = {r["number"] for r in self.catalog.lines("friends", self.sim["account"], at)}
        return ["@group"] * bool(groups[0] & groups[1]) + ["@friend"] * (other in friends)

    @cached_property
    def destination(self):
        return (*self.relation, *self.catalog.chain(self.called_zone))

    def locate(self):
        """Everything §1 asks, in its order; Turned with the first code that applies."""
        column = "imsi" if self.usage["imsi"] else "msisdn"
        sim = self.catalog.line(f"sims_by_{column}", self.usage[column], self.start)
        if sim is None:
            raise Turned("SUBSCRIBER_UNKNOWN")
        self.sim = sim
        return self.product, self.network, self.destination

    def question(self, tariff):
        """What a tariff is asked for this event."""
        usage = self.usage
        clock = Clock(self.account["timezone"])
        if tariff.band_time == "home":
            clock = Clock(self.catalog.home)
        elif tariff.band_time == "serving":
            there, offset = self.network["timezone"], usage["utc_offset_s"]
            same = offset_at(there, self.start) == offset
            clock = Clock(there) if same else Clock(None, offset)
        return Question(
            tariff, usage["service"], usage["direction"], self.serving, self.destination,
            usage["partner"], self.start, self.units, clock,
        )


def rate_events(usage, catalog, state):
    """Outcomes of usage rows (dicts) in the order of start and usage key; the state grows."""
    order = sorted(usage, key=lambda u: (u["started_at"], u["usage_key"]))
    return [rate_event(row, catalog, state) for row in order]


def rate_event(usage, catalog, state):
    """The outcome of one row; the state grows only where both legs are priced."""
    event = Event(usage, catalog)
    try:
        event.locate()
        retail = retail_leg(event, state)
        wholesale = wholesale_leg(event)
    except Turned as turned:
        return Outcome(event, str(turned))
    state.commit(retail.priced.draws)
    return Outcome(event, "", retail, wholesale)


def retail_leg(event, state):
    """What the account's payer owes."""
    catalog, account = event.catalog, event.account
    tariff = catalog.tariffs[event.product["tariff"]]
    question = event.question(tariff)
    share, fixed = discounts(event)
    rate = start_rate(catalog, question)
    stated = None
    if rate is not None and rate.markup is not None:
        stated = stated_charge(event, tariff)
    holder = Holder(account["account"], event.sim["imsi"], event.product["product"],
                    account["timezone"])
    some = (event.usage["partner_charge_micros"] or 0) > 0
    priced = price(catalog, question, Terms(holder, state, share, fixed, stated, some))
    due = exchanged(catalog, priced.amount, tariff, event.payer["currency"], event.start)
    net, tax = taxed(due, tax_rate(event), tariff)
    check([net + tax, priced.amount, priced.nanos])
    return Leg(event.payer["account"], event.payer["currency"], net + tax, net, tax, "tariff",
               None, tariff, priced)


def stated_charge(event, tariff):
    """The partner's charge in the tariff's currency, or None."""
    charge, currency = event.usage["partner_charge_micros"], event.usage["partner_currency"]
    if charge is None or not currency:
        return None
    if currency == tariff.currency:
        return charge
    rate = exchange_rate(event.catalog, currency, tariff.currency, event.start)
    return rounded(charge * rate, 6, tariff.mode)


def discounts(event):
    """Percentages and fixed amounts of all discounts that match, added up."""
    usage, share, fixed = event.usage, Fraction(0), 0
    holders = (("product", event.product["product"]), ("account", event.account["account"]))
    for kind, name in holders:
        for row in event.catalog.lines("discounts", name, event.start):
            if (
                row["holder_kind"] == kind
                and row["service"] in (usage["service"], "*")
                and row["direction"] in (usage["direction"], "*")
                and row["serving_zone"] in event.serving
                and row["destination_zone"] in event.destination
            ):
                share += percent(row["percent"] or "0")
                fixed += round(Fraction(row["fixed"] or "0") * 10**6)
    return share, fixed


def tax_rate(event):
    """The tax rate, None where there is no tax class."""
    name = event.payer["tax"] or event.product["tax"]
    if not name:
        return None
    lines = {r["serving_zone"]: r for r in event.catalog.lines("taxes", name, event.start)}
    for zone in event.serving:
        if zone in lines:
            return percent(lines[zone]["percent"])
    raise Turned("TAX_MISSING")


def taxed(due, rate, tariff):
    """Net and tax of the amount of step 6."""
    if rate is None:
        return due, 0
    if tariff.tax_included:
        net = rounded(Fraction(due) / (1 + rate), tariff.decimals, tariff.mode)
        return net, due - net
    return due, rounded(due * rate, tariff.decimals, tariff.mode)


def exchange_rate(catalog, source, target, at):
    """Units of target for one of source."""
    for one, other in ((source, target), (target, source)):
        for row in catalog.lines("exchange_rates", one, at):
            if row["to"] == other:
                rate = Fraction(row["rate"])
                return rate if one == source else 1 / rate
    raise Turned("EXCHANGE_RATE_MISSING")


def exchanged(catalog, amount, tariff, currency, at):
    """A tariff's amount in another currency, rounded as the tariff rounds."""
    if tariff.currency == currency:
        return amount
    rate = exchange_rate(catalog, tariff.currency, currency, at)
    return rounded(amount * rate, tariff.decimals, tariff.mode)


def wholesale_leg(event):
    """What the partner is owed: its own charge, or what the agreement's tariff gives."""
    usage, account = event.usage, f"partner:{event.usage['partner']}"
    tariff, priced = expected(event)
    charge, currency = usage["partner_charge_micros"], usage["partner_currency"]
    if charge is not None and currency:
        tax = usage["partner_tax_micros"] or 0
        beside = None
        if priced is not None:
            with suppress(Turned):
                beside = expected_in(event, priced.amount, tariff, currency)
        check([charge + tax])
        return Leg(account, currency, charge + tax, charge, tax, "partner", beside, tariff, priced)
    if priced is None:
        raise Turned("WHOLESALE_RATE_MISSING")
    owed = priced.amount
    return Leg(account, tariff.currency, owed, owed, 0, "tariff", owed, tariff, priced)


def expected(event):
    """The agreement's tariff and what it gives, or None for both."""
    agreement = event.catalog.line("agreements", event.usage["partner"], event.start)
    if agreement is None:
        return None, None
    tariff = event.catalog.tariffs[agreement["tariff"]]
    try:
        return tariff, price(event.catalog, event.question(tariff), Terms())
    except Turned:
        return None, None


def expected_in(event, amount, tariff, currency):
    """The expected amount in the partner's currency; Turned without an exchange rate."""
    nanos = event.usage["partner_per_sdr_nanos"]
    if nanos and tariff.currency == "SDR" != currency:
        return rounded(amount * Fraction(nanos, 10**9), tariff.decimals, tariff.mode)
    return exchanged(event.catalog, amount, tariff, currency, event.start)


def check(values):
    """Turned where a value does not fit 64 bits."""
    if any(abs(v) > BIGGEST for v in values):
        raise Turned("AMOUNT_OVERFLOW")
