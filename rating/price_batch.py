"""The charging function of `rating.price`, compiled for many events."""

from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from asn1.compiled import njit
from rating import price, price_allowances, price_arrays, price_money, price_time
from rating.price_arrays import LEFT_OUT, X_COLUMNS, Book

Ints = npt.NDArray[np.int64]

SOURCES = (price_arrays, price_money, price_time, price_allowances, price)
"""The modules that are compiled together."""
# Without reference counts (_nrt) an event takes an eighth of the time.
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
PART_COLUMNS = 5
DRAW_COLUMNS = 5
_AHEAD = 64
"""Events that are looked ahead of"""


class Priced(NamedTuple):
    """What events cost: a row of results each, and rows of parts and draws in pricing order.

    All are column-major.
    """

    results: Ints
    parts: Ints
    draws: Ints


def _entry() -> Any:  # noqa: ANN401
    """price_events of rating.price, compiled at its first call or from numba's cache.

    Functions that take the book are copied into those that call them: a call would pass each of its
    arrays.
    """
    names: dict[str, Any] = {}
    for module in SOURCES:
        names |= vars(module)
    for name, function in list(names.items()):
        if isinstance(function, FunctionType) and function is not price.price_events:
            copy = _copy(function, names)
            inlined = Book in function.__annotations__.values()
            names[name] = njit(forceinline=inlined, no_cpython_wrapper=True, **OPTIONS)(copy)
    return njit(cache=True, **OPTIONS)(_copy(price.price_events, names))


def _copy(function: Any, names: dict[str, Any]) -> FunctionType:  # noqa: ANN401
    """The function with these names for its globals."""
    copy = FunctionType(function.__code__, names, function.__name__)
    copy.__annotations__ = function.__annotations__
    return copy


PRICE_EVENTS = _entry()


def table(height: int, width: int) -> Ints:
    """An array of rows that is column-major, with nothing in it yet."""
    return np.empty((width, height), np.int64).T


def price_batch(events: Ints, order: Ints, book: Book, used: Ints) -> Priced:
    """What the events cost whose rows the order names, in that order; `used` grows by their draws.

    Arrays are int64 and writable, `events` column-major and the others C-contiguous; others are
    copied, but `used` has to be so.
    """
    if used.dtype != np.int64 or not (used.flags.c_contiguous and used.flags.writeable):
        raise ValueError("`used` cannot be changed in place: it has to be writable int64")
    book = Book(*map(_array, book))
    results = table(len(events), X_COLUMNS)
    if len(order) < len(events):
        results[:] = LEFT_OUT
    # memory that is never written costs nothing, more of it later a copy
    parts, draws = (table(2 * len(order) + 16, width) for width in (PART_COLUMNS, DRAW_COLUMNS))
    done, part_end, draw_end = 0, 0, 0
    events, order = np.require(events, np.int64, ["F", "W"]), _array(order)
    coming = np.empty(_AHEAD, np.int64)
    while True:
        done, part_end, draw_end = PRICE_EVENTS(
            events, order, done, book, used, results, parts, draws, coming, part_end, draw_end
        )
        if done == len(order):
            return Priced(results, parts[:part_end], draws[:draw_end])
        parts, draws = _with_room(parts), _with_room(draws)


def _with_room(rows: Ints) -> Ints:
    """The rows, and as many more."""
    larger = table(2 * len(rows), rows.shape[1])
    larger[:len(rows)] = rows
    return larger


def _array(array: Any) -> Ints:  # noqa: ANN401
    """The array in the one form that is compiled for."""
    return np.require(array, np.int64, ["C_CONTIGUOUS", "WRITEABLE"])
