"""The table of call events: each column, and where in a record it comes from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import polars as pl

from asn1.grammar import Context, Plan

_TYPES: Final[dict[str, type[pl.DataType]]] = {"i32": pl.Int32, "i64": pl.Int64, "text": pl.String}
_LIMITS: Final = {"i32": 1 << 31, "i64": 1 << 63}


class EventValueError(Exception):
    """A record whose values do not fit the table: which column, and why."""


@dataclass(frozen=True, slots=True)
class EventColumn:
    """One column: its type, meaning, and the paths below the call event that fill it.

    A path is element names joined by dots; lists are entered without a name of their own, and
    `name?child=text` takes only groups whose child has that text. `first` is the first value of
    the first path that gives one, `sum` adds the values of all paths; null where there is none.
    """

    name: str
    kind: Literal["i32", "i64", "text"]
    doc: str
    paths: tuple[str, ...] = ()
    reduce: Literal["first", "sum"] = "first"


def _below(groups: tuple[str, ...], *ends: str) -> tuple[str, ...]:
    return tuple(f"{group}.{end}" for end in ends for group in groups)


_CHOICES = (
    "chargeableSubscriber.simChargeableSubscriber", "simChargeableSubscriber",
    "chargeableSubscriber.gsmChargeableSubscriber", "gsmChargeableSubscriber",
)
_SUBSCRIBER = (
    *_CHOICES,
    *_below(("basicCallInformation", "gprsBasicCallInformation.gprsChargeableSubscriber",
             "basicInformation"), *_CHOICES),
    "chargedParty",
)
_BASIC = ("basicCallInformation", "gprsBasicCallInformation")
_LOCATION = ("locationInformation.networkLocation", "gprsLocationInformation.gprsNetworkLocation")
_STARTS = (
    "basicCallInformation.callEventStartTimeStamp",
    "gprsBasicCallInformation.callEventStartTimeStamp",
    "serviceStartTimestamp",
    "supplServiceUsed.chargingTimeStamp",
    "supplServiceUsedList.chargingTimeStamp",
    "scuTimeStamps.depositTimeStamp",
    "contentTransactionBasicInfo.orderPlacedTimeStamp",
    "locationServiceUsage.lCSQosRequested.lCSRequestTimestamp",
    "valueAddedServiceUsed.chargingTimeStamp",
)
_CONTENT = ("contentServiceUsed", "contentServiceUsedUntil39")
_CHARGES = (
    "basicServiceUsedList.chargeInformationList",
    "gprsServiceUsed.chargeInformationList",
    "supplServiceUsed.chargeInformation",
    "supplServiceUsedList.chargeInformation",
    "chargeInformation",
    *_below(_CONTENT, "chargeInformationList"),
    "locationServiceUsage.chargeInformationList",
    "sessionChargeInfoList",
    "valueAddedServiceUsed.chargeInformation",
    "valueAddedServiceUsedList.chargeInformation",
)
"""Where charge informations are; a 3.12 session's are of another type, but alike."""
_TOTALS = _below(_CHARGES, "chargeDetailList?chargeType=00", "chargeDetail?chargeType=00")
"""Charge type 00 is the total of a charge information; the others are parts of it."""
_VOLUMES = ("gprsServiceUsed", "gprsServiceUsed.gprsServiceUsageList", *_CONTENT)
_BASIC_SERVICE = "basicServiceUsedList.basicService"

