"""Seeded random catalogs: valid, small, and full of odd edges, as CSV texts by table name."""

import random
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from random_prices import random_rates

TIME_ZONES = (
    "Europe/Vienna", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
    "America/Santiago", "Africa/Cairo", "Pacific/Chatham", "Africa/Casablanca", "Asia/Beirut",
    "America/Havana", "Pacific/Apia", "Asia/Tokyo", "UTC", "America/St_Johns", "Atlantic/Azores",
)
CURRENCIES = ("EUR", "USD", "CHF", "SDR", "JPY")
# A day before, at and after the changes of clocks, month ends, and days of no note.
DATES = (
    "2026-03-08", "2026-03-29", "2026-04-01", "2026-04-05", "2026-04-24", "2026-05-13",
    "2026-06-01", "2026-07-15", "2026-09-06", "2026-09-28", "2026-10-04", "2026-10-25",
    "2026-10-30", "2026-11-01", "2026-11-02",
)
SERVICES = ("voice", "sms", "mms", "data", "vas", "units")
UNITS = {"voice": ("s", "min"), "data": ("bytes", "kB", "MB", "GB"), "sms": ("event",),
         "mms": ("event",), "vas": ("event",), "units": ("unit",)}
DIRECTIONS = ("mo", "mt", "mf")
QUANTITIES = ("1", "10", "100", "0.5", "0.333333", "2.75", "500", "3000")
BANDS = ("day", "night", "peak", "rest", "dawn")


@dataclass
class Draft:
    """One catalog in the making: rows by table, and the choices that others refer to."""

    seed: int
    rng: random.Random = field(init=False)
    tables: dict[str, list[dict]] = field(default_factory=dict)

    def __post_init__(self):
        self.rng = random.Random(self.seed)

    def add(self, table, **cells):
        self.tables.setdefault(table, []).append({k.rstrip("_"): str(v) for k, v in cells.items()})

    def column(self, table, column):
        return list(dict.fromkeys(r[column] for r in self.tables.get(table, ())))

    def chance(self, share):
        return self.rng.random() < share

    def spans(self, pieces=0.3, hole=0.15, bounded=0.15):
        """Validities of one key: one, or several that meet or leave a hole."""
        cuts = []
        if self.chance(pieces):
            cuts = sorted(self.rng.sample(DATES, self.rng.choice((1, 1, 2))))
        ends = ["", *cuts, ""]
        found = list(pairwise(ends))
        if len(found) > 1 and self.chance(hole):
            found.pop(self.rng.randrange(len(found)))
        if self.chance(bounded) and found[0][0] == "":
            found[0] = (self.rng.choice(("2025-01-31", "2026-02-28")), found[0][1])
        return [{"valid_from": a, "valid_to": b} for a, b in found]

    def maybe(self, choices, share, other=""):
        return self.rng.choice(choices) if choices and self.chance(share) else other

    def texts(self):
        return {name: csv_text(rows) for name, rows in self.tables.items()}


def csv_text(rows):
    columns = list(rows[0])
    return "\n".join([",".join(columns), *(",".join(r[c] for c in columns) for r in rows)]) + "\n"


def random_catalog(seed):
    """(texts by table, home time zone) of one catalog."""
    draft = Draft(seed)
    home = draft.rng.choice(TIME_ZONES)
    places(draft)
    calendars(draft)
    money(draft)
    for tariff in draft.column("tariffs", "tariff"):
        random_rates(draft, tariff)
    customers(draft)
    included(draft)
    discounts(draft)
    return draft.texts(), home


def places(draft):
    rng = draft.rng
    zones, depth = [], {}
    for number in range(rng.randint(5, 12)):
        near = [z for z in zones if depth[z] < 5]
        parent = draft.maybe(near, 0.65)
        zones.append(f"z{number}")
        depth[zones[-1]] = depth.get(parent, 0) + 1
        draft.add("zones", zone=zones[-1], parent=parent, name=f"Zone {number}")
    for number in range(rng.randint(3, 7)):
        time_zone = rng.choice(TIME_ZONES)
        for span in draft.spans(hole=0.1):
            draft.add("networks", tadig=f"NET{number:02}", mcc_mnc=f"{20000 + number}",
                      country="XX", zone=rng.choice(zones), timezone=time_zone, **span)
    prefixes = {"4", "3", "1"}
    for _ in range(rng.randint(6, 25)):
        longer = rng.choice(sorted(prefixes)) + "".join(
            rng.choice("0379") for _ in range(rng.choice((1, 1, 2, 4))))
        prefixes.add(longer[:10])
    for prefix in rng.sample(sorted(prefixes), len(prefixes)):
        for span in draft.spans(pieces=0.15):
            draft.add("number_plan", prefix=prefix, destination=f"D{prefix}",
                      zone=rng.choice(zones), **span)
    for _ in range(rng.randint(1, 6)):
        number = rng.choice(sorted(prefixes)) + f"{rng.randrange(10**5):05}"
        if number not in draft.column("ported", "number"):
            for span in draft.spans():
                draft.add("ported", number=number, destination="ported", zone=rng.choice(zones),
                          **span)


