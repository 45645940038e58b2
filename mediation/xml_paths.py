"""What is asked of an XML document by simple paths, as the tables that `xml_kernel` reads.

Simple is what goes by names from the record down (`p:a/b`, `@id`, `a/@id`, `.`), or up to an
attribute of what is open around it (`../../@id`), or from the root to what is outside of records.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mediation.profile_form import Nodes

Integers = NDArray[np.int64]
Octets = NDArray[np.uint8]

CHILD, SIBLING, NAME, LENGTH, SPACE, TEXT, ATTRIBUTE, NODE_WORDS = range(8)
"""Words of a node: first child and next sibling, its name's octets, number of its namespace,
first wish for its text, first wish for one of its attributes; -1 for none"""
NEXT, TARGET, COLUMN, W_NAME, W_LENGTH, W_SPACE, WISH_WORDS = range(7)
"""Words of a wish: the next one of the node, where the text goes and to which column there; the
attribute's name and namespace"""
RECORD, EVERY, ABOVE, HEADER = range(4)
"""Targets: a record's column, one that takes all nodes, what is open around records, header"""

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_QUALIFIED: Final = re.compile(rf"(?:({_NAME}):)?({_NAME})")

_XML: Final = "http://www.w3.org/XML/1998/namespace"
"""Bound without being declared"""

Name = tuple[int, str]
"""Number of the namespace (0: none), and the name in it"""


class Tables(NamedTuple):
    """What is asked, for compiled code."""

    plan: Integers
    """PLAN_HEAD, then the rows of nodes, the root first, of wishes and of namespaces (place and
    length), and the columns that stand around records"""
    names: Octets
    """The octets of names and of namespaces"""


SPACES, SPACE_COUNT, AROUND_COLUMNS, PLAN_HEAD = range(4)
"""First words of a plan: where namespaces begin, how many there are, where the columns around
records begin"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a profile asks of its documents, as far as it is simple."""

    tables: Tables
    depth: int
    """Of a record, the root's being 1"""
    record: int
    """Where the record's node is in the plan"""
    texts: dict[str, int]
    """Column name to its number, of one node each"""
    joined: dict[str, tuple[int, str]]
    """Column name to its number, and what stands between the texts of all its nodes"""
    above: tuple[int, ...]
    """Numbers of the columns that stand around records"""
    header: tuple[str, ...]
    """Names of header variables, by number"""
    others: tuple[str, ...]
    """Names of the columns whose paths are not simple"""

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self.texts) + len(self.joined)


class NotSimpleError(Exception):
    """A path that goes otherwise."""


@dataclass(slots=True)
class _Tree:
    """Nodes and wishes as they are put together."""

    spaces: dict[str, int]
    """Prefix to number of its namespace"""
    nodes: list[list[int]] = field(default_factory=lambda: [[-1, -1, 0, 0, -1, -1, -1]])
    names: list[Name] = field(default_factory=lambda: [(-1, "")])
    wishes: list[list[int]] = field(default_factory=list)
    octets: bytearray = field(default_factory=bytearray)
    texts: dict[str, int] = field(default_factory=dict)
    joined: dict[str, tuple[int, str]] = field(default_factory=dict)
    above: list[int] = field(default_factory=list)

    def name(self, step: str) -> Name:
        """The step as a name; NotSimpleError if it is none."""
        match = _QUALIFIED.fullmatch(step)
        if match is None or (match[1] is not None and match[1] not in self.spaces):
            raise NotSimpleError
        return self.spaces[match[1]] if match[1] is not None else 0, match[2]

    def put(self, text: str) -> tuple[int, int]:
        """Place and length of octets."""
        place = len(self.octets)
        self.octets += text.encode()
        return place, len(self.octets) - place

    def child(self, parent: int, name: Name) -> int:
        """The node of that name below another one."""
        at = self.nodes[parent][CHILD]
        while at >= 0:
            if self.names[at] == name:
                return at
            at = self.nodes[at][SIBLING]
        self.nodes.append([-1, self.nodes[parent][CHILD], *self.put(name[1]), name[0], -1, -1])
        self.names.append(name)
        self.nodes[parent][CHILD] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def walk(self, node: int, steps: list[str]) -> int:
        """The node at the end of the steps."""
        for step in steps:
            node = self.child(node, self.name(step))
        return node

    def wish(self, node: int, attribute: str, target: int, column: int) -> None:
        """Asks for a node's text, or for an attribute of it."""
        kind, space = (ATTRIBUTE, 0) if attribute else (TEXT, -1)
        place = length = 0
        if attribute:
            space, text = self.name(attribute)
            place, length = self.put(text)
        before = self.nodes[node][kind]
        self.wishes.append([before, target, column, place, length, space])
        self.nodes[node][kind] = len(self.wishes) - 1

    def tables(self, uris: list[str]) -> Tables:
        """All of it in arrays."""
        spaces = [word for uri in uris for word in self.put(uri)]
        wishes = PLAN_HEAD + NODE_WORDS * len(self.nodes)
        first = wishes + WISH_WORDS * len(self.wishes)
        # Numbers of nodes and wishes become the words where their rows begin.
        rows = [
            number if number < 0 or word in {NAME, LENGTH, SPACE}
            else wishes + WISH_WORDS * number if word in {TEXT, ATTRIBUTE}
            else PLAN_HEAD + NODE_WORDS * number
            for row in self.nodes for word, number in enumerate(row)
        ]
        for row in self.wishes:
            rows += [wishes + WISH_WORDS * row[NEXT] if row[NEXT] >= 0 else -1, *row[1:]]
        head = [first, len(uris), first + len(spaces)]
        return Tables(
            np.array([*head, *rows, *spaces, *self.above], np.int64),
            np.frombuffer(bytes(self.octets) or b" ", np.uint8),
        )


