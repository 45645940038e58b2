"""A first profile from one sample file: what can be told from its octets, and why."""

import re
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final, get_args
from urllib.parse import unquote

import msgspec
import polars as pl

from asn1.identify import identify
from mediation.file_context import FileContext
from mediation.guess_fields import CHECK, Columns, Guess, guess_fields
from mediation.guess_form import Form, GuessError, text_form
from mediation.guess_toml import Section, toml
from mediation.guess_types import looks
from mediation.guess_xml import xml_form
from mediation.limits import GUESS_BYTES, GUESS_RECORDS
from mediation.mediate import FORMATS
from mediation.profile import IdentityKind, Profile, ProfileError
from mediation.readers import reading, text_name
from mediation.unpack import unpack

__all__ = ["GuessError", "guess"]

_KINDS: Final[tuple[str, ...]] = get_args(IdentityKind)
_KEY_COLUMNS: Final = (
    "imsi", "msisdn", "started_at", "other_party", "duration_s", "charging_id",
    "volume_up_bytes", "volume_down_bytes", "call_reference",
)
_ENCODED: Final = 3
"""Texts with %20 or its like that make it more than chance."""
_NO_TIME: Final = datetime(2000, 1, 1)  # noqa: DTZ001 (naive UTC)
_TAP_IDENTITY: Final = {
    "voice_mo": ["imsi", "started_at", "other_party", "duration_s", "call_reference"],
    "voice_mt": ["imsi", "started_at", "duration_s", "call_reference"],
    "sms_mo": ["imsi", "started_at", "other_party", "call_reference"],
    "sms_mt": ["imsi", "started_at", "call_reference"],
    "data_mo": ["imsi", "started_at", "charging_id", "volume_up_bytes", "volume_down_bytes"],
}


def guess(data: bytes, file_name: str, name: str) -> str:
    """The TOML of a profile of that name for a sample, with a comment beside each guess.

    GuessError where nothing can be told; UnpackError for an archive that cannot be opened.
    """
    content = unpack(data)
    if len(content) > GUESS_BYTES:
        raise GuessError(f"has {len(content):,} octets; a sample of a few thousand records will do")
    family = identify(content)
    if family in {"tap", "notification"}:
        return _tap(content, file_name, name)
    if family is not None:
        raise GuessError(f"is a {family.upper()} file, which holds no usage of its own")
    begin = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if begin.startswith((b"<!doctype", b"<html")):
        raise GuessError("is a web page or has a document type declaration, which is refused")
    form = xml_form(content) if begin.startswith(b"<") else text_form(content)
    _percent(form)
    columns = Columns(form.columns)
    fields = _completed(guess_fields(columns), columns, form)
    return _written(content, file_name, name, form, columns, fields)


def _percent(form: Form) -> None:
    """Read texts as in a URL where some are written so."""
    encoded = sum(bool(re.search("%(?:20|2B|3A|40)", text))
                  for texts in form.columns.values() for text in texts)
    if encoded >= _ENCODED:
        form.keys["percent_encoded"] = True
        form.why["percent_encoded"] = f"{encoded} texts hold %20, %2B, %3A or %40"
        for name, texts in form.columns.items():
            form.columns[name] = [unquote(text) for text in texts]


def _completed(fields: dict[str, Guess], columns: Columns, form: Form) -> dict[str, Guess]:
    """The fields in the table's order, with constants where every usage needs a value."""
    if "started_at" not in fields:
        seen = "; ".join(f"{name}: {s.why}" for name, s in list(columns.seen.items())[:12])
        raise GuessError(f"no column holds day and time of an event ({seen})")
    volumes = {"volume_up_bytes", "volume_down_bytes"} & set(fields)
    service = "data" if volumes else "voice" if "duration_s" in fields else "units"
    for usage, value, why in (
        ("record_type", "cdr", "no column says the kind of record"),
        ("service", service, f"{CHECK}no column says the service"),
        ("direction", "mo", f"{CHECK}no column says the direction"),
        ("serving_network", "XXXXX", f"{CHECK}put the TADIG code of the network"),
    ):
        fields.setdefault(usage, Guess({"read": "const", "value": value}, why))
    texts = _texts_of(fields["service"], "sms")
    if texts and "events" not in fields:
        where = {fields["service"].reader["column"]: texts}
        fields["events"] = Guess({"read": "const", "value": 1, "where": where},
                                 "one message a record")
    _currency(fields, columns, form)
    order = ("record_type", "service", "direction", "imsi", "msisdn", "imei", "other_party",
             "other_party_raw", "serving_network", "apn", "started_at")
    return {n: fields[n] for n in (*order, *(n for n in fields if n not in order)) if n in fields}


def _texts_of(service: Guess, wanted: str) -> list[str]:
    return [text for text, value in service.reader.get("map", {}).items() if value == wanted]


