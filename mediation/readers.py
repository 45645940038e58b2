"""How a profile's field readers turn text columns into usage values, as Polars expressions."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from mediation.conditions import (
    check_pattern,
    check_where,
    columns_asked,
    columns_of_rule,
    holds,
    stripped,
)
from mediation.profile import Field, Profile, ProfileError
from mediation.reader_times import offset_of, time_of
from mediation.reader_values import (
    BETWEEN,
    KINDS,
    Read,
    as_text,
    const,
    decimal_micros,
    digits,
    duration,
    elapsed,
    integer,
    mapped,
    number,
)
from mediation.schema import USAGE

_FITS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("text", "digits", "number", "map", "const"),
    "int32": ("integer", "duration", "elapsed", "map", "const"),
    "int64": ("integer", "decimal_micros", "duration", "elapsed", "map", "const"),
    "time": ("local_time", "utc_time"),
}
_BRACED: Final = re.compile(r"\{([^{}]+)\}")
_READERS: Final[dict[str, Callable[[str, Field, pl.Expr], Read]]] = {
    "text": as_text,
    "digits": digits,
    "integer": integer,
    "decimal_micros": decimal_micros,
    "local_time": time_of,
    "utc_time": time_of,
    "duration": duration,
    "elapsed": elapsed,
    "number": number,
    "map": mapped,
    "const": const,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One usage column's reader, in three steps; each sees the columns of the step before.

    `source` gives `text:NAME` (null when empty or not to be read) and, where the field has a
    `where`, `applies:NAME`; `value` is null when the text cannot be read; `offset` (times only)
    is utc_offset_s.
    """

    name: str
    field: Field
    source: tuple[pl.Expr, ...]
    value: pl.Expr
    offset: pl.Expr | None
    missing: pl.Expr
    invalid: pl.Expr
    wanted: str

    @property
    def columns(self) -> str:
        """The text columns in words, for a reject's detail."""
        return (" or " if self.field.cases else " + ").join(columns_of(self.field))

    @property
    def absent(self) -> str:
        """What is said of a record that lacks the field."""
        if self.field.cases:
            return f"{self.name}: none of its cases applies, or the column of the one is empty"
        return f"{self.name}: column {self.columns} is empty"

    @property
    def code(self) -> str:
        """The reject code of a text that cannot be read."""
        return "VALUE_UNMAPPED" if self.field.read == "map" else "FIELD_INVALID"


def text_name(name: str) -> str:
    """The name that the text of a usage column has between the steps."""
    return f"text:{name}"


def columns_of(field: Field) -> tuple[str, ...]:
    """The text columns that a field is read from, each once, in order; none for a constant."""
    if field.read == "const":
        return ()
    if field.compose:
        own: tuple[str, ...] = tuple(_BRACED.findall(field.compose))
    elif field.cases:
        own = tuple(c.column for c in field.cases if c.value is None)
    else:
        own = (field.column,) if isinstance(field.column, str) else field.column
    return tuple(dict.fromkeys((*own, field.offset_column) if field.offset_column else own))


def columns_of_profile(profile: Profile) -> set[str]:
    """All text columns that the profile's fields and drop rules look at."""
    found: set[str] = set()
    for field in profile.fields.values():
        found.update(columns_of(field), columns_asked(field.where))
        found.update(*(columns_asked(case.where) for case in field.cases))
    return found.union(*(columns_of_rule(rule) for rule in profile.drop))


def reading(name: str, field: Field, present: set[str]) -> Reading:
    """The reader of usage column `name` over a frame with the `present` text columns.

    ProfileError for a field that cannot be read as declared.
    """
    _check(name, field)
    text, applies = pl.col(text_name(name)), pl.lit(value=True)
    source = [_with_offset(field, present).alias(text_name(name))]
    if field.where:
        applies = pl.col(f"applies:{name}")
        source.append(holds(field.where, present).alias(f"applies:{name}"))
    said = _extracted(field, text)
    read, wanted = _READERS[field.read](name, field, said)
    if field.extract:
        wanted += f", in what {field.extract} takes"
    # A number too large for its column becomes null by this cast, and so a reject.
    value = read.cast(USAGE.polars[name], strict=False)
    if field.where:
        value = pl.when(applies).then(value)
    required = not field.optional and field.read != "const"
    return Reading(
        name=name,
        field=field,
        source=tuple(source),
        value=value.alias(name),
        offset=offset_of(name, field, said) if field.read in _FITS["time"] else None,
        missing=applies & text.is_null() if required else pl.lit(value=False),
        invalid=applies & text.is_not_null() & pl.col(name).is_null(),
        wanted=wanted,
    )


