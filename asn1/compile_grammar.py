"""Compiles the grammars in modules/*.asn to the plans beside them.

Run `python -m asn1.compile_grammar` after a change of a grammar. The releases of an element stand
in the grammar's text as a comment; the head of tap3.asn says how.
"""

import json
import re
from typing import Any, Final, cast

from asn1.grammar import (
    APPLICATION,
    FILES,
    MODULES,
    RELEASES,
    Context,
    GrammarName,
    Kind,
    Node,
    Plan,
    Shape,
    plan_path,
)

Ranges = dict[tuple[str, str], tuple[int, int]]
"""First and last release by type and element; the element "" is the type's tag itself."""

_ROOTS: Final[dict[GrammarName, str]] = {
    "tap": "DataInterChange",
    "rap": "RapDataInterChange",
    "nrtrde": "NrtrdeDataInterChange",
}
_IMPORTED: Final[dict[GrammarName, tuple[GrammarName, ...]]] = {
    "tap": (),
    "rap": ("tap",),
    "nrtrde": (),
}
_KINDS: Final[dict[str, Kind]] = {
    "BCDString": "bcd",
    "AsciiString": "text",
    "Currency": "text",
    "NumberString": "text",
    "HexString": "text",
    "LocalDateTime": "time",
    "UnsignedInteger": "unsigned",
    "INTEGER": "integer",
    "OCTET STRING": "raw",
}
_ALL: Final = (RELEASES[0], RELEASES[-1])
_ELEMENT: Final = re.compile(r" +(\w+) +[A-Z]")
_RANGE: Final = re.compile(
    r" (?:until 3\.(?P<until>\d+)|from 3\.(?P<since>\d+)|only 3\.(?P<only>\d+)"
    r"|3\.(?P<first>\d+) to 3\.(?P<last>\d+))"
)


class GrammarError(Exception):
    """A grammar that this compiler does not understand: which type, and why."""


def parse_module(name: GrammarName = "tap") -> dict[str, Any]:
    """The grammar's modules as asn1tools parses them; takes most of a second."""
    import asn1tools

    files = [str(MODULES / f"{FILES[module]}.asn") for module in (*_IMPORTED[name], name)]
    return cast("dict[str, Any]", asn1tools.parse_files(files))


def compiled_plan(name: GrammarName) -> Plan:
    """The plan of the grammar, compiled from its text."""
    types: dict[str, Any] = {}
    for module in parse_module(name).values():
        if twice := types.keys() & module["types"].keys():
            raise GrammarError(f"{', '.join(sorted(twice))}: in two modules")
        types.update(module["types"])
    ranges: Ranges = {}
    for module_name in (*_IMPORTED[name], name):
        text = (MODULES / f"{FILES[module_name]}.asn").read_text(encoding="utf-8")
        ranges.update(release_ranges(text))
    return compile_plan(types, _ROOTS[name], ranges)


def compile_plan(types: dict[str, Any], root: str, ranges: Ranges | None = None) -> Plan:
    """The plan of parsed types (as asn1tools gives them), from the type root on."""
    return _Compiler(types, ranges or {}).run(root)


def release_ranges(text: str) -> Ranges:
    """The releases that the grammar's text states."""
    ranges: Ranges = {}
    type_name = ""
    for line in text.splitlines():
        code, _, comment = line.partition("--")
        element = ""
        if "::=" in code:
            type_name = code.split()[0]
        elif match := _ELEMENT.match(code):
            element = match[1]
        if code.strip() and comment:
            ranges[type_name, element] = _release_range(comment, f"{type_name} {element}".strip())
    return ranges


def to_json(plan: Plan) -> str:
    """The plan as text, one context a line."""
    lines = [
        json.dumps(
            [
                c.type_name,
                c.shape,
                {t: [n.name, n.kind, n.context, n.since, n.until] for t, n in c.nodes.items()},
            ],
            separators=(",", ":"),
        )
        for c in plan.contexts
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _release_range(comment: str, where: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(comment)
    if match is None:
        raise GrammarError(f"{where}: behind an element stands its releases, not{comment}")
    since = int(match["since"] or match["first"] or match["only"] or RELEASES[0])
    until = int(match["until"] or match["last"] or match["only"] or RELEASES[-1])
    if since not in RELEASES or until not in RELEASES or since > until:
        raise GrammarError(f"{where}: no such releases:{comment}")
    return since, until


class _Compiler:
    def __init__(self, types: dict[str, Any], ranges: Ranges) -> None:
        self.types = types
        self.ranges = ranges
        self.contexts: list[Context] = []
        self.numbers: dict[str, int] = {}

    def run(self, root: str) -> Plan:
        self.context(root)
        return Plan(tuple(self.contexts))

    def resolve(self, name: str) -> tuple[int | None, tuple[int, int], str, dict[str, Any]]:
        """The tag number of a type and its releases, the end of its aliases, and what that is."""
        tag: int | None = None
        releases = _ALL
        while True:
            definition = self.types[name]
            if tag is None and "tag" in definition:
                tag = definition["tag"]["number"]
                releases = self.ranges.get((name, ""), _ALL)
            if definition["type"] not in self.types or name in _KINDS:
                return tag, releases, name, definition
            name = definition["type"]

    def context(self, name: str) -> int:
        _, _, base, definition = self.resolve(name)
        if base in self.numbers:
            return self.numbers[base]
        number = self.numbers[base] = len(self.contexts)
        nodes: dict[int, Node] = {}
        self.contexts.append(Context(base, self.shape(base, definition), nodes))
        for owner, element, type_name in self.elements(base, definition):
            tag, node = self.node(owner, element, type_name)
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

    def elements(self, name: str, definition: dict[str, Any]) -> list[tuple[str, str, str]]:
        """The type that lists each element, its name, and its type."""
        if definition["type"] != "SEQUENCE OF":
            return [(name, m["name"], m["type"]) for m in definition["members"]]
        inner = definition["element"]["type"]
        if self.is_untagged_choice(definition):
            return self.elements(inner, self.types[inner])
        return [(name, inner[0].lower() + inner[1:], inner)]

    def node(self, owner: str, element: str, type_name: str) -> tuple[int, Node]:
        number, releases, base, definition = self.resolve(type_name)
        if number is None:
            raise GrammarError(f"{element}: {type_name} has no tag")
        here = self.ranges.get((owner, element), _ALL)
        since, until = max(here[0], releases[0]), min(here[1], releases[1])
        if since > until:
            raise GrammarError(f"{owner}: no release has {element}, by its type's tag")
        kind = _KINDS.get(base) or _KINDS.get(definition["type"]) or "group"
        inside = self.context(type_name) if kind == "group" else -1
        return number << 2 | APPLICATION, Node(element, kind, inside, since, until)


if __name__ == "__main__":
    for grammar in FILES:
        plan_path(grammar).write_text(to_json(compiled_plan(grammar)), encoding="utf-8")
