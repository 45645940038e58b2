"""What is wrong or doubtful in the meaning of a profile, told without any file of the partner."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final, NamedTuple, get_args

import msgspec
import polars as pl

from mediation.conditions import check_rule
from mediation.file_context import FileContext
from mediation.mediate import FORMATS
from mediation.normalize import MADE_HERE, NEEDED
from mediation.profile import (
    Condition,
    Drop,
    Field,
    Format,
    IdentityKind,
    Profile,
    ProfileError,
    Where,
)
from mediation.readers import columns_of, reading
from mediation.schema import USAGE
from ratemill.profile_shape import Severity

_KINDS: Final[tuple[str, ...]] = get_args(IdentityKind)
_VALUES: Final = {
    "service": {kind.partition("_")[0] for kind in _KINDS},
    "direction": {kind.partition("_")[2] for kind in _KINDS},
}
_MANUAL: Final = "docs/profiles.md has every key"
_OF_THE_DELIVERY: Final = {"file_id", "record_index", "byte_offset", "byte_length", "usage_key"}
_FROM_THE_HEADER: Final = {"partner", "partner_currency"}
_NO_CONTEXT: Final = FileContext("", "", "", datetime(2000, 1, 1))  # noqa: DTZ001 (naive UTC)
_NOTHING: Final = {"xml": b"<x/>"}


class Doubt(NamedTuple):
    """A key of the profile, what is wrong with it, a hint, and how bad it is."""

    key: str
    what: str
    hint: str
    severity: Severity = "error"


Doubts = Iterator[Doubt]


def doubts(profile: Profile, broken: Iterable[str] = ()) -> Doubts:
    """All that is wrong or doubtful; fields in `broken` are known to be wrong and count as there.

    A wrong field map of a TAP profile cannot be: its meaning is fixed.
    """
    yield from _collect(profile)
    yield from _probed(profile)
    yield from _control(profile)
    if profile.format.kind == "tap":
        yield from _tap(profile)
    else:
        made = {*profile.fields, *broken}
        yield from _fields(profile, made)
        yield from _columns(profile)
        yield from _texts(profile)
        yield from _kinds_without_identity(profile)
        yield from _lines(profile.format)
        yield from _identity(profile, made)
    yield from _identity_columns(profile)
    yield from _partials(profile)


def _collect(profile: Profile) -> Doubts:
    """Names that glob lets through must not all be excluded."""
    glob = profile.collect.glob
    if glob.count("[") != glob.count("]"):
        yield Doubt("collect.glob", f"{glob!r} has a bracket that is not closed: it stands for "
                    "itself", "close it, or write [[] for the character", "warning")
    example = re.sub(r"\[(.)[^\]]*\]", r"\1", glob).replace("*", "x").replace("?", "x")
    for pattern in profile.collect.exclude:
        if fnmatchcase(example, pattern) and pattern.strip("*"):
            yield Doubt("collect.exclude",
                        f"{pattern!r} leaves out what glob {glob!r} lets through",
                        f"a file {example} is never fetched", "warning")


def _probed(profile: Profile) -> Doubts:
    """What the reader of the format itself refuses, path by path."""
    form = profile.format
    empty = msgspec.structs.replace(form, columns={}, header={})
    yield from _refused(profile, empty, "format")
    for part, paths in (("columns", form.columns), ("header", form.header)):
        for name, path in paths.items():
            one = msgspec.structs.replace(empty, **{part: {name: path}})
            if not list(_refused(profile, empty, "")):
                yield from _refused(profile, one, f"format.{part}.{name}")


def _refused(profile: Profile, form: Format, key: str) -> Doubts:
    decode, _ = FORMATS[form.kind]
    probe = msgspec.structs.replace(profile, format=form)
    try:
        decode(_NOTHING.get(form.kind, b""), probe, _NO_CONTEXT)
    except ProfileError as error:
        yield Doubt(*_placed(error, key), _MANUAL)


def _placed(error: ProfileError, key: str) -> tuple[str, str]:
    """The key that the error names at its start, else the one given; and the error without it."""
    text = str(error)
    found = re.match(r"(?:[a-z][a-z0-9_]*: )?"
                     r"((?:fields|format|control|drop|check)[\w.\[\]]*):? (.*)", text, re.DOTALL)
    if found is None or key.startswith(found[1]):
        return key, text.removeprefix(f"{key}: ")
    return found[1], found[2]


def _control(profile: Profile) -> Doubts:
    """Statements of the file on itself: variables that exist, a pattern with one group."""
    control = profile.control
    known = variables(profile.format)
    for name in ("sequence", "records", "charge", "currency"):
        reference = getattr(control, name)
        if reference and reference not in known:
            yield Doubt(f"control.{name}", f"{reference!r} is no variable of the format",
                        nearest(reference, known))
    pattern = control.sequence_from_name
    if pattern and (why_not := _no_pattern(pattern)):
        yield Doubt("control.sequence_from_name", why_not, _MANUAL)
    elif pattern and (groups := re.compile(pattern).groups) != 1:
        yield Doubt("control.sequence_from_name", f"{pattern!r} has {groups} groups",
                    "put ( ) around the number, and (?: ) around other parts")
    if pattern and control.sequence:
        yield Doubt("control.sequence", "is not read, because sequence_from_name is given",
                    "keep one of them", "warning")


def _tap(profile: Profile) -> Doubts:
    for key, given in (("fields", profile.fields), ("drop", profile.drop),
                       ("check", profile.check)):
        if given:
            yield Doubt(key, "is not read for TAP, whose meaning is fixed", "take it out",
                        "warning")
    for key in ("sender", "recipient"):
        text = getattr(profile, key)
        if not re.fullmatch("[A-Z0-9]{5}", text):
            yield Doubt(key, f"{text!r} is no TADIG code", "five capitals or digits, as NORNT")


def _fields(profile: Profile, made: set[str]) -> Doubts:
    for name, field in profile.fields.items():
        try:
            reading(name, field, set())
        except (ProfileError, pl.exceptions.PolarsError) as error:
            what = str(error).removeprefix(f"fields.{name}: ")
            hint = nearest(name, USAGE.names) if name not in USAGE.names else ""
            yield Doubt(f"fields.{name}", what, hint)
        else:
            if name in MADE_HERE:
                yield Doubt(f"fields.{name}", "is made by us, not read", "take it out")
        if name in _VALUES:
            yield from _legal_values(name, field)
    given = {*made, "utc_offset_s"} if "started_at" in made else made
    for name in NEEDED:
        if name not in given:
            yield Doubt(f"fields.{name}", "is missing, and every usage needs it",
                        'a constant is { read = "const", value = ... }')
    if not {"imsi", "msisdn"} & made:
        yield Doubt("fields", "neither imsi nor msisdn is read", "no record could find its "
                    "subscriber (SUBSCRIBER_MISSING)")
    if "partner_charge_micros" in made and "partner_currency" not in made and (
        not profile.control.currency
    ):
        yield Doubt("fields.partner_charge_micros", "is read, but no currency",
                    "give fields.partner_currency, or control.currency for the whole file")


def _legal_values(name: str, field: Field) -> Doubts:
    """What maps, constants and cases put into service or direction."""
    values: list[str | int | None] = []
    if field.read == "map":
        values = [*field.map.values(), field.otherwise]
    elif field.read == "const":
        values = [field.value]
    elif field.read == "text":
        values = [case.value for case in field.cases]
    values = [value for value in values if value is not None]
    for value in dict.fromkeys(values):
        if value not in _VALUES[name]:
            yield Doubt(f"fields.{name}", f"{value!r} is no {name}",
                        f"there are {', '.join(sorted(_VALUES[name]))}")


def variables(form: Format) -> set[str]:
    """The file variables that the format declares, as hdr.X and trl.X."""
    short = {"header": "hdr.", "trailer": "trl."}
    return {f"hdr.{name}" for name in form.header} | {
        f"{short[t.type]}{name}" for t in form.lines if t.type in short
        for name in (*t.columns, *t.names)
    }


def declared_columns(form: Format) -> set[str] | None:
    """The text columns that the profile declares; None where only a file's own line names them."""
    lines = {name for t in form.lines if t.type == "detail" for name in (*t.columns, *t.names)}
    if form.kind == "tap" or (form.kind == "delimited" and not (form.names or lines)):
        return None
    own = form.columns if form.kind in {"xml", "jsonl"} else form.names
    return {*own, *lines, *variables(form)}


