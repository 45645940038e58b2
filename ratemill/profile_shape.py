"""Every fault in the shape of a profile's TOML at once; msgspec alone stops at the first."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from mediation.profile import Profile

Severity: TypeAlias = Literal["error", "warning"]

_FAULTY: Final = object()
_PLACE_IN_MESSAGE = re.compile(r" - at `(?:key in )?\$?(?P<at>[^`]*)`$")
_SECTION = re.compile(r"^\s*(?P<open>\[\[?)\s*(?P<name>[^\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*(?P<name>[\w.\-]+|\"[^\"]+\"|'[^']+')\s*=")
_STAND_INS: Final = {"title": "", "sender": "", "recipient": "", "identity": {},
                     "collect": {"connection": "not_given"}}
"""What keeps the further checks going where these keys are missing or wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a profile: the file (and line), the key, the fault, and what to do."""

    where: str
    key: str
    what: str
    hint: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """The fault as one line."""
        mark = "" if self.severity == "error" else "warning: "
        key = f" {self.key}:" if self.key else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.where}:{key} {mark}{self.what}{hint}"


Tell = Callable[[str, str, str], None]
"""Takes a fault's key, what it is, and a hint."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A profile as far as its shape allows to read it, and what is wrong with the shape."""

    profile: Profile | None
    faults: list[Fault]


def read_shape(file: str, stem: str, octets: bytes) -> Shape:
    """The profile in the octets of a TOML file named stem; parts that are wrong are left out."""
    try:
        text = octets.decode()
        raw = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return Shape(None, [Fault(file, "", f"is not UTF-8 at octet {error.start}",
                                  "save it as UTF-8")])
    except tomllib.TOMLDecodeError as error:
        return Shape(None, [Fault(file, "", f"is not TOML: {error}",
                                  "quote texts; a key stands once")])
    faults: list[Fault] = []
    lines = line_numbers(text)

    def tell(key: str, what: str, hint: str) -> None:
        faults.append(Fault(at_line(file, lines, key), key, what, hint))

    sound = _struct(raw, Profile, "", tell)
    try:
        profile = msgspec.convert({"name": stem, **_STAND_INS, **sound}, Profile)
    except msgspec.ValidationError as error:
        if not faults:
            tell("", *_in_words(error))
        return Shape(None, faults)
    return Shape(profile, faults)


def _struct(raw: dict[str, Any], kind: type[msgspec.Struct], key: str, tell: Tell) -> Any:  # noqa: ANN401 (a struct's parts are of any type)
    """The sound members of a table; every fault in it is told."""
    fields = {f.name: f for f in msgspec.structs.fields(kind)}
    sound = {}
    for name, value in raw.items():
        at = _below(key, name)
        if name not in fields:
            tell(at, "there is no such key", _nearest(name, list(fields)))
            continue
        kept = _value(value, fields[name].type, at, tell)
        if kept is not _FAULTY:
            sound[name] = kept
    for name, field in fields.items():
        if field.required and name not in raw:
            tell(_below(key, name), "is missing", "every profile needs it" if not key else "")
    return sound


def _value(value: Any, kind: Any, key: str, tell: Tell) -> Any:  # noqa: ANN401 (as TOML gives it)
    """The value without its faulty parts, or _FAULTY."""
    kind = _branch(value, kind)
    if _is_struct(kind) and isinstance(value, dict):
        sound = _struct(value, kind, key, tell)
        # What is left of a table of the profile is worth further checks; half a field is none.
        usable = len(sound) == len(value) or key.isidentifier()
        return sound if usable and _fits(sound, kind, key, tell) else _FAULTY
    arguments = get_args(kind)
    if get_origin(kind) is tuple and isinstance(value, list) and (
        _is_struct(arguments[0]) or get_origin(arguments[0]) is dict
    ):
        parts = [_value(v, arguments[0], f"{key}[{i}]", tell) for i, v in enumerate(value)]
        return [p for p in parts if p is not _FAULTY]
    if get_origin(kind) is dict and isinstance(value, dict):
        found = {name: _value(part, arguments[1], _below(key, name), tell)
                 for name, part in value.items()
                 if _fits(name, arguments[0], _below(key, name), tell)}
        return {name: part for name, part in found.items() if part is not _FAULTY}
    return value if _fits(value, kind, key, tell) else _FAULTY


def _branch(value: Any, kind: Any) -> Any:  # noqa: ANN401 (a type as annotations spell it)
    """Of a union the member that is a table or list where the value is one, else the union."""
    if get_origin(kind) not in {Union, UnionType}:
        return kind
    for member in get_args(kind):
        table = _is_struct(member) or get_origin(member) is dict
        if isinstance(value, dict) and table:
            return member
        if isinstance(value, list) and get_origin(member) is tuple:
            return member
    return kind


def _is_struct(kind: Any) -> bool:  # noqa: ANN401 (a type as annotations spell it)
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _fits(value: Any, kind: Any, key: str, tell: Tell) -> bool:  # noqa: ANN401 (as TOML gives it)
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if not (_is_struct(kind) and "missing required" in str(error)):
            what, hint = _in_words(error)
            options = get_args(kind) if get_origin(kind) is Literal else ()
            tell(key, what, _nearest(str(value), list(options)) if options else hint)
        return False
    return True


def _in_words(error: msgspec.ValidationError) -> tuple[str, str]:
    """What msgspec says, without its own notation for the place."""
    return _PLACE_IN_MESSAGE.sub("", str(error)), "docs/profiles.md has every key"


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def line_numbers(text: str) -> dict[str, int]:
    """The line that each key of a TOML text stands on; keys of inline tables have none."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := _SECTION.match(line):
            section = _numbered(head["name"].replace(" ", ""), counts)
            if head["open"] == "[[":
                counts[section] = counts.get(section, -1) + 1
                section = f"{section}[{counts[section]}]"
            found.setdefault(section, number)
        elif key := _KEY.match(line):
            found.setdefault(_below(section, key["name"].strip("\"'")), number)
    return found


def _numbered(name: str, counts: dict[str, int]) -> str:
    """The section's name with the number of the last entry of each list of tables above it."""
    out = ""
    parts = name.split(".")
    for i, part in enumerate(parts):
        out = _below(out, part.strip("\"'"))
        if i < len(parts) - 1 and out in counts:
            out = f"{out}[{counts[out]}]"
    return out


def at_line(file: str, lines: dict[str, int], key: str) -> str:
    """file:line of the key, or of the nearest key above it that has a line."""
    while key:
        if key in lines:
            return f"{file}:{lines[key]}"
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return file
