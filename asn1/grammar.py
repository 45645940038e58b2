"""A grammar as a dispatch plan: which element a tag means, in each place and release.

The plans are compiled from modules/*.asn and kept beside them, since parsing the notation takes
most of a second. `python -m asn1.compile_grammar` renews them.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

MODULES: Final = Path(__file__).parent / "modules"
APPLICATION: Final = 1
RELEASES: Final = (1, 2, 3, 4, 9, 10, 11, 12)
"""The releases of TAP3: 3.1 to 3.12; there never was a 3.5, 3.6, 3.7 or 3.8."""

Kind = Literal["group", "integer", "unsigned", "bcd", "text", "raw", "time"]
Shape = Literal["sequence", "choice", "list", "variants"]
GrammarName = Literal["tap", "rap", "nrtrde"]

FILES: Final[dict[GrammarName, str]] = {"tap": "tap3", "rap": "rap1", "nrtrde": "nrtrde2"}
"""The name of each grammar's files in modules, without the ending."""


@dataclass(frozen=True, slots=True)
class Node:
    """An element: its name, the kind of its value, and for a group the context inside, else -1.

    since and until are the first and the last TAP release that has the element in this place.
    """

    name: str
    kind: Kind
    context: int = -1
    since: int = RELEASES[0]
    until: int = RELEASES[-1]


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


def load_plan(name: GrammarName = "tap") -> Plan:
    """The plan of TAP3, RAP 1 or NRTRDE 2, read once per process."""
    return _load(name)


def plan_path(name: GrammarName) -> Path:
    """The file that keeps the plan."""
    return MODULES / f"{FILES[name]}.plan.json"


@cache  # behind load_plan, since a cache keeps f() and f("tap") apart
def _load(name: GrammarName) -> Plan:
    return Plan(
        tuple(
            Context(type_name, shape, {int(tag): Node(*node) for tag, node in nodes.items()})
            for type_name, shape, nodes in json.loads(plan_path(name).read_text(encoding="utf-8"))
        )
    )