def _currency(fields: dict[str, Guess], columns: Columns, form: Form) -> None:
    """The currency of a charge from its column's name, where no column holds it."""
    if "partner_charge_micros" not in fields or "partner_currency" in fields:
        return
    if any(looks([text]).kind == "currency" for text in form.variables.values()):
        return
    column = fields["partner_charge_micros"].reader["column"]
    codes = [w for w in re.split(r"[^A-Za-z]", column) if looks([w.upper()]).kind == "currency"]
    if codes:
        fields["partner_currency"] = Guess({"read": "const", "value": codes[0].upper()},
                                           f"out of the name {column}")
        return
    for usage in ("partner_charge_micros", "partner_tax_micros"):
        if usage in fields:
            columns.taken.discard(fields.pop(usage).reader["column"])


def _written(
    content: bytes, file_name: str, name: str, form: Form, columns: Columns,
    fields: dict[str, Guess],
) -> str:
    sections = {
        "": _names(name, form), "collect": _collect(name, file_name),
        "format": Section(form.keys, form.why, form.notes),
        "fields": Section({n: g.reader for n, g in fields.items()},
                          {n: g.why for n, g in fields.items()}),
    }
    records = len(next(iter(form.columns.values()), [])) + form.others
    control = _control(file_name, form, records)
    try:
        records, values = _values(content, name, file_name, sections)
    except ProfileError as error:
        raise GuessError(f"holds names that no profile can: {error}") from error
    _judge(fields, values, sections["fields"])
    _unused(columns, form, sections["fields"])
    if control.keys:
        sections["control"] = control
    sections["identity"] = _identity(values) or _likely_identity(fields)
    return toml(_head(file_name, records), sections)


def _unused(columns: Columns, form: Form, section: Section) -> None:
    """Tell the columns that no field reads, and take their paths out of the format."""
    used = {column for reader in section.keys.values() for column in _columns_of(reader)}
    paths = form.keys.get("columns", {})
    for column, seen in columns.seen.items():
        if column not in used:
            path = paths.pop(column, "")
            told = f"{column} = {path}" if path else column
            section.below.append(f"not used: {told} ({seen.why})")


def _columns_of(reader: dict[str, Any]) -> list[str]:
    own = reader.get("column", ())
    named = [own] if isinstance(own, str) else list(own)
    return [*named, reader.get("offset_column", ""), *reader.get("where", ())]


def _head(file_name: str, records: int) -> list[str]:
    return [f"A first profile, guessed from {records:,} records of {file_name}.",
            f"Go through it line by line; what is marked {CHECK.strip()} is no more than likely.",
            "Then: ratemill profile check, and ratemill profile preview."]


def _names(name: str, form: Form) -> Section:
    stated = {key: next((text for n, text in form.variables.items() if key in n.lower()), "")
              for key in ("sender", "recipient")}
    why = {"title": f"{CHECK}the partner's name for people",
           "sender": f"{CHECK}the partner's id (TADIG code)",
           "recipient": f"{CHECK}our id as the partner writes it"}
    why |= {key: "as the file states it" for key, text in stated.items() if text}
    return Section({"name": name, "title": name.replace("_", " ").capitalize(), **stated}, why)


def _collect(name: str, file_name: str) -> Section:
    return Section(
        {"connection": f"sftp_{name}"[:31], "glob": _glob(file_name)},
        {"connection": f"{CHECK}the connection of the partner's server",
         "glob": f"{CHECK}made of {file_name}"},
    )


def _glob(file_name: str) -> str:
    """The letters before the first digit, and those of the ending."""
    found = re.fullmatch(r"(\D*)\d.*?((?:\.[A-Za-z]\w*)*)", file_name)
    return f"{found[1]}*{found[2]}" if found else f"*{PurePath(file_name).suffix}"


def _control(file_name: str, form: Form, records: int) -> Section:
    """Numbers that the name or the header states, where they can be told."""
    section = Section({})
    in_name = {int(run) for run in re.findall(r"(?<!\d)\d{1,9}(?!\d)", file_name)}
    for variable, text in form.variables.items():
        told = re.search(r"sequence|seq|number", variable.lower()) is not None
        if "sequence" not in section.keys and text.isdecimal() and looks([text]).kind != "date" \
                and (told or int(text) in in_name):
            section.keys["sequence"] = variable
            section.why["sequence"] = f"states {text}"
        elif text.isdecimal() and int(text) == records < GUESS_RECORDS:
            section.keys.setdefault("records", variable)
            section.why["records"] = f"states {text}, and so many there are"
        elif looks([text]).kind == "currency":
            section.keys.setdefault("currency", variable)
    run = re.search(r"(?<![A-Za-z0-9])(\d{2,9})(\.[A-Za-z]\w*|)[^\d]*$", file_name)
    if run and "sequence" not in section.keys and not re.fullmatch(r"20\d{6}", run[1]):
        section.keys["sequence_from_name"] = rf"(\d+){re.escape(run[2]) or '$'}"
        section.why["sequence_from_name"] = f"{CHECK}{run[1]} in the sample's name"
    return section


