"""A file's control totals: what its audit states, and what its records give."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import polars as pl

from asn1.layout import Layout
from asn1.nrtrde_header import NrtrdeHeader
from asn1.rap_header import RapHeader
from asn1.tap_file import TapFile
from asn1.tap_header import TapHeader, offset_seconds
from asn1.values import TIME_OCTETS, local_time

TOTAL_CHARGE_TYPE: Final = "00"
"""The charge type that is the whole of a charge information; the others are its parts."""
REFUND: Final = 1
"""chargeRefundIndicator of content whose charges are given back."""
DECISIVE: Final = frozenset(
    {"callEventDetailsCount", "totalCharge", "returnDetailsCount", "callEventsCount"}
)
"""Totals that show whether a file was read as it was written."""

_INFORMATION: Final = "charge_information"
_CONTENT: Final = "content_service_used"
_EVENT_CHARGES: Final = ("charge", "aggregated_usage_charge", "camel_invocation_fee")
"""Charges of the event itself, beside its charge details."""
_MONEY: Final = frozenset(
    {
        *(("event", column) for column in _EVENT_CHARGES),
        ("charge_detail", "charge_type"), ("charge_detail", "charge"),
        ("tax_information", "tax_value"), ("discount_information", "discount"),
        (_CONTENT, "charge_refund_indicator"),
    }
)
_CHARGING: Final = "charging"
_STARTS: Final = (
    "call_event_start", "service_start", "deposit", "order_placed", "requested_lcs_request",
    _CHARGING,
)
"""Columns, without their ends, of when an event began; the first that it has counts."""
_CHILD_STARTS: Final = (
    ("suppl_service_used", "supplServiceEvent"),
    ("value_added_service_used", "valueAddedService"),
)
"""Tables with a charging time that is the start of events of that kind."""
_TIMES: Final = frozenset(
    (table, column)
    for table, stem in (
        *(("event", stem) for stem in _STARTS), *((table, _CHARGING) for table, _ in _CHILD_STARTS)
    )
    for column in (f"{stem}_local", f"{stem}_utc_offset_code")
)

Value = int | datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """What the records give; None where the columns for it were not read.

    Amounts are in the file's units: charges are those of type 00 with the CAMEL fees, refunds
    apart. count includes records that were not readable, whose amounts are missing. earliest and
    latest are UTC starts of TAP events.
    """

    count: int
    charge: int | None = None
    charge_refund: int | None = None
    tax: int | None = None
    tax_refund: int | None = None
    discount: int | None = None
    discount_refund: int | None = None
    earliest: datetime | None = None
    latest: datetime | None = None


class AuditTotal(NamedTuple):
    """A control total by its element's name; None where nothing is stated, or nothing was read."""

    name: str
    stated: Value | None
    computed: Value | None


def computed(file: TapFile) -> Totals:
    """The totals of the file's records."""
    count = file.record_count
    first, last = _first_and_last(file)
    if not _has(file.layout, _MONEY):
        return Totals(count, earliest=first, latest=last)
    refunded = _refunded(file)
    charge, charge_refund = _sums(file, "charge_detail", "charge", refunded)
    tax, tax_refund = _sums(file, "tax_information", "tax_value", refunded)
    discount, discount_refund = _sums(file, "discount_information", "discount", refunded)
    events = file.tables.get("event")
    if events is not None:
        charge += sum(_sum(events, column) for column in _EVENT_CHARGES)
    return Totals(
        count, charge, charge_refund, tax, tax_refund, discount, discount_refund, first, last
    )


def audit_totals(file: TapFile) -> list[AuditTotal]:
    """Every control total of this kind of file, as stated and as computed."""
    found = computed(file)
    match file.header:
        case TapHeader(kind="transfer_batch") as header:
            audit = file.groups.get("auditControlInfo", {})
            return [
                AuditTotal("callEventDetailsCount", header.audit_event_count, found.count),
                AuditTotal("totalCharge", header.audit_total_charge, found.charge),
                AuditTotal("totalChargeRefund", _stated_refund(audit), found.charge_refund),
                AuditTotal("totalTaxValue", audit.get("totalTaxValue"), found.tax),
                AuditTotal("totalTaxRefund", audit.get("totalTaxRefund"), found.tax_refund),
                AuditTotal("totalDiscountValue", audit.get("totalDiscountValue"), found.discount),
                AuditTotal(
                    "totalDiscountRefund", audit.get("totalDiscountRefund"), found.discount_refund
                ),
                AuditTotal("earliestCallTimeStamp", utc_time(header.earliest), found.earliest),
                AuditTotal("latestCallTimeStamp", utc_time(header.latest), found.latest),
            ]
        case RapHeader(kind="return_batch") as rap:
            return [
                AuditTotal("returnDetailsCount", rap.audit_count, found.count),
                AuditTotal("totalSevereReturnValue", rap.audit_total_value, found.charge),
                AuditTotal("totalSevereReturnTax", rap.audit_total_tax, found.tax),
            ]
        case NrtrdeHeader() as nrtrde:
            return [AuditTotal("callEventsCount", nrtrde.audit_event_count, found.count)]
    return []


