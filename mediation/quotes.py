"""Escaped quotes of delimited text, read as doubled ones."""

import re
from typing import Final

import polars as pl

from mediation.profile import Format

KEPT: Final = "\x10\x10"
"""Stands for an escaped escape while a file is read: control characters that no CDR holds"""


def doubled(data: bytes, form: Format) -> bytes:
    """The octets with escaped quotes doubled instead, each at its place."""
    escape, quote = form.escape.encode(), form.quote.encode()
    if not escape or escape not in data:
        return data
    escaped = re.compile(re.escape(escape) + b"([" + re.escape(escape + quote) + b"])")
    return escaped.sub(lambda m: KEPT.encode() if m[1] == escape else quote * 2, data)


def unescaped(texts: pl.Series, form: Format) -> pl.Series:
    """A column's texts with their escapes read back."""
    return texts.str.replace_all(KEPT, form.escape, literal=True) if form.escape else texts
