"""Numba's compiler: loaded in half the time, with a cache that sees every change."""

import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib import import_module
from typing import Any, Final, TypeVar

# None in sys.modules is a package that cannot be imported. With scipy numba would load all of its
# linear algebra, with cffi a parser of C, in every process and for nothing that is compiled here.
_ABSENT: Final = [name for name in ("scipy", "cffi") if name not in sys.modules]
for _name in _ABSENT:
    sys.modules[_name] = None  # type: ignore[assignment]
try:
    import_module("numba.np.arraymath")
    import_module("numba.core.typing.cffi_utils")
    import numba
finally:
    for _name in _ABSENT:
        del sys.modules[_name]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def njit(**options: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401
    """numba.njit; a function that is cached has a digest of all that it uses in its name.

    Numba's cache looks for changes in the function's own file only.
    """
    def compiled(function: _Function) -> _Function:
        if options.get("cache"):
            digest = sha256(repr(list(_used(function))).encode()).hexdigest()
            function.__qualname__ = f"{function.__qualname__}_{digest[:16]}"
        made: _Function = numba.njit(**options)(function)
        return made
    return compiled


def _used(function: Callable[..., Any]) -> Iterator[object]:
    """The code, constants and tables of the function and of the compiled ones that it calls."""
    yield function.__code__.co_code, function.__code__.co_consts
    for kind in function.__annotations__.values():
        yield from _fields(kind)
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, numba.core.registry.CPUDispatcher):
            yield from _used(value.py_func)
        elif isinstance(value, int | float | str | tuple):
            yield name, value
        else:
            yield from _fields(value)


def _fields(kind: object) -> Iterator[object]:
    """The fields of a named tuple, which compiled code finds by their places."""
    if isinstance(kind, str):
        raise TypeError(f"{kind}: what is compiled needs the class itself as its annotation")
    if names := getattr(kind, "_fields", None):
        yield names
        for inner in kind.__annotations__.values():
            yield from _fields(inner)
