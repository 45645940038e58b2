"""The charging function of `rating.price`, compiled for many events."""

from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from rating import price, price_allowances, price_arrays, price_money, price_time
from rating.price_arrays import LEFT_OUT, X_COLUMNS, Book

Ints = npt.NDArray[np.int64]

SOURCES = (price_arrays, price_money, price_time, price_allowances, price)
"""The modules that are compiled together."""
# Without reference counts (_nrt) an event takes an eighth of the time.
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
PART_COLUMNS = 5
DRAW_COLUMNS = 5


class Priced(NamedTuple):
    """What events cost: a row of results each, and rows of parts and draws in walking order."""

    results: Ints
    parts: Ints
    draws: Ints


def _entry() -> Any:  # noqa: ANN401
    """price_events of rating.price, compiled at its first call or from numba's cache.

    The cache looks for changes in the file of price_events only; so its name there has the digest
    of all files that it is compiled from. Functions that take the book are copied into those that
    call them: a call would pass each of its arrays.
    """
    digest = sha256(Path(__file__).read_bytes())
    names: dict[str, Any] = {}
    for module in SOURCES:
        digest.update(Path(str(module.__file__)).read_bytes())
        names |= vars(module)
    for name, function in list(names.items()):
        if isinstance(function, FunctionType) and function is not price.price_events:
            copy = FunctionType(function.__code__, names, name)
            inlined = Book in function.__annotations__.values()
            names[name] = njit(forceinline=inlined, no_cpython_wrapper=True, **OPTIONS)(copy)
    entry = FunctionType(price.price_events.__code__, names, "price_events")
    entry.__qualname__ = f"price_events_{digest.hexdigest()[:16]}"
    return njit(cache=True, **OPTIONS)(entry)


PRICE_EVENTS = _entry()


def price_batch(events: Ints, order: Ints, book: Book, used: Ints) -> Priced:
    """What the events cost whose rows the order names, in that order; `used` grows by their draws.

    Arrays are int64, C-contiguous and writable, others are copied; `used` has to be so.
    """
    if used is not _array(used):
        raise ValueError("`used` cannot be changed in place: it has to be writable int64")
    book = Book(*map(_array, book))
    results = np.empty((len(events), X_COLUMNS), np.int64)
    if len(order) < len(events):
        results[:] = LEFT_OUT
    # memory that is never written costs nothing, more of it later a copy
    parts = np.empty((2 * len(order) + 16, PART_COLUMNS), np.int64)
    draws = np.empty((2 * len(order) + 16, DRAW_COLUMNS), np.int64)
    done, part_end, draw_end = 0, 0, 0
    events, order = _array(events), _array(order)
    while True:
        done, part_end, draw_end = PRICE_EVENTS(
            events, order, done, book, used, results, parts, draws, part_end, draw_end
        )
        if done == len(order):
            return Priced(results, parts[:part_end], draws[:draw_end])
        parts = np.concatenate([parts, np.empty_like(parts)])
        draws = np.concatenate([draws, np.empty_like(draws)])


def _array(array: Any) -> Ints:  # noqa: ANN401
    """The array in the one form that is compiled for."""
    return np.require(array, np.int64, ["C_CONTIGUOUS", "WRITEABLE"])
