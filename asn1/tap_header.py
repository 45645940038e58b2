"""What a TAP file says of itself, taken from its header, tables and audit."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

MAX_DECIMAL_PLACES: Final = 6
_SIGN: Final = {"+": 1, "-": -1}
_ENTITY_IDS: Final = (
    "recEntityId", "mscId", "msisdn", "iPTextV4Address", "iPTextV6Address", "gmlcAddress",
    "camelServerAddress",
)


@dataclass(frozen=True, slots=True)
class TapHeader:
    """The file's identity, tables and control totals; None where it says nothing.

    Timestamps are text, YYYYMMDDhhmmss+hhmm. Charges are in 10^-tap_decimal_places of
    tap_currency; utc_offsets are seconds by code; rec_entities are (type, id) by code;
    exchange_rates are (decimal places, local units per unit of TAP currency) by code.
    """

    kind: Literal["transfer_batch", "notification"]
    sender: str | None = None
    recipient: str | None = None
    sequence: int | None = None
    rap_sequence: int | None = None
    release: str | None = None
    file_type: str | None = None
    """T for test data."""
    created: str | None = None
    cut_off: str | None = None
    available: str | None = None
    tap_decimal_places: int = 0
    tap_currency: str = "SDR"
    local_currency: str | None = None
    utc_offsets: dict[int, int] = field(default_factory=dict)
    rec_entities: dict[int, tuple[int | None, str | None]] = field(default_factory=dict)
    exchange_rates: dict[int, tuple[int, int]] = field(default_factory=dict)
    earliest: str | None = None
    latest: str | None = None
    audit_total_charge: int | None = None
    audit_event_count: int | None = None


def read_tap_header(
    kind: Literal["transfer_batch", "notification"], groups: dict[str, Any]
) -> TapHeader:
    """The header, of the groups beside the call events, by element name."""
    control = groups if kind == "notification" else groups.get("batchControlInfo", {})
    accounting = groups.get("accountingInfo", {})
    network = groups.get("networkInfo", {})
    audit = groups.get("auditControlInfo", {})
    return TapHeader(
        kind=kind,
        sender=control.get("sender") or None,
        recipient=control.get("recipient") or None,
        sequence=number_of(control.get("fileSequenceNumber")),
        rap_sequence=number_of(control.get("rapFileSequenceNumber")),
        release=release_of(
            control.get("specificationVersionNumber"), control.get("releaseVersionNumber")
        ),
        file_type=control.get("fileTypeIndicator") or None,
        created=timestamp_of(control.get("fileCreationTimeStamp")),
        cut_off=timestamp_of(control.get("transferCutOffTimeStamp")),
        available=timestamp_of(control.get("fileAvailableTimeStamp")),
        tap_decimal_places=sound_decimal_places(accounting),
        tap_currency=accounting.get("tapCurrency") or "SDR",
        local_currency=accounting.get("localCurrency") or None,
        utc_offsets=dict(_offsets(network.get("utcTimeOffsetInfo", []))),
        rec_entities=dict(_entities(network.get("recEntityInfo", []))),
        exchange_rates=dict(_rates(accounting.get("currencyConversionInfo", []))),
        earliest=timestamp_of(audit.get("earliestCallTimeStamp")),
        latest=timestamp_of(audit.get("latestCallTimeStamp")),
        audit_total_charge=_total_charge(audit),
        audit_event_count=audit.get("callEventDetailsCount"),
    )


def decimal_places_problem(group: dict[str, Any]) -> str | None:
    """Why amounts under a group's tapDecimalPlaces cannot be read, None when they can."""
    places = group.get("tapDecimalPlaces", 0)
    if _sound(places):
        return None
    return f"tapDecimalPlaces is {places}, not 0 to {MAX_DECIMAL_PLACES}; no amount has a meaning"


def sound_decimal_places(group: dict[str, Any]) -> int:
    """The group's tapDecimalPlaces, 0 where they are none or make no sense."""
    places = int(group.get("tapDecimalPlaces", 0))
    return places if _sound(places) else 0


def number_of(text: str | None) -> int | None:
    """The number that a text of at most nine digits means."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else None


def release_of(specification: int | None, release: int | None) -> str | None:
    """A release as people write it: 3.12."""
    return None if specification is None or release is None else f"{specification}.{release}"


def timestamp_of(value: dict[str, Any] | None) -> str | None:
    """A DateTimeLong as one text, YYYYMMDDhhmmss+hhmm."""
    if not value:
        return None
    return str(value.get("localTimeStamp", "")) + str(value.get("utcTimeOffset", "")) or None


def offset_seconds(text: str) -> int | None:
    """The seconds that a UTC offset (+hhmm) means."""
    sign, digits = _SIGN.get(text[:1]), number_of(text[1:])
    if not sign or digits is None or len(text) != len("+hhmm"):
        return None
    return sign * (digits // 100 * 3600 + digits % 100 * 60)


def _sound(places: int) -> bool:
    return 0 <= places <= MAX_DECIMAL_PLACES


def _offsets(rows: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Rows without a readable offset are left out: records that name them are rejected later."""
    for row in rows:
        code, seconds = row.get("utcTimeOffsetCode"), offset_seconds(row.get("utcTimeOffset", ""))
        if code is not None and seconds is not None:
            yield code, seconds


def _entities(rows: list[dict[str, Any]]) -> Iterator[tuple[int, tuple[int | None, str | None]]]:
    for row in rows:
        if "recEntityCode" in row:
            identity = next((row[name] for name in _ENTITY_IDS if row.get(name)), None)
            yield row["recEntityCode"], (row.get("recEntityType"), identity)


def _rates(rows: list[dict[str, Any]]) -> Iterator[tuple[int, tuple[int, int]]]:
    for row in rows:
        if "exchangeRateCode" in row and "exchangeRate" in row:
            yield row["exchangeRateCode"], (row.get("numberOfDecimalPlaces", 0),
                                            row["exchangeRate"])


def _total_charge(audit: dict[str, Any]) -> int | None:
    """From 3.11 one number; before, a row of each charge type, of which 00 is the total."""
    if "totalCharge" in audit:
        return int(audit["totalCharge"])
    rows = audit.get("totalChargeValueList", [])
    return next((r.get("totalCharge") for r in rows if r.get("chargeType") == "00"), None)