C = EventColumn
COLUMNS: Final[tuple[EventColumn, ...]] = (
    C("record_index", "i32", "position of the record in its file, from 0, bad records counted"),
    C("byte_offset", "i64", "offset of the record's tag in the file"),
    C("byte_length", "i32", "length of the record with tag and length, in octets"),
    C("event", "text", "call event type, as mobileOriginatedCall"),
    C("imsi", "text", "IMSI of the charged subscriber", _below(_SUBSCRIBER, "imsi")),
    C("msisdn", "text", "MSISDN of the charged subscriber", _below(_SUBSCRIBER, "msisdn")),
    C("imei", "text", "IMEI", ("equipmentIdentifier.imei", "equipmentInformation.imei",
                               "chargedParty.imei")),
    C("called_number", "text", "called number, digits",
      _below(("basicCallInformation.destination",), "calledNumber", "calledNumberUntil310")),
    C("calling_number", "text", "calling number, digits",
      _below(("basicCallInformation.callOriginator",), "callingNumber", "callingNumberUntil310")),
    C("dialled_digits", "text", "digits as dialled",
      ("basicCallInformation.destination.dialledDigits",)),
    C("sms_destination", "text", "destination of a short message, as text",
      ("basicCallInformation.destination.sMSDestinationNumber",)),
    C("sms_originator", "text", "originator of a short message, as text",
      ("basicCallInformation.callOriginator.sMSOriginator",)),
    C("start_local", "text", "start in local time, YYYYMMDDhhmmss",
      _below(_STARTS, "localTimeStamp")),
    C("utc_offset_code", "i32", "code of the offset of start_local, of the file's network table",
      _below(_STARTS, "utcTimeOffsetCode")),
    C("duration_s", "i64", "duration",
      (*_below(_BASIC, "totalCallEventDuration"), "totalCallEventDuration",
       "contentTransactionBasicInfo.totalTransactionDuration",
       "contentTransactionBasicInfo.totalCallEventDuration")),
    C("tele_service_code", "text", "teleservice, as 11",
      _below((_BASIC_SERVICE,), "serviceCode.teleServiceCode", "teleServiceCode")),
    C("bearer_service_code", "text", "bearer service, as 26",
      _below((_BASIC_SERVICE,), "serviceCode.bearerServiceCode", "bearerServiceCode")),
    C("apn_ni", "text", "network part of the access point name",
      _below(("gprsBasicCallInformation.gprsDestination",), "accessPointNameNI",
             "accessPointName")),
    C("volume_incoming", "i64", "octets, dataVolumeIncoming",
      _below(_VOLUMES, "dataVolumeIncoming"), "sum"),
    C("volume_outgoing", "i64", "octets, dataVolumeOutgoing",
      _below(_VOLUMES, "dataVolumeOutgoing"), "sum"),
    C("charging_id", "i64", "charging id of a packet session",
      ("gprsBasicCallInformation.chargingId",)),
    C("call_reference", "text", "call reference, hexadecimal",
      ("locationInformation.networkLocation.callReference", "callReference")),
    C("event_reference", "text", "reference of a session or message over IP", ("eventReference",)),
    C("partial_indicator", "text", "F, I or L", ("gprsBasicCallInformation.partialTypeIndicator",)),
    C("cause_for_term", "i32", "cause of an abnormal end",
      (*_below(_BASIC, "causeForTerm"), "causeForTerm")),
    C("rec_entity_code", "i32", "first recording entity, of the file's network table",
      (*_below(_LOCATION, "recEntityCode", "recEntity"), "recEntityCode", "recEntityCodeList")),
    C("cell_id", "i64", "cell", (*_below(_LOCATION, "cellId"), "cellId")),
    C("location_area", "i64", "location area", (*_below(_LOCATION, "locationArea"),
                                               "locationArea")),
    C("charge", "i64", "charge before tax, in 10^-tap_decimal_places of the TAP currency",
      (*_below(_TOTALS, "charge"), "charge", "aggregatedUsageCharge"), "sum"),
    C("camel_fee", "i64", "CAMEL invocation fee, in units of charge; not part of it",
      ("camelServiceUsed.camelInvocationFee",), "sum"),
    C("tax", "i64", "sum of the tax values, in units of charge",
      (*_below((*_below(_CHARGES, "taxInformation", "taxInformationList"),
                "camelServiceUsed.taxInformation", "taxInformationList"),
               "taxValue", "taxValueUntil39"),
       "aURTaxInformationList.aURTaxValue"), "sum"),
    C("charge_refund_indicator", "i32", "content: 1 where the charge is given back",
      _below(_CONTENT, "chargeRefundIndicator")),
    C("charged_units", "i64", "units charged for, after rounding, of the totals",
      _below(_TOTALS, "chargedUnits"), "sum"),
    C("exchange_rate_code", "i32", "code of the exchange rate, of the file's currency table",
      (*_below(_CHARGES, "exchangeRateCode"), "exchangeRateCode")),
    *(
        C(f"call_type_level{n}", "i32", f"call type group, level {n}",
          (*_below(_CHARGES, f"callTypeGroup.callTypeLevel{n}"),
           f"callTypeGroup.callTypeLevel{n}", f"callTypeLevel{n}"))
        for n in (1, 2, 3)
    ),
)
_OWN: Final = 4
"""Columns that say where the record is; they have no path."""

Step = tuple[str, tuple[str, str] | None]
Path = tuple[Step, ...]


def parse_path(path: str) -> Path:
    """The steps of a path: element name, and the child and text that it asks for."""
    steps: list[Step] = []
    for part in path.split("."):
        name, _, condition = part.partition("?")
        child, _, text = condition.partition("=")
        steps.append((name, (child, text) if condition else None))
    return tuple(steps)


def reaches(plan: Plan, context: Context, steps: Path) -> bool:
    """Whether the grammar has a value at the end of those steps below context."""
    for name, _ in steps:
        while context.shape == "list":
            (item,) = context.nodes.values()
            if item.context < 0:
                return False
            context = plan.contexts[item.context]
        node = context.named(name)
        if node is None:
            return False
        context = plan.contexts[node.context] if node.context >= 0 else Context(name, "choice", {})
    return not context.nodes or context.shape == "list"


@cache
def _readers(plan: Plan, event: str) -> tuple[tuple[EventColumn, tuple[Path, ...]], ...]:
    context = plan.context_of("transferBatch", "callEventDetails", event)
    return tuple(
        (c, tuple(s for s in map(parse_path, c.paths) if reaches(plan, context, s)))
        for c in COLUMNS[_OWN:]
    )


def event_row(plan: Plan, event: str, value: Any) -> list[Any]:  # noqa: ANN401
    """The values of the columns after the first four, of one call event as the walker gives it."""
    return [_reduce(column, paths, value) for column, paths in _readers(plan, event)]


def _reduce(column: EventColumn, paths: tuple[Path, ...], value: Any) -> Any:  # noqa: ANN401
    found = (v for steps in paths for v in _values(value, steps, 0))
    if column.reduce == "first":
        number = next(found, None)
        if column.kind == "text":
            return number or None
    else:
        numbers = list(found)
        number = sum(numbers) if numbers else None
    if number is not None and not -_LIMITS[column.kind] <= number < _LIMITS[column.kind]:
        raise EventValueError(f"{column.name} is {number}, which does not fit {column.kind}")
    return number


def _values(value: Any, steps: Path, at: int) -> Iterator[Any]:  # noqa: ANN401
    if isinstance(value, list):
        for item in value:
            yield from _values(item, steps, at)
    elif at == len(steps):
        yield value
    else:
        name, condition = steps[at]
        inner = value.get(name)
        if inner is None:
            return
        if condition:
            child, text = condition
            groups = inner if isinstance(inner, list) else [inner]
            inner = [g for g in groups if g.get(child) == text]
        yield from _values(inner, steps, at + 1)


def events_frame(rows: list[list[Any]]) -> pl.DataFrame:
    """The table of the rows, each with the values of all COLUMNS in order."""
    schema = {c.name: _TYPES[c.kind] for c in COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row", strict=True)
