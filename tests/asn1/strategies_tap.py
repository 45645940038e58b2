"""Canonical values for any grammar and release, drawn from its plan.

Canonical is what reading gives back unchanged: no empty groups, no padding, one form a value.
"""

from collections.abc import Iterator
from functools import cache
from itertools import chain, groupby
from typing import Any, NamedTuple

from hypothesis import strategies as st

from asn1.grammar import Context, GrammarName, load_plan
from asn1.layout_names import RECORDS

ITEMS = 3
"""At most so many items in a list."""


class Step(NamedTuple):
    name: str
    shape: str
    """That of the group around the element."""


class Path(NamedTuple):
    steps: tuple[Step, ...]
    kind: str


class Leaf(NamedTuple):
    steps: tuple[Step, ...]
    items: tuple[int, ...]
    """For each step into a list, which item."""
    value: Any


LEAVES = {
    "integer": st.integers(0, 2**63 - 1) | st.integers(0, 200) | st.integers(-(2**63), -1),
    "unsigned": st.integers(0, 2**63 - 1) | st.integers(0, 200),
    "bcd": st.text("0123456789abcdef", max_size=20).map(lambda digits: digits.rstrip("f")),
    "text": st.text(st.characters(max_codepoint=255), max_size=12).map(lambda t: t.strip(" ")),
    "raw": st.binary(max_size=9).map(bytes.hex),
    "time": st.datetimes().map(lambda t: f"{t.year:04}{t:%m%d%H%M%S}"),
}
PLAIN = {
    "integer": 130, "unsigned": 0xFEDCBA98, "bcd": "12345", "text": "\u00e9t\u00e9", "raw": "00ff",
    "time": "20260105101500",
}


def paths(grammar: GrammarName, context: Context, release: int) -> Iterator[Path]:
    """The way to each leaf that the release has inside the context."""
    for node in context.nodes.values():
        if not node.since <= release <= node.until:
            continue
        step = Step(node.name, context.shape)
        if node.context < 0:
            yield Path((step,), node.kind)
            continue
        for inner in paths(grammar, load_plan(grammar).contexts[node.context], release):
            yield Path((step, *inner.steps), inner.kind)


@cache
def record_paths(grammar: GrammarName, release: int) -> dict[str, list[Path]]:
    """The paths of each kind of record that the release has."""
    way, *_ = RECORDS[grammar]
    found = paths(grammar, load_plan(grammar).context_of(*way), release)
    return {kind: list(of) for kind, of in groupby(found, key=lambda path: path.steps[0].name)}


@cache
def header_paths(grammar: GrammarName, release: int) -> list[Path]:
    """The paths beside the list of records."""
    (root, records), *_ = RECORDS[grammar]
    found = paths(grammar, load_plan(grammar).context_of(root), release)
    return [path for path in found if path.steps[0].name != records]


def assemble(leaves: list[Leaf]) -> Any:
    """The group with those leaves; of a CHOICE, and of each item, what comes first counts."""
    shape = leaves[0].steps[0].shape
    if shape in {"list", "variants"}:
        members = [
            _members([x._replace(items=x.items[1:]) for x in leaves if x.items[0] == n], one=True)
            for n in sorted({leaf.items[0] for leaf in leaves})
        ]
        return members if shape == "variants" else [next(iter(m.values())) for m in members]
    return _members(leaves, one=shape == "choice")


def _members(leaves: list[Leaf], *, one: bool) -> dict[str, Any]:
    names = list(dict.fromkeys(leaf.steps[0].name for leaf in leaves))[: 1 if one else None]
    members = {}
    for name in names:
        inside = [x._replace(steps=x.steps[1:]) for x in leaves if x.steps[0].name == name]
        members[name] = assemble(inside) if inside[0].steps else inside[0].value
    return members


def is_item(step: Step) -> bool:
    return step.shape in {"list", "variants"}


@st.composite
def leaves(draw: st.DrawFn, among: list[Path]) -> list[Leaf]:
    chosen = draw(st.lists(st.sampled_from(among), min_size=1, max_size=12))
    number = st.integers(0, ITEMS - 1)
    return [
        Leaf(path.steps, tuple(draw(number) for _ in filter(is_item, path.steps)),
             draw(LEAVES[path.kind]))
        for path in chosen
    ]


@st.composite
def record(draw: st.DrawFn, grammar: GrammarName, release: int) -> dict[str, Any]:
    """A record of any kind that the release has."""
    kinds = record_paths(grammar, release)
    chosen = draw(leaves(kinds[draw(st.sampled_from(sorted(kinds)))]))
    (value,) = assemble([x._replace(items=(0, *x.items[1:])) for x in chosen])
    return value


def records(grammar: GrammarName, release: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(record(grammar, release), max_size=4)


def header(grammar: GrammarName, release: int) -> st.SearchStrategy[dict[str, Any]]:
    """Everything beside the records."""
    return leaves(header_paths(grammar, release)).map(assemble)


def every_record(grammar: GrammarName, release: int) -> list[dict[str, Any]]:
    """A record of each leaf that the release has, and of each kind one of all leaves.

    Every list has two items; of a CHOICE, the record of all leaves has the first alternative.
    """
    found = []
    for among in record_paths(grammar, release).values():
        both = [plain_leaves(path) for path in among]
        for some in (*both, list(chain(*both))):
            found += assemble([x._replace(items=(0, *x.items[1:])) for x in some])
    return found


def every_header(grammar: GrammarName, release: int) -> list[dict[str, Any]]:
    """The same of everything beside the records."""
    both = [plain_leaves(path) for path in header_paths(grammar, release)]
    return [assemble(some) for some in (*both, list(chain(*both)))]


def plain_leaves(path: Path) -> list[Leaf]:
    """The path's leaf in the first and in the second item of all lists around it."""
    steps = len(list(filter(is_item, path.steps)))
    return [Leaf(path.steps, (item,) * steps, PLAIN[path.kind]) for item in (0, 1)]
