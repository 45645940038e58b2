"""Other ASN.1 decoders, made from our grammars: octets to a list of pairs (record kind, value)."""

import runpy
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import asn1tools
from pyasn1.codec.ber import decoder
from pyasn1.type import namedtype, tag, univ

from asn1.compile_grammar import parse_module
from asn1.grammar import MODULES, Context, Node, Plan, load_plan

Records = list[tuple[str, Any]]
Decoder = Callable[[bytes], Records]
NUMBERS = ("integer", "unsigned")


@cache
def asn1tools_decoder() -> Decoder:
    """Decoding by asn1tools."""
    specification = asn1tools.compile_dict(parse_module("tap"), "ber")

    def decode(data: bytes) -> Records:
        return specification.decode("DataInterChange", data)[1]["callEventDetails"]

    return decode


@cache
def pycrate_decoder() -> Decoder:
    """Decoding by pycrate, which writes a Python module of the grammar; here to a lost folder."""
    from pycrate_asn1c.asnproc import PycrateGenerator, compile_text, generate_modules

    compile_text((MODULES / "tap3.asn").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tap3.py"
        generate_modules(PycrateGenerator, str(path))
        interchange = runpy.run_path(str(path))["TAP3"].DataInterChange

    def decode(data: bytes) -> Records:
        interchange.from_ber(data)
        return interchange.get_val()[1]["callEventDetails"]

    return decode


@cache
def pyasn1_decoder() -> Decoder:
    """Decoding by pyasn1 to its own objects, as `plain` takes them."""
    plan = load_plan("tap")
    specification = _Specification(plan).of_context(plan.contexts[0])

    def decode(data: bytes) -> Any:
        value, _ = decoder.decode(data, asn1Spec=specification)
        return value.getComponent().getComponentByName("callEventDetails")

    return decode


def plain(value: Any) -> Any:
    """A value of pyasn1 as the other decoders give it."""
    if isinstance(value, univ.Choice):
        return value.getName(), plain(value.getComponent())
    if isinstance(value, univ.SequenceOf):
        return [plain(item) for item in value]
    if isinstance(value, univ.Sequence):
        members = [(n, value.getComponentByName(n, None, instantiate=False)) for n in value]
        return {n: plain(inner) for n, inner in members if inner is not None and inner.isValue}
    return int(value) if isinstance(value, univ.Integer) else value.asOctets()


class _Specification:
    """pyasn1's types of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.known: dict[str, Any] = {}

    def of_context(self, context: Context) -> Any:
        if context.type_name not in self.known:
            self.known[context.type_name] = self.group(context)
        return self.known[context.type_name]

    def group(self, context: Context) -> Any:
        members = [(n.name, self.of_node(t, n)) for t, n in context.nodes.items()]
        if context.shape == "list":
            return univ.SequenceOf(componentType=members[0][1])
        if context.shape == "sequence":
            named = [namedtype.OptionalNamedType(*m) for m in members]
            return univ.Sequence(componentType=namedtype.NamedTypes(*named))
        named = [namedtype.NamedType(*m) for m in members]
        choice = univ.Choice(componentType=namedtype.NamedTypes(*named))
        return choice if context.shape == "choice" else univ.SequenceOf(componentType=choice)

    def of_node(self, key: int, node: Node) -> Any:
        if node.context < 0:
            kind = univ.Integer() if node.kind in NUMBERS else univ.OctetString()
            label = tag.Tag(tag.tagClassApplication, tag.tagFormatSimple, key >> 2)
            return kind.subtype(implicitTag=label)
        context = self.plan.contexts[node.context]
        label = tag.Tag(tag.tagClassApplication, tag.tagFormatConstructed, key >> 2)
        if context.shape == "choice":
            return self.of_context(context).subtype(explicitTag=label)
        return self.of_context(context).subtype(implicitTag=label)