def _check(name: str, field: Field) -> None:
    where = f"fields.{name}"
    if name not in KINDS:
        raise ProfileError(f"{where}: there is no usage column of this name")
    fits = _FITS[KINDS[name]]
    if field.read not in fits:
        raise ProfileError(f"{where}: read {field.read!r} does not fit; use one of {fits}")
    if [bool(field.column), bool(field.compose), bool(field.cases)].count(True) > 1:
        raise ProfileError(f"{where}: column, compose and cases exclude each other")
    _check_cases(where, field)
    if not all(columns_of(field)) or (field.compose and not columns_of(field)):
        raise ProfileError(f"{where}: names no column to read")
    if field.read == "elapsed" and (isinstance(field.column, str) or len(field.column) != 2):
        raise ProfileError(f"{where}: elapsed needs two columns, from and to")
    if field.read == "const" and field.value is None:
        raise ProfileError(f"{where}: a const needs a value")
    if field.read == "map" and not field.map:
        raise ProfileError(f"{where}: a map needs entries")
    _check_extract(where, field)


def _check_cases(where: str, field: Field) -> None:
    check_where(f"{where}.where", field.where)
    for i, case in enumerate(field.cases):
        check_where(f"{where}.cases[{i}].where", case.where)
        if (case.value is None) == (not case.column):
            raise ProfileError(f"{where}.cases[{i}]: needs either value or column")


def _check_extract(where: str, field: Field) -> None:
    if not field.extract:
        return
    check_pattern(f"{where}.extract", field.extract)
    if not _groups(field.extract):
        raise ProfileError(f"{where}.extract: {field.extract!r} has no group; put what is to be "
                           "read in round brackets")
    if field.read in {"elapsed", "const"} or field.offset_column:
        raise ProfileError(f"{where}.extract: not with elapsed, const or offset_column; compose "
                           "the columns and extract from the whole")


def _groups(pattern: str) -> int:
    """The number of groups that the pattern keeps."""
    shape = pl.Series([""]).str.extract_groups(pattern).dtype
    return len(shape.fields) if isinstance(shape, pl.Struct) else 0


def _extracted(field: Field, text: pl.Expr) -> pl.Expr:
    """What the field's pattern takes out of the text, its groups one behind another."""
    if not field.extract:
        return text
    groups = range(1, _groups(field.extract) + 1)
    taken = pl.concat_str(text.str.extract(field.extract, i).fill_null("") for i in groups)
    return pl.when(text.str.contains(field.extract)).then(taken.str.strip_chars())


def _with_offset(field: Field, present: set[str]) -> pl.Expr:
    text = text_of(field, present)
    if not field.offset_column:
        return text
    # A record without the offset is unreadable rather than empty, so the blank stays.
    return pl.concat_str([text, stripped(field.offset_column, present).fill_null("")],
                         separator=" ")


def text_of(field: Field, present: set[str]) -> pl.Expr:
    """The text that a field is read from, without its offset; null when empty."""
    if field.read == "const":
        return pl.lit(None, pl.String)
    if field.cases:
        text = _case(field, present)
    elif field.compose:
        text = _composed(field, present)
    else:
        text = _joined(field, present)
    return pl.when(~text.is_in(["", *field.empty])).then(text)


def _joined(field: Field, present: set[str]) -> pl.Expr:
    """The field's columns in a row."""
    own = (field.column,) if isinstance(field.column, str) else field.column
    parts = [stripped(c, present) for c in own]
    if field.read == "elapsed":
        told = [pl.when(~p.is_in(["", *field.empty])).then(p) for p in parts]
        return pl.concat_str(told, separator=BETWEEN)
    if len(parts) == 1:
        return parts[0]
    return pl.concat_str([p.fill_null("") for p in parts], separator=" ").str.strip_chars()


def _composed(field: Field, present: set[str]) -> pl.Expr:
    """The field's text put together; null where all its columns are empty."""
    pieces = _BRACED.split(field.compose)
    # Column names stand at the odd places, between the words.
    columns = [stripped(c, present) for c in pieces[1::2]]
    parts = [pl.lit(piece) for piece in pieces]
    parts[1::2] = [c.fill_null("") for c in columns]
    some = pl.any_horizontal(c.fill_null("") != "" for c in columns)
    return pl.when(some).then(pl.concat_str(parts).str.strip_chars())


def _case(field: Field, present: set[str]) -> pl.Expr:
    """The text by the first case that applies."""
    text = pl.lit(None, pl.String)
    for case in reversed(field.cases):
        own = stripped(case.column, present) if case.value is None else pl.lit(str(case.value))
        text = pl.when(holds(case.where, present)).then(own).otherwise(text)
    return text
