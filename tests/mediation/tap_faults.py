"""A sound TAP file, and for each error of TAP validation the change that brings it about."""

import copy
from typing import Any, Final

from tap_groups import TIMES, accounting, audit, network

CTRL, ACC, NET, AUD = "batchControlInfo", "accountingInfo", "networkInfo", "auditControlInfo"
EVENTS = "callEventDetails"
MOC = "callEventDetails.0.mobileOriginatedCall"
MTC = "callEventDetails.1.mobileTerminatedCall"
GPRS = "callEventDetails.2.gprsCall"
SS = "callEventDetails.3.supplServiceEvent"
SCU = "callEventDetails.4.serviceCentreUsage"
MOC_BASIC, GPRS_BASIC = f"{MOC}.basicCallInformation", f"{GPRS}.gprsBasicCallInformation"
CHARGE = f"{MOC}.basicServiceUsedList.0.chargeInformationList.0"
DETAIL, TAX = f"{CHARGE}.chargeDetailList.0", f"{CHARGE}.taxInformation.0"
ENTITY, RATE = f"{NET}.recEntityInfo.0", f"{ACC}.currencyConversionInfo.0"
TAX_ROW = f"{ACC}.taxation.0"
SIM = "simChargeableSubscriber"
START = "callEventStartTimeStamp"
IMSI, MSISDN = "232991200000001", "436995550001"
NOON = {"localTimeStamp": "20260901120000", "utcTimeOffsetCode": 2}


def _charged(charge: int, **other: Any) -> list[dict[str, Any]]:
    level = {f"callTypeLevel{n}": 0 for n in (1, 2, 3)}
    detail = {"chargeType": "00", "charge": charge, "chargeableUnits": 60, "chargedUnits": 60,
              "chargeDetailTimeStamp": NOON}
    return [{"chargedItem": "D", "exchangeRateCode": 0, "callTypeGroup": level,
             "chargeDetailList": [detail], **other}]


def _call(party: str, number: str, *, service: str, charges: list[dict[str, Any]]) -> Any:
    return {
        "basicCallInformation": {
            "chargeableSubscriber": {SIM: {"imsi": IMSI, "msisdn": MSISDN}},
            party: {number: "4790000001"}, START: NOON, "totalCallEventDuration": 60,
        },
        "locationInformation": {"networkLocation": {"recEntityCode": 1}},
        "basicServiceUsedList": [{
            "basicService": {"serviceCode": {"teleServiceCode": service}},
            "chargeInformationList": charges,
        }],
    }


def sound() -> dict[str, Any]:
    """A batch of five kinds of event; 10 % tax and a discount on the first, amounts in 0.001."""
    taxed = _charged(1000, taxInformation=[{"taxCode": 1, "taxValue": 100}],
                     discountInformation={"discountCode": 1, "discount": 30})
    subscriber = {"chargeableSubscriber": {SIM: {"imsi": IMSI, "msisdn": MSISDN}}}
    packet = [{"recEntityCode": 3, "recEntityType": 3, "recEntityId": "192.0.2.1"},
              {"recEntityCode": 4, "recEntityType": 4, "recEntityId": "192.0.2.2"}]
    tables = network(c2="+0200")
    return {
        CTRL: {
            "sender": "NORNT", "recipient": "AUTRM", "fileSequenceNumber": "00007",
            "specificationVersionNumber": 3, "releaseVersionNumber": 12,
            "fileCreationTimeStamp": TIMES["fileAvailableTimeStamp"], **TIMES,
        },
        ACC: accounting(
            3,
            taxation=[{"taxCode": 1, "taxType": "01", "taxRate": "1000000"}],
            discounting=[{"discountCode": 1, "discountApplied": {"fixedDiscountValue": 30}}],
        ),
        NET: tables | {"recEntityInfo": tables["recEntityInfo"] + packet},
        "messageDescriptionInfo": [{"messageDescriptionCode": 1, "messageDescription": "text"}],
        EVENTS: [
            {"mobileOriginatedCall": _call(
                "destination", "calledNumber", service="11", charges=taxed)},
            {"mobileTerminatedCall": _call(
                "callOriginator", "callingNumber", service="21", charges=_charged(0))},
            {"gprsCall": {
                "gprsBasicCallInformation": {
                    "gprsChargeableSubscriber": subscriber, START: NOON,
                    "totalCallEventDuration": 60, "chargingId": 7, "partialTypeIndicator": "L",
                },
                "gprsLocationInformation": {"gprsNetworkLocation": {"recEntity": [3, 4]}},
                "gprsServiceUsed": {
                    "dataVolumeIncoming": 1, "dataVolumeOutgoing": 1,
                    "chargeInformationList": _charged(200),
                },
            }},
            {"supplServiceEvent": subscriber},
            {"serviceCentreUsage": {
                "basicInformation": {
                    "chargeableSubscriber": {"gsmChargeableSubscriber": {"imsi": IMSI}},
                },
                "scuChargeType": {"messageDescriptionCode": 1},
            }},
        ],
        AUD: audit(1200, 5, totalTaxValue=100, totalDiscountValue=30),
    }


