"""The business identity of a usage, by which its duplicates are known."""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Final

import polars as pl

from mediation.profile import IdentityKind, ProfileError

KEY_OCTETS: Final = 16
_digest = partial(blake2b, digest_size=KEY_OCTETS)


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
    work = frame.with_columns(
        pl.concat_str(["service", "direction"], separator="_").alias("~kind")
    ).with_columns(_null_field(identity).alias("~null"))
    work = work.with_columns(_message(frame, identity).alias("~message"))
    keyed = work.filter(pl.col("~message").is_not_null())
    keys = [_digest(m).hexdigest() for m in keyed["~message"].cast(pl.Binary).to_list()]
    return (
        keyed.select(frame.columns).with_columns(pl.Series("usage_key", keys, pl.String)),
        work.filter(pl.col("~message").is_null()).select(
            "record_index", "byte_offset", code=_code(), detail=_detail()
        ),
    )


def _null_field(identity: Mapping[IdentityKind, Sequence[str]]) -> pl.Expr:
    """The first identity column that is null, by name."""
    found = [
        pl.when((pl.col("~kind") == kind) & pl.col(column).is_null()).then(pl.lit(column))
        for kind, columns in identity.items()
        for column in columns
    ]
    return pl.coalesce(found) if found else pl.lit(None, pl.String)


def _message(frame: pl.DataFrame, identity: Mapping[IdentityKind, Sequence[str]]) -> pl.Expr:
    """What is hashed; null for a row without identity.

    Each value stands behind its length, so that no text in one can pass for the border to the
    next; the kind before them says which columns follow.
    """
    found = [
        pl.when((pl.col("~kind") == kind) & pl.col("~null").is_null()).then(
            pl.concat_str(
                part
                for text in ("service", "direction", *columns)
                for part in _framed(text, frame.schema[text])
            )
        )
        for kind, columns in identity.items()
    ]
    return pl.coalesce(found) if found else pl.lit(None, pl.String)


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