def asked(profile: Profile) -> Iterator[tuple[str, str, Condition]]:
    """Each test of a text column, with the key that asks it."""
    for name, field in profile.fields.items():
        yield from _asked(f"fields.{name}.where", field.where)
        for i, case in enumerate(field.cases):
            yield from _asked(f"fields.{name}.cases[{i}].where", case.where)
    for key, rule in _rules(profile):
        if rule.column:
            yield f"{key}.equals", rule.column, Condition(equals=rule.equals)
        yield from _asked(f"{key}.where", rule.where)
        for j, where in enumerate(rule.any):
            yield from _asked(f"{key}.any[{j}]", where)


def _rules(profile: Profile) -> Iterator[tuple[str, Drop]]:
    """The drop rules and the checks, with their keys."""
    for name, rules in (("drop", profile.drop), ("check", profile.check)):
        yield from ((f"{name}[{i}]", rule) for i, rule in enumerate(rules))


def _asked(key: str, where: Where) -> Iterator[tuple[str, str, Condition]]:
    for column, test in where.items():
        condition = test if isinstance(test, Condition) else Condition(equals=test)
        yield f"{key}.{column}", column, condition


def named_columns(profile: Profile) -> Iterator[tuple[str, str]]:
    """Each text column that the profile reads, with the key that names it."""
    for name, field in profile.fields.items():
        for column in dict.fromkeys(columns_of(field)):
            yield f"fields.{name}", column
    for key, column, _ in asked(profile):
        yield key, column