def notification() -> dict[str, Any]:
    """A sound notification."""
    return dict(sound()[CTRL])


def changed(value: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The value with what stands at each path replaced; None removes it, a "+" at the end adds."""
    made = copy.deepcopy(value)
    for path, new in changes.items():
        *way, last = path.split(".")
        within: Any = made
        for step in way:
            within = within[int(step)] if isinstance(within, list) else within.setdefault(step, {})
        if last == "+":
            within.append(copy.deepcopy(within[0]) | new)
        elif new is None:
            del within[last]
        else:
            within[last] = new
    return made


def _stamp(local: str, offset: str | None = "+0200") -> dict[str, str]:
    return {"localTimeStamp": local} | ({} if offset is None else {"utcTimeOffset": offset})


EARLY, LATE = _stamp("20260902010000"), _stamp("20270101000000")
OLD = {f"{CTRL}.releaseVersionNumber": 10}
_AVAILABLE, _CREATED = f"{CTRL}.fileAvailableTimeStamp", f"{CTRL}.fileCreationTimeStamp"
_CUT_OFF = f"{CTRL}.transferCutOffTimeStamp"
_SUBSCRIBER = f"{MOC_BASIC}.chargeableSubscriber"
_NO_TIME = {"localTimeStamp": "20260230101500", "utcTimeOffsetCode": 2}
_AGED = {"localTimeStamp": "20260701101500", "utcTimeOffsetCode": 2}

BATCH_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "TAP_1_30": {CTRL: None},
    "TAP_1_31": {ACC: None},
    "TAP_1_32": {NET: None},
    "TAP_1_36": {AUD: None},
    "TAP_4_30": {f"{CTRL}.sender": None},
    "TAP_4_31": {f"{CTRL}.recipient": None},
    "TAP_4_32": {f"{CTRL}.fileSequenceNumber": None},
    "TAP_4_33": {_AVAILABLE: None},
    "TAP_4_34": {f"{CTRL}.specificationVersionNumber": None},
    "TAP_4_35": {_CREATED: None, **OLD},
    "TAP_4_36": {_CUT_OFF: None},
    "TAP_4_38": {f"{CTRL}.fileTypeIndicator": "T"},
    "TAP_109_10": {f"{CTRL}.fileSequenceNumber": "7"},
    "TAP_109_20": {f"{CTRL}.fileSequenceNumber": "00000"},
    "TAP_109_100": {f"{CTRL}.fileSequenceNumber": "00008"},
    "TAP_108_10": {_CREATED: _stamp("2026090204")},
    "TAP_108_20": {_CREATED: _stamp("20260231040000")},
    "TAP_108_30": {_CREATED: _stamp("20260902040000", None)},
    "TAP_108_100": {_CREATED: EARLY},
    "TAP_107_10": {_AVAILABLE: _stamp("2026090204")},
    "TAP_107_20": {_AVAILABLE: _stamp("20260902040000", "+2500")},
    "TAP_107_30": {_AVAILABLE: _stamp("20260902040000", None)},
    "TAP_107_100": {_AVAILABLE: EARLY},
    "TAP_107_101": {_AVAILABLE: EARLY},
    "TAP_107_104": {_AVAILABLE: LATE},
    "TAP_227_10": {_CUT_OFF: _stamp("2026090204")},
    "TAP_227_20": {_CUT_OFF: _stamp("20260902040000", "0200")},
    "TAP_227_30": {_CUT_OFF: _stamp("20260902040000", None)},
    "TAP_110_10": {f"{CTRL}.fileTypeIndicator": "TT"},
    "TAP_110_20": {f"{CTRL}.fileTypeIndicator": "X"},
    "TAP_181_10": {f"{CTRL}.rapFileSequenceNumber": "12"},
    "TAP_181_20": {f"{CTRL}.rapFileSequenceNumber": "00000"},
    "TAP_5_30": {f"{ACC}.taxation": None},
    "TAP_5_31": {f"{ACC}.discounting": None},
    "TAP_5_32": {f"{ACC}.localCurrency": None},
    "TAP_5_34": {f"{ACC}.currencyConversionInfo": None},
    "TAP_5_35": {f"{ACC}.tapDecimalPlaces": None},
    "TAP_135_10": {f"{ACC}.localCurrency": "nok"},
    "TAP_135_20": {f"{ACC}.localCurrency": "QQQ"},
    "TAP_159_20": {f"{RATE}.numberOfDecimalPlaces": -1},
    "TAP_105_20": {f"{ACC}.currencyConversionInfo.+": {"exchangeRateCode": 100}},
    "TAP_106_30": {f"{RATE}.exchangeRateCode": None},
    "TAP_106_31": {f"{RATE}.numberOfDecimalPlaces": None},
    "TAP_106_33": {f"{RATE}.exchangeRate": None},
    "TAP_106_34": {f"{ACC}.currencyConversionInfo.+": {}},
    "TAP_216_30": {f"{TAX_ROW}.taxCode": None},
    "TAP_216_31": {f"{TAX_ROW}.taxType": None},
    "TAP_216_32": {f"{TAX_ROW}.taxRate": None},
    "TAP_216_33": {f"{ACC}.taxation.+": {"taxType": "02"}},
    "TAP_216_34": {f"{ACC}.taxation.+": {}},
    "TAP_217_10": {f"{TAX_ROW}.taxType": "1"},
    "TAP_217_20": {f"{TAX_ROW}.taxType": "05"},
    "TAP_215_10": {f"{TAX_ROW}.taxRate": "10.0000"},
    "TAP_215_20": {f"{TAX_ROW}.taxRate": "10"},
    "TAP_71_11": {f"{TAX_ROW}.chargeType": "x"},
    "TAP_71_21": {f"{TAX_ROW}.chargeType": "77"},
    "TAP_71_22": {f"{TAX_ROW}.chargeType": "00"},
    "TAP_6_30": {f"{NET}.utcTimeOffsetInfo": None},
    "TAP_6_33": {f"{NET}.recEntityInfo": None},
    "TAP_183_30": {f"{ENTITY}.recEntityCode": None},
    "TAP_183_31": {f"{ENTITY}.recEntityType": None},
    "TAP_183_32": {f"{ENTITY}.recEntityId": None},
    "TAP_183_33": {f"{NET}.recEntityInfo.+": {"recEntityType": 2}},
    "TAP_183_34": {f"{NET}.recEntityInfo.+": {}},
    "TAP_186_20": {f"{ENTITY}.recEntityType": 12},
    "TAP_184_20": {f"{NET}.recEntityInfo.+": {"recEntityCode": 1000}},
    "TAP_143_30": {"messageDescriptionInfo.0.messageDescriptionCode": None},
    "TAP_143_31": {"messageDescriptionInfo.+": {"messageDescription": ""}},
    "TAP_15_30": {f"{AUD}.totalCharge": None},
    "TAP_15_31": {f"{AUD}.totalTaxValue": None},
    "TAP_15_32": {f"{AUD}.totalDiscountValue": None},
    "TAP_15_33": {f"{AUD}.callEventDetailsCount": None},
    "TAP_43_20": {f"{AUD}.callEventDetailsCount": 0},
    "TAP_43_100": {f"{AUD}.callEventDetailsCount": 6},
    "TAP_415_20": {f"{AUD}.totalCharge": -1},
    "TAP_415_100": {f"{AUD}.totalCharge": 1201},
    "TAP_355_20": {f"{AUD}.totalChargeRefund": -1},
    "TAP_355_21": {f"{AUD}.totalChargeRefund": 0},
    "TAP_355_100": {f"{AUD}.totalChargeRefund": 5},
    "TAP_226_20": {f"{AUD}.totalTaxValue": -1},
    "TAP_226_100": {f"{AUD}.totalTaxValue": 101},
    "TAP_225_20": {f"{AUD}.totalDiscountValue": -1},
    "TAP_225_100": {f"{AUD}.totalDiscountValue": 31},
    "TAP_354_20": {f"{AUD}.totalDiscountRefund": -1},
    "TAP_354_100": {f"{AUD}.totalDiscountRefund": 5},
    "TAP_222_30": {f"{AUD}.totalChargeValueList": [{"totalCharge": 1200}], **OLD},
    "TAP_222_31": {f"{AUD}.totalChargeValueList": [{"chargeType": "00"}], **OLD},
    "TAP_427_30": {_SUBSCRIBER: {SIM: {"msisdn": MSISDN}}},
    "TAP_286_30": {f"{SCU}.basicInformation.chargeableSubscriber": {"gsmChargeableSubscriber": {}}},
    "TAP_44_10": {f"{MOC_BASIC}.{START}": {"localTimeStamp": "2026", "utcTimeOffsetCode": 2}},
    "TAP_44_20": {f"{GPRS_BASIC}.{START}": _NO_TIME},
    "TAP_44_30": {f"{MOC_BASIC}.{START}": {"localTimeStamp": "20260901120000"}},
    "TAP_44_100": {f"{DETAIL}.chargeDetailTimeStamp": NOON | {"localTimeStamp": "20260901115959"}},
    "TAP_9_261": {f"{MOC_BASIC}.{START}": _AGED},
    "TAP_10_261": {f"{MTC}.basicCallInformation.{START}": _AGED},
    "TAP_14_261": {f"{GPRS_BASIC}.{START}": _AGED},
    "TAP_58_20": {f"{MOC_BASIC}.causeForTerm": 2},
    "TAP_58_100": {f"{GPRS_BASIC}.causeForTerm": 4, f"{GPRS_BASIC}.partialTypeIndicator": "F"},
    "TAP_166_10": {f"{GPRS_BASIC}.partialTypeIndicator": "LL"},
    "TAP_166_20": {f"{GPRS_BASIC}.partialTypeIndicator": "X"},
    "TAP_72_20": {f"{GPRS_BASIC}.chargingId": 1 << 32},
    "TAP_405_10": {
        f"{MTC}.basicServiceUsedList.0.basicService": {"serviceCode": {"teleServiceCode": "11"}},
        f"{MTC}.basicCallInformation.callOriginator": {"callingNumber": "47b1"},
    },
    "TAP_405_11": {f"{MTC}.basicCallInformation.callOriginator": {"callingNumber": "47"}},
    "TAP_184_12": {f"{GPRS}.gprsLocationInformation.gprsNetworkLocation.recEntity": [1, 4]},
    "TAP_184_100": {f"{MOC}.locationInformation.networkLocation.recEntityCode": 9},
    "TAP_181_11": {f"{MOC_BASIC}.rapFileSequenceNumber": "x"},
    "TAP_181_21": {f"{MOC_BASIC}.rapFileSequenceNumber": "00000"},
    "TAP_141_100": {f"{SCU}.scuChargeType.messageDescriptionCode": 2},
    "TAP_105_101": {f"{CHARGE}.exchangeRateCode": 9},
    "TAP_258_30": {f"{CHARGE}.callTypeGroup": {"callTypeLevel2": 0, "callTypeLevel3": 0}},
    "TAP_258_31": {f"{CHARGE}.callTypeGroup": {"callTypeLevel1": 0, "callTypeLevel3": 0}},
    "TAP_258_32": {f"{CHARGE}.callTypeGroup": {"callTypeLevel1": 0, "callTypeLevel2": 0}},
    "TAP_71_10": {f"{DETAIL}.chargeType": "X"},
    "TAP_71_20": {f"{DETAIL}.chargeType": "05"},
    "TAP_65_20": {f"{DETAIL}.chargeableUnits": -1},
    "TAP_213_30": {f"{TAX}.taxCode": None},
    "TAP_213_31": {f"{TAX}.taxValue": None},
    "TAP_397_20": {f"{TAX}.taxValue": -100},
    "TAP_397_22": {f"{TAX}.taxValue": 121},
}
"""Changes of the sound batch by the error that they cause."""

NOTIFICATION_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "TAP_107_11": {"fileAvailableTimeStamp": _stamp("2026090204")},
    "TAP_107_21": {"fileAvailableTimeStamp": _stamp("20260902046000")},
    "TAP_107_31": {"fileAvailableTimeStamp": _stamp("20260902040000", None)},
    "TAP_107_102": {"fileAvailableTimeStamp": EARLY},
    "TAP_107_103": {"fileAvailableTimeStamp": EARLY},
    "TAP_107_105": {"fileAvailableTimeStamp": LATE},
    "TAP_109_20": {"fileSequenceNumber": "00000"},
}
"""Changes of the sound notification by the error that they cause."""

OUTSIDE: Final = frozenset({"TAP_4_37", "TAP_4_39", "TAP_4_40", "TAP_427_31", "TAP_427_32"})
"""Errors that it takes more than a change of the file to cause; they have tests of their own."""
