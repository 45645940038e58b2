"""Holdings of allowances, their periods, what is drawn, and counters (§5, §6)."""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from reference_catalog import Allowance, Scope
from reference_match import matching_scopes, scope_of
from reference_time import first_moment, local_date, period_after, period_date


@dataclass(frozen=True, slots=True)
class Holder:
    """Who uses: the account, its SIM and product at the start of the event, and its time zone."""

    account: str
    imsi: str
    product: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """One period of one holding that an event may draw on."""

    holder: str
    allowance: Allowance
    scopes: list[Scope]
    grant_line: int
    begins: int
    expires: int

    @property
    def key(self):
        return self.holder, self.allowance.name, self.begins


@dataclass(frozen=True, slots=True)
class Draw:
    """Usage units covered by one bucket, in base units of the allowance; a counter covers none."""

    holder: str
    allowance: str
    begins: int
    units: int
    before: Fraction
    taken: Fraction


@dataclass(slots=True)
class State:
    """What was used, by (holder, allowance or counter, start of the period)."""

    used: dict[tuple[str, str, int], Fraction] = field(
        default_factory=lambda: defaultdict(Fraction))

    def commit(self, draws):
        for draw in draws:
            self.used[draw.holder, draw.allowance, draw.begins] += draw.taken


@dataclass(slots=True)
class Tally:
    """The state as one event sees it: what was used before and what the event itself draws."""

    state: State
    draws: list[Draw] = field(default_factory=list)

    def used(self, key):
        own = sum(d.taken for d in self.draws if (d.holder, d.allowance, d.begins) == key)
        return self.state.used.get(key, 0) + own

    def add(self, key, units, taken):
        self.draws.append(Draw(*key, units, self.used(key), taken))


def buckets(catalog, holder, question):
    """All periods that the event may draw on, in the order of drawing."""
    at = question.start
    pools = {r["pool"] for r in catalog.lines("pools", holder.account, at)}
    mine = {"product": {holder.product}, "account": {holder.account}, "sim": {holder.imsi},
            "pool": pools}
    found = []
    for grant in catalog.grants:
        if not grant.holds(at) or grant["holder"] not in mine[grant["holder_kind"]]:
            continue
        kind = grant["holder_kind"]
        name = f"account:{holder.account}" if kind == "product" else f"{kind}:{grant['holder']}"
        zone = catalog.home if kind == "pool" else holder.timezone
        allowance = catalog.allowances[grant["allowance"]]
        scopes = matching_scopes(allowance, question)
        if not scopes:
            continue
        since = had_since(catalog, holder, grant) if kind == "product" else grant.since
        found += [
            Bucket(name, allowance, scopes, grant.line, begins, expires)
            for begins, expires in periods(allowance, grant, since, zone, at)
        ]
    found.sort(key=lambda b: (b.allowance.priority, b.expires, b.allowance.line, b.grant_line))
    first = {}
    for bucket in found:
        # Several grants of one allowance to one holder are one quantity, where the first stands.
        first.setdefault(bucket.key, bucket)
    return list(first.values())


def had_since(catalog, holder, grant):
    """The later of the grant's beginning and the account's first subscription to the product."""
    rows = catalog.keyed["subscriptions"][holder.account]
    return max(grant.since, min(r.since for r in rows if r["product"] == grant["holder"]))


def periods(allowance, grant, since, zone, at):
    """(begin, end of use) of the periods of a grant that can be used at the moment."""
    kind = allowance.period
    if kind == "once":
        return [(grant.since, grant.until)]
    current = period_date(kind, local_date(zone, at))
    found = []
    for back in range(allowance.roll_over + 1):
        first = period_after(kind, current, -back)
        begins = first_moment(zone, first)
        ends = first_moment(zone, period_after(kind, first, 1))
        if max(begins, since) < min(ends, grant.until):
            last = period_after(kind, first, allowance.roll_over + 1)
            found.append((begins, first_moment(zone, last)))
    return found


def draw(tally, available, band, units):
    """Units of a stretch that the buckets cover, in their order; the tally keeps what they give."""
    covered = 0
    for bucket in available:
        scope = scope_of(bucket.scopes, band)
        if scope is None or covered == units:
            continue
        wanted = units - covered
        if scope.cost > 0:
            left = bucket.allowance.quantity - tally.used(bucket.key)
            wanted = min(wanted, left // scope.cost)
        if wanted > 0:
            tally.add(bucket.key, wanted, wanted * scope.cost)
            covered += wanted
    return covered


def counter_key(catalog, holder, counter, at):
    """The counter of the account in its period at the moment."""
    first = period_date(catalog.counters[counter], local_date(holder.timezone, at))
    return f"account:{holder.account}", counter, first_moment(holder.timezone, first)
