"""Seeded random usage for a random catalog: most of it at the instants where something changes."""

import random
from datetime import timedelta
from itertools import pairwise

from reference_catalog import read_catalog
from reference_time import (
    ALWAYS,
    EPOCH,
    NEVER,
    Clock,
    changes_in_year,
    first_moment,
    local_date,
    offset_at,
)

MIDDLE = (1_772_323_200, 1_793_836_800)
"""March to October 2026, in seconds"""
DAY_S = 86_400


class Usage:
    """Makes rows of usage, and knows the moments, numbers and SIMs of the catalog."""

    def __init__(self, texts, home, seed, *, huge=False):
        self.rng = random.Random(seed)
        self.huge = huge
        self.catalog = read_catalog(texts, home)
        keyed = self.catalog.keyed
        self.zones = sorted({home} | {r["timezone"] for rows in keyed["networks"].values()
                                      for r in rows}
                            | {a["timezone"] for a in self.catalog.accounts.values()})
        self.changes = sorted({t for zone in self.zones for t in changes_in_year(zone, 2026)})
        self.moments = self.interesting()
        self.sims = [r for rows in keyed["sims_by_imsi"].values() for r in rows]
        self.networks = list(keyed["networks"])
        self.numbers = [*keyed["ported"], *keyed["groups"], *(
            r["number"] for rows in keyed["friends"].values() for r in rows)]
        self.prefixes = list(keyed["number_plan"])
        self.count = 0

    def interesting(self):
        """Changes of clocks, ends of validity, ends of months, weeks and days, borders of bands."""
        found = set(self.changes)
        for table in self.catalog.keyed.values():
            for row in (r for rows in table.values() for r in rows):
                found |= {row.since, row.until} - {ALWAYS, NEVER}
        for rates in self.catalog.rates.values():
            for rate in rates:
                found |= {rate.row.since, rate.row.until} - {ALWAYS, NEVER}
        for grant in self.catalog.grants:
            found |= {grant.since, grant.until} - {ALWAYS, NEVER}
        days = [MIDDLE[0] + n * DAY_S for n in range(245)]
        for zone in self.zones:
            for at in self.rng.sample(days, 12):
                day = local_date(zone, at)
                found |= {first_moment(zone, day), first_moment(zone, day.replace(day=1))}
        return sorted(found)

    def border(self):
        """A border of a band on some day, often a day at which clocks change."""
        rng = self.rng
        calendars = [t.calendar for t in self.catalog.tariffs.values() if t.calendar]
        at = rng.choice(self.moments)
        if not calendars:
            return at
        edges = sorted(rng.choice(calendars).edges())
        zone = rng.choice(self.zones)
        day = EPOCH + timedelta(days=(local_date(zone, at) - EPOCH.date()).days)
        return rng.choice(Clock(zone).moments(day + timedelta(minutes=rng.choice(edges))))

    def moment(self):
        rng, kind = self.rng, self.rng.random()
        if kind < 0.1 and self.changes:
            return rng.choice(self.changes)
        if kind < 0.25:
            return rng.choice(self.moments)
        return self.border() if kind < 0.6 else rng.randrange(*MIDDLE)

    def duration(self):
        return self.rng.choice((
            0, 1, 2, 29, 30, 59, 60, 61, self.rng.randrange(300), self.rng.randrange(300),
            self.rng.randrange(7_200), self.rng.randrange(7_200), self.rng.randrange(30 * 3_600),
        ))

    def number(self):
        rng, kind = self.rng, self.rng.random()
        if kind < 0.3:
            return rng.choice(self.numbers)
        if kind < 0.85:
            digits = "".join(rng.choice("0379") for _ in range(rng.randrange(9)))
            return (rng.choice(self.prefixes) + digits)[:15]
        return rng.choice(("112", "4", "999123456", "0043", "39001", None))

    def row(self):
        rng = self.rng
        self.count += 1
        sim, network = rng.choice(self.sims), rng.choice(self.networks)
        service = rng.choice(("voice", "voice", "voice", "sms", "mms", "data", "data", "vas",
                              "units"))
        duration = self.duration() if service == "voice" else None
        earlier = -rng.randrange((duration or 0) + 1)
        start = self.moment() + rng.choice((0, 1, -1, 2, -2, earlier, earlier, earlier))
        there = self.catalog.keyed["networks"][network][0]["timezone"]
        offset = offset_at(there, start)
        if rng.random() < 0.1:
            offset = rng.choice((0, -12_600, 3_600, 37_800, 20_700))
        up, down, events = None, None, None
        if service == "data":
            up = rng.choice((None, 0, 1, 1024, rng.randrange(10**6), rng.randrange(2**40)))
            down = rng.choice((0, 1_000, rng.randrange(10**7), rng.randrange(10**9)))
        elif service != "voice":
            events = rng.choice((None, None, 1, 1, 0, 2, rng.randrange(50), 5_000))
        if self.huge and rng.random() < 0.3:
            down, duration, events = down and 2**59, duration and 366 * DAY_S, events and 2**60
        by_number = rng.random() < 0.15
        row = {
            "partner": rng.choice(("north", "north", "south", "east")),
            "file_id": "f" * 64, "record_index": self.count - 1,
            "usage_key": f"{rng.getrandbits(128):032x}", "record_type": "X",
            "service": service, "direction": rng.choice(("mo", "mo", "mo", "mt", "mf")),
            "imsi": None if by_number else sim["imsi"],
            "msisdn": sim["msisdn"] if by_number or rng.random() < 0.3 else None,
            "other_party": self.number(), "serving_network": network,
            "started_at": EPOCH + timedelta(seconds=start), "utc_offset_s": offset,
            "duration_s": duration, "volume_up_bytes": up, "volume_down_bytes": down,
            "events": events, **self.stated(),
        }
        if rng.random() < 0.02:
            row |= rng.choice((
                {"imsi": "99999", "msisdn": None}, {"serving_network": "XXX"},
                {"imsi": None, "msisdn": "49999"}, {"imsi": None, "msisdn": None},
            ))
        return row

    def stated(self):
        """What the partner states; now and then nothing."""
        rng = self.rng
        if rng.random() < 0.3:
            return {"partner_charge_micros": None, "partner_tax_micros": None,
                    "partner_currency": rng.choice((None, "EUR")), "partner_per_sdr_nanos": None}
        return {
            "partner_charge_micros": rng.choice((0, 1, 333_333, rng.randrange(10**8))),
            "partner_tax_micros": rng.choice((None, 0, 77_777)),
            "partner_currency": rng.choice(("EUR", "EUR", "USD", "SDR", "CHF", "JPY")),
            "partner_per_sdr_nanos": rng.choice((None, 1_234_567_890, 950_000_001)),
        }


def random_usage(texts, home, seed, count, *, huge=False):
    """Rows of usage as dicts, in the order of arrival, which is not that of time.

    Among huge usage there are events as large as an event may be.
    """
    usage = Usage(texts, home, seed, huge=huge)
    rows = [usage.row() for _ in range(count)]
    for one, twin in pairwise(rows):
        if usage.rng.random() < 0.1:
            # At the same second for the same SIM: the usage key says which draws first.
            twin |= {name: one[name] for name in ("started_at", "imsi", "msisdn")}
    return rows
