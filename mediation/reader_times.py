"""Texts to UTC times and their offsets, as Polars expressions."""

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from mediation.profile import Field, ProfileError

# strptime takes '2026-9-1' and second 60, and reads 13 digits where 14 are declared: the text
# must look like the format before strptime may see it.
_DIRECTIVES: Final = {
    "%Y": "[0-9]{4}", "%y": "[0-9]{2}", "%m": "(?:0[1-9]|1[0-2])",
    "%d": "(?:0[1-9]|[12][0-9]|3[01])", "%j": "[0-3][0-9]{2}", "%b": "[A-Za-z]{3}",
    "%H": "(?:[01][0-9]|2[0-3])", "%I": "(?:0[1-9]|1[0-2])", "%p": "[AaPp][Mm]",
    "%M": "[0-5][0-9]", "%S": "[0-5][0-9]", "%.f": r"(?:\.[0-9]{1,6})?",
}
_SHORT_FORMS: Final = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M"}
_OFFSET: Final = r"\s*(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])$"
_WHOLE: Final = r"^(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])$"
# Up to the year 5138; a longer number is a time in a smaller unit.
EPOCHS: Final = {
    "epoch_s": (r"^[0-9]{1,11}(?:\.[0-9]{1,6})?$", 1_000_000, "seconds"),
    "epoch_ms": (r"^[0-9]{1,14}(?:\.[0-9]{1,3})?$", 1_000, "milliseconds"),
    "epoch_us": (r"^[0-9]{1,17}$", 1, "microseconds"),
}
_TWICE: Final = {"earlier": "earliest", "later": "latest", "reject": "null"}


def time_of(name: str, field: Field, text: pl.Expr) -> tuple[pl.Expr, str]:
    """The text as naive UTC, null where it is none; and in words what it must be."""
    if field.format in EPOCHS:
        return _epoch(name, field, text)
    has_z = field.format.endswith("%z")
    places = [bool(field.zone), bool(field.offset_column), has_z].count(True)
    if places > 1 or (places == 0 and field.read == "local_time"):
        raise ProfileError(
            f"fields.{name}: local_time needs exactly one of zone, offset_column and a format "
            "ending in %z; others at most one"
        )
    form = form_of(field)
    body = text.str.replace(_OFFSET, "") if has_z or field.offset_column else text
    body = pl.when(body.str.contains(_shape(name, form))).then(body)
    moment = body.str.strptime(pl.Datetime("us"), form, strict=False)
    wanted = f"a time as {field.format}"
    if has_z or field.offset_column:
        offset = offset_of_text(text)
        utc = field.read == "utc_time" and not has_z
        shift = offset * 0 if utc else offset
        return moment - pl.duration(seconds=shift), f"{wanted} with an offset as +hhmm"
    if field.read == "local_time" or (field.read == "elapsed" and field.zone):
        once = "that exists once in" if field.ambiguous == "reject" else "that exists in"
        return utc_of(name, field, moment), f"{wanted} {once} {field.zone}"
    return moment, wanted


def form_of(field: Field) -> str:
    """The strptime format without its %z, with the short forms written out."""
    form = field.format.removesuffix("%z").rstrip()
    for short, long in _SHORT_FORMS.items():
        form = form.replace(short, long)
    return form


def utc_of(name: str, field: Field, moment: pl.Expr) -> pl.Expr:
    """The time in the field's zone as naive UTC."""
    there = moment.dt.replace_time_zone(
        zone_of(name, field.zone),
        ambiguous=_TWICE[field.ambiguous],  # type: ignore[arg-type]
        non_existent="null",
    )
    return there.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _epoch(name: str, field: Field, text: pl.Expr) -> tuple[pl.Expr, str]:
    if field.read == "local_time" or field.offset_column:
        raise ProfileError(
            f"fields.{name}: {field.format} is UTC: use utc_time, and zone for its offset"
        )
    shape, factor, unit = EPOCHS[field.format]
    number = pl.when(text.str.contains(shape)).then(text)
    micros = number.cast(pl.Decimal(38, 6), strict=False).to_physical() * factor // 1_000_000
    moment = micros.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    return moment, f"a number of {unit} since 1970"


def _shape(name: str, form: str) -> str:
    """The regular expression that a strptime format's texts match."""
    out, at = "", 0
    for piece in re.finditer(r"%\.f|%.", form):
        if piece[0] not in _DIRECTIVES:
            raise ProfileError(
                f"fields.{name}: {piece[0]} in format {form!r} is not supported; "
                f"use {' '.join(_DIRECTIVES)}, and %z at the end, or {', '.join(EPOCHS)}"
            )
        out += re.escape(form[at : piece.start()]) + _DIRECTIVES[piece[0]]
        at = piece.end()
    return f"^{out}{re.escape(form[at:])}$"


def zone_of(name: str, zone: str) -> str:
    """The zone's own name; ProfileError for one that is not known."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ProfileError(f"fields.{name}: zone {zone!r} is not an IANA time zone") from error
    return zone


def offset_of_text(text: pl.Expr) -> pl.Expr:
    """The offset at the end of a text in seconds; null where there is none."""
    found = text.str.extract(_OFFSET)
    digits = found.str.replace("Z", "+0000").str.replace(":", "").cast(pl.Int32, strict=False)
    # Integer division rounds down, so the sign is taken off first.
    size = digits.abs()
    seconds = size // 100 * 3600 + size % 100 * 60
    return pl.when(digits < 0).then(-seconds).otherwise(seconds)


def offset_of_whole(text: pl.Expr) -> pl.Expr:
    """The offset in seconds that a text is; null for one that is more, or none."""
    return offset_of_text(pl.when(text.str.contains(_WHOLE)).then(text))


def offset_of(name: str, field: Field, text: pl.Expr) -> pl.Expr:
    """utc_offset_s beside the UTC times in column `name`."""
    if field.offset_column or field.format.endswith("%z"):
        return offset_of_text(text)
    if not field.zone:
        return pl.lit(0, pl.Int32)
    there = pl.col(name).dt.replace_time_zone("UTC").dt.convert_time_zone(zone_of(name, field.zone))
    return (there.dt.base_utc_offset() + there.dt.dst_offset()).dt.total_seconds().cast(pl.Int32)
