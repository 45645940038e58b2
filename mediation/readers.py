"""How a profile's field readers turn text columns into usage values, as Polars expressions."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.profile import Field, Profile, ProfileError
from mediation.schema import USAGE

INT64_MAX: Final = 2**63 - 1
_MICROS: Final = 1_000_000
_KINDS = {c.name: "text" if c.kind == "word" else c.kind for c in USAGE.columns}
_FITS: dict[str, tuple[str, ...]] = {
    "text": ("text", "digits", "number", "map", "const"),
    "int32": ("integer", "duration", "map", "const"),
    "int64": ("integer", "decimal_micros", "duration", "map", "const"),
    "time": ("local_time", "utc_time"),
}
# strptime takes '2026-9-1' and second 60, and reads 13 digits where 14 are declared: the text
# must look like the format before strptime may see it.
_DIRECTIVES = {
    "%Y": "[0-9]{4}", "%y": "[0-9]{2}", "%m": "(?:0[1-9]|1[0-2])",
    "%d": "(?:0[1-9]|[12][0-9]|3[01])", "%j": "[0-3][0-9]{2}", "%b": "[A-Za-z]{3}",
    "%H": "(?:[01][0-9]|2[0-3])", "%I": "(?:0[1-9]|1[0-2])", "%p": "[AaPp][Mm]",
    "%M": "[0-5][0-9]", "%S": "[0-5][0-9]", "%.f": r"(?:\.[0-9]{1,6})?",
}
_SHORT_FORMS = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M"}
_OFFSET = r"\s*(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])$"
_HMS = "^-?(?:[0-9]{1,5}:[0-5][0-9]:[0-5][0-9]|[0-9]{1,5}[0-5][0-9][0-5][0-9])$"
_NUMBER_FILLERS = r"[\s().\-/]"
# Dialled digits may run past E.164's fifteen: extensions, and prefixes of carriers.
_E164 = "^[1-9][0-9]{0,19}$"

_Read = tuple[pl.Expr, str]
"""A value as an expression over the text column, and in words what the text must be."""


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
        return " + ".join(columns_of(self.field))

    @property
    def code(self) -> str:
        """The reject code of a text that cannot be read."""
        return "VALUE_UNMAPPED" if self.field.read == "map" else "FIELD_INVALID"


def text_name(name: str) -> str:
    """The name that the text of a usage column has between the steps."""
    return f"text:{name}"


def stripped(column: str, present: set[str]) -> pl.Expr:
    """A text column without blanks around it; null where the file lacks the column."""
    return pl.col(column).str.strip_chars() if column in present else pl.lit(None, pl.String)


def columns_of(field: Field) -> tuple[str, ...]:
    """The text columns that a field is read from, in order; none for a constant."""
    if field.read == "const":
        return ()
    own = (field.column,) if isinstance(field.column, str) else field.column
    return (*own, field.offset_column) if field.offset_column else own


def reading(name: str, field: Field, present: set[str]) -> Reading:
    """The reader of usage column `name` over a frame with the `present` text columns.

    ProfileError for a field that cannot be read as declared.
    """
    _check(name, field)
    text, applies = pl.col(text_name(name)), pl.lit(value=True)
    source = [_text(field, present).alias(text_name(name))]
    if field.where:
        applies = pl.col(f"applies:{name}")
        source.append(_applies(field, present).alias(f"applies:{name}"))
    read, wanted = _READERS[field.read](name, field)
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
        offset=_offset(name, field) if field.read in _FITS["time"] else None,
        missing=applies & text.is_null() if required else pl.lit(value=False),
        invalid=applies & text.is_not_null() & pl.col(name).is_null(),
        wanted=wanted,
    )


def _check(name: str, field: Field) -> None:
    where = f"fields.{name}"
    if name not in _KINDS:
        raise ProfileError(f"{where}: there is no usage column of this name")
    fits = _FITS[_KINDS[name]]
    if field.read not in fits:
        raise ProfileError(f"{where}: read {field.read!r} does not fit; use one of {fits}")
    if not all(columns_of(field)):
        raise ProfileError(f"{where}: names no column to read")
    if field.read == "const" and field.value is None:
        raise ProfileError(f"{where}: a const needs a value")
    if field.read == "map" and not field.map:
        raise ProfileError(f"{where}: a map needs entries")


def _applies(field: Field, present: set[str]) -> pl.Expr:
    return pl.all_horizontal(
        stripped(column, present).is_in(list(texts)).fill_null(value=False)
        for column, texts in field.where.items()
    )


def _text(field: Field, present: set[str]) -> pl.Expr:
    if field.read == "const":
        return pl.lit(None, pl.String)
    own = (field.column,) if isinstance(field.column, str) else field.column
    parts = [stripped(c, present) for c in own]
    text = parts[0]
    if len(parts) > 1:
        text = pl.concat_str([p.fill_null("") for p in parts], separator=" ").str.strip_chars()
    text = pl.when(~text.is_in(["", *field.empty])).then(text)
    if field.offset_column:
        # A record without the offset is unreadable rather than empty, so the blank stays.
        text = pl.concat_str([text, stripped(field.offset_column, present).fill_null("")],
                             separator=" ")
    return text


def _as_text(name: str, _field: Field) -> _Read:
    return pl.col(text_name(name)), "text"


def _digits(name: str, _field: Field) -> _Read:
    text = pl.col(text_name(name))
    return pl.when(text.str.contains("^[0-9]+$")).then(text), "digits only"


def _scaled(value: pl.Expr, scale: int) -> pl.Expr:
    """The value times the scale, null where that would not fit 64 bits."""
    bound = INT64_MAX // scale
    return value if scale == 1 else pl.when(value.is_between(-bound, bound)).then(value * scale)


def _integer(name: str, field: Field) -> _Read:
    number = pl.col(text_name(name)).cast(pl.Int64, strict=False)
    return _scaled(number, field.scale), "a whole number that fits its column"


def _decimal_micros(name: str, field: Field) -> _Read:
    text, mark = pl.col(text_name(name)), re.escape(field.decimal)
    shape = f"^[+-]?(?:[0-9]{{1,13}}(?:{mark}[0-9]{{1,6}})?|{mark}[0-9]{{1,6}})$"
    pointed = text.str.replace(field.decimal, ".", literal=True)
    plain = pl.when(text.str.contains(shape)).then(pointed)
    # Six places held as an integer of 128 bits are micro-units; those past 64 bits become null.
    micros = plain.cast(pl.Decimal(38, 6), strict=False).to_physical()
    return (
        micros.cast(pl.Int64, strict=False),
        f"an amount with at most 6 decimals after '{field.decimal}'",
    )


def _duration(name: str, field: Field) -> _Read:
    if field.format in {"", "s"}:
        return _integer(name, field)[0], "a whole number of seconds"
    if field.format != "hms":
        raise ProfileError(f"fields.{name}: duration format {field.format!r} is not 's' or 'hms'")
    text = pl.col(text_name(name))
    packed = text.str.replace_all("[:-]", "").cast(pl.Int64, strict=False)
    seconds = packed // 10_000 * 3600 + packed // 100 % 100 * 60 + packed % 100
    signed = pl.when(text.str.starts_with("-")).then(-seconds).otherwise(seconds)
    return (
        _scaled(pl.when(text.str.contains(_HMS)).then(signed), field.scale),
        "hours, minutes and seconds",
    )


def _number(name: str, field: Field) -> _Read:
    compact = pl.col(text_name(name)).str.replace_all(_NUMBER_FILLERS, "")
    country = pl.lit(field.country_code or None, pl.String)
    number = compact if field.national_prefix else country + compact
    # The last prefix asked about is the first that counts.
    for prefix, put in (
        (field.national_prefix, country),
        (field.international_prefix, pl.lit("")),
        ("+", pl.lit("")),
    ):
        if prefix:
            begins = compact.str.starts_with(prefix)
            number = pl.when(begins).then(put + compact.str.strip_prefix(prefix)).otherwise(number)
    return (
        pl.when(number.str.contains(_E164)).then(number),
        "a number that the dialling rules turn into E.164 digits",
    )


def _map(name: str, field: Field) -> _Read:
    values: dict[str, str] | dict[str, int] = field.map
    if _KINDS[name] != "text":
        try:
            values = {text: int(value) for text, value in field.map.items()}
        except ValueError as error:
            raise ProfileError(f"fields.{name}: map gives a value that is no number") from error
    target = USAGE.polars[name]
    value = pl.col(text_name(name)).replace_strict(values, default=None, return_dtype=target)
    return value, "in the profile's map"


def _const(name: str, field: Field) -> _Read:
    if isinstance(field.value, int) == (_KINDS[name] == "text"):
        raise ProfileError(f"fields.{name}: const {field.value!r} is not of the column's type")
    return pl.lit(field.value, USAGE.polars[name]), "a constant"


def _shape(name: str, form: str) -> str:
    """The regular expression that a strptime format's texts match."""
    out, at = "", 0
    for piece in re.finditer(r"%\.f|%.", form):
        if piece[0] not in _DIRECTIVES:
            raise ProfileError(
                f"fields.{name}: {piece[0]} in format {form!r} is not supported; "
                f"use {' '.join(_DIRECTIVES)}, and %z at the end"
            )
        out += re.escape(form[at : piece.start()]) + _DIRECTIVES[piece[0]]
        at = piece.end()
    return f"^{out}{re.escape(form[at:])}$"


