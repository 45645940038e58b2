"""Work on several things by threads, for what leaves the interpreter while it works."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Thing = TypeVar("_Thing")
_Result = TypeVar("_Result")


def each(
    work: Callable[[_Thing], _Result], things: Iterable[_Thing], threads: int
) -> list[_Result]:
    """What the work gives of each thing, in their order; a single thread is the caller's own.

    With more, work begins on each thing as soon as it is there.
    """
    if threads < 2:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, things))
