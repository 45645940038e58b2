"""Zones with all that stands above them, and the rows of a table that a question meets there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.catalog_column import ANY, DIRECTIONS, FRIEND, GROUP, SERVICES
from rating.row_spans import Ints, bounds, first_of_runs, spread
from rating.validity import ints

RELATIONS: Final = ("", GROUP, FRIEND, GROUP + FRIEND)
DEPTHS: Final = 16
"""more than any chain is long: eight zones, two relations and `*`"""


def chains(zones: pl.DataFrame) -> pl.DataFrame:
    """zone, ancestor, depth of each zone and each step of its chain; `*` ends every chain."""
    steps = [
        (zone, ancestor, depth)
        for zone, chain in _chains(zones).items() for depth, ancestor in enumerate(chain)
    ]
    return pl.DataFrame(
        steps, schema={"zone": pl.String, "ancestor": pl.String, "depth": pl.Int64}, orient="row"
    )


def _chains(zones: pl.DataFrame) -> dict[str, list[str]]:
    parents: Mapping[str, str] = dict(zones.select("zone", "parent").iter_rows())
    found = {ANY: [ANY]}
    for zone in parents:
        chain: list[str] = []
        above = zone
        while above and above not in chain:
            chain.append(above)
            above = parents.get(above, "")
        found[zone] = [*chain, ANY]
    return found


class Words:
    """A few texts with a number each, from 0; any other text and null have the last number."""

    def __init__(self, words: list[str]) -> None:
        """The words in the order of their numbers."""
        self.kind = pl.Enum(words)
        self.count = len(words) + 1
        """how many numbers there are, that of all others included"""

    def codes(self, texts: pl.Series) -> Ints:
        """The number of each text."""
        kind = texts.dtype
        if isinstance(kind, pl.Enum) and kind != self.kind:
            of_word = np.append(self.codes(kind.categories), self.count - 1)
            codes: Ints = of_word[ints(texts, len(kind.categories))]
            return codes
        known = texts if kind == self.kind else texts.cast(self.kind, strict=False)
        return ints(known, self.count - 1)


SERVICE_WORDS: Final = Words(list(SERVICES))
DIRECTION_WORDS: Final = Words(list(DIRECTIONS))
_RELATION: Final = Words(list(RELATIONS))


class Hits(NamedTuple):
    """Pairs of a question and a row that it meets, and how far up the chains they met."""

    question: Ints
    row: Ints
    rank: Ints
    """depth in the serving chain x DEPTHS + depth in the destination chain"""


class Placed(NamedTuple):
    """Questions as numbers: head (all that must be equal), zones and relation."""

    head: Ints
    serving: Ints
    destination: Ints
    relation: Ints


@dataclass(frozen=True, slots=True)
class ZoneChains:
    """The chains of all zones as numbers; an unknown zone's chain is `*` alone."""

    words: Words
    chain_from: Ints
    above: Ints
    """the zones of each chain in order, from chain_from[zone] on"""

    @classmethod
    def of(cls, zones: pl.DataFrame) -> "ZoneChains":
        """The chains of the catalog table zones, and of @group and @friend."""
        found = _chains(zones)
        words = [GROUP, FRIEND, *found]
        number = {word: code for code, word in enumerate(words)}
        lists = [[0], [1], *([number[z] for z in chain if z in number] for chain in found.values()),
                 [number[ANY]]]
        return cls(
            Words(words), bounds(np.array([len(chain) for chain in lists], np.int64)),
            np.array([zone for chain in lists for zone in chain], np.int64),
        )

    @property
    def size(self) -> int:
        """How many numbers zones have."""
        return self.words.count

    def keys(self, head: Ints, asked: pl.DataFrame) -> Ints:
        """Questions as one number each: head, relation, serving_zone and destination_zone."""
        key = (head * len(RELATIONS) + relation_codes(asked["relation"])) * self.size
        key = (key + self.words.codes(asked["serving_zone"])) * self.size
        return key + self.words.codes(asked["destination_zone"])

    def placed(self, keys: Ints) -> Placed:
        """The numbers that `keys` are made of."""
        rest, destination = np.divmod(keys, self.size)
        rest, serving = np.divmod(rest, self.size)
        head, relation = np.divmod(rest, len(RELATIONS))
        return Placed(head, serving, destination, relation)

    def named(self, zone: str, relation: str = "") -> list[str]:
        """The names of a destination's chain; a serving zone has no relation."""
        names = [*self.words.kind.categories, ""]
        code = int(self.words.codes(pl.Series([zone], dtype=pl.String))[0])
        above = self.above[self.chain_from[code]:self.chain_from[code + 1]]
        return [*(r for r in (GROUP, FRIEND) if r in relation), *(names[z] for z in above)]

    def steps(self, zone: Ints) -> tuple[Ints, Ints, Ints]:
        """For each step of the zones' chains: which of `zone`, the zone there, the depth."""
        first = self.chain_from[zone]
        which, at = spread(first, self.chain_from[zone + 1] - first)
        return which, self.above[at], at - first[which]

    def called(self, destination: Ints, relation: Ints) -> tuple[Ints, Ints, Ints]:
        """The steps of destination chains: @group and @friend by the place in RELATIONS."""
        which, zone, depth = self.steps(destination)
        parts = [(which, zone, depth + 2)]
        for code, bit in ((0, 1), (1, 2)):
            holds = np.flatnonzero(relation & bit)
            parts.append((holds, np.full(len(holds), code), np.full(len(holds), code)))
        question, zones, depths = (np.concatenate(part) for part in zip(*parts, strict=True))
        return question, zones, depths


