"""Writes TAP, RAP and NRTRDE files from plain values, by asn1tools and the grammars that read them.

Elements have the grammar's names (modules/*.asn). Digits of BCD elements and text are `str`,
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

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from asn1.compile_grammar import parse_module
from asn1.grammar import Context, GrammarName, Node, Plan, load_plan
from asn1.indefinite import to_indefinite

RootName = Literal["transferBatch", "notification", "returnBatch", "acknowledgement", "nrtrde"]
Lengths = Literal["definite", "indefinite"]

GRAMMARS: Final[dict[RootName, GrammarName]] = {
    "transferBatch": "tap",
    "notification": "tap",
    "returnBatch": "rap",
    "acknowledgement": "rap",
    "nrtrde": "nrtrde",
}


class EncodeError(Exception):
    """A value that the grammar has no place for: where it is, and why."""


def encode(
    root: RootName, value: dict[str, Any], *, release: int | None = None,
    lengths: Lengths = "definite",
) -> bytes:
    """The octets of a file.

    With a TAP release (1 to 12), elements that it does not have are refused. Raises EncodeError.
    """
    grammar = _grammar(GRAMMARS[root])
    content = _Values(grammar, release).group(grammar.plan.context_of(root), value, root)
    file_type = grammar.plan.contexts[0].type_name
    octets = bytes(grammar.specification.encode(file_type, (root, content)))
    return to_indefinite(octets) if lengths == "indefinite" else octets


def encode_transfer_batch(value: dict[str, Any]) -> bytes:
    """The octets of a TAP file of events."""
    return encode("transferBatch", value)


def encode_notification(value: dict[str, Any]) -> bytes:
    """The octets of a TAP file that says there are no events."""
    return encode("notification", value)


def bcd(digits: str) -> bytes:
    """Digits packed two an octet, the first in the high half; an odd count is filled with f."""
    return _hexadecimal(digits + "f" * (len(digits) % 2))


def _hexadecimal(digits: str) -> bytes:
    octets = bytes.fromhex(digits)
    if len(octets) * 2 != len(digits):  # fromhex passes over spaces
        raise ValueError("spaces between digits")
    return octets


@cache
def _grammar(name: GrammarName) -> "_Grammar":
    import asn1tools

    plan = load_plan(name)
    return _Grammar(
        plan,
        {c.type_name: {n.name: n for n in c.nodes.values()} for c in plan.contexts},
        asn1tools.compile_dict(parse_module(name), "ber"),
    )


@dataclass(frozen=True, slots=True)
class _Grammar:
    """A plan, its elements by type and name, and asn1tools' encoder."""

    plan: Plan
    elements: dict[str, dict[str, Node]]
    specification: Any


@dataclass(frozen=True, slots=True)
class _Values:
    """Brings values into asn1tools' form; with a release, only elements that it has."""

    grammar: _Grammar
    release: int | None

    def group(self, context: Context, value: Any, path: str) -> Any:  # noqa: ANN401
        """The members, items or alternative of a group."""
        match context.shape, value:
            case "sequence", dict():
                return {n: self.member(context, n, v, path) for n, v in value.items()}
            case "choice", dict():
                return self.alternative(context, value, path)
            case "variants", list():
                return [self.alternative(context, v, f"{path}[{i}]") for i, v in enumerate(value)]
            case "list", list():
                (node,) = context.nodes.values()
                return [self.value(node, v, f"{path}[{i}]") for i, v in enumerate(value)]
        raise EncodeError(f"{path}: {value!r} where the grammar has {context.type_name}")

    def alternative(self, context: Context, value: Any, path: str) -> tuple[str, Any]:  # noqa: ANN401
        """The one alternative of a CHOICE that the value has."""
        if not isinstance(value, dict) or len(value) != 1:
            raise EncodeError(f"{path}: a CHOICE takes one alternative, not {value!r}")
        ((name, inner),) = value.items()
        return name, self.member(context, name, inner, path)

    def member(self, context: Context, name: str, value: Any, path: str) -> Any:  # noqa: ANN401
        """The value of the group's element of that name."""
        elements = self.grammar.elements[context.type_name]
        if name not in elements:
            known = ", ".join(elements)
            raise EncodeError(f"{path}: {context.type_name} has no {name}; it has {known}")
        return self.value(elements[name], value, f"{path}.{name}")

    def value(self, node: Node, value: Any, path: str) -> Any:  # noqa: ANN401
        """The value of an element."""
        if self.release is not None and not node.since <= self.release <= node.until:
            raise EncodeError(
                f"{path}: release 3.{self.release} does not have {node.name} here; "
                f"3.{node.since} to 3.{node.until} do"
            )
        if node.context >= 0:
            return self.group(self.grammar.plan.contexts[node.context], value, path)
        try:
            return _leaf(node.kind, value)
        except (TypeError, ValueError) as error:
            raise EncodeError(f"{path}: {value!r} where the grammar has {node.kind}") from error


def _leaf(kind: str, value: int | str | bytes) -> int | bytes:
    """A number or octets; raises TypeError or ValueError for what the kind does not take."""
    if kind in {"integer", "unsigned"}:
        if not isinstance(value, int):
            raise TypeError
        if kind == "unsigned" and value < 0:
            raise ValueError
        return value
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise TypeError
    if kind == "bcd":
        return bcd(value)
    return _hexadecimal(value) if kind == "raw" else value.encode("latin-1")