def _values(
    content: bytes, name: str, file_name: str, sections: dict[str, Section]
) -> tuple[int, pl.DataFrame]:
    """The number of records, and the first ones' texts and values as the profile reads them."""
    raw: dict[str, Any] = {s: section.keys for s, section in sections.items() if s}
    profile = msgspec.convert({**sections[""].keys, **raw, "identity": {}}, Profile)
    decode, _ = FORMATS[profile.format.kind]
    records = decode(content, profile, FileContext(name, "", file_name, _NO_TIME)).whole().records
    some, present = records.head(GUESS_RECORDS), set(records.columns)
    readings = [reading(n, f, present) for n, f in profile.fields.items()]
    texts = some.select(e for r in readings for e in r.source)
    return records.height, texts.lazy().with_columns(r.value for r in readings).collect()


def _judge(fields: dict[str, Guess], values: pl.DataFrame, section: Section) -> None:
    """Say beside a field how many texts it cannot read; leave it out where most are so."""
    needed = {"record_type", "service", "direction", "serving_network", "started_at"}
    for name in fields:
        given = values[text_name(name)].is_not_null()
        asked = "where" in section.keys[name]
        bad = 0 if asked else int((given & values[name].is_null()).sum())
        if bad * 2 > given.sum() and name not in needed:
            del section.keys[name]
            section.below.append(f"{name}: {bad} of {given.sum()} texts of "
                                 f"{fields[name].reader['column']} cannot be read")
        elif bad:
            section.why[name] += f"; {CHECK}{bad} of {given.sum()} texts are not so"


def _likely_identity(fields: dict[str, Guess]) -> Section:
    """Keys for all kinds that the field map can give, where no record of the sample has one."""
    told = [
        [g.reader["value"]] if g.reader["read"] == "const" else sorted({*g.reader["map"].values()})
        for g in (fields["service"], fields["direction"])
    ]
    kinds = [f"{service}_{way}" for service in told[0] for way in told[1]]
    key = [c for c in _KEY_COLUMNS if c in fields]
    return Section({kind: key for kind in kinds if kind in _KINDS},
                   dict.fromkeys(kinds, f"{CHECK}no record of the sample has all of these"))


def _identity(values: pl.DataFrame) -> Section | None:
    """For each kind of service in the sample the columns that no record of it leaves empty."""
    section = Section({})
    work = values.with_columns(kind=pl.concat_str(["service", "direction"], separator="_"))
    for kind in sorted(work["kind"].drop_nulls().unique(), key=_place):
        rows = work.filter((pl.col("kind") == kind) & pl.col("started_at").is_not_null())
        idle = () if kind.startswith("voice") else ("duration_s",)
        key = [c for c in _KEY_COLUMNS
               if c in rows.columns and c not in idle and rows[c].null_count() == 0]
        if "imsi" in key and "msisdn" in key:
            key.remove("msisdn")
        if kind not in _KINDS or not key:
            section.below.append(f"{kind}: {rows.height} records have no key")
            continue
        section.keys[kind] = key
        alike = rows.height - rows.select(key).n_unique()
        section.why[kind] = f"{rows.height} records" + (
            f"; {CHECK}{alike} of them look like another one" if alike else ", all different")
    return section if section.keys else None


def _place(kind: str) -> tuple[int, str]:
    """Where a kind of service stands among those of a profile."""
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), kind)


def _tap(content: bytes, file_name: str, name: str) -> str:
    from asn1.tap import read

    file = read(content)
    header = file.header
    sender, recipient = (getattr(header, key, None) or "" for key in ("sender", "recipient"))
    prefix = re.match(r"[CT]D(?=[A-Z0-9]{10})", file_name)
    glob = f"[CT]D{sender}{recipient}*" if prefix else "*"
    return toml(_head(file_name, file.record_count), {
        "": Section({"name": name, "title": f"{sender or name}, TAP", "sender": sender,
                     "recipient": recipient},
                    {"title": f"{CHECK}the partner's name for people",
                     "sender": "as the file states it", "recipient": "as the file states it"}),
        "collect": Section({"connection": f"sftp_{name}"[:31], "glob": glob},
                           {"connection": f"{CHECK}the connection of the partner's server",
                            "glob": "chargeable and test files" if prefix else f"{CHECK}any file"}),
        "format": Section({"kind": "tap"},
                          {"kind": f"release {getattr(header, 'release', None) or 'not stated'}"}),
        "identity": Section(dict(_TAP_IDENTITY)),
    })