def relation_codes(relations: pl.Series) -> Ints:
    """The place of each text in RELATIONS; bit 0 is @group, bit 1 is @friend."""
    return np.asarray(_RELATION.codes(relations)) % len(RELATIONS)


@dataclass(frozen=True, slots=True)
class ZonedRows:
    """Rows of a table by head, serving zone and destination zone, for search by chains."""

    zones: ZoneChains
    heads: Ints
    """distinct heads x size + serving zone, ascending"""
    keys: Ints
    """distinct heads x size + destination zone, ascending, with the place in `heads` as head"""
    key_from: Ints
    rows: Ints
    """the rows of each key, from key_from on"""

    @classmethod
    def of(cls, zones: ZoneChains, head: Ints, serving: Ints, destination: Ints) -> "ZonedRows":
        """The index of rows with these numbers."""
        key = (head * zones.size + serving) * zones.size + destination
        order = np.argsort(key).astype(np.int64)
        ascending = key[order]
        begins = np.flatnonzero(first_of_runs(ascending))
        keys = ascending[begins]
        heads = keys // zones.size
        first = first_of_runs(heads)
        place = np.cumsum(first) - 1
        return cls(
            zones, heads[first], place * zones.size + keys % zones.size,
            np.append(begins, len(order)), order,
        )

    def find(self, asked: Placed) -> Hits:
        """All pairs of a question and a row that stands in both of its chains."""
        question, zone, depth = self.zones.steps(asked.serving)
        place = _places(self.heads, asked.head[question] * self.zones.size + zone)
        met = place >= 0
        question, place, depth = question[met], place[met], depth[met]
        step, zone, below = self.zones.called(
            asked.destination[question], asked.relation[question]
        )
        key = _places(self.keys, place[step] * self.zones.size + zone)
        met = key >= 0
        step, key, below = step[met], key[met], below[met]
        first = self.key_from[key]
        pair, at = spread(first, self.key_from[key + 1] - first)
        return Hits(
            question[step[pair]], self.rows[at], (depth[step] * DEPTHS + below)[pair]
        )


def _places(ascending: Ints, wanted: Ints) -> Ints:
    """Where each number stands in the ascending distinct ones, -1 for nowhere."""
    if not len(ascending):
        return np.full(len(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.where(ascending[place] == wanted, place, -1)