def audit_differences(file: TapFile) -> list[AuditTotal]:
    """The control totals that the file states, and whose records give another."""
    return [
        t for t in audit_totals(file)
        if t.stated is not None and t.computed is not None and t.stated != t.computed
    ]


def audit_agrees(file: TapFile) -> bool:
    """Whether the records give the count and the charge that the file states."""
    return not any(t.name in DECISIVE for t in audit_differences(file))


def utc_time(stated: str | None) -> datetime | None:
    """A header's timestamp (YYYYMMDDhhmmss+hhmm) as UTC without a zone; None if it is no time."""
    if stated is None:
        return None
    local = local_time(stated[:TIME_OCTETS].encode("latin-1"))
    offset = offset_seconds(stated[TIME_OCTETS:])
    if local is None or offset is None:
        return None
    try:
        return local - timedelta(seconds=offset)
    except OverflowError:
        return None


def _stated_refund(audit: dict[str, Any]) -> int | None:
    """From 3.11 one number; before, beside the total of charge type 00."""
    if "totalChargeRefund" in audit:
        return int(audit["totalChargeRefund"])
    rows = audit.get("totalChargeValueList", [])
    totals = (r for r in rows if r.get("chargeType") == TOTAL_CHARGE_TYPE)
    return next((r.get("totalChargeRefund") for r in totals), None)


def _has(layout: Layout, columns: frozenset[tuple[str, str]]) -> bool:
    """Whether all of those columns were read, as far as the file has them."""
    read = {(layout.tables[c.table], c.name) for c in layout.columns}
    return columns <= read


def _refunded(file: TapFile) -> pl.Series:
    """The rows, by number, of the charge informations that give money back."""
    content, charges = file.tables.get(_CONTENT), file.tables.get(_INFORMATION)
    if content is None or charges is None or "charge_refund_indicator" not in content.columns:
        return pl.Series([], dtype=pl.UInt32)
    refunds = content.with_row_index("row").filter(pl.col("charge_refund_indicator") == REFUND)
    return charges.with_row_index("row").filter(
        pl.col("place").cast(pl.String) == f"{_CONTENT}.{_INFORMATION}",
        pl.col("parent").is_in(refunds["row"].cast(pl.Int32).implode()),
    )["row"]


def _sums(file: TapFile, table: str, column: str, refunded: pl.Series) -> tuple[int, int]:
    """The sum of the column without refunds, and that of refunds."""
    frame = file.tables.get(table)
    if frame is None:
        return 0, 0
    if table == "charge_detail":
        if "charge_type" not in frame.columns:
            return 0, 0
        frame = frame.filter(pl.col("charge_type") == TOTAL_CHARGE_TYPE)
    if refunded.is_empty():
        return _sum(frame, column), 0
    given_back = frame.filter(
        pl.col("place").cast(pl.String).str.starts_with(f"{_INFORMATION}."),
        pl.col("parent").is_in(refunded.cast(pl.Int32).implode()),
    )
    refunds = _sum(given_back, column)
    return _sum(frame, column) - refunds, refunds


def _sum(frame: pl.DataFrame, column: str) -> int:
    """The exact sum of the column, 0 without it."""
    if column not in frame.columns:
        return 0
    return int(frame.select(pl.col(column).cast(pl.Int128).sum()).item())


def _first_and_last(file: TapFile) -> tuple[datetime | None, datetime | None]:
    """The first and the last start of a TAP event, in UTC."""
    if not isinstance(file.header, TapHeader) or not _has(file.layout, _TIMES):
        return None, None
    starts = [s.drop_nulls() for s in _starts(file, file.header.utc_offsets)]
    found = [s for s in starts if not s.is_empty()]
    if not found:
        return None, None
    times = pl.concat([s.alias("start") for s in found])
    first, last = times.min(), times.max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return first, last


def _starts(file: TapFile, offsets: dict[int, int]) -> Iterator[pl.Series]:
    events = file.tables["event"]
    times = [_utc(stem, offsets) for stem in _STARTS if _time_columns(stem) <= {*events.columns}]
    if times:
        yield events.select(pl.coalesce(times).alias("start"))["start"]
    for table, kind in _CHILD_STARTS:
        frame = file.tables.get(table)
        if frame is not None and _time_columns(_CHARGING) <= {*frame.columns}:
            of_kind = events.filter(pl.col("event") == kind)["record_index"]
            own = frame.filter(pl.col("record_index").is_in(of_kind.implode()))
            yield own.select(_utc(_CHARGING, offsets).alias("start"))["start"]


def _time_columns(stem: str) -> set[str]:
    return {f"{stem}_local", f"{stem}_utc_offset_code"}


def _utc(stem: str, offsets: dict[int, int]) -> pl.Expr:
    """The local time less its offset, null for a code that the file does not explain."""
    seconds = pl.col(f"{stem}_utc_offset_code").replace_strict(
        list(offsets), list(offsets.values()), default=None, return_dtype=pl.Int64
    )
    return pl.col(f"{stem}_local") - pl.duration(seconds=seconds)
