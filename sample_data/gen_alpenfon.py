"""Alpenfon's files: CSV with semicolons, Latin-1, decimal commas and Prague's local time."""

import csv
import gzip
import io
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

from gen_events import Event, Made, day_of_events, random_for, travellers
from gen_faults import (
    FORMER_OWNER,
    NEW_OWNER,
    Fault,
    absurd,
    at,
    nowhere,
    of,
    spoil,
    stranger,
    tomorrow,
    withheld,
)
from gen_iot import agreed_charge

PARTNER = "alpenfon"
PREFIXES = ("420602", "420723", "4202", "42154", "48601", "49171")
ZONE = ZoneInfo("Europe/Prague")
HEADER = (
    "REC_TYPE",
    "RECORD_ID",
    "START",
    "DURATION",
    "IMSI",
    "MSISDN",
    "OTHER_NUMBER",
    "PLACE",
    "KB_UP",
    "KB_DOWN",
    "NET_EUR",
    "TAX_EUR",
)
TYPES = {"voice_mo": "MOC", "voice_mt": "MTC", "sms_mo": "SMO", "sms_mt": "SMT", "data_mo": "GPRS"}
PLACES = (
    "Písek",
    "Kolín",
    "Ústí nad Labem",
    "Krásná Lípa",
    "Café Müller; Znojmo",
    'Hotel "Zlatý kohout", Most',
    "Jägerndorf",
    "Beroun",
)
PROXY_PAGE = b"""<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body><h1>Bad Gateway</h1><p>The upstream server gave no answer.</p></body></html>
"""

# Numbers of the files that are particular.
PROBES, PACKED, OVERLAP, PAGE, UNQUOTED, FORWARDED = 2, 3, 4, 6, 8, 9

# day, faults: one file each, numbered from 1.
PLAN: tuple[tuple[date, tuple[tuple[str, Fault], ...]], ...] = (
    (
        date(2026, 9, 3),
        (
            ("voice_mo", stranger),
            ("voice_mo", nowhere),
            ("voice_mt", withheld),
            ("voice_mo", of(FORMER_OWNER)),
        ),
    ),
    (date(2026, 9, 7), (("sms_mo", stranger),)),
    (date(2026, 9, 11), ()),
    (date(2026, 9, 13), (("voice_mt", withheld),)),
    # Over midnight in Vienna, when the tariff changed; and from peak into off-peak time.
    (
        date(2026, 9, 14),
        (
            ("voice_mo", at("2026-09-14T21:58:30", timedelta(minutes=4))),
            ("voice_mo", at("2026-09-14T16:55:10", timedelta(minutes=11))),
        ),
    ),
    (date(2026, 9, 18), ()),
    (date(2026, 9, 19), (("data_mo", absurd), ("sms_mo", tomorrow), ("voice_mo", stranger))),
    (date(2026, 9, 23), ()),
    (date(2026, 9, 28), (("voice_mo", nowhere), ("voice_mo", of(NEW_OWNER)))),
)


def files() -> Iterator[Made]:
    """Alpenfon's files in the order of their numbers."""
    yesterday: list[list[str]] = []
    for sequence, (day, faults) in enumerate(PLAN, start=1):
        rng = random_for(PARTNER, sequence)
        events = spoil(day_of_events(rng, day, travellers(0, 45), 170, PREFIXES), faults)
        rows = [row(rng, as_written(e)) for e in events]
        rows = _special(sequence, rows, yesterday)
        yesterday = rows
        name, data = f"ALPENFON_{day:%Y%m%d}_{sequence:04d}.csv", text(rows)
        if sequence == PACKED:
            name, data = f"{name}.gz", gzip.compress(data, mtime=0)
        if sequence == PAGE:
            yield Made(PARTNER, name, PROXY_PAGE, 0)
            continue
        if sequence == UNQUOTED:
            data = _unquoted(data)
        yield Made(PARTNER, name, data, len(rows))


def _special(sequence: int, rows: list[list[str]], yesterday: list[list[str]]) -> list[list[str]]:
    """The rows with what is particular to this file."""
    if sequence == PROBES:
        # Three lines twice, and the partner's own probe calls, which it forgot to take out.
        probes = [["TST", *row[1:]] for row in rows[40:44]]
        return rows[:80] + rows[10:13] + rows[80:] + probes
    if sequence == OVERLAP:
        return rows[:20] + yesterday[150:162] + rows[20:]
    if sequence == FORWARDED:
        return [*rows[:30], ["FWD", *rows[30][1:]], *rows[31:]]
    return rows


def as_written(event: Event) -> Event:
    """The event in Alpenfon's grain: volumes in whole KiB."""
    return replace(
        event,
        up_bytes=-(-event.up_bytes // 1024) * 1024,
        down_bytes=-(-event.down_bytes // 1024) * 1024,
    )


def row(rng: random.Random, event: Event) -> list[str]:
    """The event's cells in the order of HEADER."""
    start = event.started_at.replace(tzinfo=UTC).astimezone(ZONE)
    minutes, seconds = divmod(event.duration_s, 60)
    data = event.service == "data"
    charge = agreed_charge(PARTNER, event)
    if rng.randrange(40) == 0:
        # Now and then the partner charges more than the agreement says.
        charge += charge // 5
    return [
        TYPES[event.kind],
        f"A{event.reference:010d}",
        f"{start:%d.%m.%Y %H:%M:%S}",
        f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}",
        event.sim.imsi,
        event.sim.msisdn,
        f"00{event.other}" if event.other else "",
        rng.choice(PLACES),
        str(event.up_bytes // 1024) if data else "",
        str(event.down_bytes // 1024) if data else "",
        _comma(charge),
        "0,0000",
    ]


def _comma(micros: int) -> str:
    """Micro-units as text with a decimal comma and six decimals."""
    return f"{micros // 1_000_000},{micros % 1_000_000:06d}"


def text(rows: list[list[str]]) -> bytes:
    """The file of these rows."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return out.getvalue().encode("latin-1")


def _unquoted(data: bytes) -> bytes:
    """The file with the quotes of its first two quoted places lost, which splits them in two."""
    return data.replace(
        '"Café Müller; Znojmo"'.encode("latin-1"), "Café Müller; Znojmo".encode("latin-1"), 2
    )
