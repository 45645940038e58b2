"""The different places and kinds of events in a batch, each once: questions to the books."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from rating.catalog_tables import DIRECTIONS, SERVICES
from rating.validity import Ints, distinct
from rating.zone_chains import RELATIONS

OTHER: Final = "?"
"""Stands for a service or direction that is not known; no rate has it"""


@dataclass(frozen=True, slots=True)
class Spots:
    """Each combination of service, direction, relation and zones that occurs, as numbers."""

    service: Ints
    direction: Ints
    relation: Ints
    serving: Ints
    destination: Ints
    spot: Ints
    """per event its combination"""

    @classmethod
    def of(cls, columns: Sequence[Ints], zones: int) -> "Spots":
        """The combinations of service, direction, relation, serving and destination zone.

        `zones` is how many numbers zones have.
        """
        sizes = (len(SERVICES) + 1, len(DIRECTIONS) + 1, len(RELATIONS), zones, zones)
        code = columns[0]
        for size, column in zip(sizes[1:], columns[1:], strict=True):
            code = code * size + column
        different, spot = distinct(code)
        parts = []
        for size in reversed(sizes):
            different, part = np.divmod(different, size)
            parts.append(part)
        destination, serving, relation, direction, service = parts
        return cls(service, direction, relation, serving, destination, spot)

    @property
    def count(self) -> int:
        """How many combinations there are."""
        return len(self.service)

    def texts(self, zones: pl.Series) -> pl.DataFrame:
        """service, direction, relation, serving_zone, destination_zone of each combination."""
        def named(names: Sequence[str], numbers: Ints) -> pl.Series:
            return pl.Series([*names, OTHER])[numbers]

        return pl.DataFrame({
            "service": named(SERVICES, self.service),
            "direction": named(DIRECTIONS, self.direction),
            "relation": pl.Series(RELATIONS)[self.relation],
            "serving_zone": zones[self.serving], "destination_zone": zones[self.destination],
        })
