"""Texts to words, numbers, amounts and durations, as Polars expressions."""

import re
from typing import Final

import polars as pl

from mediation.profile import Field, ProfileError
from mediation.reader_times import time_of
from mediation.schema import USAGE

INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
BETWEEN: Final = " / "
"""Stands between the two texts of an elapsed time"""
KINDS: Final = {c.name: "text" if c.kind == "word" else c.kind for c in USAGE.columns}
Read = tuple[pl.Expr, str]
"""A value as an expression over the text, and in words what the text must be."""

_MICROS: Final = 1_000_000
_HMS: Final = "^-?(?:[0-9]{1,5}:[0-5][0-9]:[0-5][0-9]|[0-9]{1,5}[0-5][0-9][0-5][0-9])$"
_ISO: Final = (
    r"^P(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,6})M)?"
    r"(?:([0-9]{1,9})(?:[.,]([0-9]{1,6}))?S)?)?$"
)
_NUMBER_FILLERS: Final = r"[\s().\-/]"
# Dialled digits may run past E.164's fifteen: extensions, and prefixes of carriers.
_E164: Final = "^[1-9][0-9]{0,19}$"
BYTES: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}
SECONDS: Final = {"s": 1, "min": 60, "h": 3600}


def as_text(_name: str, _field: Field, text: pl.Expr) -> Read:
    """The text itself."""
    return text, "text"


def digits(_name: str, _field: Field, text: pl.Expr) -> Read:
    """The text where it is nothing but digits."""
    return pl.when(text.str.contains("^[0-9]+$")).then(text), "digits only"


def integer(name: str, field: Field, text: pl.Expr) -> Read:
    """A whole number in the column's own unit."""
    if field.thousands:
        mark = re.escape(field.thousands)
        grouped = text.str.contains(f"^[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+$")
        plain = text.str.replace_all(field.thousands, "", literal=True)
        text = pl.when(grouped).then(plain).otherwise(text)
    number = text.cast(pl.Int64, strict=False)
    scale = scale_of(name, field, BYTES | SECONDS)
    return _scaled(number, scale), "a whole number that fits its column"


