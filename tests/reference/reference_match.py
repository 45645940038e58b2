"""Which line wins: rates at a moment and band, and scopes of allowances (§2, §3, §5)."""

from dataclasses import dataclass

from reference_catalog import Rate, Tariff
from reference_time import Clock, band_at, band_borders


@dataclass(slots=True)
class Question:
    """What one leg asks its tariff: chains begin with the narrowest zone and end with *."""

    tariff: Tariff
    service: str
    direction: str
    serving: tuple[str, ...]
    destination: tuple[str, ...]
    partner: str
    start: int
    units: int
    clock: Clock

    @property
    def timed(self):
        return self.service == "voice"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Units [begins, ends) of the usage in one band at one rate; no rate where none matches."""

    begins: int
    ends: int
    band: str
    rate: Rate | None


def matching_rates(catalog, question):
    """Rates of the question whatever their band and validity, the one that wins first."""
    key = (question.tariff.name, question.service, question.direction)
    found = [
        rate for rate in catalog.rates.get(key, ())
        if rate.row["serving_zone"] in question.serving
        and rate.row["destination_zone"] in question.destination
    ]
    return sorted(found, key=lambda r: (
        question.serving.index(r.row["serving_zone"]),
        question.destination.index(r.row["destination_zone"]),
        r.row["band"] == "*",
    ))


def rate_at(rates, band, at):
    """The rate that holds at the moment in the band, or None."""
    for rate in rates:
        if rate.row.holds(at) and rate.row["band"] in (band, "*"):
            return rate
    return None


def stretches(question, rates):
    """The usage cut wherever band or rate change; an event that is not timed is one stretch."""
    calendar, clock, start = question.tariff.calendar, question.clock, question.start
    band = band_at(calendar, clock, start)
    rate = rate_at(rates, band, start)
    units = question.units
    if not question.timed or units == 0 or (rate is not None and rate.markup is not None):
        return [Stretch(0, units, band, rate)]
    end = start + units
    borders = band_borders(calendar, clock, start, end)
    for other in rates:
        borders |= {t for t in (other.row.since, other.row.until) if start < t < end}
    found, begins = [], 0
    for border in sorted(borders):
        next_band = band_at(calendar, clock, border)
        next_rate = rate_at(rates, next_band, border)
        if next_band != band or next_rate is not rate:
            found.append(Stretch(begins, border - start, band, rate))
            begins, band, rate = border - start, next_band, next_rate
    return [*found, Stretch(begins, units, band, rate)]


def stretches_by_seconds(question, rates):
    """The same, by looking at every second: slow, and with nothing in it to go wrong."""
    found = []
    for second in range(question.units):
        at = question.start + second
        band = band_at(question.tariff.calendar, question.clock, at)
        rate = rate_at(rates, band, at)
        if found and found[-1].band == band and found[-1].rate is rate:
            found[-1] = Stretch(found[-1].begins, second + 1, band, rate)
        else:
            found.append(Stretch(second, second + 1, band, rate))
    return found


def matching_scopes(allowance, question):
    """Scopes of the allowance that match whatever their band, the most specific first."""
    found = [
        s for s in allowance.scopes
        if s.row["service"] in (question.service, "*")
        and s.row["direction"] in (question.direction, "*")
        and s.row["partner"] in (question.partner, "*")
        and s.row["serving_zone"] in question.serving
        and s.row["destination_zone"] in question.destination
    ]
    return sorted(found, key=lambda s: (
        question.serving.index(s.row["serving_zone"]),
        question.destination.index(s.row["destination_zone"]),
        *(s.row[column] == "*" for column in ("partner", "band", "service", "direction")),
    ))


def scope_of(scopes, band):
    """The first of the matching scopes that holds in the band, or None."""
    return next((s for s in scopes if s.row["band"] in (band, "*")), None)