def _time(name: str, field: Field) -> _Read:
    has_z = field.format.endswith("%z")
    places = [bool(field.zone), bool(field.offset_column), has_z].count(True)
    if places > 1 or (places == 0 and field.read == "local_time"):
        raise ProfileError(
            f"fields.{name}: local_time needs exactly one of zone, offset_column and a format "
            "ending in %z; utc_time at most one"
        )
    form = field.format.removesuffix("%z").rstrip()
    for short, long in _SHORT_FORMS.items():
        form = form.replace(short, long)
    text = pl.col(text_name(name))
    body = text.str.replace(_OFFSET, "") if has_z or field.offset_column else text
    body = pl.when(body.str.contains(_shape(name, form))).then(body)
    moment = body.str.strptime(pl.Datetime("us"), form, strict=False)
    wanted = f"a time as {field.format}"
    if has_z or field.offset_column:
        offset = _offset_of_text(text)
        utc = field.read == "utc_time" and not has_z
        shift = offset * 0 if utc else offset
        return moment - pl.duration(seconds=shift), f"{wanted} with an offset as +hhmm"
    if field.read == "local_time":
        moment = moment.dt.replace_time_zone(
            _zone(name, field.zone), ambiguous="earliest", non_existent="null"
        )
        wanted = f"{wanted} that exists in {field.zone}"
    return moment.dt.convert_time_zone("UTC").dt.replace_time_zone(None), wanted


