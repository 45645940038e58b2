"""What each allowance covers: the most specific line of scopes for each question of events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from math import lcm
from typing import Final

import numpy as np
import polars as pl

from rating.catalog_column import ANY
from rating.numbering import Numbers
from rating.row_spans import Flags, Ints
from rating.zone_chains import (
    DIRECTION_WORDS,
    SERVICE_WORDS,
    Words,
    ZoneChains,
    ZonedRows,
)

QUESTION: Final = (
    "service", "direction", "relation", "serving_zone", "destination_zone", "partner",
)
_AT_ONCE: Final = 1_000
"""questions answered at a time, which bounds the memory"""
_NOTHING: Final = np.iinfo(np.int64).max
_ROW_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class Quantities:
    """The allowances' quantities and what scopes take of them, as whole numbers."""

    scales: list[int]
    """per allowance: how many of them one base unit is"""
    quantities: list[int]
    costs: list[int]
    """per scope: what one base unit of usage takes"""

    @classmethod
    def of(cls, allowances: pl.DataFrame, scopes: pl.DataFrame, of_scope: Ints) -> "Quantities":
        """Those of the catalog tables; `of_scope` is the allowance of each scope."""
        scales = allowances["quantity_den"].to_list()
        units = [per * size for per, size in scopes.select("per", "unit_size").iter_rows()]
        for allowance, unit in zip(of_scope.tolist(), units, strict=True):
            scales[allowance] = lcm(scales[allowance], unit)
        sides = allowances.select("quantity_num", "quantity_den").iter_rows()
        return cls(
            scales,
            [num * scale // den for (num, den), scale in zip(sides, scales, strict=True)],
            [
                takes * scales[allowance] // unit
                for takes, allowance, unit in zip(
                    scopes["takes"], of_scope.tolist(), units, strict=True)
            ],
        )


def _nothing() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(slots=True)
class _Answered:
    """The places so far: all that is covered in the same way is one place."""

    table: Ints
    """per place, allowance and band the scope, -1: none"""
    asked: Numbers = field(default_factory=Numbers)
    numbers: dict[bytes, int] = field(default_factory=dict)
    rows: list[Ints] = field(default_factory=list)
    """per place the scope of each allowance and band"""
    places: Ints = field(default_factory=_nothing)
    """per question that was asked its place"""


@dataclass(frozen=True, slots=True)
class ScopeBook:
    """The lines of scopes laid out to answer questions; answers are kept."""

    zones: ZoneChains
    partners: Words
    index: ZonedRows
    allowance: Ints
    """allowance of each scope"""
    band: Ints
    """band of each scope"""
    allowances: int
    """how many allowances and counters there are"""
    bands: int
    """how many bands there are"""
    answered: _Answered

    @classmethod
    def of(
        cls, scopes: pl.DataFrame, zones: ZoneChains, allowance: Ints, allowances: int,
        bands: list[str],
    ) -> "ScopeBook":
        """The book of the catalog table scopes; `allowance` is that of each line."""
        named = scopes["partner"].unique().sort()
        partners = Words([name for name in named if name != ANY])
        index = ZonedRows.of(
            zones, _heads(*_who(scopes, partners), partners),
            zones.words.codes(scopes["serving_zone"]),
            zones.words.codes(scopes["destination_zone"]),
        )
        band = Words(bands).codes(scopes["band"])
        none = _Answered(np.zeros((0, allowances, len(bands)), np.int64))
        return cls(zones, partners, index, allowance, band, allowances, len(bands), none)

    def places(self, question: Ints, asked: Callable[[Ints], pl.DataFrame]) -> Ints:
        """The place of each question by its number; `asked` gives the columns QUESTION of some.

        The same number has to be the same question each time.
        """
        done = self.answered
        number = done.asked.of(question)
        new = done.asked.keys[len(done.places):]
        if len(new):
            rows = asked(new)
            heads = _heads(*_who(rows, self.partners), self.partners)
            answers = self._answer(self.zones.keys(heads, rows))
            done.places = np.append(done.places, answers)
        return done.places[number]

    def scope_at(self) -> Ints:
        """`Book.scope_at` for all places answered so far."""
        return np.ascontiguousarray(self.answered.table.transpose(1, 0, 2)).reshape(-1)

    def covers(self) -> Flags:
        """Per place (rows) and allowance whether a scope covers anything there."""
        return np.asarray((self.answered.table >= 0).any(axis=2), np.bool_)

    def place_count(self) -> int:
        """How many places there are so far."""
        return len(self.answered.rows)

    def _answer(self, keys: Ints) -> Ints:
        """The places of new keys."""
        done = self.answered
        places = []
        for start in range(0, len(keys), _AT_ONCE):
            for row in self._answers(keys[start:start + _AT_ONCE]):
                place = done.numbers.setdefault(row.tobytes(), len(done.rows))
                if place == len(done.rows):
                    done.rows.append(row.copy())
                places.append(place)
        shape = (len(done.rows), self.allowances, self.bands)
        done.table = np.array(done.rows, np.int64).reshape(shape)
        return np.array(places, np.int64)

    def _answers(self, keys: Ints) -> Ints:
        """Per key the scope of each allowance and band, -1 where it is not covered."""
        asked = self.zones.placed(keys)
        best = np.full(len(keys) * self.allowances * self.bands, _NOTHING, np.int64)
        for wild, any_head in _widened(asked.head, self.partners):
            hits = self.index.find(asked._replace(head=any_head))
            band = self.band[hits.row]
            # bits: partner, band, service, direction; those of `wild` leave room for the band
            rank = (hits.rank << 4) | wild | ((band == 0) << 2)
            cell = (hits.question * self.allowances + self.allowance[hits.row]) * self.bands + band
            np.minimum.at(best, cell, (rank << _ROW_BITS) | hits.row)
        table = best.reshape(-1, self.bands)
        np.minimum(table, table[:, :1], out=table)
        scopes = np.where(table == _NOTHING, -1, table & ((1 << _ROW_BITS) - 1))
        return scopes.reshape(len(keys), -1)


def _who(rows: pl.DataFrame, partners: Words) -> tuple[Ints, Ints, Ints]:
    """Service, direction and partner as numbers; `*` is the last of each."""
    return (
        SERVICE_WORDS.codes(rows["service"]), DIRECTION_WORDS.codes(rows["direction"]),
        partners.codes(rows["partner"]),
    )


def _heads(service: Ints, direction: Ints, partner: Ints, partners: Words) -> Ints:
    return (service * DIRECTION_WORDS.count + direction) * partners.count + partner


def _widened(head: Ints, partners: Words) -> list[tuple[int, Ints]]:
    """The heads with `*` in each combination of their parts, and what its bits weigh."""
    rest, partner = np.divmod(head, partners.count)
    service, direction = np.divmod(rest, DIRECTION_WORDS.count)
    return [
        (
            any_partner << 3 | any_service << 1 | any_direction,
            _heads(
                np.full_like(head, SERVICE_WORDS.count - 1) if any_service else service,
                np.full_like(head, DIRECTION_WORDS.count - 1) if any_direction else direction,
                np.full_like(head, partners.count - 1) if any_partner else partner, partners,
            ),
        )
        for any_partner, any_service, any_direction in product((0, 1), repeat=3)
    ]