def minutes(draft):
    """Edges of a day's bands: odd ones and those at which clocks change."""
    odd = (1, 29, 30, 59, 60, 90, 119, 120, 121, 150, 179, 180, 181, 420, 480, 719, 720, 1080, 1200,
           1320, 1380, 1410, 1439)
    return sorted(draft.rng.sample(odd, draft.rng.choice((0, 1, 2, 3, 5))))


def clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


def calendars(draft):
    rng = draft.rng
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    for number in range(rng.randint(1, 3)):
        name = f"cal{number}"
        cuts = [0, *sorted(rng.sample(range(1, 7), rng.choice((0, 1, 2)))), 7]
        groups = [week[a] if b - a == 1 else f"{week[a]}-{week[b - 1]}"
                  for a, b in pairwise(cuts)]
        holidays = rng.sample(DATES, rng.choice((0, 2, 4)))
        for group in [*groups, *["holiday"] * bool(holidays)]:
            edges = [0, *minutes(draft), 1440]
            for a, b in pairwise(edges):
                draft.add("calendars", calendar=name, days=group, from_=clock(a), to=clock(b),
                          band=rng.choice(BANDS))
        for day in holidays:
            draft.add("holidays", calendar=name, date=day, name="H")


def money(draft):
    rng = draft.rng
    for tariff in (*(f"t{n}" for n in range(rng.randint(3, 5))), "iot0", "iot1"):
        draft.add(
            "tariffs", tariff=tariff, currency=rng.choice(CURRENCIES),
            calendar=draft.maybe(draft.column("calendars", "calendar"), 0.8),
            band_time=rng.choice(("home", "account", "serving")),
            interval_rounding=rng.choice(("up", "up", "nearest", "down")),
            rounding_stage=rng.choice(("part", "event")),
            rounding=rng.choice(("half_up", "half_even", "up", "down")),
            decimals=rng.choice((0, 1, 2, 2, 3, 4, 6)), tax_included=rng.choice(("yes", "no")),
            kilo=rng.choice((1000, 1024)))
    exchange_rates(draft)
    zones = draft.column("zones", "zone")
    for name in ("vat", "low"):
        for zone in ["*"] * draft.chance(0.95) + rng.sample(zones, 2):
            for span in draft.spans(hole=0.05, bounded=0):
                percent = rng.choice(("20", "0", "7.7", "5.4321"))
                draft.add("taxes", tax=name, serving_zone=zone, percent=percent, **span)
    for name, period in (("c_day", "day"), ("c_week", "week"), ("c_month", "month")):
        draft.add("counters", counter=name, period=period)
    for name in ("north", "south"):
        for span in draft.spans():
            draft.add("agreements", partner=name, tariff=rng.choice(("iot0", "iot1")), **span)


def exchange_rates(draft):
    """One direction of nearly every pair of currencies, now and then for a time the other too."""
    rng = draft.rng
    for pair in combinations(CURRENCIES, 2):
        if draft.chance(0.01):
            continue
        one, other = rng.sample(pair, 2)
        for span in draft.spans(hole=0.02, bounded=0):
            draft.add("exchange_rates", from_=one, to=other, rate=rng.choice((
                "1.0842", "0.9", "3", "0.333333333", "0.007", "1", "161.25")), **span)
        if draft.chance(0.2):
            draft.add("exchange_rates", from_=other, to=one, rate="1.1", valid_from="",
                      valid_to="2026-07-15")


def customers(draft):
    rng = draft.rng
    taxes = draft.column("taxes", "tax")
    for number in range(4):
        for span in draft.spans(pieces=0.2, hole=0.1, bounded=0.05):
            draft.add("products", product=f"p{number}", tax=draft.maybe(taxes, 0.6),
                      tariff=rng.choice(draft.column("tariffs", "tariff")[:-2]), **span)
    numbers = []
    for number in range(rng.randint(5, 9)):
        account = f"a{number}"
        draft.add("accounts", account=account, customer="c", mode="postpaid",
                  currency=rng.choice(CURRENCIES), timezone=rng.choice(TIME_ZONES),
                  status="active", credit_limit="",
                  payer=draft.maybe(("a0", "a1"), 0.3) if number > 1 else "",
                  tax=draft.maybe(taxes, 0.3), opening_balance="0")
        for sim in range(rng.choice((1, 1, 2))):
            numbers.append(f"430{number}{sim}000")
            imsi = f"23299{number:04}{sim:06}"
            draft.add("sims", iccid="", imsi=imsi, msisdn=numbers[-1], account=account,
                      valid_from="", valid_to="2026-11-02" if draft.chance(0.2) else "")
            if draft.chance(0.2) or number == 3:
                span = rng.choice(draft.spans())
                draft.add("subscriptions", account=account, imsi=imsi,
                          product=f"p{rng.randrange(4)}", **span)
        for span in draft.spans(pieces=0.4, hole=0.1):
            draft.add("subscriptions", account=account, imsi="", product=f"p{rng.randrange(4)}",
                      **span)
    moved = draft.tables["sims"][0]
    moved["valid_to"] = "2026-09-06"
    draft.add("sims", **moved | {"account": "a1", "valid_from": "2026-09-06", "valid_to": ""})
    relations(draft, numbers)


