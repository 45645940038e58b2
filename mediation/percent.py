"""Texts written as in a URL, read back."""

from urllib.parse import unquote

import polars as pl

from mediation.profile import Profile


def percent_decoded(records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The text columns with %XX read back as UTF-8, where the profile says that they are so.

    A % that begins no such octet stays, as do octets that are no UTF-8.
    """
    if not profile.format.percent_encoded:
        return records
    return records.with_columns(
        _decoded(column) for column in records.iter_columns() if column.dtype == pl.String
    )


def _decoded(column: pl.Series) -> pl.Series:
    # Parties and causes repeat: each different text is read once.
    texts = column.filter(column.str.contains("%", literal=True).fill_null(value=False)).unique()
    if texts.is_empty():
        return column
    return column.replace(texts, pl.Series([_text(t) for t in texts], dtype=pl.String))


def _text(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
