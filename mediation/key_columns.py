"""Columns of a frame as the kernel of usage keys reads them, and the keys it makes of them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from mediation.key_kernel import (
    BEHIND,
    DIGITS,
    KEYED,
    LANES,
    LEFT,
    NUMBER,
    SCRATCH,
    SPAN,
    TEXT,
    Ints,
    Rows,
    put_keys,
)
from mediation.profile import IdentityKind
from mediation.threads import each

_TWO_THREADS: Final = 1 << 16
"""Rows from which the half of them is worth a thread: some ten milliseconds"""
_SAME: Final = pl.CompatLevel.newest()
"""Texts as Polars has them, which is without a copy"""


def warm() -> None:
    """Compiles what makes keys."""
    hashed(pl.DataFrame({"service": [""], "direction": [""]}), {"voice_mo": ("service",)})


def hashed(
    frame: pl.DataFrame, identity: Mapping[IdentityKind, Sequence[str]]
) -> tuple[pl.Series, pl.Series]:
    """The usage key of each row, null where it has none, and which rows are left to others.

    A row is left whose message is longer than MESSAGE_MAX or has the least of all numbers.
    """
    asked = [name for columns in identity.values() for name in columns]
    names = list(dict.fromkeys(["service", "direction", *asked]))
    arrays = [_array(frame[name]) for name in names]
    # the addresses of buffers live as long as this list
    tables = [_addresses(array) for array in arrays]
    rows = Rows(
        np.array([_column(*pair) for pair in zip(arrays, tables, strict=True)], np.int64),
        _kinds(identity),
        np.array([names.index(name) for name in asked], np.int64),
    )
    height = frame.height
    views, keys = np.zeros((height, 2), np.int64), np.empty(height * DIGITS, np.uint8)
    became = np.empty(height, np.int8)
    bounds = [0, height // 2, height] if height > _TWO_THREADS else [0, height]

    def fill(span: tuple[int, int]) -> None:
        first, behind = span
        scratch, lengths = np.empty(SCRATCH, np.uint8), np.empty(LANES, np.int64)
        put_keys(rows, first, behind, scratch.ctypes.data, lengths,
                 views.ctypes.data, keys.ctypes.data, became)

    each(fill, pairwise(bounds), threads=len(bounds) - 1)
    return _texts(views, keys, became == KEYED), pl.Series(became == LEFT)


def _array(column: pl.Series) -> Any:  # noqa: ANN401
    """The Arrow array of a column's texts or numbers, in one piece."""
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.epoch("us")
    counted = column.dtype.is_integer() and column.dtype not in (pl.UInt64, pl.Int128, pl.UInt128)
    kind = pl.Int64 if counted else pl.String
    return column.cast(kind).rechunk().to_arrow(compat_level=_SAME)


def _addresses(array: Any) -> Ints:  # noqa: ANN401
    return np.array([buffer.address for buffer in array.buffers()[2:]], np.int64)


def _column(array: Any, buffers: Ints) -> tuple[int, ...]:  # noqa: ANN401
    """The row of Rows.columns."""
    valid, values, *_ = array.buffers()
    text = array.type != pa.int64()
    return (
        TEXT if text else NUMBER,
        values.address + array.offset * (16 if text else 8),
        0 if valid is None else valid.address,
        array.offset,
        buffers.ctypes.data,
    )


def _kinds(identity: Mapping[IdentityKind, Sequence[str]]) -> Ints:
    """The rows of Rows.kinds."""
    kinds = np.empty((len(identity), BEHIND + 1), np.int64)
    behind = 0
    for row, (kind, columns) in zip(kinds, identity.items(), strict=True):
        service, _, direction = kind.partition("_")
        start = f"{len(service)}:{service}{len(direction)}:{direction}".encode()
        words = memoryview(start.ljust(16, b"\0")).cast("q")
        behind += len(columns)
        row[:] = (*_view(service), *_view(direction), *words, len(start),
                  behind - len(columns), behind)
    return kinds


def _view(text: str) -> Sequence[int]:
    """The two words of a text of up to twelve octets."""
    octets = len(text).to_bytes(4, "little") + text.encode().ljust(12, b"\0")
    return memoryview(octets).cast("q")


def _texts(views: Any, keys: Any, there: Any) -> pl.Series:  # noqa: ANN401
    """The keys as texts, null where there is none."""
    size = DIGITS << SPAN
    buffers = [pa.py_buffer(keys[at:at + size]) for at in range(0, len(keys), size)]
    valid = None if there.all() else pa.array(there).buffers()[1]
    made = pa.Array.from_buffers(
        pa.string_view(), len(views), [valid, pa.py_buffer(views), *buffers]
    )
    texts: pl.Series = pl.Series("usage_key", made)
    return texts