def relations(draft, numbers):
    rng = draft.rng
    others = [*numbers, *draft.column("ported", "number"), "4455", "39001", "112"]
    for account in draft.column("accounts", "account"):
        for number in rng.sample(others, min(6, len(others))):
            for span in draft.spans():
                draft.add("friends", account=account, number=number, **span)
    for group in ("g1", "g2"):
        for number in rng.sample(others, min(6, len(others))):
            for span in draft.spans():
                draft.add("groups", group=group, number=number, **span)


def included(draft):
    rng = draft.rng
    units = ("s", "min", "bytes", "kB", "MB", "GB", "event", "unit")
    for number in range(rng.randint(4, 10)):
        unit = rng.choice(units)
        draft.add("allowances", allowance=f"w{number}", unit=unit,
                  quantity=rng.choice(QUANTITIES),
                  period=rng.choice(("once", "day", "week", "month", "month")),
                  roll_over=rng.choice((0, 0, 1, 2, 5, 24)), priority=rng.choice((0, 5, 5, 7)))
        plain = unit in ("MB", "GB")
        keys = set()
        for _ in range(rng.randint(1, 5)):
            key = scope_key(draft)
            if key not in keys:
                keys.add(key)
                scope(draft, f"w{number}", key, plain=plain)
    for number in range(2):
        for account in rng.sample(draft.column("accounts", "account"), 3):
            for span in draft.spans():
                draft.add("pools", pool=f"pool{number}", account=account, **span)
    holders = {
        "product": draft.column("products", "product"), "sim": draft.column("sims", "imsi"),
        "account": draft.column("accounts", "account"), "pool": ["pool0", "pool1"],
    }
    keys = set()
    for _ in range(rng.randint(12, 30)):
        kind = rng.choice(("product", "product", "account", "sim", "pool"))
        key = kind, rng.choice(holders[kind]), rng.choice(draft.column("allowances", "allowance"))
        if key not in keys:
            keys.add(key)
            for span in draft.spans(pieces=0.4, bounded=0.4):
                draft.add("grants", holder_kind=key[0], holder=key[1], allowance=key[2], **span)


def scope_key(draft):
    zones = draft.column("zones", "zone")
    service = draft.maybe(("voice", *SERVICES), 0.7, "*")
    return (
        service, draft.maybe(DIRECTIONS, 0.4, "*"), draft.maybe(zones, 0.4, "*"),
        draft.maybe([*zones, "@group", "@friend"], 0.25, "*"),
        draft.maybe(draft.column("calendars", "band"), 0.3, "*"),
        draft.maybe(("north", "south", "east"), 0.2, "*"),
    )


def scope(draft, allowance, key, *, plain):
    """One scope; a plain one has no fractions, which the quantity could not bear."""
    rng = draft.rng
    service = key[0] if key[0] != "*" else rng.choice(SERVICES)
    draft.add("scopes", allowance=allowance, service=key[0], direction=key[1],
              serving_zone=key[2], destination_zone=key[3], band=key[4], partner=key[5],
              takes=rng.choice((1, 1, 1, 2, 3, 60, 0)),
              per=1 if plain else rng.choice((1, 1, 2, 3, 7)),
              unit=UNITS[service][0] if plain else rng.choice(UNITS[service][:3]))


def discounts(draft):
    rng = draft.rng
    for number in range(rng.randint(2, 10)):
        kind = rng.choice(("product", "account"))
        zones = draft.column("zones", "zone")
        percent = rng.choice(("", "10", "33.3333", "60", "100", "0.5"))
        fixed = rng.choice(("", "0.01", "0.123456", "1")) if percent else "0.02"
        for span in draft.spans():
            draft.add("discounts", discount=f"d{number}", holder_kind=kind,
                      holder=rng.choice(draft.column(kind + "s", kind)),
                      service=draft.maybe(SERVICES, 0.6, "*"),
                      direction=draft.maybe(DIRECTIONS, 0.3, "*"),
                      serving_zone=draft.maybe(zones, 0.4, "*"),
                      destination_zone=draft.maybe([*zones, "@friend", "@group"], 0.3, "*"),
                      percent=percent, fixed=fixed, **span)