def _columns(profile: Profile) -> Doubts:
    known = declared_columns(profile.format)
    if known is None:
        return
    named = list(named_columns(profile))
    for key, column in named:
        if column and column not in known:
            yield Doubt(key, f"column {column!r} is not declared in format",
                        nearest(column, known))
    used = {column for _, column in named}
    for column in profile.format.columns:
        if column not in used:
            yield Doubt(f"format.columns.{column}", "is read by no field", "take it out, or use it",
                        "warning")


def _texts(profile: Profile) -> Doubts:
    """Texts and patterns that can never be met; columns are read without blanks around them."""
    for name, field in profile.fields.items():
        for part, texts in (("map", tuple(field.map)), ("empty", field.empty)):
            yield from _never(f"fields.{name}.{part}", texts)
    for key, _, condition in asked(profile):
        yield from _never(key, condition.equals)
        low, high = condition.at_least, condition.at_most
        if low is not None and high is not None and low > high:
            yield Doubt(key, f"at_least {low} is more than at_most {high}", "nothing is both")
    for key, rule in _rules(profile):
        try:
            check_rule(rule)
        except ProfileError as error:
            said = str(error).partition(f".{rule.rule}: ")[2]
            yield Doubt(key, said, _MANUAL)


def _never(key: str, texts: Iterable[str]) -> Doubts:
    for text in texts:
        if text != text.strip():
            yield Doubt(key, f"{text!r} never matches: columns are read without blanks around them",
                        f"write {text.strip()!r}")


