"""What the records of a file give in sum, beside what its audit states."""

from datetime import datetime
from typing import Any

import pytest

from asn1.audit import (
    AuditTotal,
    Totals,
    audit_agrees,
    audit_differences,
    audit_totals,
    computed,
    utc_time,
)
from asn1.encode import encode, encode_notification, encode_transfer_batch
from asn1.tap import TapFile, read


def file_of(value: dict[str, Any]) -> TapFile:
    file = read(encode_transfer_batch(value))
    assert not file.errors
    return file


def details(*charges: int, kind: str = "00") -> list[dict[str, Any]]:
    return [{"chargeType": kind, "charge": charge} for charge in charges]


def informations(charge: int, tax: int = 0, discount: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "chargeDetailList": [*details(charge), *details(charge, kind="01")],
            "taxInformation": [{"taxCode": 0, "taxValue": tax}],
            "discountInformation": {"discountCode": 0, "discount": discount},
        },
    ]


def content(charge: int, indicator: int | None) -> dict[str, Any]:
    used: dict[str, Any] = {"chargeInformationList": informations(charge, tax=charge // 2)}
    if indicator is not None:
        used["chargeRefundIndicator"] = indicator
    return used


def test_a_sound_file_agrees(
    release_312: dict[str, Any], release_39: dict[str, Any]
) -> None:
    release_39["auditControlInfo"]["totalChargeValueList"][1]["totalCharge"] = 1090
    for value, charge in ((release_312, 1101), (release_39, 1090)):
        file = file_of(value)
        found = computed(file)
        assert (found.count, found.charge, found.charge_refund, found.tax) == (3, charge, 0, 9)
        assert audit_differences(file) == []
        assert audit_agrees(file)


def test_every_charge_counts_once(release_312: dict[str, Any]) -> None:
    release_312["callEventDetails"] = [
        {"mobileSession": {"sessionChargeInfoList": [
            {"chargeDetail": details(1)[0], "taxInformationList": [{"taxValue": 3}]},
            {"chargeDetailList": [*details(20), *details(7, kind="03")]},
        ]}},
        {"messagingEvent": {"charge": 300, "taxInformationList": [{"taxValue": 5}]}},
        {"aggregatedUsageRecord": {
            "aggregatedUsageCharge": 4000, "aURTaxInformationList": [{"aURTaxValue": 7}],
        }},
        {"mobileOriginatedCall": {"camelServiceUsed": {
            "camelChargeInformation": {"chargeDetailList": details(7_000_000)},
            "camelInvocationFee": 50_000, "taxInformation": [{"taxValue": 11}],
            "discountInformation": {"discount": 2},
        }}},
        {"supplServiceEvent": {"supplServiceUsed": {
            "chargeInformation": informations(600_000, 13, 17)[0],
        }}},
    ]
    assert computed(file_of(release_312)) == Totals(
        count=5, charge=7_654_321, charge_refund=0, tax=39, tax_refund=0, discount=19,
        discount_refund=0,
    )


def test_refunds_are_apart(release_312: dict[str, Any]) -> None:
    release_312["callEventDetails"] = [
        {"contentTransaction": {"contentServiceUsed": [content(8, 1), content(100, 0)]}},
        {"contentTransaction": {"contentServiceUsed": [content(1000, None), content(20, 1)]}},
    ]
    release_312["auditControlInfo"] = {
        "totalCharge": 1100, "totalChargeRefund": 28, "totalTaxValue": 550, "totalTaxRefund": 14,
        "callEventDetailsCount": 2,
    }
    file = file_of(release_312)
    found = computed(file)
    assert (found.charge, found.charge_refund) == (1100, 28)
    assert (found.tax, found.tax_refund) == (550, 14)
    assert audit_differences(file) == []


def test_until_310_the_totals_stand_by_charge_type(release_39: dict[str, Any]) -> None:
    release_39["auditControlInfo"]["totalChargeValueList"] = [
        {"chargeType": "01", "totalCharge": 7, "totalChargeRefund": 7},
        {"chargeType": "00", "totalCharge": 1090, "totalChargeRefund": 1},
    ]
    assert audit_differences(file_of(release_39)) == [AuditTotal("totalChargeRefund", 1, 0)]


def test_sums_are_exact_beyond_64_bits(release_312: dict[str, Any]) -> None:
    used = release_312["callEventDetails"][2]["gprsCall"]["gprsServiceUsed"]
    used["chargeInformationList"] = [{"chargeDetailList": details(2**63 - 1, 2**63 - 1, 3)}]
    assert computed(file_of(release_312)).charge == 2 * (2**63 - 1) + 3 + 201


def test_differences_are_named(release_312: dict[str, Any]) -> None:
    release_312["auditControlInfo"] = {
        "totalCharge": 1100, "totalDiscountValue": 5, "callEventDetailsCount": 4,
        "earliestCallTimeStamp": {"localTimeStamp": "20260105134500", "utcTimeOffset": "+0000"},
        "latestCallTimeStamp": {"localTimeStamp": "20260105134500", "utcTimeOffset": "+0100"},
    }
    file = file_of(release_312)
    start = datetime(2026, 1, 5, 13, 45)
    assert audit_differences(file) == [
        AuditTotal("callEventDetailsCount", 4, 3),
        AuditTotal("totalCharge", 1100, 1101),
        AuditTotal("totalDiscountValue", 5, 0),
        AuditTotal("latestCallTimeStamp", start.replace(hour=12), start),
    ]
    assert not audit_agrees(file)
    release_312["auditControlInfo"] = {"totalCharge": 1101, "totalTaxValue": 1}
    assert audit_agrees(file_of(release_312))


def test_the_first_and_the_last_event_are_found_in_utc(release_312: dict[str, Any]) -> None:
    def start(hour: int, code: int) -> dict[str, Any]:
        return {"localTimeStamp": f"20260105{hour:02}0000", "utcTimeOffsetCode": code}

    release_312["callEventDetails"] = [
        {"mobileSession": {"serviceStartTimestamp": start(10, 1)}},
        {"serviceCentreUsage": {"scuTimeStamps": {
            "depositTimeStamp": start(11, 0), "completionTimeStamp": start(23, 0),
        }}},
        {"supplServiceEvent": {"supplServiceUsed": {"chargingTimeStamp": start(12, 0)}}},
        {"contentTransaction": {"contentTransactionBasicInfo": {
            "orderPlacedTimeStamp": start(14, 7),
        }}},
        {"mobileOriginatedCall": {"basicServiceUsedList": [{"chargingTimeStamp": start(1, 0)}]}},
    ]
    found = computed(file_of(release_312))
    assert (found.earliest, found.latest) == (
        datetime(2026, 1, 5, 11, 0), datetime(2026, 1, 5, 13, 30),
    )


def test_bad_records_count_but_their_amounts_are_missing(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    file = read(data.replace(b"\x6e\x82", b"\x4e\x82", 1))
    assert [e.record_index for e in file.errors] == [2]
    assert audit_differences(file) == [AuditTotal("totalCharge", 1101, 201)]


def test_totals_of_columns_that_were_not_read_are_unknown(release_312: dict[str, Any]) -> None:
    file = read(encode_transfer_batch(release_312), columns={"charge_detail": ["charge"]})
    assert computed(file) == Totals(3)
    assert {t.name for t in audit_totals(file) if t.computed is not None} == {
        "callEventDetailsCount",
    }


def test_returns_and_near_real_time_events() -> None:
    call = {"mobileOriginatedCall": {"basicServiceUsedList": [
        {"chargeInformationList": informations(120, 7)},
    ]}}
    audit = {"totalSevereReturnValue": 120, "totalSevereReturnTax": 8, "returnDetailsCount": 2}
    details = [{"severeReturn": call}, {"stopReturn": {"lastSeqNumber": "00001"}}]
    file = read(encode("returnBatch", {"returnDetails": details, "rapAuditControlInfo": audit}))
    assert audit_differences(file) == [AuditTotal("totalSevereReturnTax", 8, 7)]
    assert audit_agrees(file)
    events = {
        "specificationVersionNumber": 2, "callEvents": [{"moc": {"callEventDuration": 1}}],
        "callEventsCount": 2,
    }
    assert audit_differences(read(encode("nrtrde", events))) == [
        AuditTotal("callEventsCount", 2, 1),
    ]


def test_files_without_records_have_no_totals() -> None:
    for data in (
        encode_notification({"sender": "AAA01", "fileSequenceNumber": "00001"}),
        encode("acknowledgement", {"sender": "AAA01"}),
    ):
        assert audit_totals(read(data)) == []


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20260106013000+0100", datetime(2026, 1, 6, 0, 30)),
        ("20260106013000-0330", datetime(2026, 1, 6, 5, 0)),
        ("20260106013000", None),
        ("20260106013000Z", None),
        ("20261306013000+0000", None),
        ("00010101000000+0100", None),
        ("", None),
        (None, None),
    ],
)
def test_stated_times_in_utc(text: str | None, utc: datetime | None) -> None:
    assert utc_time(text) == utc
