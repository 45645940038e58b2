"""The posting id: file number, record index, leg, revision and kind in one number of 63 bits."""

from enum import IntEnum
from typing import Final

import polars as pl

KIND_BITS: Final = 3
REVISION_BITS: Final = 7
LEG_BITS: Final = 1
RECORD_BITS: Final = 25
FILE_BITS: Final = 27

_REVISION: Final = KIND_BITS
_LEG: Final = _REVISION + REVISION_BITS
LEG_POSTINGS: Final = 1 << _LEG
"""Posting ids that a leg may have"""
RECORD_SHIFT: Final = _LEG + LEG_BITS
FILE_SHIFT: Final = RECORD_SHIFT + RECORD_BITS

LARGEST_FILE: Final = (1 << FILE_BITS) - 1
LARGEST_RECORD: Final = (1 << RECORD_BITS) - 1
LARGEST_REVISION: Final = (1 << REVISION_BITS) - 1

LEGS: Final = ("retail", "wholesale")
LEG_IDS: Final = tuple(leg << _LEG for leg in range(len(LEGS)))
"""What the id of each leg has more than that of its record"""


class Kind(IntEnum):
    """What a posting is; per leg and revision there is one of each at most."""

    USAGE = 0
    """The charge, as far as balance or credit limit reach"""
    OVERDRAFT = 1
    """The part of a charge that takes a prepaid balance below zero"""
    OVER_LIMIT = 2
    """The part of a charge that goes over a postpaid account's credit limit"""
    CAP = 3
    """Given back: the price ends where the prepaid balance does"""
    WRITE_OFF = 4
    """Given back: owed, but never to be collected"""
    REFUND = 5
    """Given back: all that the leg comes to so far"""
    ADJUSTMENT = 6
    """What a leg of a closed billing period changes by"""


CHARGED: Final = (Kind.USAGE, Kind.OVERDRAFT, Kind.OVER_LIMIT)
"""Kinds whose sum is the charge"""
KIND_NAMES: Final = tuple(kind.name.lower() for kind in Kind)


def packed(
    file: pl.Expr | int, record_index: pl.Expr, leg: pl.Expr, revision: pl.Expr, kind: pl.Expr | int
) -> pl.Expr:
    """The posting id of numbers that fit; leg and kind as numbers."""
    numbers = ((file, FILE_SHIFT), (leg, _LEG), (revision, _REVISION), (kind, 0))
    result = record_index.cast(pl.Int64) * (1 << RECORD_SHIFT)
    for number, shift in numbers:
        term = number if isinstance(number, pl.Expr) else pl.lit(int(number))
        result += term.cast(pl.Int64) * (1 << shift)
    return result


def record_of(posting_id: pl.Expr) -> pl.Expr:
    """The id of the posting's record: that of its leg 0, revision 0, kind 0."""
    return posting_id // (1 << RECORD_SHIFT) * (1 << RECORD_SHIFT)


def with_parts(leg_id: pl.Expr, revision: pl.Expr | int, kind: Kind) -> pl.Expr:
    """The posting id of a leg's revision and kind."""
    return leg_id + revision * (1 << _REVISION) + int(kind)


def leg_of(posting_id: pl.Expr) -> pl.Expr:
    """The id of the posting's leg: that of its revision 0, kind 0."""
    return posting_id // LEG_POSTINGS * LEG_POSTINGS


def file_range(file_number: int) -> tuple[int, int]:
    """Least and greatest posting id of a file."""
    return file_number << FILE_SHIFT, ((file_number + 1) << FILE_SHIFT) - 1


def record_id(file_number: int, record_index: int) -> int:
    """The id of a record."""
    return file_number << FILE_SHIFT | record_index << RECORD_SHIFT


def unpacked(posting_id: pl.Expr) -> dict[str, pl.Expr]:
    """The parts by name: file_number, record_index, leg, revision (numbers) and kind (a number)."""
    def part(shift: int, bits: int) -> pl.Expr:
        return posting_id // (1 << shift) % (1 << bits)

    return {
        "file_number": part(FILE_SHIFT, FILE_BITS),
        "record_index": part(RECORD_SHIFT, RECORD_BITS).cast(pl.Int32),
        "leg": part(_LEG, LEG_BITS).cast(pl.Int8),
        "revision": part(_REVISION, REVISION_BITS).cast(pl.Int32),
        "kind": part(0, KIND_BITS).cast(pl.Int8),
    }