def _no_pattern(pattern: str) -> str:
    """Why the text is no regular expression; empty when it is one."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"{pattern!r} is no regular expression: {error}"
    return ""


def _kinds_without_identity(profile: Profile) -> Doubts:
    """Kinds of service that the maps give and the identity does not know."""
    service, direction = profile.fields.get("service"), profile.fields.get("direction")
    if service is None or direction is None:
        return
    for kind in dict.fromkeys(_pairs(service, direction)):
        if kind in _KINDS and kind not in profile.identity:
            yield Doubt("identity", f"has no {kind}, which the field map can give",
                        "such records would be suspended (SERVICE_UNKNOWN)", "warning")


def _pairs(service: Field, direction: Field) -> Iterator[str]:
    """The kinds of service that follow from one column's text, or from a constant."""
    if service.read == "map" and direction.read == "map" and service.column == direction.column:
        for text, value in service.map.items():
            if text in direction.map:
                yield f"{value}_{direction.map[text]}"
    elif direction.read == "const":
        values = service.map.values() if service.read == "map" else [service.value]
        yield from (f"{value}_{direction.value}" for value in values)


def _identity(profile: Profile, made: set[str]) -> Doubts:
    given = {*made, *_FROM_THE_HEADER}
    for kind, columns in profile.identity.items():
        for column in columns:
            if column in USAGE.names and column not in given | _OF_THE_DELIVERY | {"utc_offset_s"}:
                yield Doubt(f"identity.{kind}", f"{column} is given by no field",
                            "every such record would be suspended (KEY_FIELD_MISSING)")


def _identity_columns(profile: Profile) -> Doubts:
    if not profile.identity:
        yield Doubt("identity", "is empty", "every record would be suspended (SERVICE_UNKNOWN)")
    for kind, columns in profile.identity.items():
        if not columns:
            yield Doubt(f"identity.{kind}", "names no column", "name those that tell two apart")
        for column in columns:
            if column not in USAGE.names:
                yield Doubt(f"identity.{kind}", f"there is no usage column {column!r}",
                            nearest(column, USAGE.names))
            elif column in _OF_THE_DELIVERY:
                yield Doubt(f"identity.{kind}", f"{column} differs in each delivery",
                            "a record sent twice would be charged twice")
        if columns and "started_at" not in columns:
            yield Doubt(f"identity.{kind}", "does not hold started_at",
                        "two events of another day may look alike", "warning")


def _partials(profile: Profile) -> Doubts:
    """Parts that could not be told from each other."""
    rule = profile.partials
    if rule is None:
        return
    if not rule.last:
        yield Doubt("partials.last", "is empty", "no session would ever be whole")
    if not rule.first and not rule.number:
        yield Doubt("partials.first", "is empty", "no session would ever be whole")
    for name in ("first", "intermediate"):
        if both := sorted({*getattr(rule, name)} & {*rule.last}):
            yield Doubt(f"partials.{name}", f"{', '.join(both)} is also in last",
                        "a record would be a session by itself", "warning")


def _lines(form: Format) -> Doubts:
    """Line types that are never reached, and columns that overlap."""
    for i, line in enumerate(form.lines):
        for j, earlier in enumerate(form.lines[:i]):
            taken = earlier.starts_with and not earlier.equals
            if taken and line.starts_with.startswith(earlier.starts_with):
                yield Doubt(f"format.lines[{i}].starts_with",
                            f"{line.starts_with!r} is never reached: format.lines[{j}] takes all "
                            f"that starts with {earlier.starts_with!r}", "put the longer one first")
        end, before = 0, ""
        for name, (start, size) in sorted(line.columns.items(), key=lambda c: c[1]):
            if start < end:
                yield Doubt(f"format.lines[{i}].columns.{name}", f"overlaps {before}",
                            f"{before} ends at {end}, {name} starts at {start}", "warning")
            end, before = max(end, start + size), name


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names what was probably meant, or what there is."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(names)}" if names else "there are none"
