"""What an NRTRDE file says of itself, taken from the elements beside its call events."""

from dataclasses import dataclass
from typing import Any, Literal

from asn1.tap_header import number_of, release_of


@dataclass(frozen=True, slots=True)
class NrtrdeHeader:
    """The file's identity and control total; None where it says nothing.

    available is text, YYYYMMDDhhmmss+hhmm.
    """

    kind: Literal["nrtrde"] = "nrtrde"
    sender: str | None = None
    recipient: str | None = None
    sequence: int | None = None
    release: str | None = None
    available: str | None = None
    audit_event_count: int | None = None


def read_nrtrde_header(groups: dict[str, Any]) -> NrtrdeHeader:
    """The header, of the elements beside the call events, by name."""
    available = groups.get("fileAvailableTimeStamp", "") + groups.get("utcTimeOffset", "")
    return NrtrdeHeader(
        sender=groups.get("sender") or None,
        recipient=groups.get("recipient") or None,
        sequence=number_of(groups.get("sequenceNumber")),
        release=release_of(
            groups.get("specificationVersionNumber"), groups.get("releaseVersionNumber")
        ),
        available=available or None,
        audit_event_count=groups.get("callEventsCount"),
    )