def asked(
    record: str, namespaces: dict[str, str], columns: dict[str, str | Nodes],
    header: dict[str, str],
) -> Asked | None:
    """What the paths of a profile ask for; None where those of record or header are not simple."""
    uris = ["", *dict.fromkeys(namespaces.values())]
    if _XML in uris or "" in uris[1:]:
        return None
    tree = _Tree({prefix: uris.index(uri) for prefix, uri in namespaces.items()})
    path, chain = [] if record == "." else record.split("/"), [0]
    try:
        for step in path:
            chain.append(tree.child(chain[-1], tree.name(step)))
        for number, at in enumerate(header.values()):
            _ask_header(tree, at, path, number)
    except NotSimpleError:
        return None
    others = []
    for name, path_or_nodes in columns.items():
        try:
            _ask_column(tree, chain, name, path_or_nodes)
        except NotSimpleError:
            others.append(name)
    return Asked(
        tree.tables(uris), len(chain), PLAN_HEAD + NODE_WORDS * chain[-1], tree.texts, tree.joined,
        tuple(tree.above), tuple(header), tuple(others),
    )


def _parted(path: str) -> tuple[list[str], str]:
    """The steps of a path down, and the attribute at its end, if one stands there."""
    steps = [] if path == "." else path.split("/")
    if steps and steps[-1].startswith("@"):
        return steps[:-1], steps[-1][1:]
    return steps, ""


def _ask_header(tree: _Tree, at: str, path: list[str], number: int) -> None:
    """Asks for a variable: of what is not around records the text, of what is no record at all."""
    steps, attribute = _parted(at)
    names = [tree.name(step) for step in steps]
    inside = [tree.name(step) for step in path]
    if path and (names[: len(path)] == inside or (not attribute and names == inside[: len(names)])):
        raise NotSimpleError
    tree.wish(tree.walk(0, steps), attribute, HEADER, number)


def _ask_column(tree: _Tree, chain: list[int], name: str, at: str | Nodes) -> None:
    """Asks for a column of a record, whose node is the last one of the chain."""
    steps, attribute = _parted(at if isinstance(at, str) else at.path)
    up = next((n for n, step in enumerate(steps) if step != ".."), len(steps))
    # All names first, so that nothing is asked of a path that turns out not to be simple.
    for step in [*steps[up:], *([attribute] if attribute else [])]:
        tree.name(step)
    number = len(tree.texts) + len(tree.joined)
    if up:
        if isinstance(at, Nodes) or len(steps) > up or not attribute or up >= len(chain):
            raise NotSimpleError
        tree.wish(chain[-1 - up], attribute, ABOVE, len(tree.above))
        tree.above.append(number)
        tree.texts[name] = number
        return
    node = tree.walk(chain[-1], steps)
    if isinstance(at, Nodes):
        tree.wish(node, attribute, EVERY, number)
        tree.joined[name] = number, at.join
    else:
        tree.wish(node, attribute, RECORD, number)
        tree.texts[name] = number
