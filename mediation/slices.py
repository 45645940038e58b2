"""A large file's records in little memory: put away by slices, and one table made of slices."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from mediation.decoded import Decoded
from mediation.limits import SLICE_ROWS
from mediation.tables import FEW, Table

_PLACE = ("record_index", "byte_offset", "byte_length")


def put_away(decoded: Decoded) -> Decoded:
    """The same file; of a large one with nothing but places at hand, the rest compressed."""
    if decoded.told or decoded.records.height <= SLICE_ROWS:
        return decoded
    # Copies: else they keep alive what they were made beside.
    places = pl.DataFrame([pl.Series(name, decoded.records[name].to_numpy().copy())
                           for name in _PLACE])
    return replace(decoded, records=places, told=_PutAway(decoded.slices()).told)


class _PutAway:
    """Records by slices, compressed."""

    def __init__(self, slices: Iterable[pl.DataFrame]) -> None:
        """The slices, in their order, none of them empty."""
        self._firsts: list[int] = []
        self._slices: list[bytes] = []
        for rows in slices:
            octets = BytesIO()
            rows.write_ipc_stream(
                octets, compression="lz4", compat_level=pl.CompatLevel.newest()
            )
            self._firsts.append(rows["record_index"][0])
            self._slices.append(octets.getvalue())

    def told(self, places: pl.DataFrame) -> pl.DataFrame:
        """The rows of these places, which are some of them in their order."""
        if places.is_empty():
            return pl.read_ipc_stream(self._slices[0]).clear()
        wanted = places["record_index"]
        first = bisect_right(self._firsts, wanted[0]) - 1
        rows = pl.concat(
            pl.read_ipc_stream(octets)
            for octets in self._slices[first : bisect_right(self._firsts, wanted[-1])]
        )
        return rows.filter(pl.col("record_index").is_in(wanted.implode()))


def gathered(table: Table, slices: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all slices of the table, one behind the other, not copied together.

    Words of few different values are Enums, and a column that holds nothing takes no memory.
    """
    parts = [_own(_filled(table.worded(one))) for one in slices if one.height]
    if not parts:
        return table.empty()
    kinds = {c.name: kind for c in table.columns if (kind := _kind(parts, c.name))}
    alike = (
        part.select(
            pl.col(name).cast(kind) if name in part.columns else pl.lit(None, kind).alias(name)
            for name, kind in kinds.items()
        )
        for part in parts
    )
    whole = pl.concat(alike)
    words = {c.name for c in table.columns if c.kind == "word"}
    nothing = (
        pl.lit(None, pl.Enum([]) if name in words else kind).alias(name)
        for name, kind in table.polars.items() if name not in kinds
    )
    return whole.with_columns(nothing).select(table.names)


def _filled(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that hold something."""
    nulls = frame.select(pl.all().null_count()).row(0, named=True)
    return frame.select(name for name, count in nulls.items() if count < frame.height)


def _own(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with copies of its texts: else they keep all alive that was made beside them."""
    return frame.with_columns(
        _copy(text) for text in frame.iter_columns() if text.dtype == pl.String
    )


def _copy(text: pl.Series) -> pl.Series:
    # Even the bits that tell nulls keep alive what they came with.
    array: Any = text.fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest())
    bits = None
    if text.null_count():
        bits = pa.py_buffer(np.packbits(text.is_not_null().to_numpy(), bitorder="little").data)
    made = pa.Array.from_buffers(array.type, len(array), [bits, *array.buffers()[1:]])
    copy: pl.Series = pl.Series(text.name, made)
    return copy


def _kind(parts: Sequence[pl.DataFrame], name: str) -> pl.DataType | None:
    """The type in which all parts can have a column; None where none of them has it."""
    kinds = [part.schema[name] for part in parts if name in part.columns]
    enums = [kind for kind in kinds if isinstance(kind, pl.Enum)]
    if len(enums) < len(kinds) or not kinds:
        # of words that are few in one slice and many in another, or no words at all
        return next((kind for kind in kinds if not isinstance(kind, pl.Enum)), None)
    words = dict.fromkeys(word for kind in enums for word in kind.categories)
    return pl.Enum(list(words)) if len(words) <= FEW else pl.String()
