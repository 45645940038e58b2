"""Fixline's files: lines of fixed width between a header and a trailer, without charges."""

from collections.abc import Iterator
from datetime import date, timedelta

from gen_events import Event, Made, Sim, day_of_events, random_for, travellers
from gen_faults import (
    Fault,
    absurd,
    at,
    backwards,
    nowhere,
    of,
    satellite,
    spoil,
    stranger,
    withheld,
)

PARTNER = "fixline"
PREFIXES = ("4930", "4989", "49171", "49160", "33612", "3906", "41797")
OFFSET = timedelta(hours=2)
KINDS = {"voice_mo": "VO", "voice_mt": "VT", "sms_mo": "SO", "sms_mt": "ST", "data_mo": "DO"}
COUNT = 150

# A subscriber whose product ends its peak time at six where the subscriber is.
BUSINESS = Sim("232991200000105", "436995550105")


def past_seven_in_vienna(event: Event) -> Event:
    """A call over seven in the evening at home, when the consumer product's peak time ends."""
    return at("2026-09-16T16:58:00", timedelta(minutes=7))(event)


def past_six_in_berlin(event: Event) -> Event:
    """A business subscriber's call over six in the evening."""
    return of(BUSINESS)(at("2026-09-16T15:55:00", timedelta(minutes=12))(event))


# file day, sequence number, day of the events, faults
PLAN: tuple[tuple[date, int, date, tuple[tuple[str, Fault], ...]], ...] = (
    (date(2026, 9, 4), 1, date(2026, 9, 4), (("voice_mt", withheld),)),
    (
        date(2026, 9, 8),
        2,
        date(2026, 9, 8),
        (
            ("voice_mo", backwards),
            ("voice_mo", stranger),
            ("sms_mo", nowhere),
            ("data_mo", absurd),
        ),
    ),
    (date(2026, 9, 12), 3, date(2026, 9, 12), ()),
    (
        date(2026, 9, 16),
        4,
        date(2026, 9, 16),
        (("voice_mo", past_seven_in_vienna), ("voice_mo", past_six_in_berlin)),
    ),
    (date(2026, 9, 21), 5, date(2026, 9, 21), (("voice_mo", stranger), ("voice_mo", satellite))),
    (date(2026, 9, 26), 6, date(2026, 9, 26), ()),
    (date(2026, 9, 27), 6, date(2026, 9, 26), ()),
    (date(2026, 9, 30), 7, date(2026, 9, 30), ()),
)
WRONG_COUNT, ODD_LINES = 3, 4
CUT_ON = date(2026, 9, 26)


def files() -> Iterator[Made]:
    """Fixline's files in the order of their names; number 6 is cut and comes again whole."""
    for made_on, sequence, day, faults in PLAN:
        rng = random_for(PARTNER, sequence)
        events = spoil(day_of_events(rng, day, travellers(40, 40), COUNT, PREFIXES), faults)
        lines = [detail(e) for e in events]
        if sequence == ODD_LINES:
            # A line type that nobody agreed on, and a line that lost its end.
            lines[50:50] = ["30" + lines[49][2:], lines[48][:60]]
        declared = len(lines) + (17 if sequence == WRONG_COUNT else 0)
        header = f"HDRDEUFXAUTRM{sequence:06d}{made_on:%Y%m%d}"
        data = "".join(f"{x}\n" for x in (header, *lines, f"TRL{declared:09d}")).encode("ascii")
        cut = made_on == CUT_ON
        if cut:
            data = data[: len(data) * 2 // 3]
        records = data.count(b"\n") if cut else len(lines)
        yield Made(PARTNER, f"FXL_{made_on:%Y%m%d}_{sequence:04d}.dat", data, records)


def detail(event: Event) -> str:
    """The line of an event."""
    start = f"{event.started_at + OFFSET:%Y%m%d%H%M%S}+0200"
    who = f"{event.sim.imsi:<15}{event.sim.msisdn:<15}"
    kind, duration = KINDS[event.kind], f"{event.duration_s:06d}"
    if event.service == "data":
        return (
            f"20{kind}{who}{start}{duration}{'internet':<20}"
            f"{event.up_bytes:015d}{event.down_bytes:015d}{event.reference:010d}"
        )
    return f"10{kind}{start}{duration}{who}{_dialled(event.other):<20}{event.reference:010d}"


def _dialled(number: str) -> str:
    """The number as dialled in Germany: 0 before national ones, 00 before the rest."""
    if number.startswith("49"):
        return f"0{number[2:]}"
    return f"00{number}" if number else ""