def decimal_micros(name: str, field: Field, text: pl.Expr) -> Read:
    """An amount in micro-units, exactly."""
    if field.thousands == field.decimal:
        raise ProfileError(f"fields.{name}: thousands and decimal are the same mark")
    mark, whole = re.escape(field.decimal), "[0-9]{1,13}"
    if field.thousands:
        whole = f"(?:{whole}|[0-9]{{1,3}}(?:{re.escape(field.thousands)}[0-9]{{3}}){{1,4}})"
    shape = f"^[+-]?(?:{whole}(?:{mark}[0-9]{{1,6}})?|{mark}[0-9]{{1,6}})$"
    pointed = text.str.replace_all(field.thousands, "", literal=True) if field.thousands else text
    pointed = pointed.str.replace(field.decimal, ".", literal=True)
    micros = _micros(pl.when(text.str.contains(shape)).then(pointed))
    wanted = f"an amount with at most 6 decimals after '{field.decimal}'"
    if field.charge_scale > 1:
        whole_ones = micros % field.charge_scale == 0
        micros = pl.when(whole_ones).then(micros // field.charge_scale)
        wanted += f", in 1/{field.charge_scale} of the currency and whole micro-units"
    return micros.cast(pl.Int64, strict=False), wanted


def _micros(text: pl.Expr) -> pl.Expr:
    """Decimal text as an integer of 128 bits in millionths."""
    return text.cast(pl.Decimal(38, 6), strict=False).to_physical()


def duration(name: str, field: Field, text: pl.Expr) -> Read:
    """Whole seconds."""
    scale = scale_of(name, field, SECONDS)
    if field.format in {"", "s"}:
        number = text.cast(pl.Int64, strict=False)
        return _scaled(number, scale), "a whole number of seconds"
    if field.format == "hms":
        packed = text.str.replace_all("[:-]", "").cast(pl.Int64, strict=False)
        seconds = packed // 10_000 * 3600 + packed // 100 % 100 * 60 + packed % 100
        signed = pl.when(text.str.starts_with("-")).then(-seconds).otherwise(seconds)
        read = pl.when(text.str.contains(_HMS)).then(signed)
        return _scaled(read, scale), "hours, minutes and seconds"
    if field.format not in _PARTS:
        raise ProfileError(
            f"fields.{name}: duration format {field.format!r} is not 's' or 'hms', nor one of "
            f"{', '.join(_PARTS)}"
        )
    micros, wanted = _PARTS[field.format](text, field)
    return _whole_seconds(_scaled(micros, scale), field), wanted


def _of_ms(text: pl.Expr, _field: Field) -> Read:
    return _scaled(text.cast(pl.Int64, strict=False), 1000), "a whole number of milliseconds"


def _of_us(text: pl.Expr, _field: Field) -> Read:
    return text.cast(pl.Int64, strict=False), "a whole number of microseconds"


def _of_fraction(text: pl.Expr, field: Field) -> Read:
    shape = f"^-?[0-9]{{1,9}}(?:{re.escape(field.decimal)}[0-9]{{1,6}})?$"
    pointed = text.str.replace(field.decimal, ".", literal=True)
    micros = _micros(pl.when(text.str.contains(shape)).then(pointed))
    return micros.cast(pl.Int64, strict=False), f"seconds with decimals after '{field.decimal}'"


def _of_minutes(text: pl.Expr, _field: Field) -> Read:
    packed = text.str.replace_all("[:-]", "").cast(pl.Int64, strict=False)
    seconds = packed // 100 * 60 + packed % 100
    signed = pl.when(text.str.starts_with("-")).then(-seconds).otherwise(seconds)
    read = pl.when(text.str.contains("^-?[0-9]{1,6}:[0-5][0-9]$")).then(signed)
    return read * _MICROS, "minutes and seconds"


def _of_iso(text: pl.Expr, _field: Field) -> Read:
    def part(number: int) -> pl.Expr:
        return text.str.extract(_ISO, number).cast(pl.Int64, strict=False).fill_null(0)

    seconds = part(1) * 86_400 + part(2) * 3600 + part(3) * 60 + part(4)
    fraction = text.str.extract(_ISO, 5).str.pad_end(6, "0").cast(pl.Int64, strict=False)
    sound = text.str.contains(_ISO) & ~text.str.ends_with("P") & ~text.str.ends_with("T")
    return (
        pl.when(sound).then(seconds * _MICROS + fraction.fill_null(0)),
        "an ISO 8601 duration as PT1H2M3S",
    )


_PARTS: Final = {
    "ms": _of_ms, "us": _of_us, "s.f": _of_fraction, "m:s": _of_minutes, "iso8601": _of_iso,
}


def elapsed(name: str, field: Field, text: pl.Expr) -> Read:
    """Whole seconds from the first time to the second."""
    halves = text.str.split_exact(BETWEEN, 1)
    start, wanted = time_of(name, field, halves.struct.field("field_0"))
    end, _ = time_of(name, field, halves.struct.field("field_1"))
    micros = (end - start).dt.total_microseconds()
    return _whole_seconds(micros, field), f"twice {wanted}"


def _whole_seconds(micros: pl.Expr, field: Field) -> pl.Expr:
    """Micro-seconds to seconds by the field's rounding."""
    # Integer division rounds down.
    if field.rounding == "up":
        return -(-micros // _MICROS)
    return (micros + (_MICROS // 2 if field.rounding == "nearest" else 0)) // _MICROS


def scale_of(name: str, field: Field, units: dict[str, int]) -> int:
    """What a field's number is multiplied by."""
    if field.unit is None:
        return field.scale
    if field.scale != 1 or field.unit not in units:
        raise ProfileError(
            f"fields.{name}: unit {field.unit!r} does not fit; one of {', '.join(units)}, "
            "and no scale beside it"
        )
    return units[field.unit]


def _scaled(value: pl.Expr, scale: int) -> pl.Expr:
    """The value times the scale, null where that would not fit 64 bits."""
    bound = INT64_MAX // scale
    return value if scale == 1 else pl.when(value.is_between(-bound, bound)).then(value * scale)


def number(_name: str, field: Field, text: pl.Expr) -> Read:
    """The digits of an E.164 number by the field's dialling rules."""
    compact = text.str.replace_all(_NUMBER_FILLERS, "")
    country = pl.lit(field.country_code or None, pl.String)
    found = compact if field.national_prefix else country + compact
    # The last prefix asked about is the first that counts.
    for prefix, put in (
        (field.national_prefix, country),
        (field.international_prefix, pl.lit("")),
        ("+", pl.lit("")),
    ):
        if prefix:
            begins = compact.str.starts_with(prefix)
            found = pl.when(begins).then(put + compact.str.strip_prefix(prefix)).otherwise(found)
    return (
        pl.when(found.str.contains(_E164)).then(found),
        "a number that the dialling rules turn into E.164 digits",
    )


def mapped(name: str, field: Field, text: pl.Expr) -> Read:
    """The value that the map has for the text."""
    values: dict[str, str] | dict[str, int] = field.map
    other: str | int | None = field.otherwise
    if KINDS[name] != "text":
        try:
            values = {text: int(value) for text, value in field.map.items()}
            other = None if other is None else int(other)
        except ValueError as error:
            raise ProfileError(f"fields.{name}: map gives a value that is no number") from error
    for one in (*values.values(), other):
        _check_size(name, one)
    target = USAGE.polars[name]
    value = text.replace_strict(values, default=pl.lit(other, target), return_dtype=target)
    return pl.when(text.is_not_null()).then(value), "in the profile's map"


def const(name: str, field: Field, _text: pl.Expr) -> Read:
    """The field's own value."""
    if isinstance(field.value, int) == (KINDS[name] == "text"):
        raise ProfileError(f"fields.{name}: const {field.value!r} is not of the column's type")
    _check_size(name, field.value)
    return pl.lit(field.value, USAGE.polars[name]), "a constant"


def _check_size(name: str, value: str | int | None) -> None:
    """ProfileError for a number of the profile that its column cannot hold."""
    largest = INT32_MAX if KINDS[name] == "int32" else INT64_MAX
    if isinstance(value, int) and abs(value) > largest:
        raise ProfileError(f"fields.{name}: {value} does not fit its column")
