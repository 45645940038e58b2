"""Writes TAP files from plain values, by asn1tools and the grammar that also reads them.

Elements have the grammar's names (modules/tap3.asn). Digits of BCD elements and text are `str`,
numbers `int`, octets without a text form hexadecimal `str`; `bytes` go out as they are, so that
tests can write what should not be. A CHOICE is a dictionary of the one alternative chosen.

A call of 73 seconds, as release 3.12 has it::

    encode_transfer_batch({
        "batchControlInfo": {
            "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00001",
            "specificationVersionNumber": 3, "releaseVersionNumber": 12,
        },
        "accountingInfo": {"localCurrency": "EUR", "tapDecimalPlaces": 3},
        "networkInfo": {
            "utcTimeOffsetInfo": [{"utcTimeOffsetCode": 0, "utcTimeOffset": "+0100"}],
        },
        "callEventDetails": [{"mobileOriginatedCall": {
            "basicCallInformation": {
                "chargeableSubscriber": {"simChargeableSubscriber": {"imsi": "238011234567890"}},
                "destination": {"calledNumber": "4512345678"},
                "callEventStartTimeStamp": {
                    "localTimeStamp": "20260105101500", "utcTimeOffsetCode": 0,
                },
                "totalCallEventDuration": 73,
            },
            "basicServiceUsedList": [{
                "basicService": {"serviceCode": {"teleServiceCode": "11"}},
                "chargeInformationList": [{
                    "chargedItem": "D",
                    "chargeDetailList": [{"chargeType": "00", "charge": 120}],
                }],
            }],
        }}],
        "auditControlInfo": {"totalCharge": 120, "callEventDetailsCount": 1},
    })

Release 3.9 writes `"simChargeableSubscriber": {...}` directly into basicCallInformation,
`"calledNumberUntil310"` for calledNumber, `"teleServiceCode"` directly into basicService,
`"equipmentInformation": {"imei": ...}`, `"taxValueUntil39"`, `"gprsServiceUsageList": [...]` inside
gprsServiceUsed, and `"totalChargeValueList": [{"chargeType": "00", "totalCharge": 120}]` for the
audit's totalCharge.
"""

from functools import cache
from typing import Any

from asn1.grammar import Context, Node, Plan, load_plan, parse_module


class EncodeError(Exception):
    """A value that the grammar has no place for: the path to it, and why."""


def encode_transfer_batch(value: dict[str, Any]) -> bytes:
    """The octets of a TAP file of events."""
    return _encode("transferBatch", value)


def encode_notification(value: dict[str, Any]) -> bytes:
    """The octets of a TAP file that says there are no events."""
    return _encode("notification", value)


def bcd(digits: str) -> bytes:
    """Digits packed two an octet, the first in the high half; an odd count is filled with f."""
    return bytes.fromhex(digits + "f" * (len(digits) % 2))


def _encode(kind: str, value: dict[str, Any]) -> bytes:
    plan = load_plan()
    content = _group(plan, plan.context_of(kind), value, kind)
    return bytes(_specification().encode("DataInterChange", (kind, content)))


@cache
def _specification() -> Any:  # noqa: ANN401  asn1tools has no types
    import asn1tools

    return asn1tools.compile_dict(parse_module(), "ber")


def _group(plan: Plan, context: Context, value: Any, path: str) -> Any:  # noqa: ANN401
    match context.shape:
        case "list":
            node = next(iter(context.nodes.values()))
            return [_value(plan, node, v, f"{path}[{i}]") for i, v in enumerate(value)]
        case "variants":
            return [_choice(plan, context, v, f"{path}[{i}]") for i, v in enumerate(value)]
        case "choice":
            return _choice(plan, context, value, path)
    return {
        name: _value(plan, _named(context, name, path), v, f"{path}.{name}")
        for name, v in value.items()
    }


def _choice(
    plan: Plan, context: Context, value: dict[str, Any], path: str
) -> tuple[str, Any]:
    if len(value) != 1:
        raise EncodeError(f"{path}: a CHOICE takes one alternative, not {list(value)}")
    ((name, inner),) = value.items()
    return name, _value(plan, _named(context, name, path), inner, f"{path}.{name}")


def _named(context: Context, name: str, path: str) -> Node:
    node = context.named(name)
    if node is None:
        known = ", ".join(n.name for n in context.nodes.values())
        raise EncodeError(f"{path}: {context.type_name} has no {name}; it has {known}")
    return node


def _value(plan: Plan, node: Node, value: Any, path: str) -> Any:  # noqa: ANN401
    if node.context >= 0:
        return _group(plan, plan.contexts[node.context], value, path)
    wanted = int if node.kind in {"integer", "unsigned"} else (str, bytes)
    if not isinstance(value, wanted):
        raise EncodeError(f"{path}: {value!r} where the grammar has {node.kind}")
    if not isinstance(value, str):
        return value
    if node.kind == "bcd":
        return bcd(value)
    return bytes.fromhex(value) if node.kind == "raw" else value.encode("latin-1")
