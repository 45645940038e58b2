"""How tables and columns are named after the grammar's types and elements."""

import re
from typing import Final

from asn1.grammar import GrammarName

RECORDS: Final[dict[GrammarName, tuple[tuple[str, ...], str, str]]] = {
    "tap": (("transferBatch", "callEventDetails"), "event", "event"),
    "rap": (("returnBatch", "returnDetails"), "return_detail", "kind"),
    "nrtrde": (("nrtrde", "callEvents"), "event", "event"),
}
"""Of each grammar: the path to its list of records, their table, and the column of their kind."""

EVENT_TYPES: Final = frozenset(
    {
        "MobileOriginatedCall", "MobileTerminatedCall", "SupplServiceEvent", "ServiceCentreUsage",
        "GprsCall", "ContentTransaction", "LocationService", "MessagingEvent", "MobileSession",
        "AggregatedUsageRecord", "ValueAddedService",
    }
)
"""Call events; inside a RAP return they are rows of a table of their own."""

_TABLES: Final = {
    **dict.fromkeys(EVENT_TYPES, "event"),
    "SessionChargeInformation": "charge_information",
    "AURTaxInformation": "tax_information",
    "BasicServiceCodeList": "basic_service_code",
    "packetDataProtocolAddress": "remote_pdp_address",
}
"""Tables that are not named after the type of their rows: alike rows share one table."""

_PREFIXES: Final = {
    "ThirdPartyInformation": "third_party_",
    "CamelServiceUsed": "camel_",
    "CamelDestination": "destination_",
    "CamelCallReference": "call_reference_",
    "QoSRequested": "qos_requested_",
    "QoSUsed": "qos_used_",
    "GSMQoSRequested": "gsm_qos_requested_",
    "GSMQoSUsed": "gsm_qos_used_",
    "UMTSQoSRequested": "umts_qos_requested_",
    "UMTSQoSUsed": "umts_qos_used_",
    "LCSQosRequested": "requested_",
    "LCSQosDelivered": "delivered_",
    "TrackingCustomerEquipment": "tracking_",
    "TrackedCustomerEquipment": "tracked_",
    "TransferBatchError": "transfer_batch_",
    "BatchControlError": "batch_",
    "AccountingInfoError": "accounting_",
    "NetworkInfoError": "network_",
    "MessageDescriptionError": "message_description_",
    "VASInformationError": "vas_",
    "NotificationError": "notification_",
    "AuditControlInfoError": "audit_",
}
"""Groups whose leaves would clash with others of the same row, or say too little."""

_RENAMED: Final = {
    ("ChargeDetail", "chargingTimeStamp"): "chargeDetailTimeStamp",
    ("DiscountInformation", "discountValueUntil310"): "discount",
    ("ContentTransactionBasicInfo", "totalCallEventDuration"): "totalTransactionDuration",
    ("AURTaxInformation", "aURTaxValue"): "taxValue",
    ("AURTaxInformation", "aURTaxableAmount"): "taxableAmount",
    ("ChargedPartyLocation", "place"): "placeName",
    ("ScuBasicInformation", "msisdn"): "subscriberMsisdn",
    ("ValueAddedService", "msisdn"): "subscriberMsisdn",
    ("UMTSQoSRequested", "qoSMaxSDUsize"): "maxSduSize",
    ("UMTSQoSUsed", "qoSMaxSDUsize"): "maxSduSize",
    ("UMTSQoSRequested", "qoSErroneousSDUs"): "erroneousSdus",
    ("UMTSQoSUsed", "qoSErroneousSDUs"): "erroneousSdus",
}
"""Elements, by the type around them, that mean what another one is named for."""

_PLACES: Final = {
    ("SessionChargeInformation", "chargeDetail"): "single_charge_detail",
}
"""Elements, by the type around them, that stand beside a list of the same: to tell them apart."""

TIME_LEAVES: Final = {
    "localTimeStamp": "local",
    "utcTimeOffsetCode": "utc_offset_code",
    "utcTimeOffset": "utc_offset",
}
"""Members of a point in time, as the end of a column's name."""

_OLD_FORM = re.compile(r"Until\d+$")
_TIME_STAMP = re.compile(r"_?time_?stamp$")


def plain_name(element: str) -> str:
    """The element's name without the mark of an older form."""
    return _OLD_FORM.sub("", element)


def is_old_form(element: str, of: set[str]) -> bool:
    """Whether the element is the older, single form of one of those list items."""
    return plain_name(element) != element and plain_name(element) in of


def table_name(type_or_item: str) -> str:
    """The table of rows of that type, or of a list's leaf of that name."""
    return _TABLES.get(type_or_item) or snake(type_or_item)


def place_name(table: str, type_name: str, element: str, prefix: str) -> str:
    """What a row hangs on: its parent's table and the element inside type_name that opened it."""
    name = _PLACES.get((type_name, element)) or snake(plain_name(element))
    return f"{table}.{_prefixed(prefix, name)}"


def prefix_of(type_name: str, prefix: str) -> str:
    """The prefix inside a group of that type."""
    return prefix + _PREFIXES.get(type_name, "")


def column_name(type_name: str, element: str, prefix: str) -> str:
    """The column of a leaf of that name inside a group of that type."""
    name = _RENAMED.get((type_name, element), element)
    return _prefixed(prefix, snake(plain_name(name)))


def time_column_name(type_name: str, element: str, prefix: str) -> str:
    """The column of a leaf that is itself a local time: named without the word, ending _local."""
    return f"{time_stem(type_name, element, prefix)}_local"


def time_stem(type_name: str, element: str, prefix: str) -> str:
    """What the columns of a point in time begin with."""
    return _TIME_STAMP.sub("", column_name(type_name, element, prefix))


def _prefixed(prefix: str, name: str) -> str:
    """The name under the prefix, without saying a word twice."""
    if "qos_" in prefix:
        name = name.removeprefix("qos_")
    said = name.startswith(prefix) or name.endswith("_" + prefix.rstrip("_"))
    return name if said else prefix + name


def snake(name: str) -> str:
    """The name in small letters: sMSDestinationNumber is sms_destination_number."""
    # The grammar writes a leading acronym's first letter small, and QoS is one word.
    name = (name[:1].upper() + name[1:]).replace("QoS", "Qos")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
