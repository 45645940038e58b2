"""TAP validation of a file's audit: what must be there, and whether the records bear it out."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from mediation.tap_sight import FileCheck, Sight

_AUDIT: Final = "auditControlInfo"
_REQUIRED: Final = {
    30: "totalCharge", 31: "totalTaxValue", 32: "totalDiscountValue", 33: "callEventDetailsCount",
}
_SUMS: Final = {
    415: ("totalCharge", "charge"),
    355: ("totalChargeRefund", "charge_refund"),
    226: ("totalTaxValue", "tax"),
    225: ("totalDiscountValue", "discount"),
    354: ("totalDiscountRefund", "discount_refund"),
}
"""Totals by tag: their element, and what asn1.audit.Totals calls them."""


def _absent(name: str, sight: Sight) -> Iterator[str]:
    if _AUDIT in sight.file.groups and name not in sight.group(_AUDIT):
        yield f"{name} is absent"


def _negative(name: str, sight: Sight) -> Iterator[str]:
    found = sight.group(_AUDIT).get(name, 0)
    if found < 0:
        yield f"{name} is {found}"


def _not_positive(sight: Sight) -> Iterator[str]:
    found = sight.group(_AUDIT).get("callEventDetailsCount", 1)
    if found < 1:
        yield f"callEventDetailsCount is {found}"


def _other_count(sight: Sight) -> Iterator[str]:
    stated, found = sight.header.audit_event_count, sight.file.record_count
    if stated is not None and stated > 0 and stated != found:
        yield f"callEventDetailsCount is {stated}, the file has {found} records"


def _refund_of_nothing(sight: Sight) -> Iterator[str]:
    if sight.group(_AUDIT).get("totalChargeRefund") == 0:
        yield "totalChargeRefund is 0; without refunds it is absent"


def _other_sum(name: str, total: str, sight: Sight) -> Iterator[str]:
    """Whether the records add up to another total; records that were not read forbid to ask."""
    stated = sight.group(_AUDIT).get(name)
    if stated is None or sight.totals is None:
        return
    found = getattr(sight.totals, total)
    if stated >= 0 and found is not None and stated != found:
        yield f"{name} is {stated}, the records add up to {found}"


def _rows_lack(name: str, sight: Sight) -> Iterator[str]:
    rows: list[dict[str, Any]] = sight.rows(_AUDIT, "totalChargeValueList")
    for number, row in enumerate(rows, 1):
        if row.get(name) in (None, ""):
            yield f"totalChargeValueList row {number}: {name} is absent"


AUDIT_CHECKS: Final[tuple[FileCheck, ...]] = (
    *(FileCheck(f"TAP_15_{c}", partial(_absent, name)) for c, name in _REQUIRED.items()),
    FileCheck("TAP_43_20", _not_positive),
    FileCheck("TAP_43_100", _other_count),
    *(FileCheck(f"TAP_{tag}_20", partial(_negative, name)) for tag, (name, _) in _SUMS.items()),
    FileCheck("TAP_355_21", _refund_of_nothing),
    *(
        FileCheck(f"TAP_{tag}_100", partial(_other_sum, name, total))
        for tag, (name, total) in _SUMS.items()
    ),
    FileCheck("TAP_222_30", partial(_rows_lack, "chargeType")),
    FileCheck("TAP_222_31", partial(_rows_lack, "totalCharge")),
)
