"""The same three events in the forms of release 3.12 and of release 3.9."""

import copy
from typing import Any

import pytest

HEADER = {
    "sender": "AAA01",
    "recipient": "BBB01",
    "fileSequenceNumber": "00042",
    "fileCreationTimeStamp": {"localTimeStamp": "20260106010000", "utcTimeOffset": "+0100"},
    "transferCutOffTimeStamp": {"localTimeStamp": "20260106000000", "utcTimeOffset": "+0100"},
    "fileAvailableTimeStamp": {"localTimeStamp": "20260106013000", "utcTimeOffset": "+0100"},
    "specificationVersionNumber": 3,
    "releaseVersionNumber": 12,
    "fileTypeIndicator": "T",
}
SUBSCRIBER = {"simChargeableSubscriber": {"imsi": "238011234567890", "msisdn": "4520304050"}}
START = {"localTimeStamp": "20260105101500", "utcTimeOffsetCode": 1}


def charge_information(item: str, charge: int, units: int, tax: int) -> dict[str, Any]:
    return {
        "chargedItem": item,
        "exchangeRateCode": 0,
        "callTypeGroup": {"callTypeLevel1": 1, "callTypeLevel2": 2, "callTypeLevel3": 0},
        "chargeDetailList": [
            {"chargeType": "00", "charge": charge, "chargeableUnits": units, "chargedUnits": units},
            {"chargeType": "01", "charge": charge - 5, "chargedUnits": units},
            {"chargeType": "03", "charge": 5},
        ],
        "taxInformation": [{"taxCode": 0, "taxValue": tax}],
    }


MOC = {
    "basicCallInformation": {
        "chargeableSubscriber": SUBSCRIBER,
        "destination": {"calledNumber": "4512345678", "dialledDigits": " 12345678"},
        "callEventStartTimeStamp": START,
        "totalCallEventDuration": 73,
        "causeForTerm": 4,
    },
    "locationInformation": {
        "networkLocation": {
            "recEntityCode": 3, "callReference": "00ab12", "locationArea": 1001, "cellId": 60001,
        },
    },
    "equipmentIdentifier": {"imei": "35123456789012"},
    "basicServiceUsedList": [
        {
            "basicService": {"serviceCode": {"teleServiceCode": "11"}},
            "chargeInformationList": [
                charge_information("D", 120, 90, 7), charge_information("A", 30, 1, 2),
            ],
        },
    ],
    "camelServiceUsed": {"camelServiceKey": 5, "camelInvocationFee": 11},
}
MTC = {
    "basicCallInformation": {
        "chargeableSubscriber": SUBSCRIBER,
        "callOriginator": {"callingNumber": "45998877", "sMSOriginator": "Bank  "},
        "callEventStartTimeStamp": START,
        "totalCallEventDuration": 0,
    },
    "basicServiceUsedList": [
        {
            "basicService": {"serviceCode": {"teleServiceCode": "21"}},
            "chargeInformationList": [charge_information("E", 40, 1, 0)],
        },
    ],
}
GPRS = {
    "gprsBasicCallInformation": {
        "gprsChargeableSubscriber": {"chargeableSubscriber": SUBSCRIBER},
        "gprsDestination": {"accessPointNameNI": "internet" + " " * 55},
        "callEventStartTimeStamp": START,
        "totalCallEventDuration": 3600,
        "partialTypeIndicator": "I",
        "chargingId": 0xFEDCBA98,
    },
    "gprsLocationInformation": {
        "gprsNetworkLocation": {"recEntity": [3, 4], "locationArea": 1001, "cellId": 60001},
    },
    "gprsServiceUsed": {
        "dataVolumeIncoming": 5_000_000_000,
        "dataVolumeOutgoing": 123_456,
        "chargeInformationList": [charge_information("X", 900, 5_000_123_456, 0)],
    },
}


@pytest.fixture
def release_312() -> dict[str, Any]:
    return copy.deepcopy(
        {
            "batchControlInfo": HEADER,
            "accountingInfo": {
                "localCurrency": "EUR",
                "tapCurrency": "SDR",
                "currencyConversionInfo": [
                    {"exchangeRateCode": 0, "numberOfDecimalPlaces": 5, "exchangeRate": 123_456},
                ],
                "tapDecimalPlaces": 3,
            },
            "networkInfo": {
                "utcTimeOffsetInfo": [
                    {"utcTimeOffsetCode": 0, "utcTimeOffset": "+0000"},
                    {"utcTimeOffsetCode": 1, "utcTimeOffset": "-0330"},
                ],
                "recEntityInfo": [
                    {"recEntityCode": 3, "recEntityType": 1, "recEntityId": "4599000001"},
                ],
            },
            "callEventDetails": [
                {"mobileOriginatedCall": MOC}, {"mobileTerminatedCall": MTC}, {"gprsCall": GPRS},
            ],
            "auditControlInfo": {
                "totalCharge": 1101, "totalTaxValue": 9, "totalDiscountValue": 0,
                "callEventDetailsCount": 3,
            },
        }
    )


@pytest.fixture
def release_39(release_312: dict[str, Any]) -> dict[str, Any]:
    batch = copy.deepcopy(release_312)
    batch["batchControlInfo"]["releaseVersionNumber"] = 9
    entity = batch["networkInfo"]["recEntityInfo"][0]
    entity["mscId"] = entity.pop("recEntityId")
    moc, mtc, gprs = (next(iter(e.values())) for e in batch["callEventDetails"])
    for basic in (
        moc["basicCallInformation"], mtc["basicCallInformation"],
        gprs["gprsBasicCallInformation"]["gprsChargeableSubscriber"],
    ):
        basic.update(basic.pop("chargeableSubscriber"))
    destination = moc["basicCallInformation"]["destination"]
    destination["calledNumberUntil310"] = destination.pop("calledNumber")
    originator = mtc["basicCallInformation"]["callOriginator"]
    originator["callingNumberUntil310"] = originator.pop("callingNumber")
    moc["equipmentInformation"] = moc.pop("equipmentIdentifier")
    del destination["dialledDigits"], originator["sMSOriginator"]
    del moc["camelServiceUsed"]["camelInvocationFee"]
    charges = list(gprs["gprsServiceUsed"]["chargeInformationList"])
    for call in (moc, mtc):
        for used in call["basicServiceUsedList"]:
            used["basicService"] = used["basicService"]["serviceCode"]
            charges += used["chargeInformationList"]
    for tax in (t for c in charges for t in c["taxInformation"]):
        tax["taxValueUntil39"] = tax.pop("taxValue")
    used = gprs["gprsServiceUsed"]
    incoming, outgoing = used.pop("dataVolumeIncoming"), used.pop("dataVolumeOutgoing")
    used["gprsServiceUsageList"] = [
        {"dataVolumeIncoming": incoming - 7, "dataVolumeOutgoing": 0},
        {"dataVolumeIncoming": 7, "dataVolumeOutgoing": outgoing},
    ]
    audit = batch["auditControlInfo"]
    audit["totalChargeValueList"] = [
        {"chargeType": "01", "totalCharge": 1},
        {"chargeType": "00", "totalCharge": audit.pop("totalCharge")},
    ]
    return batch
