"""One event as a person describes it, made a row of table usage."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import polars as pl

from mediation.schema import USAGE
from ratemill.errors import RatemillError
from rating.catalog import Catalog
from rating.catalog_tables import DIRECTIONS, SERVICE_UNIT, SERVICES

_SIZE = {"kb": 1024, "mb": 1024**2}
_DEFAULT_SERVICE = {"seconds": "voice", "bytes": "data", "kb": "data", "mb": "data",
                    "events": "sms"}
_BASE_UNIT = {"seconds": "s", "bytes": "bytes", "kb": "bytes", "mb": "bytes"}
_COLUMN = {"s": "duration_s", "bytes": "volume_down_bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEvent:
    """What the command line says of an event."""

    number: str | None = None
    imsi: str | None = None
    at: str
    """local time, ISO 8601; may carry its offset"""
    offset: str | None = None
    """as +01:00; else that of the serving network's time zone"""
    network: str | None = None
    """TADIG code; else our own"""
    to: str | None = None
    service: str | None = None
    """else the one that the unit suggests"""
    direction: str = "mo"
    seconds: int | None = None
    bytes: int | None = None
    kb: int | None = None
    mb: int | None = None
    events: int | None = None
    partner: str | None = None
    charge: str | None = None
    currency: str | None = None


def usage_of_event(event: OneEvent, catalog: Catalog, own_network: str) -> pl.DataFrame:
    """Table usage with the one event; RatemillError where it is described wrongly."""
    network = event.network or own_network
    if (event.number is None) == (event.imsi is None):
        raise RatemillError("event", "needs --number or --imsi", "give one of the two")
    service, column, units = _units(event)
    if event.direction not in DIRECTIONS:
        raise RatemillError("--direction", f"{event.direction!r} is not known",
                            f"one of {', '.join(DIRECTIONS)}")
    started_at, offset_s = _moment(event, network, catalog)
    if (event.charge is None) != (event.currency is None):
        raise RatemillError("event", "--charge and --currency go together",
                            "as --charge 1.23 --currency SDR")
    row = {
        "partner": event.partner or "", "file_id": "", "record_index": 0, "usage_key": "0" * 32,
        "record_type": "asked", "service": service, "direction": event.direction,
        "imsi": event.imsi, "msisdn": _digits("--number", event.number),
        "other_party": _digits("--to", event.to), "other_party_raw": event.to,
        "serving_network": network, "started_at": started_at, "utc_offset_s": offset_s,
        column: units, "partner_charge_micros": _micros(event.charge),
        "partner_currency": event.currency,
    }
    schema = {name: USAGE.polars[name] for name in row}
    return USAGE.fill(pl.DataFrame([row], schema=schema))


def _units(event: OneEvent) -> tuple[str, str, int]:
    """Service, the column of table usage that counts its units, and how many."""
    names = list(_DEFAULT_SERVICE)
    given = {n: v for n in names if (v := getattr(event, n)) is not None}
    if len(given) != 1:
        raise RatemillError("event", "needs its units",
                            f"one of {', '.join(f'--{n} N' for n in names)}")
    (name, count), = given.items()
    service = event.service or _DEFAULT_SERVICE[name]
    if service not in SERVICES:
        raise RatemillError("--service", f"{service!r} is not known",
                            f"one of {', '.join(SERVICES)}")
    unit = SERVICE_UNIT[service]
    if _BASE_UNIT.get(name, unit if unit not in _COLUMN else "event") != unit:
        raise RatemillError(f"--{name}", f"does not fit {service}", f"{service} counts {unit}")
    return service, _COLUMN.get(unit, "events"), count * _SIZE.get(name, 1)


def _moment(event: OneEvent, network: str, catalog: Catalog) -> tuple[datetime, int]:
    """Start in naive UTC, and the offset of the local time in seconds."""
    try:
        local = datetime.fromisoformat(event.at)
    except ValueError as error:
        raise RatemillError("--at", f"{event.at!r} is no time",
                            "as 2026-11-20T18:55:00") from error
    if event.offset is not None:
        local = local.replace(tzinfo=_offset(event.offset))
    elif local.tzinfo is None:
        local = local.replace(tzinfo=ZoneInfo(_network_zone(network, catalog)))
    offset = local.utcoffset() or timedelta()
    return local.astimezone(UTC).replace(tzinfo=None), int(offset.total_seconds())


def _offset(text: str) -> timezone:
    try:
        return timezone(datetime.strptime(text, "%z").utcoffset() or timedelta())
    except ValueError as error:
        raise RatemillError("--offset", f"{text!r} is no offset", "as +01:00") from error


def _network_zone(tadig: str, catalog: Catalog) -> str:
    """The time zone of the network's last row; the home's for a network that is not known."""
    known = catalog.frames["networks"].filter(tadig=tadig).sort("valid_from")
    return known["timezone"][-1] if known.height else catalog.home_zone


def _digits(option: str, number: str | None) -> str | None:
    if number is None:
        return None
    digits = number.lstrip("+").replace(" ", "")
    if not digits.isdecimal():
        raise RatemillError(option, f"{number!r} is no number", "digits in E.164, as 43699123456")
    return digits


def _micros(amount: str | None) -> int | None:
    if amount is None:
        return None
    try:
        micros = Decimal(amount) * 1_000_000
    except InvalidOperation:
        micros = Decimal("0.5")
    if micros != int(micros) or micros < 0:
        raise RatemillError("--charge", f"{amount!r} is no amount",
                            "decimal text of at most six places, as 1.23")
    return int(micros)
