"""Partner profiles: one TOML file per partner and feed, read into frozen structs."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
Positive = Annotated[int, Meta(gt=0)]
Reader = Literal[
    "text", "digits", "integer", "decimal_micros", "local_time", "utc_time", "duration", "number",
    "map", "const",
]


IdentityKind = Literal[
    "voice_mo", "voice_mt", "voice_mf", "sms_mo", "sms_mt", "sms_mf", "mms_mo", "mms_mt", "mms_mf",
    "data_mo", "data_mt", "vas_mo", "vas_mt", "units_mo", "units_mt",
]


class ProfileError(Exception):
    """A partner profile that cannot be used; says file, place and hint."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A struct that refuses fields it does not know."""


class Collect(Strict, frozen=True, kw_only=True):
    """Where a partner's files are and when they are ready to be fetched."""

    connection: Name
    """Connection id: AIRFLOW_CONN_<ID in capitals> holds it, here and under Airflow."""
    path: str = "outgoing"
    glob: str = "*"
    exclude: tuple[str, ...] = ("*.part", "*.tmp", ".*")
    settle_s: Annotated[int, Meta(ge=0, le=3600)] = 10
    """A file younger than this is looked at twice, this long apart, and must not change."""


class Line(Strict, frozen=True, kw_only=True):
    """One line type of a fixed-width file: what it starts with and its columns [start, length]."""

    type: Literal["header", "detail", "trailer"]
    starts_with: str
    columns: dict[str, tuple[int, Positive]]
    """Column name to (zero-based start, length), in characters."""


class Format(Strict, frozen=True, kw_only=True):
    """How a file is cut into records of named text columns."""

    kind: Literal["tap", "delimited", "fixed", "xml"]
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    lines: tuple[Line, ...] = ()
    """fixed: the line types; columns of header and trailer lines are variables hdr.X and trl.X"""
    record: str = ""
    """xml: path of the record element below the root, in ElementPath with the prefixes below"""
    namespaces: dict[str, str] = {}
    columns: dict[str, str] = {}
    """xml: column name to a relative path (`p:a/p:b`, `@attr`, `p:a/@attr`)"""
    header: dict[str, str] = {}
    """xml: header variable to a path from the root; becomes hdr.X"""


class Field(Strict, frozen=True, kw_only=True):
    """How one usage column is read from one or more text columns."""

    read: Reader = "text"
    column: str | tuple[str, ...] = ""
    """Column name(s); several are joined with a blank. hdr.X and trl.X name file variables."""
    value: str | int | None = None
    """const: the value"""
    format: str = ""
    """local_time, utc_time: strptime format; one that ends in %z takes the offset from the text.
    duration: 's' or 'hms' (hours:minutes:seconds, colons may be absent)"""
    zone: str = ""
    """local_time: IANA zone name; an ambiguous time is read as the earlier instant.
    utc_time: the zone that utc_offset_s is taken from; 0 without zone and offset"""
    offset_column: str = ""
    """local_time, utc_time: column holding +hhmm, +hh:mm or Z instead of a zone"""
    decimal: Literal[".", ","] = "."
    """decimal_micros: the decimal mark"""
    scale: Positive = 1
    """integer, duration: multiply by this (1024 for a column in KiB)"""
    map: dict[str, str] = {}
    """map: text to value; a text that is not listed is a reject"""
    optional: bool = False
    """An empty text is null instead of a reject."""
    empty: tuple[str, ...] = ()
    """Texts that count as empty, as 'anonymous' or '-'"""
    country_code: str = ""
    """number: replaces the national prefix of a national number"""
    national_prefix: str = "0"
    """number: empty when every number without the international prefix is national"""
    international_prefix: str = "00"
    where: dict[str, tuple[str, ...]] = {}
    """Read only when each named column holds one of these texts; null otherwise."""


class Drop(Strict, frozen=True, kw_only=True):
    """Records that are dropped on purpose, by a named rule."""

    rule: Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{2,40}$")]
    column: str
    equals: tuple[str, ...]


class Control(Strict, frozen=True, kw_only=True):
    """Where a file states its own number and totals."""

    sequence_from_name: str = ""
    """Regular expression with one group over the file name"""
    sequence: str = ""
    """hdr.X or trl.X"""
    records: str = ""
    """hdr.X or trl.X: declared number of records"""
    charge: str = ""
    """hdr.X or trl.X: declared total of the partner's charges"""
    charge_scale: Positive = 1
    """charge in units of 1/charge_scale of the currency"""
    charge_decimal: Literal[".", ","] = "."
    """decimal mark of the declared charge"""
    currency: str = ""
    """hdr.X, trl.X or empty: currency of the declared charge"""


class Gate(Strict, frozen=True, kw_only=True):
    """Limits of the batch gate; a file outside them is quarantined."""

    reject_share_max: Annotated[float, Meta(ge=0, le=1)] = 0.2
    """Largest share of records that decode, normalize and validate may turn away"""
    charge_max_micros: int = 1_000_000_000_000
    """Largest charge of one record"""
    file_charge_max_micros: int = 1_000_000_000_000_000
    """Largest total charge of one file"""


class Validity(Strict, frozen=True, kw_only=True):
    """Bounds of a believable record."""

    duration_max_s: Positive = 172_800
    volume_max_bytes: Positive = 1_099_511_627_776
    age_max_days: Positive = 365
    """Oldest start before the file's arrival"""
    future_max_s: Annotated[int, Meta(ge=0)] = 3600
    """Latest start after the file's arrival"""


class Profile(Strict, frozen=True, kw_only=True):
    """One partner's feed: collection, format, field map, identity and limits."""

    name: Name
    title: str
    sender: str
    """TADIG code or other id of the partner; a TAP file must state it as sender"""
    recipient: str
    """Our own id as this partner writes it"""
    collect: Collect
    format: Format
    fields: dict[str, Field] = {}
    """usage column to its reader; empty for TAP, whose meaning is fixed by TD.57"""
    drop: tuple[Drop, ...] = ()
    control: Control = msgspec.field(default_factory=Control)
    identity: dict[IdentityKind, tuple[str, ...]]
    """service_direction to the usage columns that make up usage_key; a null there is a reject"""
    test_files: Literal["drop", "refuse"] = "drop"
    gate: Gate = msgspec.field(default_factory=Gate)
    validity: Validity = msgspec.field(default_factory=Validity)


def load_profile(path: Path) -> Profile:
    """The profile in a TOML file; ProfileError names the file, the place and what is wrong."""
    try:
        profile = msgspec.toml.decode(path.read_bytes(), type=Profile)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ProfileError(f"{path}: {error}") from error
    if profile.name != path.stem:
        raise ProfileError(f"{path}: name is {profile.name!r}; a profile is named as its file")
    return profile


def load_profiles(folder: Path) -> dict[str, Profile]:
    """All profiles of a folder by name, in name order."""
    found = sorted(folder.glob("*.toml"))
    if not found:
        raise ProfileError(f"{folder}: no partner profile (*.toml) found")
    return {p.stem: load_profile(p) for p in found}
