"""TAP batches as values for the encoder: events of release 3.12, and of 3.9 in its older form."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gen_events import Event, Sim

Value = dict[str, Any]

SENDER, RECIPIENT = "NORNT", "AUTRM"
DECIMAL_PLACES = 5
MICROS_PER_UNIT = 10
# The last release of the older forms; in 3.11 numbers got other tags and choices one more level.
OLD_FORMS = 10
# Codes of the offsets in use: the mainland, ships further west, and one that the partner forgets
# to put into its network table.
OFFSETS = {0: "+0200", 1: "+0100", 2: "+0000"}
SHIP_CODE, FORGOTTEN_CODE = 1, 2
MSC, SMSC, GGSN, SGSN = 1, 2, 3, 4
ENTITIES = {MSC: "4790001001", SMSC: "4790001002", GGSN: "192.0.2.3", SGSN: "192.0.2.4"}
TELESERVICES = {"voice_mo": "11", "voice_mt": "11", "sms_mo": "22", "sms_mt": "21"}


@dataclass(frozen=True, slots=True)
class Priced:
    """An event with the charge stated for it, in SDR of five decimals, and its offset code."""

    event: Event
    charge: int
    offset_code: int = 0


def batch(
    sequence: int, made_at: datetime, priced: list[Priced], *, release: int = 12, test: bool = False
) -> Value:
    """A transfer batch with header, tables, events and exact totals; made_at is UTC."""
    control = {
        "sender": SENDER,
        "recipient": RECIPIENT,
        "fileSequenceNumber": f"{sequence:05d}",
        **_file_times(made_at),
        "specificationVersionNumber": 3,
        "releaseVersionNumber": release,
    }
    if test:
        control["fileTypeIndicator"] = "T"
    return {
        "batchControlInfo": control,
        "accountingInfo": {
            "localCurrency": "NOK",
            "tapCurrency": "SDR",
            "currencyConversionInfo": [
                {"exchangeRateCode": 0, "numberOfDecimalPlaces": 5, "exchangeRate": 1_462_350}
            ],
            "tapDecimalPlaces": DECIMAL_PLACES,
        },
        "networkInfo": {
            "utcTimeOffsetInfo": [
                {"utcTimeOffsetCode": c, "utcTimeOffset": o}
                for c, o in OFFSETS.items()
                if c != FORGOTTEN_CODE
            ],
            "recEntityInfo": [_entity(c, i, release) for c, i in ENTITIES.items()],
        },
        "callEventDetails": [call_event(p, release) for p in priced],
        "auditControlInfo": _audit(priced, release),
    }


def notification(sequence: int, made_at: datetime) -> Value:
    """A notification: nothing to charge, and yet a number of its own; made_at is UTC."""
    return {
        "sender": SENDER,
        "recipient": RECIPIENT,
        "fileSequenceNumber": f"{sequence:05d}",
        **_file_times(made_at),
        "specificationVersionNumber": 3,
        "releaseVersionNumber": 12,
    }


def call_event(priced: Priced, release: int) -> Value:
    """One call event under the name of its kind."""
    event = priced.event
    if event.service == "data":
        return {"gprsCall": _gprs(priced, release)}
    location = {
        "networkLocation": {
            "recEntityCode": MSC if event.service == "voice" else SMSC,
            "callReference": f"{event.reference:08x}",
            "locationArea": 1200 + event.reference % 40,
            "cellId": 30_000 + event.reference % 900,
        }
    }
    value = {
        "basicCallInformation": {
            **_subscriber(event.sim, release),
            **_party(event, release),
            "callEventStartTimeStamp": _start(priced),
            "totalCallEventDuration": event.duration_s,
        },
        "locationInformation": location,
        **_equipment(event.sim, release),
        "basicServiceUsedList": [
            {
                "basicService": _service(TELESERVICES[event.kind], release),
                "chargeInformationList": [_charge(priced)],
            }
        ],
    }
    return {"mobileOriginatedCall" if event.direction == "mo" else "mobileTerminatedCall": value}


def forwarding(priced: Priced) -> Value:
    """A call event that we do not charge: the subscriber sets up call forwarding, for nothing."""
    return {
        "supplServiceEvent": {
            **_subscriber(priced.event.sim, 12),
            "locationInformation": {"networkLocation": {"recEntityCode": MSC}},
            "supplServiceUsed": {
                "supplServiceCode": "21",
                "supplServiceActionCode": 0,
                "chargingTimeStamp": _start(priced),
                "chargeInformation": _charge(replace(priced, charge=0)),
            },
        }
    }


def _gprs(priced: Priced, release: int) -> Value:
    event = priced.event
    volumes = {"dataVolumeIncoming": event.down_bytes, "dataVolumeOutgoing": event.up_bytes}
    # Up to 3.10 the volumes stood two levels deeper.
    used = volumes if release > OLD_FORMS else {"gprsServiceUsageList": [volumes]}
    return {
        "gprsBasicCallInformation": {
            "gprsChargeableSubscriber": {
                **_subscriber(event.sim, release),
                "pdpAddress": f"198.51.100.{event.reference % 254 + 1}".ljust(15),
            },
            "gprsDestination": {
                "accessPointNameNI": "internet",
                "accessPointNameOI": "mnc099.mcc232.gprs",
            },
            "callEventStartTimeStamp": _start(priced),
            "totalCallEventDuration": event.duration_s,
            "chargingId": event.reference,
        },
        "gprsLocationInformation": {
            "gprsNetworkLocation": {
                "recEntity": [GGSN, SGSN],
                "locationArea": 1200 + event.reference % 40,
                "cellId": 30_000 + event.reference % 900,
            }
        },
        **_equipment(event.sim, release),
        "gprsServiceUsed": {**used, "chargeInformationList": [_charge(priced)]},
    }


def _subscriber(sim: Sim, release: int) -> Value:
    choice = {"imsi": sim.imsi, "msisdn": sim.msisdn}
    if release > OLD_FORMS:
        return {"chargeableSubscriber": {"simChargeableSubscriber": choice}}
    return {"simChargeableSubscriber": choice}


def _party(event: Event, release: int) -> Value:
    name = "calledNumber" if event.direction == "mo" else "callingNumber"
    if release <= OLD_FORMS:
        name += "Until310"
    group = "destination" if event.direction == "mo" else "callOriginator"
    if event.other:
        return {group: {name: event.other}}
    return {group: {"clirIndicator": 1}}


def _equipment(sim: Sim, release: int) -> Value:
    imei = f"35209900{sim.imsi[-6:]}0"
    if release > OLD_FORMS:
        return {"equipmentIdentifier": {"imei": imei}}
    return {"equipmentInformation": {"imei": imei}}


def _service(code: str, release: int) -> Value:
    if release > OLD_FORMS:
        return {"serviceCode": {"teleServiceCode": code}}
    return {"teleServiceCode": code}


def _charge(priced: Priced) -> Value:
    event = priced.event
    item, units = {
        "voice": ("D", event.duration_s),
        "sms": ("E", 1),
        "data": ("X", event.up_bytes + event.down_bytes),
    }[event.service]
    charged = -(-units // 1024) * 1024 if event.service == "data" else units
    return {
        "chargedItem": item,
        "exchangeRateCode": 0,
        "callTypeGroup": {
            "callTypeLevel1": 11 if event.service == "data" else 2,
            "callTypeLevel2": 0,
            "callTypeLevel3": 0,
        },
        "chargeDetailList": [
            {
                "chargeType": "00",
                "charge": priced.charge,
                "chargeableUnits": units,
                "chargedUnits": charged,
            }
        ],
    }


def _entity(code: int, identity: str, release: int) -> Value:
    if release > OLD_FORMS:
        name = "recEntityId"
    else:
        name = "mscId" if code in (MSC, SMSC) else "iPTextV4Address"
    return {"recEntityCode": code, "recEntityType": code, name: identity}


def _audit(priced: list[Priced], release: int) -> Value:
    total = sum(p.charge for p in priced)
    totals: Value = (
        {"totalCharge": total}
        if release > OLD_FORMS
        else {"totalChargeValueList": [{"chargeType": "00", "totalCharge": total}]}
    )
    return {
        **_first_and_last(p.event.started_at for p in priced),
        **totals,
        "totalTaxValue": 0,
        "totalDiscountValue": 0,
        "callEventDetailsCount": len(priced),
    }


def _first_and_last(starts: Iterable[datetime]) -> Value:
    ordered = sorted(starts)
    return {
        "earliestCallTimeStamp": _long_time(ordered[0]),
        "latestCallTimeStamp": _long_time(ordered[-1]),
    }


def _file_times(made_at: datetime) -> Value:
    return {
        "fileCreationTimeStamp": _long_time(made_at),
        "transferCutOffTimeStamp": _long_time(made_at - timedelta(minutes=30)),
        "fileAvailableTimeStamp": _long_time(made_at + timedelta(minutes=5)),
    }


def _start(priced: Priced) -> Value:
    local = priced.event.started_at + _shift(OFFSETS[priced.offset_code])
    return {"localTimeStamp": _digits(local), "utcTimeOffsetCode": priced.offset_code}


def _long_time(at: datetime) -> Value:
    return {"localTimeStamp": _digits(at + _shift(OFFSETS[0])), "utcTimeOffset": OFFSETS[0]}


def _shift(offset: str) -> timedelta:
    return timedelta(hours=int(offset[:3]), minutes=int(offset[3:]))


def _digits(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}"
