"""One leg of one event: stretches, billed units, allowances, tiers, amounts (§§3-7)."""

import math
from dataclasses import dataclass
from fractions import Fraction

from reference_allowances import Draw, Holder, State, Tally, buckets, counter_key, draw
from reference_catalog import Rate
from reference_match import matching_rates, rate_at, stretches
from reference_money import exact_integer, intervals, rounded
from reference_time import band_at


class Turned(Exception):
    """The event is turned away; its argument is the code."""


@dataclass(slots=True)
class Part:
    """Billed units of one band and tier; no price where an allowance covers them."""

    band: str
    line: int
    units: int
    price: int | None
    per: int | None
    exact: Fraction
    amount: int = 0


@dataclass(slots=True)
class Priced:
    """What a tariff gives, in its currency, before conversion and tax."""

    rate: Rate
    billed: int
    covered: int
    parts: list[Part]
    draws: list[Draw]
    setup: int
    adjustment: int
    discount: int
    rounding: int
    amount: int
    nanos: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What one leg brings beside its question: holder, discounts, the partner's charge."""

    holder: Holder | None = None
    state: State | None = None
    percent: Fraction = Fraction(0)
    fixed: int = 0
    stated: int | None = None
    """the partner's charge in the tariff's currency, in micro-units"""
    stated_some: bool = False
    """that charge is more than zero in the partner's own currency"""


def start_rate(catalog, question):
    """The rate at the start of the event, or None."""
    band = band_at(question.tariff.calendar, question.clock, question.start)
    return rate_at(matching_rates(catalog, question), band, question.start)


def price(catalog, question, terms):
    """The priced event; Turned where it can not be priced."""
    rates = matching_rates(catalog, question)
    pieces = stretches(question, rates)
    rate = pieces[0].rate
    if rate is None:
        raise Turned("RATE_MISSING")
    if rate.markup is not None:
        return imported(question, rate, pieces[0].band, terms)
    tally = Tally(terms.state or State())
    available = buckets(catalog, terms.holder, question) if terms.holder else []
    parts, billed, covered = [], 0, 0
    for piece in pieces:
        count = [
            intervals(u, rate.first, rate.following, question.tariff.intervals)
            for u in (piece.begins, piece.ends)
        ]
        units = count[1] - count[0]
        if units == 0:
            continue
        if piece.rate is None or piece.rate.markup is not None:
            raise Turned("RATE_MISSING")
        free = draw(tally, available, piece.band, units)
        if free:
            parts.append(Part(piece.band, piece.rate.row.line, free, None, None, Fraction(0)))
        charged_before = billed - covered
        billed += units
        covered += free
        if units > free:
            parts += charge(catalog, question, terms, tally, piece, units - free, charged_before)
    return amounts(question, rate, terms, billed, covered, parts, tally.draws)


def charge(catalog, question, terms, tally, piece, units, charged_before):
    """The parts of a stretch's charged units, one for each tier; its counter grows."""
    position, rate = charged_before, piece.rate
    if rate.counter and terms.holder:
        key = counter_key(catalog, terms.holder, rate.counter, question.start)
        position = exact_integer(Fraction(tally.used(key)))
        tally.add(key, 0, Fraction(units))
    parts = []
    for number, tier in enumerate(rate.tiers):
        last = number + 1 == len(rate.tiers)
        end = position + units if last else min(position + units, rate.tiers[number + 1].begins)
        run = end - position
        if run > 0:
            exact = Fraction(run * tier.price, tier.per)
            parts.append(Part(piece.band, tier.line, run, tier.price, tier.per, exact))
            position, units = end, units - run
    return parts


def imported(question, rate, band, terms):
    """An event at the partner's charge with a mark-up; allowances and counters play no part."""
    if terms.stated is None:
        raise Turned("PARTNER_CHARGE_MISSING")
    units = question.units
    if units == 0 and terms.stated_some:
        units = 1
    parts = []
    if units:
        exact = terms.stated * (1 + rate.markup)
        parts = [Part(band, rate.row.line, units, None, None, exact)]
    return amounts(question, rate, terms, units, 0, parts, [])


def amounts(question, rate, terms, billed, covered, parts, draws):
    """The amounts of §7, steps 1 to 5, and what is kept of them."""
    tariff = question.tariff
    used = question.units > 0 or billed > 0
    chargeable = used and (billed > covered or billed == 0)
    running = [0]

    def step(by):
        """The whole micro-units by which an exact amount moves the running total."""
        before = math.floor(running[0])
        running[0] += by
        return math.floor(running[0]) - before

    setup = step(rate.setup if chargeable else 0)
    for part in parts:
        staged = part.exact
        if tariff.stage == "part":
            staged = rounded(staged, tariff.decimals, tariff.mode)
        part.amount = step(staged)
    adjustment = discount = 0
    if chargeable:
        total = running[0]
        if rate.minimum is not None and total < rate.minimum:
            adjustment = step(rate.minimum - total)
        elif rate.maximum is not None and total > rate.maximum:
            adjustment = step(rate.maximum - total)
        total = running[0]
        left = max(total * (1 - min(terms.percent, Fraction(1))) - terms.fixed, 0)
        discount = step(left - total)
    total = running[0]
    amount = rounded(total, tariff.decimals, tariff.mode)
    return Priced(
        rate, billed, covered, parts, draws, setup, adjustment, discount,
        amount - math.floor(total), amount, math.floor(total * 1000),
    )
