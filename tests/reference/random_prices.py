"""Random rates of one tariff: tiers, counters, fees, bounds, imported ones, all lint allows."""

import math

UNIT_SETS = {
    "voice": (("s",), ("min",), ("s", "min")), "sms": (("event",),), "mms": (("event",),),
    "vas": (("event",),), "units": (("unit",),),
    "data": (("bytes",), ("kB",), ("MB",), ("GB",), ("kB", "MB")),
}
SIZES = {"min": (60, 0), "kB": (1, 1), "MB": (1, 2), "GB": (1, 3)}
LARGEST = {"voice": 86_400, "data": 2**41}
PERS = ((1,), (1, 10), (1, 3), (60, 30, 1), (7, 1), (1000, 1))
SCALED, PLAIN = 2**60, 2**50
DIRECTIONS = ("mo", "mt", "mf")


def random_rates(draft, tariff):
    """Adds the rates of the tariff; every service has some, most have one for everywhere."""
    for service in UNIT_SETS:
        imported = () if tariff.startswith("iot") else tuple(
            d for d in DIRECTIONS if draft.chance(0.12))
        prices = Prices(draft, tariff, service, imported)
        for direction in DIRECTIONS:
            prices.rates(direction)


class Prices:
    """Makes rates of one tariff and service whose prices share a small denominator."""

    def __init__(self, draft, tariff, service, imported):
        self.draft, self.tariff, self.service = draft, tariff, service
        self.row = next(r for r in draft.tables["tariffs"] if r["tariff"] == tariff)
        self.units = draft.rng.choice(UNIT_SETS[service])
        self.pers = draft.rng.choice(PERS)
        if service == "data" and "GB" in self.units:
            self.pers = (1,)
        kilo = int(self.row["kilo"])
        self.sizes = {}
        for unit in self.units:
            factor, power = SIZES.get(unit, (1, 0))
            self.sizes[unit] = factor * kilo**power
        parts = [p * s for p in self.pers for s in self.sizes.values()]
        self.scale = math.lcm(*parts, *[10**6] * bool(imported))
        self.imported = imported
        if self.scale > 10**12:
            self.imported = ()
            self.scale = math.lcm(*parts)

    def rates(self, direction):
        rng, draft = self.draft.rng, self.draft
        keys = {("*", "*", "*")} if draft.chance(0.9) else set()
        zones = draft.column("zones", "zone")
        bands = [r["band"] for r in draft.tables["calendars"]
                 if r["calendar"] == self.row["calendar"]]
        for _ in range(rng.randint(0, 7)):
            keys.add((draft.maybe(zones, 0.5, "*"),
                      draft.maybe([*zones, *["@group", "@friend"] * 2], 0.6, "*"),
                      draft.maybe(bands, 0.5, "*")))
        for serving, destination, band in rng.sample(sorted(keys), len(keys)):
            wide = (serving, destination, band) == ("*", "*", "*")
            for span in draft.spans(pieces=0.35, hole=0.05 if wide else 0.3, bounded=0.05):
                cells = {"tariff": self.tariff, "service": self.service, "direction": direction,
                         "serving_zone": serving, "destination_zone": destination, "band": band,
                         **span}
                self.rate(cells)

    def rate(self, cells):
        rng, draft = self.draft.rng, self.draft
        unit = rng.choice(self.units)
        minimum = draft.maybe(("0.01", "0.05", "0.333333", "2"), 0.15)
        maximum = draft.maybe(("2", "2.5", "7.77", "20"), 0.15)
        counters = [] if self.tariff.startswith("iot") else draft.column("counters", "counter")
        base = {
            "counter": draft.maybe(counters, 0.2),
            "setup_fee": draft.maybe(("0.05", "0.111111", "1"), 0.3),
            "minimum": minimum, "maximum": maximum,
        }
        if cells["direction"] in self.imported:
            self.add(cells, base, from_units="", unit=unit,
                     markup=rng.choice(("0", "15", "33.3333", "150")))
            return
        base |= {"first_interval": rng.choice(self.intervals()),
                 "next_interval": rng.choice(self.intervals())}
        self.add(cells, base, from_units=rng.choice(("", "0")), unit=unit, **self.price(unit))
        begins = set()
        for _ in range(rng.choice((0, 0, 1, 2, 3))):
            unit = rng.choice(self.units)
            start = rng.choice((1, 2, 5, 60, 100, 333, 1000))
            if not begins & {start, f"{start * self.sizes[unit]} base"}:
                begins |= {start, f"{start * self.sizes[unit]} base"}
                self.add(cells, {}, from_units=start, unit=unit, **self.price(unit))

    def intervals(self):
        return (1, 1, 6, 30, 60, 17) if self.service == "voice" else (1, 1, 2, 10, 1024)

    def price(self, unit):
        """Price and per, small enough for the largest plausible event."""
        rng = self.draft.rng
        per = rng.choice(self.pers)
        share = self.scale // (per * self.sizes[unit])
        largest = share * LARGEST.get(self.service, 10_000)
        most = min(SCALED, PLAIN * self.scale) // largest
        micros = rng.choice((0, 1, 1000, 12_345, 90_000, 123_457, 333_333, 1_000_000, 2_500_000))
        micros = min(micros, most)
        return {"price": f"{micros // 10**6}.{micros % 10**6:06}", "per": per}

    def add(self, cells, base, **more):
        """One line; what is not given is empty."""
        names = ("from_units", "counter", "setup_fee", "minimum", "maximum", "first_interval",
                 "next_interval", "price", "per", "unit", "markup")
        given = base | more
        self.draft.add("rates", **cells, **{n: given.get(n, "") for n in names})