def _zone(name: str, zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ProfileError(f"fields.{name}: zone {zone!r} is not an IANA time zone") from error
    return zone


def _offset_of_text(text: pl.Expr) -> pl.Expr:
    """The offset at the end of a text in seconds; null where there is none."""
    found = text.str.extract(_OFFSET)
    digits = found.str.replace("Z", "+0000").str.replace(":", "").cast(pl.Int32, strict=False)
    # Integer division rounds down, so the sign is taken off first.
    size = digits.abs()
    seconds = size // 100 * 3600 + size % 100 * 60
    return pl.when(digits < 0).then(-seconds).otherwise(seconds)


def _offset(name: str, field: Field) -> pl.Expr:
    if field.offset_column or field.format.endswith("%z"):
        return _offset_of_text(pl.col(text_name(name)))
    if not field.zone:
        return pl.lit(0, pl.Int32)
    there = pl.col(name).dt.replace_time_zone("UTC").dt.convert_time_zone(_zone(name, field.zone))
    return (there.dt.base_utc_offset() + there.dt.dst_offset()).dt.total_seconds().cast(pl.Int32)


_READERS: dict[str, Callable[[str, Field], _Read]] = {
    "text": _as_text,
    "digits": _digits,
    "integer": _integer,
    "decimal_micros": _decimal_micros,
    "local_time": _time,
    "utc_time": _time,
    "duration": _duration,
    "number": _number,
    "map": _map,
    "const": _const,
}


def file_header(
    profile: Profile,
    ctx: FileContext,
    variables: dict[str, str],
    *,
    complete: bool = True,
    notes: tuple[str, ...] = (),
) -> FileHeader:
    """What the file says of itself by profile.control, from its variables (hdr.X, trl.X) and name.

    A statement that cannot be read is None and a note.
    """
    control, found = profile.control, list(notes)

    def whole(reference: str) -> int | None:
        text = variables.get(reference, "")
        if re.fullmatch("[0-9]{1,18}", text):
            return int(text)
        if reference and (text or complete):
            found.append(f"{reference}: '{text}' is not a number")
        return None

    if control.sequence_from_name:
        sequence = _sequence_from_name(profile, ctx, found)
    else:
        sequence = whole(control.sequence)
    records = whole(control.records)
    charge = _declared_charge(profile, variables, found, complete=complete)
    return FileHeader(
        sequence=sequence,
        declared_records=records,
        declared_charge_micros=charge,
        currency=variables.get(control.currency) or None,
        complete=complete,
        notes=tuple(found),
    )


def _sequence_from_name(profile: Profile, ctx: FileContext, notes: list[str]) -> int | None:
    pattern = profile.control.sequence_from_name
    try:
        match = re.search(pattern, ctx.name)
        digits = match[1] if match else ""
    except (re.error, IndexError) as error:
        raise ProfileError(
            f"control.sequence_from_name {pattern!r}: needs one group: {error}"
        ) from error
    if re.fullmatch("[0-9]{1,18}", digits):
        return int(digits)
    notes.append(f"the name {ctx.name!r} holds no sequence number")
    return None


def _declared_charge(
    profile: Profile, variables: dict[str, str], notes: list[str], *, complete: bool
) -> int | None:
    control = profile.control
    text = variables.get(control.charge, "")
    mark = re.escape(control.charge_decimal)
    if re.fullmatch(rf"[+-]?[0-9]{{1,18}}(?:{mark}[0-9]{{1,18}})?", text):
        amount = Fraction(text.replace(control.charge_decimal, "."))
        micros = amount * _MICROS / control.charge_scale
        if micros.denominator == 1 and abs(micros) <= INT64_MAX:
            return int(micros)
    if control.charge and (text or complete):
        notes.append(f"{control.charge}: '{text}' is not an amount in whole micro-units")
    return None
