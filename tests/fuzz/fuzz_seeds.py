"""Files to mutate: random records of every kind and release, in every way BER can write them."""

import random
from typing import Any

from asn1.ber import INDEFINITE, read_header
from asn1.encode import encode
from asn1.grammar import RELEASES, Context, Node, Plan, load_plan
from asn1.indefinite import to_indefinite

HEADER = {
    "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00042",
    "specificationVersionNumber": 3, "releaseVersionNumber": 12,
}
_STRINGS = {"bcd", "text", "raw", "time"}


def tap(rng: random.Random, release: int, records: int) -> bytes:
    """A small TAP file of that release."""
    plan = load_plan("tap")
    kinds = plan.context_of("transferBatch", "callEventDetails")
    chosen = [n for n in kinds.nodes.values() if n.since <= release <= n.until]
    events = [
        {node.name: _group(rng, plan, plan.contexts[node.context], release, 0)}
        for node in rng.choices(chosen, k=records)
    ]
    return encode("transferBatch", {
        "batchControlInfo": HEADER | {"releaseVersionNumber": release},
        "accountingInfo": {"localCurrency": "EUR", "tapDecimalPlaces": 3},
        "networkInfo": {
            "utcTimeOffsetInfo": [{"utcTimeOffsetCode": 0, "utcTimeOffset": "+0100"}],
        },
        "callEventDetails": events,
        "auditControlInfo": {"totalCharge": 0, "callEventDetailsCount": records},
    })


def other(rng: random.Random, grammar: str, root: str) -> bytes:
    """A small RAP or NRTRDE file."""
    plan = load_plan(grammar)
    return encode(root, _group(rng, plan, plan.context_of(root), 12, 0))


def seeds(rng: random.Random, count: int) -> list[bytes]:
    """That many files, of all kinds, releases and forms of lengths and strings."""
    made = []
    for number in range(count):
        if number % 8 == 6:
            data = other(rng, "rap", rng.choice(["returnBatch", "acknowledgement"]))
        elif number % 8 == 7:
            data = other(rng, "nrtrde", "nrtrde")
        else:
            data = tap(rng, rng.choice(RELEASES), rng.randint(1, 4))
        form = number % 4
        if form == 1:
            data = to_indefinite(data)
        elif form == 2:
            data = _segmented(rng, data)
        made.append(data)
    return made


def _group(rng: random.Random, plan: Plan, context: Context, release: int, depth: int) -> Any:
    nodes = [n for n in context.nodes.values() if n.since <= release <= n.until]
    match context.shape:
        case "list":
            return [_value(rng, plan, nodes[0], release, depth) for _ in range(rng.randint(1, 2))]
        case "variants":
            chosen = rng.choices(nodes, k=rng.randint(1, 2))
            return [{n.name: _value(rng, plan, n, release, depth)} for n in chosen]
        case "choice":
            node = rng.choice(nodes)
            return {node.name: _value(rng, plan, node, release, depth)}
    share = 0.6 if depth < 4 else 0.35
    return {n.name: _value(rng, plan, n, release, depth) for n in nodes if rng.random() < share}


def _value(rng: random.Random, plan: Plan, node: Node, release: int, depth: int) -> Any:
    if node.context >= 0:
        return _group(rng, plan, plan.contexts[node.context], release, depth + 1)
    return _LEAVES[node.kind](rng)


_LEAVES = {
    "integer": lambda rng: rng.choice([0, 1, 127, 128, -3, rng.getrandbits(rng.randint(1, 63))]),
    "unsigned": lambda rng: rng.getrandbits(rng.randint(1, 62)),
    "bcd": lambda rng: "".join(rng.choices("0123456789abcde", k=rng.randint(1, 18))),
    "time": lambda rng: rng.choice(["20260105101500", "20261231235959", "00000000000000", "2026"]),
    "raw": lambda rng: rng.randbytes(rng.randint(0, 20)).hex(),
    "text": lambda rng: "".join(
        rng.choices("abcXYZ 0189\xe4\xfc\n\r", k=rng.choice([0, 1, 5, 8, 12, 13, 16, 40]))
    ),
}


def _segmented(rng: random.Random, data: bytes) -> bytes:
    """The file with some strings cut into segments (X.690 8.7.3); lengths stay right."""
    plan = load_plan("tap")
    return _rewritten(rng, plan, plan.contexts[0], data)


def _rewritten(rng: random.Random, plan: Plan, context: Context | None, data: bytes) -> bytes:
    out, pos = [], 0
    while pos < len(data):
        ident, length, at = read_header(data, pos, len(data))
        if length == INDEFINITE:
            return data
        tag_octets = data[pos : _tag_end(data, pos)]
        node = context.nodes.get(ident >> 1) if context else None
        content = data[at : at + length]
        if ident & 1:
            inner = plan.contexts[node.context] if node and node.context >= 0 else None
            content = _rewritten(rng, plan, inner, content)
        elif node and node.kind in _STRINGS and rng.random() < 0.3:
            tag_octets = bytes([tag_octets[0] | 0x20]) + tag_octets[1:]
            content = _segments(rng, content)
        out.append(tag_octets + _length(len(content)) + content)
        pos = at + length
    return b"".join(out)


def _segments(rng: random.Random, content: bytes) -> bytes:
    cut = rng.randint(0, len(content))
    first, second = content[:cut], content[cut:]
    nested = b"\x24\x80\x04" + _length(len(second)) + second + b"\0\0"
    return b"\x04" + _length(len(first)) + first + nested


def _tag_end(data: bytes, pos: int) -> int:
    if data[pos] & 31 != 31:
        return pos + 1
    pos += 1
    while data[pos] & 128:
        pos += 1
    return pos + 1


def _length(size: int) -> bytes:
    if size < 128:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([128 | len(octets)]) + octets
