"""NordTel's files: TAP 3.12 and 3.9 with charges in SDR, and what befalls such files."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from gen_events import Made, day_of_events, random_for, travellers
from gen_faults import Fault, absurd, at, nowhere, spoil, stranger, tomorrow, withheld
from gen_iot import agreed_charge
from gen_tap import (
    FORGOTTEN_CODE,
    MICROS_PER_UNIT,
    SHIP_CODE,
    Priced,
    batch,
    forwarding,
    notification,
)

from asn1.encode import encode_notification, encode_transfer_batch

PARTNER = "nordtel"
PREFIXES = ("479", "4722", "46705", "45202", "35840", "44207")
Faults = tuple[tuple[str, Fault], ...]
LIVE = "CDNORNTAUTRM"
IMSI_TAG = b"\x5f\x81\x01"

MIDNIGHT = at("2026-09-14T21:57:45", timedelta(minutes=6))
EVENING = at("2026-09-14T16:56:00", timedelta(minutes=9))


def files() -> Iterator[Made]:
    """NordTel's files; a name with a suffix is one that the partner put beside an earlier one."""
    first = _batch(1, date(2026, 9, 2), 230, (("voice_mt", withheld),))
    second = _batch(2, date(2026, 9, 6), 230, (("voice_mo", stranger), ("sms_mo", stranger)))
    yield _made("00001", first, 230)
    yield _made("00002", second, 230)
    yield _made("00002.resent", second, 230)
    yield _made("00003", encode_notification(notification(3, _made_at(date(2026, 9, 8)))), 0)
    yield _made("00004", _batch(4, date(2026, 9, 10), 150, (), release=9), 150)
    faults: Faults = (("voice_mo", nowhere), ("voice_mt", withheld), ("data_mo", absurd))
    yield _made("00005", _batch(5, date(2026, 9, 12), 230, faults), 230)
    # Made by a counter that was set back: number 5 again, and none of its records.
    yield _made("00005.other", _batch(5, date(2026, 9, 13), 60, ()), 60)
    crossing: Faults = (("voice_mo", MIDNIGHT), ("voice_mo", EVENING))
    yield _made("00006", _batch(6, date(2026, 9, 14), 230, crossing), 230)
    yield _cut("00007", _batch(7, date(2026, 9, 18), 120, ()))
    # Number 8 never came.
    ninth = _priced(9, date(2026, 9, 24), 230, (("sms_mt", tomorrow),))
    yield _made("00009", _encode(9, date(2026, 9, 24), ninth), 230)
    tenth = _priced(10, date(2026, 9, 29), 240, (("voice_mo", stranger),))
    yield _made("00010", _with_odd_events(10, date(2026, 9, 29), ninth[100:106] + tenth), 247)
    trial = _priced(90_001, date(2026, 9, 28), 30, ())
    data = _encode(1, date(2026, 9, 28), trial, test=True)
    yield Made(PARTNER, "TDNORNTAUTRM00001", data, 30)


def _made(suffix: str, data: bytes, records: int) -> Made:
    return Made(PARTNER, LIVE + suffix, data, records)


def _made_at(day: date) -> datetime:
    """When the partner made the file: the next morning, UTC."""
    return datetime.combine(day + timedelta(days=1), time(2, 10))


def _priced(key: int, day: date, count: int, faults: Faults) -> list[Priced]:
    """Events of one day with the agreed charge; one in twelve from a ship."""
    rng = random_for(PARTNER, key, day)
    events = spoil(day_of_events(rng, day, travellers(20, 60), count, PREFIXES), faults)
    return [
        Priced(
            event,
            # TAP states fewer decimals than we keep: half a unit rounds up.
            (agreed_charge(PARTNER, event) + MICROS_PER_UNIT // 2) // MICROS_PER_UNIT,
            SHIP_CODE if rng.randrange(12) == 0 else 0,
        )
        for event in events
    ]


def _encode(
    sequence: int, day: date, priced: list[Priced], *, release: int = 12, test: bool = False
) -> bytes:
    return encode_transfer_batch(batch(sequence, _made_at(day), priced, release=release, test=test))


def _batch(sequence: int, day: date, count: int, faults: Faults, *, release: int = 12) -> bytes:
    return _encode(sequence, day, _priced(sequence, day, count, faults), release=release)


def _cut(suffix: str, data: bytes) -> Made:
    """The file as after a broken transfer: about two thirds, its last record not whole."""
    part = data[: data.index(IMSI_TAG, len(data) * 2 // 3) + 6]
    return Made(PARTNER, LIVE + suffix, part, part.count(IMSI_TAG))


def _with_odd_events(sequence: int, day: date, priced: list[Priced]) -> bytes:
    """A batch with an unknown offset code, an event that is not chargeable, and broken octets."""
    odd = replace(priced[60], offset_code=FORGOTTEN_CODE)
    value = batch(sequence, _made_at(day), [*priced[:60], odd, *priced[61:]])
    value["callEventDetails"].append(forwarding(priced[70]))
    value["auditControlInfo"]["callEventDetailsCount"] += 1
    data = bytearray(encode_transfer_batch(value))
    # An IMSI longer than the record, in a message that costs nothing: the totals still hold.
    free = next(p.event for p in priced[100:] if p.event.kind == "sms_mt")
    place = data.index(free.reference.to_bytes(4, "big"))
    data[data.rindex(IMSI_TAG, 0, place) + len(IMSI_TAG)] = 0x7F
    return bytes(data)
