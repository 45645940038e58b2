"""The tree of zones as the lint sees it: also one with cycles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

DEPTH: Final = 8
"""Most zones in a chain, itself included and `*` not"""


@dataclass(frozen=True, slots=True)
class Zones:
    """Each zone's parent, empty for none."""

    parents: Mapping[str, str]

    @classmethod
    def of(cls, zones: pl.DataFrame) -> "Zones":
        """The tree of the table zones."""
        known = zones.select("zone", "parent").drop_nulls()
        return cls(dict(known.iter_rows()))

    def chain(self, zone: str) -> list[str]:
        """The zone and those above it, in order; in a cycle each once."""
        chain: dict[str, None] = {}
        while zone and zone not in chain:
            chain[zone] = None
            zone = self.parents.get(zone, "")
        return list(chain)

    def above(self, zones: Iterable[str]) -> set[str]:
        """All zones that are one of `zones` or above one."""
        return {upper for zone in zones for upper in self.chain(zone)}

    def circular(self) -> list[str]:
        """The zones that are above themselves."""
        return [
            zone for zone, parent in self.parents.items() if parent and zone in self.chain(parent)
        ]

    def deep(self) -> list[str]:
        """The zones whose chain is longer than DEPTH and ends."""
        return [
            zone for zone in self.parents
            if len(chain := self.chain(zone)) > DEPTH and not self.parents.get(chain[-1])
        ]
