"""The charging function of `rating.price` for one event, in plain Python."""

from collections.abc import MutableSequence
from typing import NamedTuple

from rating.price import price_event
from rating.price_arrays import (
    NO_ROOM,
    X_COLUMNS,
    X_DRAWS,
    X_PARTS,
    Book,
    Row,
    Sheet,
)


class Single(NamedTuple):
    """What an event costs: its result, and its rows of parts and draws."""

    result: list[int]
    parts: list[list[int]]
    draws: list[list[int]]


def price_single(event: Row, book: Book, used: MutableSequence[int]) -> Single:
    """What the event costs; `used` grows by its draws."""
    room = 4
    while True:
        result, parts, draws = [0] * X_COLUMNS, _rows(room), _rows(room)
        if price_event(event, book, Sheet(used, result, parts, draws), 0, 0) != NO_ROOM:
            return Single(result, parts[: result[X_PARTS]], draws[: result[X_DRAWS]])
        room *= 4


def _rows(count: int) -> list[list[int]]:
    """As many rows, of five columns as parts and draws have."""
    return [[0] * 5 for _ in range(count)]
