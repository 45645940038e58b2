"""The names under which Numba keeps compiled functions change with all that they were made of."""

import subprocess
import sys
from types import FunctionType
from typing import NamedTuple

import pytest

from asn1.compiled import njit

FACTOR = 2


class Pair(NamedTuple):
    """Two numbers."""

    one: int
    other: int


class Turned(NamedTuple):
    """The same two, in the other order."""

    other: int
    one: int


class Around(NamedTuple):
    """A table within a table."""

    pair: Pair


class AroundTurned(NamedTuple):
    """The same with the other table within."""

    pair: Turned


def scaled(value):
    return value * FACTOR


def calling(value):
    return scaled(value)


def first(pair):
    return pair.one


def kept_as(function, table=None, **names):
    """The name that a copy of the function has, with other globals and this table to read."""
    copy = FunctionType(function.__code__, {**globals(), **names}, function.__name__)
    copy.__qualname__ = function.__name__
    copy.__annotations__ = {"table": table} if table else {}
    return njit(cache=True)(copy).py_func.__qualname__


def test_a_name_stays_where_nothing_changes():
    assert kept_as(scaled) == kept_as(scaled)
    assert kept_as(first, Pair) == kept_as(first, Pair)


def test_a_constant_counts_wherever_it_stands():
    assert kept_as(scaled) != kept_as(scaled, FACTOR=3)


def test_what_is_called_counts():
    one, other = (
        njit()(FunctionType(scaled.__code__, {"FACTOR": factor}, "scaled")) for factor in (2, 3)
    )
    assert kept_as(calling, scaled=one) != kept_as(calling, scaled=other)


@pytest.mark.parametrize("tables", [(Pair, Turned), (Around, AroundTurned)])
def test_the_order_of_fields_counts(tables):
    one, other = (kept_as(first, table) for table in tables)
    assert one != other


def test_a_table_that_cannot_be_seen_is_refused():
    with pytest.raises(TypeError, match="Pair: what is compiled needs the class itself"):
        kept_as(first, "Pair")


def test_numba_loads_neither_scipy_nor_cffi():
    code = (
        "import sys, asn1.compiled, numba; from numba.core.typing import cffi_utils;"
        "print(cffi_utils.SUPPORTED, 'scipy' in sys.modules, 'cffi' in sys.modules); import cffi"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] * 3
