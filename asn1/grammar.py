"""The TAP grammar as a dispatch plan: which element a tag means, in each place.

The plan is compiled from modules/tap3.asn and kept beside it, since parsing the notation takes
most of a second. `python -m asn1.grammar` renews it.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

MODULE: Final = Path(__file__).parent / "modules" / "tap3.asn"
PLAN: Final = Path(__file__).parent / "modules" / "tap3.plan.json"
APPLICATION: Final = 1

Kind = Literal["group", "integer", "unsigned", "bcd", "text", "raw"]
Shape = Literal["sequence", "choice", "list", "variants"]

_KINDS: Final[dict[str, Kind]] = {
    "BCDString": "bcd",
    "AsciiString": "text",
    "Currency": "text",
    "NumberString": "text",
    "HexString": "text",
    "UnsignedInteger": "unsigned",
    "INTEGER": "integer",
    "OCTET STRING": "raw",
}


class GrammarError(Exception):
    """A grammar that this compiler does not understand: which type, and why."""


@dataclass(frozen=True, slots=True)
class Node:
    """An element: its name, the kind of its value, and for a group the context inside, else -1."""

    name: str
    kind: Kind
    context: int = -1


@dataclass(frozen=True, slots=True)
class Context:
    """The inside of a type: its shape, and the element for each tag (number << 2 | class).

    Shape list has values of one type; variants is a list of values of an untagged CHOICE.
    """

    type_name: str
    shape: Shape
    nodes: dict[int, Node]

    def named(self, name: str) -> Node | None:
        """The element of that name."""
        return next((n for n in self.nodes.values() if n.name == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All contexts; the first one holds what a file may be. Equal to itself only, so hashable."""

    contexts: tuple[Context, ...]

    def context_of(self, *names: str) -> Context:
        """The context reached by element names from the root; KeyError when there is none."""
        here = self.contexts[0]
        for name in names:
            node = here.named(name)
            if node is None or node.context < 0:
                raise KeyError(f"no group {name} in {here.type_name}")
            here = self.contexts[node.context]
        return here


@cache
def load_plan() -> Plan:
    """The plan of TAP3, read once per process."""
    return _from_json(PLAN.read_text(encoding="utf-8"))


def compile_plan(types: dict[str, Any], root: str) -> Plan:
    """The plan of a parsed module's types (as asn1tools gives them), from the type root on."""
    return _Compiler(types).run(root)


def parse_module() -> dict[str, Any]:
    """The module as asn1tools parses it; takes most of a second."""
    import asn1tools

    return cast("dict[str, Any]", asn1tools.parse_files(str(MODULE)))


def compiled_module() -> Plan:
    """The plan, compiled from the grammar's text."""
    return compile_plan(parse_module()["TAP3"]["types"], "DataInterChange")


class _Compiler:
    def __init__(self, types: dict[str, Any]) -> None:
        self.types = types
        self.contexts: list[Context] = []
        self.numbers: dict[str, int] = {}

    def run(self, root: str) -> Plan:
        self.context(root)
        return Plan(tuple(self.contexts))

    def resolve(self, name: str) -> tuple[int | None, str, dict[str, Any]]:
        """The tag number of a type, the type at the end of its aliases, and its definition."""
        tag: int | None = None
        while True:
            definition = self.types[name]
            if tag is None and "tag" in definition:
                tag = definition["tag"]["number"]
            if definition["type"] not in self.types or name in _KINDS:
                return tag, name, definition
            name = definition["type"]

    def context(self, name: str) -> int:
        _, base, definition = self.resolve(name)
        if base in self.numbers:
            return self.numbers[base]
        number = self.numbers[base] = len(self.contexts)
        nodes: dict[int, Node] = {}
        self.contexts.append(Context(base, self.shape(base, definition), nodes))
        for element, type_name in self.elements(definition):
            tag, node = self.node(element, type_name)
            if tag in nodes:
                raise GrammarError(f"{base}: {element} has the tag of {nodes[tag].name}")
            nodes[tag] = node
        return number

    def shape(self, name: str, definition: dict[str, Any]) -> Shape:
        match definition["type"]:
            case "SEQUENCE":
                return "sequence"
            case "CHOICE":
                return "choice"
            case "SEQUENCE OF":
                return "variants" if self.is_untagged_choice(definition) else "list"
        raise GrammarError(f"{name}: {definition['type']} is not read here")

    def is_untagged_choice(self, definition: dict[str, Any]) -> bool:
        return self.resolve(definition["element"]["type"])[0] is None

    def elements(self, definition: dict[str, Any]) -> list[tuple[str, str]]:
        if definition["type"] != "SEQUENCE OF":
            return [(m["name"], m["type"]) for m in definition["members"]]
        name = definition["element"]["type"]
        if self.is_untagged_choice(definition):
            return self.elements(self.types[name])
        return [(name[0].lower() + name[1:], name)]

    def node(self, element: str, type_name: str) -> tuple[int, Node]:
        number, base, definition = self.resolve(type_name)
        if number is None:
            raise GrammarError(f"{element}: {type_name} has no tag")
        tag = number << 2 | APPLICATION
        kind = _KINDS.get(base) or _KINDS.get(definition["type"])
        if kind:
            return tag, Node(element, kind)
        return tag, Node(element, "group", self.context(type_name))


def to_json(plan: Plan) -> str:
    """The plan as text, one context a line."""
    lines = [
        json.dumps([c.type_name, c.shape, {t: [n.name, n.kind, n.context] for t, n in
                                           c.nodes.items()}], separators=(",", ":"))
        for c in plan.contexts
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _from_json(text: str) -> Plan:
    return Plan(
        tuple(
            Context(name, shape, {int(tag): Node(*node) for tag, node in nodes.items()})
            for name, shape, nodes in json.loads(text)
        )
    )


if __name__ == "__main__":
    PLAN.write_text(to_json(compiled_module()), encoding="utf-8")
