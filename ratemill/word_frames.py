"""Frames put together whose words are Enums of their own, as in each file of the lake."""

from collections.abc import Mapping, Sequence

import polars as pl


def together(frames: Sequence[pl.DataFrame], plain: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The rows of frames of the same columns, at least one, one frame after the other.

    Words that are Enum in all of them stay so, as one of all their words. Other columns whose types
    differ get that of `plain`.
    """
    if len(frames) == 1:
        return frames[0]
    wanted = {}
    schemas = [frame.schema for frame in frames]
    for name, first in schemas[0].items():
        kinds = [schema[name] for schema in schemas]
        if any(kind != first for kind in kinds):
            wanted[name] = _of_all(kinds) or plain[name]
    return pl.concat([
        frame.with_columns(pl.col(name).cast(kind) for name, kind in wanted.items())
        for frame in frames
    ])


def _of_all(kinds: Sequence[pl.DataType]) -> pl.Enum | None:
    """The words of all of these types; None where one has no words of its own."""
    words = [kind.categories for kind in kinds if isinstance(kind, pl.Enum)]
    if len(words) < len(kinds):
        return None
    return pl.Enum(pl.concat(words).unique(maintain_order=True))


def unlike(one: pl.Series, other: pl.Series) -> pl.Series:
    """Per row whether two columns have different words, String or Enum; null is a word too."""
    words = _of_all([one.dtype, other.dtype])
    if words is None:
        return one.cast(pl.String).ne_missing(other.cast(pl.String))
    codes = [column.cast(words).to_physical() for column in (one, other)]
    return codes[0].ne_missing(codes[1])
