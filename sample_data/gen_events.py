"""Invented subscribers abroad and what they do in a day, before any partner writes it down."""

import csv
import random
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

SEED = 20260901
CATALOG = Path(__file__).parent / "home" / "catalog"

# Shares of the kinds of event, in percent: travellers use data far more than they call.
MIX = (
    ("voice", "mo", 24),
    ("voice", "mt", 18),
    ("sms", "mo", 14),
    ("sms", "mt", 10),
    ("data", "mo", 34),
)
# Fixed-network and mobile numbers of the home country and its neighbours that anybody may call.
HOME_PREFIXES = ("43699555", "43664", "43676", "431", "43316", "43512")


@dataclass(frozen=True, slots=True)
class Sim:
    """One subscriber: IMSI and MSISDN as digits."""

    imsi: str
    msisdn: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event at a partner's network; started_at is naive UTC, volumes are octets."""

    sim: Sim
    service: str
    direction: str
    started_at: datetime
    reference: int
    other: str = ""
    duration_s: int = 0
    up_bytes: int = 0
    down_bytes: int = 0

    @property
    def kind(self) -> str:
        """Service and direction in one word, as voice_mo."""
        return f"{self.service}_{self.direction}"


@dataclass(frozen=True, slots=True)
class Made:
    """One generated file: partner, name, bytes and the number of records put into it."""

    partner: str
    name: str
    data: bytes
    records: int


def random_for(*place: object) -> random.Random:
    """A generator of its own for one file, so that a change there leaves the others alone."""
    return random.Random("/".join(str(p) for p in (SEED, *place)))


def travellers(first: int, count: int) -> list[Sim]:
    """`count` subscribers of the sample catalog from row `first`, among those valid all month."""
    with (CATALOG / "sims.csv").open(encoding="utf-8", newline="") as lines:
        steady = [
            Sim(row["imsi"], row["msisdn"])
            for row in csv.DictReader(lines)
            if not row["valid_to"] and row["valid_from"] <= "2026-08-01"
        ]
    return steady[first : first + count]


def number(rng: random.Random, prefixes: tuple[str, ...], length: int = 11) -> str:
    """An E.164 number below one of the prefixes."""
    prefix = rng.choice(prefixes)
    return prefix + "".join(str(rng.randrange(10)) for _ in range(length - len(prefix)))


def day_of_events(
    rng: random.Random, day: date, sims: list[Sim], count: int, prefixes: tuple[str, ...]
) -> list[Event]:
    """`count` events of one UTC day in order of time; calls go to the prefixes or home."""
    kinds = [(s, d) for s, d, share in MIX for _ in range(share)]
    events = [
        _event(rng, day, rng.choice(sims), rng.choice(kinds), prefixes + HOME_PREFIXES)
        for _ in range(count)
    ]
    return sorted(events, key=lambda e: (e.started_at, e.reference))


def _event(
    rng: random.Random,
    day: date,
    sim: Sim,
    kind: tuple[str, str],
    prefixes: tuple[str, ...],
) -> Event:
    # Whole numbers only: floating-point functions may differ in the last place between systems.
    awake = rng.randrange(6 * 3600, 22 * 3600 + 1800)
    start = datetime.combine(day, time()) + timedelta(seconds=awake)
    event = Event(sim, *kind, start, rng.randrange(1, 1 << 31))
    if event.service == "data":
        return replace(
            event,
            duration_s=rng.randrange(10, rng.choice((300, 1800, 7200))),
            up_bytes=rng.randrange(500, 1 << rng.randrange(12, 24)),
            down_bytes=rng.randrange(2_000, 1 << rng.randrange(14, 27)),
        )
    seconds = rng.randrange(3, rng.choice((60, 180, 180, 900, 2400)))
    return replace(
        event,
        other=number(rng, prefixes),
        duration_s=seconds if event.service == "voice" else 0,
    )
