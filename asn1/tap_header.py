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


def read_tap_header(kind: Literal["tap", "notification"], groups: dict[str, Any]) -> TapHeader:
    """The header, of the groups beside the call events as the walker gives them, by name."""
    control = groups.get("notification" if kind == "notification" else "batchControlInfo", {})
    accounting = groups.get("accountingInfo", {})
    network = groups.get("networkInfo", {})
    audit = groups.get("auditControlInfo", {})
    places = accounting.get("tapDecimalPlaces", 0)
    return TapHeader(
        kind="notification" if kind == "notification" else "transfer_batch",
        sender=control.get("sender") or None,
        recipient=control.get("recipient") or None,
        sequence=_digits(control.get("fileSequenceNumber")),
        rap_sequence=_digits(control.get("rapFileSequenceNumber")),
        release=_release(control),
        file_type=control.get("fileTypeIndicator") or None,
        created=_timestamp(control.get("fileCreationTimeStamp")),
        cut_off=_timestamp(control.get("transferCutOffTimeStamp")),
        available=_timestamp(control.get("fileAvailableTimeStamp")),
        tap_decimal_places=places if _sound(places) else 0,
        tap_currency=accounting.get("tapCurrency") or "SDR",
        local_currency=accounting.get("localCurrency") or None,
        utc_offsets=dict(_offsets(network.get("utcTimeOffsetInfo", []))),
        rec_entities=dict(_entities(network.get("recEntityInfo", []))),
        exchange_rates=dict(_rates(accounting.get("currencyConversionInfo", []))),
        earliest=_timestamp(audit.get("earliestCallTimeStamp")),
        latest=_timestamp(audit.get("latestCallTimeStamp")),
        audit_total_charge=_total_charge(audit),
        audit_event_count=audit.get("callEventDetailsCount"),
    )


def header_problem(groups: dict[str, Any]) -> str | None:
    """Why the file's amounts cannot be read, None when they can."""
    places = groups.get("accountingInfo", {}).get("tapDecimalPlaces", 0)
    if _sound(places):
        return None
    return f"tapDecimalPlaces is {places}, not 0 to {MAX_DECIMAL_PLACES}; no amount has a meaning"


def _sound(places: int) -> bool:
    return 0 <= places <= MAX_DECIMAL_PLACES


def _digits(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else None


def _release(control: dict[str, Any]) -> str | None:
    specification, release = (
        control.get("specificationVersionNumber"), control.get("releaseVersionNumber"),
    )
    return None if specification is None or release is None else f"{specification}.{release}"


def _timestamp(value: dict[str, Any] | None) -> str | None:
    if not value:
        return None
    return str(value.get("localTimeStamp", "")) + str(value.get("utcTimeOffset", "")) or None


def _offsets(rows: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Rows without a readable offset are left out: records that name them are rejected later."""
    for row in rows:
        code, text = row.get("utcTimeOffsetCode"), row.get("utcTimeOffset", "")
        sign, digits = _SIGN.get(text[:1]), _digits(text[1:])
        if code is not None and sign and digits is not None and len(text) == len("+hhmm"):
            yield code, sign * (digits // 100 * 3600 + digits % 100 * 60)


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
