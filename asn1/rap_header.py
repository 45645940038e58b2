"""What a RAP file or its acknowledgement says of itself, taken from its header and audit."""

from dataclasses import dataclass
from typing import Any, Literal

from asn1.tap_header import number_of, release_of, sound_decimal_places, timestamp_of


@dataclass(frozen=True, slots=True)
class RapHeader:
    """The file's identity and control totals; None where it says nothing.

    sequence is the RAP file's own number. tap_release is that of the returned data. Timestamps are
    text, YYYYMMDDhhmmss+hhmm. Amounts are in 10^-tap_decimal_places of tap_currency, which are the
    TAP file's (None up to RAP 1.3).
    """

    kind: Literal["return_batch", "acknowledgement"]
    sender: str | None = None
    recipient: str | None = None
    sequence: int | None = None
    release: str | None = None
    tap_release: str | None = None
    file_type: str | None = None
    """T for test data."""
    created: str | None = None
    available: str | None = None
    roaming_partner: str | None = None
    """The network that the returns are meant for, where an agent sends or receives them."""
    tap_decimal_places: int | None = None
    tap_currency: str | None = None
    audit_total_value: int | None = None
    audit_total_tax: int | None = None
    audit_count: int | None = None


def read_rap_header(
    kind: Literal["return_batch", "acknowledgement"], groups: dict[str, Any]
) -> RapHeader:
    """The header, of the groups beside the return details, by element name."""
    if kind == "acknowledgement":
        return RapHeader(
            kind=kind,
            sender=groups.get("sender") or None,
            recipient=groups.get("recipient") or None,
            sequence=number_of(groups.get("rapFileSequenceNumber")),
            file_type=groups.get("fileTypeIndicator") or None,
            created=timestamp_of(groups.get("ackFileCreationTimeStamp")),
            available=timestamp_of(groups.get("ackFileAvailableTimeStamp")),
        )
    control = groups.get("rapBatchControlInfoRap", {})
    audit = groups.get("rapAuditControlInfo", {})
    stated = "tapDecimalPlaces" in control
    return RapHeader(
        kind=kind,
        sender=control.get("sender") or None,
        recipient=control.get("recipient") or None,
        sequence=number_of(control.get("rapFileSequenceNumber")),
        release=release_of(
            control.get("rapSpecificationVersionNumber"), control.get("rapReleaseVersionNumber")
        ),
        tap_release=release_of(
            control.get("specificationVersionNumber"), control.get("releaseVersionNumber")
        ),
        file_type=control.get("fileTypeIndicator") or None,
        created=timestamp_of(control.get("rapFileCreationTimeStamp")),
        available=timestamp_of(control.get("rapFileAvailableTimeStamp")),
        roaming_partner=control.get("roamingPartner") or None,
        tap_decimal_places=sound_decimal_places(control) if stated else None,
        tap_currency=control.get("tapCurrency") or None,
        audit_total_value=audit.get("totalSevereReturnValue"),
        audit_total_tax=audit.get("totalSevereReturnTax"),
        audit_count=audit.get("returnDetailsCount"),
    )
