"""Partner profiles: one TOML file per partner and feed, read into frozen structs."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mediation.calendar import Calendar
from mediation.profile_collect import Collect, Deliver
from mediation.profile_form import (
    Case,
    Check,
    Condition,
    Control,
    Drop,
    Field,
    Format,
    Line,
    Name,
    Nodes,
    Positive,
    ProfileError,
    Rule,
    Strict,
    Where,
    Whole,
)
from mediation.profile_gate import Gate
from mediation.tap_errors import TAP_ERRORS

__all__ = [
    "Case", "Check", "Collect", "Condition", "Control", "Deliver", "Drop", "Field", "Format",
    "Gate", "IdentityKind", "Line", "Nodes", "Partials", "Profile", "ProfileError", "Strict",
    "TapChecks", "Validity", "Where", "load_profile", "load_profiles",
]

IdentityKind = Literal[
    "voice_mo", "voice_mt", "voice_mf", "sms_mo", "sms_mt", "sms_mf", "mms_mo", "mms_mt", "mms_mf",
    "data_mo", "data_mt", "vas_mo", "vas_mt", "units_mo", "units_mt",
]


class Validity(Strict, frozen=True, kw_only=True):
    """Bounds of a believable record."""

    duration_max_s: Positive = 172_800
    volume_max_bytes: Positive = 1_099_511_627_776
    age_max_days: Positive = 365
    """Oldest start before the file's arrival"""
    future_max_s: Annotated[int, Meta(ge=0)] = 3600
    """Latest start after the file's arrival"""


class TapChecks(Strict, frozen=True, kw_only=True):
    """What TAP validation (TD.57) leaves to the agreement with the partner."""

    accept: tuple[str, ...] = ()
    """Errors that are noted and cost nothing, as TAP_15_32"""
    age_max_days: Positive = 30
    """Oldest start of a call or a session before its file was available"""
    available_ahead_max_s: Annotated[int, Meta(ge=0)] = 0
    """How far the partner's clock may be ahead of ours"""
    tax_tolerance_micros: Annotated[int, Meta(ge=0)] = 20_000
    """How far a tax may be from its rate, for rounding"""
    msisdn_needed: bool = False
    """Whether the MSISDN was agreed to be mandatory"""

    def __post_init__(self) -> None:
        """Refuse the name of an error that no check looks for."""
        for name in self.accept:
            if name not in TAP_ERRORS:
                raise ValueError(f"accept: no TAP error {name}; docs/tap_validation.md has them")


class Partials(Strict, frozen=True, kw_only=True):
    """How the parts of one session are known, and when they make one usage."""

    key: Annotated[tuple[str, ...], Meta(min_length=1)]
    """What all parts of a session have in common: usage columns, or columns of the decoded
    record; service, direction and currency always count too"""
    indicator: str = "partial_indicator"
    """Usage column or column of the decoded record that says which part it is; without `number` a
    record where it is empty is no part"""
    first: tuple[str, ...] = ("F",)
    """Texts of the indicator that begin a session"""
    intermediate: tuple[str, ...] = ("I",)
    """Texts in between; none listed: every other text"""
    last: tuple[str, ...] = ("L",)
    """Texts that end a session"""
    number: str = ""
    """Usage column or column of the decoded record with the number of the part, counted by one; a
    record where it is empty is no part"""
    first_number: Whole = 1
    """number: the part with this number begins a session"""
    gap_max_s: Whole = 1
    """Without `number`: most seconds between the end of one part and the start of the next"""
    timeout_hours: Annotated[int, Meta(gt=0, le=8760)] = 72
    """How long parts wait for the others after the last of them arrived"""
    orphans: Literal["suspend", "rate", "drop"] = "suspend"
    """What becomes of parts whose others did not come in time: they stay in suspense for a person,
    are charged as they are, or are dropped by `rule`"""
    rule: Rule = "PARTS_TIMED_OUT"
    """drop: the name of the rule"""


class Profile(Strict, frozen=True, kw_only=True):
    """One partner's feed: collection, format, field map, identity and limits."""

    name: Name
    title: str
    sender: str
    """TADIG code or other id of the partner; a TAP file must state it as sender"""
    recipient: str
    """Our own id as this partner writes it"""
    collect: Collect
    deliver: Deliver | None = None
    """Absent: what is for the partner stays in the outbox"""
    format: Format
    fields: dict[str, Field] = {}  # noqa: RUF012 (msgspec gives each struct its own)
    """usage column to its reader; empty for TAP, whose meaning is fixed by TD.57"""
    drop: tuple[Drop, ...] = ()
    check: tuple[Check, ...] = ()
    control: Control = msgspec.field(default_factory=Control)
    identity: dict[IdentityKind, tuple[str, ...]]
    """service_direction to the usage columns that make up usage_key; a null there is a reject"""
    partials: Partials | None = None
    """Absent: every record is charged by itself, whatever it says of being a part"""
    test_files: Literal["drop", "refuse"] = "drop"
    gate: Gate = msgspec.field(default_factory=Gate)
    validity: Validity = msgspec.field(default_factory=Validity)
    tap: TapChecks = msgspec.field(default_factory=TapChecks)
    calendar: Calendar | None = None
    """When files are due; absent: at no time"""


def load_profile(path: Path) -> Profile:
    """The profile in a TOML file; ProfileError names the file, the place and what is wrong."""
    try:
        profile = msgspec.toml.decode(path.read_bytes(), type=Profile)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
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
