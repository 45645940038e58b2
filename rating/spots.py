"""The different places and kinds of events, each numbered once: questions to the books."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.catalog_tables import DIRECTIONS, SERVICES
from rating.numbering import Numbers
from rating.validity import Ints
from rating.zone_chains import RELATIONS

OTHER: Final = "?"
"""Stands for a service or direction that is not known; no rate has it"""


class Spots(NamedTuple):
    """Combinations of service, direction, relation and zones, as numbers."""

    service: Ints
    direction: Ints
    relation: Ints
    serving: Ints
    destination: Ints


class SpotBook:
    """Each combination that came up so far, with a number that does not change."""

    def __init__(self, zones: pl.Series) -> None:
        """No combinations yet; `zones` are the names in the order of their numbers."""
        self._zones = zones
        self._numbers = Numbers()

    def numbered(self, place: Ints) -> Ints:
        """The number of each combination, which is given as `Located.place`."""
        return self._numbers.of(place)

    def spots(self, numbers: Ints) -> Spots:
        """The combinations with these numbers."""
        rest, parts = self._numbers.keys[numbers], []
        zones = len(self._zones)
        for size in (zones, zones, len(RELATIONS), len(DIRECTIONS) + 1):
            rest, part = np.divmod(rest, size)
            parts.append(part)
        destination, serving, relation, direction = parts
        return Spots(rest, direction, relation, serving, destination)

    def texts(self, numbers: Ints) -> pl.DataFrame:
        """service, direction, relation, serving_zone, destination_zone of each number."""
        def named(names: Sequence[str] | pl.Series, numbers: Ints) -> pl.Series:
            return pl.Series(names)[pl.Series(numbers)]

        asked = self.spots(numbers)
        return pl.DataFrame({
            "service": named([*SERVICES, OTHER], asked.service),
            "direction": named([*DIRECTIONS, OTHER], asked.direction),
            "relation": named(RELATIONS, asked.relation),
            "serving_zone": named(self._zones, asked.serving),
            "destination_zone": named(self._zones, asked.destination),
        })
