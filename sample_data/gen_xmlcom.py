"""Xmlcom's files: one XML document a day, charges in US dollars, several local times."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from xml.sax.saxutils import quoteattr

from gen_events import Event, Made, Sim, day_of_events, random_for, travellers
from gen_faults import Fault, backwards, nowhere, spoil, stranger, tomorrow, withheld
from gen_iot import agreed_charge

PARTNER = "xmlcom"
PREFIXES = ("1212", "1415", "1702", "1305", "551198", "44207")
OFFSETS_HOURS = (-4, -5, -6, -7)
NAMESPACE = "urn:xmlcom:roaming-usage:2"
COUNT = 100


def nameless(event: Event) -> Event:
    """An event that says neither IMSI nor MSISDN."""
    return replace(event, sim=Sim("", ""))


# day, faults
PLAN: tuple[tuple[date, tuple[tuple[str, Fault], ...]], ...] = (
    (date(2026, 9, 2), (("voice_mt", withheld),)),
    (date(2026, 9, 9), (("sms_mo", stranger),)),
    (date(2026, 9, 13), ()),
    (date(2026, 9, 15), (("voice_mo", nowhere),)),
    (date(2026, 9, 20), (("voice_mo", backwards), ("sms_mt", tomorrow), ("data_mo", nameless))),
    (date(2026, 9, 25), ()),
)
STRANGE_NETWORK, BROKEN = 2, 3


def files() -> Iterator[Made]:
    """Xmlcom's files in the order of their numbers."""
    for sequence, (day, faults) in enumerate(PLAN, start=1):
        rng = random_for(PARTNER, sequence)
        events = spoil(day_of_events(rng, day, travellers(80, 35), COUNT, PREFIXES), faults)
        networks = ["USAXM"] * len(events)
        if sequence == STRANGE_NETWORK:
            # A national roaming partner of theirs that is in no catalog of ours.
            networks[20:90:14] = ["USAZZ"] * len(networks[20:90:14])
        charges = [agreed_charge(PARTNER, e) for e in events]
        written = [
            element(e, network, charge, OFFSETS_HOURS[e.reference % len(OFFSETS_HOURS)])
            for e, network, charge in zip(events, networks, charges, strict=True)
        ]
        data = document(sequence, day, written, sum(charges)).encode()
        records = len(written)
        if sequence == BROKEN:
            data = data[: data.index(b"</u:event>", len(data) * 3 // 5) - 40]
            records = data.count(b"<u:event ")
        yield Made(PARTNER, f"XC_{day:%Y%m%d}_{sequence:04d}.xml", data, records)


def document(sequence: int, day: date, events: list[str], total: int) -> str:
    """The document of events that are written, and their charges' sum."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<u:usageFile xmlns:u="{NAMESPACE}">\n'
        "  <u:header>\n"
        "    <u:sender>USAXM</u:sender><u:recipient>AUTRM</u:recipient>\n"
        f"    <u:sequence>{sequence}</u:sequence><u:created>{day}</u:created>\n"
        f'    <u:totals events="{len(events)}" charge="{_point(total)}" currency="USD"/>\n'
        "  </u:header>\n"
        f"  <u:events>\n{''.join(events)}  </u:events>\n"
        "</u:usageFile>\n"
    )


def element(event: Event, network: str, charge: int, offset_hours: int) -> str:
    """The element of an event in local time."""
    local = event.started_at + timedelta(hours=offset_hours)
    subscriber = "".join(
        f"<u:{tag}>{text}</u:{tag}>"
        for tag, text in (("imsi", event.sim.imsi), ("msisdn", event.sim.msisdn))
        if text
    )
    party = f"      <u:party><u:number>+{event.other}</u:number></u:party>\n"
    identity = quoteattr(f"x-{event.reference:08x}")
    return (
        f'    <u:event id={identity} service="{event.service}" direction="{event.direction}">\n'
        f"      <u:subscriber>{subscriber}</u:subscriber>\n"
        f"      <u:place><u:network>{network}</u:network></u:place>\n"
        f'      <u:start offset="{offset_hours * 100:+05d}">{local:%Y-%m-%dT%H:%M:%S}</u:start>\n'
        f"{party if event.other else ''}"
        f"      {_usage(event)}\n"
        f'      <u:charge currency="USD" net="{_point(charge)}" tax="0.000000"/>\n'
        "    </u:event>\n"
    )


def _usage(event: Event) -> str:
    if event.service == "sms":
        return '<u:usage messages="1"/>'
    volume = f' up="{event.up_bytes}" down="{event.down_bytes}"' if event.service == "data" else ""
    return f'<u:usage seconds="{event.duration_s}"{volume}/>'


def _point(micros: int) -> str:
    """Micro-units as text with a decimal point and six decimals."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
