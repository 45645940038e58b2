"""Polars' columns as the kernels' addresses and arrays, and what kernels write as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from mediation.value_kernel import Ints, Octets, Texts


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of texts in Arrow's view layout; `texts` holds only as long as this does."""

    texts: "Texts"
    array: Any

    @classmethod
    def of(cls, series: pl.Series) -> "TextColumn":
        """The column's texts, which are not copied."""
        from mediation.value_kernel import Texts

        array: Any = series.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
        valid, views, *heaps = array.buffers()
        addresses = np.array([heap.address for heap in heaps] or [0], np.int64)
        return cls(
            Texts(views.address + 16 * array.offset if views else 0, addresses,
                  valid.address if valid else 0, array.offset),
            array,
        )

    @property
    def heaps(self) -> list[Any]:
        """The buffers of the longer texts."""
        return list(self.array.buffers()[2:])


def octets(texts: Sequence[bytes]) -> "tuple[Octets, Ints]":
    """The texts one behind another, and where each ends."""
    joined = np.frombuffer(b"".join(texts), np.uint8).copy()
    return joined, np.cumsum([len(text) for text in texts], dtype=np.int64)


def buffer_of(array: Any) -> pa.Buffer:  # noqa: ANN401
    """The array's octets, which are not copied."""
    return pa.py_buffer(array)


def text_series(views: "Ints", heaps: Sequence[Any], states: "Octets") -> pl.Series:
    """The texts of the views; null where the state is not VALUE."""
    return _series(pa.string_view(), [buffer_of(views), *heaps], states)


def number_series(values: "Ints", states: "Octets", kind: pl.DataType) -> pl.Series:
    """The numbers, in the column's type; null where the state is not VALUE."""
    if kind == pl.Datetime("us"):
        return _series(pa.timestamp("us"), [buffer_of(values)], states)
    made: npt.NDArray[Any] = values if kind == pl.Int64() else values.astype(np.int32)
    return _series(pa.int64() if kind == pl.Int64() else pa.int32(), [buffer_of(made)], states)


def _series(kind: Any, buffers: list[Any], states: "Octets") -> pl.Series:  # noqa: ANN401
    from mediation.value_kernel import VALUE

    held = states == VALUE
    nulls = len(states) - int(np.count_nonzero(held))
    bits = buffer_of(np.packbits(held, bitorder="little")) if nulls else None
    made = pl.from_arrow(pa.Array.from_buffers(kind, len(states), [bits, *buffers], nulls))
    assert isinstance(made, pl.Series)
    return made
