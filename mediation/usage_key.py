"""The business identity of a usage, by which its duplicates are known."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Final

import polars as pl

from mediation.profile import IdentityKind, ProfileError

KEY_OCTETS: Final = 16
_digest = partial(blake2b, digest_size=KEY_OCTETS)

_KIND: Final = pl.concat_str(["service", "direction"], separator="_").alias("~kind")
_MANY: Final = 10_000
"""Rows from which compiled code is loaded: that costs a second, and who brings so many has more"""


def with_usage_key(
    frame: pl.DataFrame, identity: Mapping[IdentityKind, Sequence[str]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that have an identity, with usage_key; and those that have none, with the reason.

    usage_key is 32 hex digits of BLAKE2b over service, direction and the identity columns of
    service_direction. The second frame has record_index, byte_offset, code and detail:
    SERVICE_UNKNOWN where `identity` lacks service_direction, KEY_FIELD_MISSING for a null in it.
    """
    for kind, columns in identity.items():
        absent = [c for c in columns if c not in frame.columns]
        if absent or not columns:
            raise ProfileError(
                f"identity.{kind}: {absent or 'nothing'} cannot make a key; name usage columns"
            )
    keys = _keys(frame, identity)
    if not keys.null_count():
        return frame.with_columns(keys), _without_key(frame.clear(), identity)
    keyed = frame.with_columns(keys).filter(pl.col("usage_key").is_not_null())
    return keyed, _without_key(frame.filter(keys.is_null()), identity)


def _keys(frame: pl.DataFrame, identity: Mapping[IdentityKind, Sequence[str]]) -> pl.Series:
    """The usage key of each row, null where it has none."""
    if frame.height < _MANY and "asn1.compiled" not in sys.modules:
        return plain_keys(frame, identity)
    from mediation.key_columns import hashed

    keys, left = hashed(frame, identity)
    return keys.scatter(left.arg_true(), plain_keys(frame.filter(left), identity))


def plain_keys(frame: pl.DataFrame, identity: Mapping[IdentityKind, Sequence[str]]) -> pl.Series:
    """What the compiled code makes, without it: slower but for a few rows, and any message."""
    asked = dict.fromkeys(column for columns in identity.values() for column in columns)
    rows = frame.select("service", "direction", *asked.keys() - {"service", "direction"}, _KIND)
    numbered = rows.with_row_index("~row")
    nothing = pl.DataFrame(schema={"~row": pl.UInt32, "~message": pl.String})
    # Each kind by itself: putting texts together is most of the work.
    parts = (
        numbered.filter(pl.col("~kind") == kind).select("~row", _message(rows, columns))
        for kind, columns in identity.items()
    )
    messages = pl.concat([nothing, *parts]).drop_nulls("~message")
    keys = [_digest(m).hexdigest() for m in messages["~message"].cast(pl.Binary).to_list()]
    none = pl.repeat(None, frame.height, dtype=pl.String, eager=True).alias("usage_key")
    return none.scatter(messages["~row"], pl.Series(keys, dtype=pl.String))


def _without_key(
    frame: pl.DataFrame, identity: Mapping[IdentityKind, Sequence[str]]
) -> pl.DataFrame:
    """Rows that have no identity, with the reason."""
    named = frame.with_columns(_KIND).with_columns(_null_field(identity).alias("~null"))
    return named.select("record_index", "byte_offset", code=_code(), detail=_detail())


def _null_field(identity: Mapping[IdentityKind, Sequence[str]]) -> pl.Expr:
    """The first identity column that is null, by name."""
    found = [
        pl.when((pl.col("~kind") == kind) & pl.col(column).is_null()).then(pl.lit(column))
        for kind, columns in identity.items()
        for column in columns
    ]
    return pl.coalesce(found) if found else pl.lit(None, pl.String)


def _message(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Expr:
    """What is hashed of a kind with these columns; null where one of them is.

    Each value stands behind its length, so that no text in one can pass for the border to the
    next; the kind before them says which columns follow.
    """
    return pl.concat_str(
        part
        for text in ("service", "direction", *columns)
        for part in _framed(text, rows.schema[text])
    ).alias("~message")


def _framed(column: str, dtype: pl.DataType) -> tuple[pl.Expr, ...]:
    value = pl.col(column)
    if isinstance(dtype, pl.Datetime):
        value = value.dt.epoch("us")
    text = value.cast(pl.String)
    return text.str.len_bytes().cast(pl.String), pl.lit(":"), text


def _code() -> pl.Expr:
    return (
        pl.when(pl.col("~null").is_null())
        .then(pl.lit("SERVICE_UNKNOWN"))
        .otherwise(pl.lit("KEY_FIELD_MISSING"))
    )


def _detail() -> pl.Expr:
    kind = pl.col("~kind").fill_null("without service or direction")
    return (
        pl.when(pl.col("~null").is_null())
        .then(pl.format("service {}: the profile's identity has no entry for it", kind))
        .otherwise(pl.format("{} is empty; identity.{} needs it", pl.col("~null"), kind))
    )
