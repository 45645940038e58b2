"""Which column of a sample is which usage column, told from its name and its texts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mediation.guess_types import Looks, ambiguous_day, looks

CHECK: Final = "CHECK: "


@dataclass(slots=True)
class Guess:
    """One usage column: its reader as TOML values, and the reason beside it."""

    reader: dict[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """Names and looks that speak for a usage column."""

    name: str
    words: str
    kinds: tuple[str, ...]
    against: str = "$^"


_NO_NUMBER: Final = (
    r"name|imsi|id\b|type|context|channel|device|record|seq|charg|time|date|stamp|ip\b|addr|state"
    r"|partition|cause|leg\b|node|present|indicator|trans|count|group"
)
"""Words beside "calling" or "called" that make it something else than a number."""
_RULES: Final = (
    _Rule("imsi", r"imsi", ("imsi", "number", "integer", "epoch")),
    _Rule("imei", r"imei", ("imsi", "number", "integer")),
    _Rule("charging_id", r"charging ?id", ("integer", "number", "epoch")),
    _Rule("partner_tax_micros", r"tax|vat", ("decimal", "integer"), r"code|rate|type"),
    _Rule("partner_charge_micros", r"charge|amount|net|cost|price|fee|total",
          ("decimal", "integer"),
          r"\bid\b|tax|vat|type|code|number|network|charged? (?:party|units)"),
    _Rule("partner_currency", r"curr|ccy", ("currency", "tadig", "text")),
    _Rule("volume_up_bytes", r"\bup|uplink|upload|sent|\btx|bytes out|octets out|output",
          ("integer", "decimal", "number")),
    _Rule("volume_down_bytes", r"\bdown|downlink|download|recei?v|\brx|bytes in|octets in|input",
          ("integer", "decimal", "number")),
    _Rule("duration_s", r"dur|sec|bill ?sec|length|minutes",
          ("integer", "clock", "iso_duration", "decimal"), r"type|unit"),
    _Rule("events", r"events?\b|messages?\b|\bcount|quantity|qty", ("integer",)),
    _Rule("apn", r"\bapn\b|access point", ("text",)),
    _Rule("serving_network", r"tadig|network|plmn|visited|serving|carrier",
          ("tadig", "text", "integer")),
    _Rule("cause_for_term", r"cause|term", ("integer",)),
    _Rule("msisdn",
          r"msisdn|subscriber|served|user num|a num|a number|calling|caller|\bsrc\b|origin",
          ("number", "digits", "integer", "epoch", "imsi"), _NO_NUMBER),
    _Rule("other_party",
          r"other|dialled|dialed|final called|called|b num|b number|\bdst\b|dest|party|number",
          ("number", "digits", "integer", "epoch", "imsi", "text"), _NO_NUMBER),
    _Rule("call_reference", r"ref|uid|unique|guid|pkid|record id|\bid\b|record",
          ("text", "integer", "number", "digits", "epoch", "imsi"), r"type|kind|seq|device|core"),
)
_WORDS: Final = {
    "voice": r"voice|calls?|vo\w?|m[ot]c|tel\w*|speech|vt",
    "sms": r"sms\w*|s[mo]?[ot]|text|smmo|smmt",
    "mms": r"mms\w*",
    "data": r"data|gprs|pdp|ps|internet|do|ip|lte|packet\w*",
}
_WAYS: Final = {
    "mo": r"mo[cs]?|out|outbound|outgoing|orig\w*|o|smo|smmo|so|vo|do",
    "mt": r"mt[cs]?|in|inbound|incoming|term\w*|t|smt|smmt|st|vt",
    "mf": r"mf|cf\w*|forw\w*|fwd|divert\w*",
}
_NEARLY: Final = 0.9
_END: Final = r"\bend|release|disconnect|stop|hangup"
_BINARY: Final = (("kib|kb|kbytes?|kilobytes?", 1024), ("mib|mb|mbytes?|megabytes?", 1 << 20),
                  ("gib|gb|gbytes?", 1 << 30))


def words_of(name: str) -> str:
    """A column's name as small words: camelCase, signs and underscores are cut."""
    cut = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.findall(r"[a-z]+|[0-9]+", cut.lower()))


@dataclass(slots=True)
class Columns:
    """The sample's columns, what they look like, and those that a field took."""

    texts: Mapping[str, Sequence[str]]
    seen: dict[str, Looks] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seen = {name: looks(texts) for name, texts in self.texts.items()}

    @property
    def nameless(self) -> bool:
        """Whether the sample names no column."""
        return all(re.fullmatch(r"column_\d+", name) for name in self.texts)

    def free(self) -> Iterator[tuple[str, Looks]]:
        """The columns that hold anything and no field took."""
        for name, seen in self.seen.items():
            if name not in self.taken and seen.kind != "empty":
                yield name, seen

    def full(self, name: str) -> bool:
        """Whether no record leaves the column empty."""
        return self.seen[name].filled == len(self.texts[name])


def guess_fields(columns: Columns) -> dict[str, Guess]:
    """Usage column to its guessed reader, as far as the sample tells; marks `columns.taken`."""
    fields: dict[str, Guess] = {}
    fields.update(_service(columns))
    fields.update(_start(columns))
    for rule in _RULES:
        name = _match(rule, columns)
        if name is not None:
            columns.taken.add(name)
            fields[rule.name] = _reader(rule.name, name, columns)
    _by_looks(fields, columns)
    fields.update(_volumes(fields, columns))
    if "duration_s" not in fields:
        fields.update(_elapsed(fields, columns))
    if "other_party" in fields and fields["other_party"].reader["read"] == "number":
        reader = {"column": fields["other_party"].reader["column"]}
        fields["other_party_raw"] = Guess(reader | _optional(reader["column"], columns),
                                          "the same as the partner writes it")
    return fields


def _by_looks(fields: dict[str, Guess], columns: Columns) -> None:
    """Give the subscriber, and what a file without names leaves open, by the texts alone."""
    wanted = [("imsi", "imsi")] if "imsi" not in fields else []
    if columns.nameless:
        wanted += [("msisdn", "number"), ("other_party", "number"), ("duration_s", "clock"),
                   ("duration_s", "integer"), ("call_reference", "text"),
                   ("call_reference", "number")]
    elif not {"imsi", "msisdn"} & set(fields):
        wanted.append(("msisdn", "number"))
    moments = [i for i, seen in enumerate(columns.seen.values()) if seen.kind == "time"]
    for usage, kind in wanted:
        for i, (name, seen) in enumerate(columns.seen.items()):
            late = usage != "duration_s" or i > max(moments, default=0)
            apart = usage != "call_reference" or _tells_apart(columns.texts[name])
            if (name not in columns.taken and seen.kind == kind and late and apart
                    and "imei" not in words_of(name) and usage not in fields):
                columns.taken.add(name)
                fields[usage] = _reader(usage, name, columns)
                fields[usage].why += f"; {CHECK}told by its texts alone"


def _volumes(fields: Mapping[str, Guess], columns: Columns) -> dict[str, Guess]:
    """The volumes of a file without names: what only its data records hold, as whole numbers."""
    service = fields["service"].reader if "service" in fields else {}
    of_data = {text for text, value in service.get("map", {}).items() if value == "data"}
    if not columns.nameless or not of_data:
        return {}
    kinds = [text.strip() in of_data for text in columns.texts[service["column"]]]
    found = []
    for name, seen in columns.free():
        held = [data for data, text in zip(kinds, columns.texts[name], strict=True) if text.strip()]
        if seen.kind == "integer" and all(held) and len(held) >= _NEARLY * sum(kinds):
            found.append(name)
    volumes = dict(zip(("volume_up_bytes", "volume_down_bytes"), found, strict=False))
    columns.taken.update(volumes.values())
    told = f"; {CHECK}only data records have it"
    return {usage: Guess(guess.reader, guess.why + told)
            for usage, name in volumes.items() for guess in [_reader(usage, name, columns)]}


def _match(rule: _Rule, columns: Columns) -> str | None:
    """The first column for the first of the rule's words that any fits."""
    for word in rule.words.split("|"):
        for name, seen in columns.free():
            words = words_of(name)
            if seen.kind in rule.kinds and re.search(word, words) and (
                not re.search(rule.against, words)
            ) and (rule.name != "call_reference" or _tells_apart(columns.texts[name])):
                return name
    return None


def _tells_apart(texts: Sequence[str]) -> bool:
    """Whether most texts of a column occur once."""
    held = [text for text in texts if text]
    return len(set(held)) >= 0.9 * len(held)


def _optional(column: str, columns: Columns) -> dict[str, Any]:
    return {} if columns.full(column) else {"optional": True}


def _reader(usage: str, column: str, columns: Columns) -> Guess:
    """The reader of a usage column for a text column of these looks."""
    seen = columns.seen[column]
    reader: dict[str, Any] = {"read": "text", "column": column}
    why = seen.why
    match usage:
        case "imsi" | "imei":
            reader["read"] = "digits"
        case "charging_id" | "events" | "cause_for_term":
            reader["read"] = "integer"
        case "volume_up_bytes" | "volume_down_bytes":
            reader["read"] = "integer"
            why += _scaled(reader, column)
        case "duration_s":
            why += _duration(reader, column, seen)
        case "partner_charge_micros" | "partner_tax_micros":
            reader["read"] = "decimal_micros"
            reader |= {"decimal": ","} if seen.decimal == "," else {}
            if seen.kind == "integer":
                why = f"{CHECK}whole numbers: are they the currency's units, or cents?"
        case "msisdn" | "other_party":
            why = _phone(reader, columns.texts[column], seen)
        case _:
            pass
    if reader["read"] == "text":
        del reader["read"]
    return Guess(reader | _optional(column, columns), why)


def _scaled(reader: dict[str, Any], column: str) -> str:
    for words, scale in _BINARY:
        if re.search(rf"\b(?:{words})\b", words_of(column)):
            reader["scale"] = scale
            return f"; {CHECK}its name says units of {scale} octets"
    return f"; {CHECK}taken as octets"


def _duration(reader: dict[str, Any], column: str, seen: Looks) -> str:
    reader["read"] = "duration"
    reader["format"] = {"clock": "hms", "iso_duration": "iso8601", "decimal": "s.f"}.get(
        seen.kind, "s")
    words = words_of(column)
    if seen.kind == "integer" and re.search(r"\bms\b|milli", words):
        reader["format"] = "ms"
    elif seen.kind == "integer" and "minute" in words:
        reader["scale"] = 60
    return ""


def _phone(reader: dict[str, Any], texts: Sequence[str], seen: Looks) -> str:
    """How numbers are read: as they are where one would need a country code that nobody told."""
    held = [t.strip() for t in texts if t.strip()]
    national = [t for t in held if re.match(r"0[1-9]", t)]
    reader["read"] = "number"
    if not national:
        bare = any(not t.startswith(("+", "00")) for t in held)
        return seen.why + (f"; {CHECK}those without + or 00 are taken as international"
                           if bare else "")
    reader["country_code"] = "999"
    return (f"{CHECK}{len(national)} of {len(held)} are national, as {national[0]!r}: put the "
            "partner's country code for 999")


def _start(columns: Columns) -> dict[str, Guess]:
    """The start of the event: one column with day and time, or two."""
    found = [(name, seen) for name, seen in columns.free() if seen.kind in {"time", "epoch"}
             and not (seen.kind == "epoch" and not re.search(r"time|date|start|stamp|connect",
                                                             words_of(name)))]
    found.sort(key=lambda f: _start_rank(words_of(f[0])))
    offset = next((n for n, s in columns.free() if _is_offset(columns, n) and (
        columns.nameless or re.search(r"offset|utc|zone|tz", words_of(n)))), "")
    if found:
        name, seen = found[0]
        columns.taken.add(name)
        return {"started_at": _moment(columns, name, seen, seen.form, offset)}
    day = next(((n, s) for n, s in columns.free() if s.kind == "date"), None)
    clock = next(((n, s) for n, s in columns.free() if s.kind == "clock"
                  and "dur" not in words_of(n)), None)
    if day is None or clock is None:
        return {}
    columns.taken |= {day[0], clock[0]}
    form = f"{day[1].form} %H:%M:%S"
    return {"started_at": _moment(columns, (day[0], clock[0]), day[1], form, offset)}


def _elapsed(fields: Mapping[str, Guess], columns: Columns) -> dict[str, Guess]:
    """The duration between the start and a column that holds the end in the same form."""
    start = fields["started_at"].reader if "started_at" in fields else {}
    for name, seen in columns.free():
        same = isinstance(start.get("column"), str) and seen.form == start["format"]
        if same and not seen.form.endswith("%z") and re.search(_END, words_of(name)):
            columns.taken.add(name)
            reader = {"read": "elapsed", "column": (start["column"], name), "format": seen.form}
            return {"duration_s": Guess(reader | _optional(name, columns),
                                        f"{CHECK}no column says the duration")}
    return {}


def _start_rank(words: str) -> int:
    order = (r"answer|connect(?!.*dis)|start|begin", r"setup|orig|event", r"time|date|stamp")
    if re.search(_END, words):
        return len(order) + 1
    return next((i for i, pattern in enumerate(order) if re.search(pattern, words)), len(order))


def _is_offset(columns: Columns, name: str) -> bool:
    held = [t.strip() for t in columns.texts[name] if t.strip()]
    return bool(held) and all(re.fullmatch(r"Z|[+-]\d\d:?\d\d", t) for t in held)


def _moment(
    columns: Columns, column: str | tuple[str, str], seen: Looks, form: str, offset: str
) -> Guess:
    reader: dict[str, Any] = {"read": "utc_time", "column": column, "format": form}
    why = seen.why
    if form.endswith("%z"):
        reader["read"] = "local_time"
        why += " with its offset"
    elif offset:
        columns.taken.add(offset)
        reader |= {"read": "local_time", "offset_column": offset}
        why += f"; {offset} holds its offset"
    elif seen.kind != "epoch":
        why += (f'; {CHECK}taken as UTC, for nothing says the zone: read = "local_time" and '
                'zone = "Europe/Vienna" make it local')
    if isinstance(column, str) and ambiguous_day(form, columns.texts[column]):
        why += f"; {CHECK}day and month may be the other way round"
    return Guess(reader, why)


def _service(columns: Columns) -> dict[str, Guess]:
    """Service and direction from columns of few words that say so."""
    service = _mapped(columns, _WORDS, r"service|type|kind|record|event|call")
    direction = _mapped(columns, _WAYS, r"direction|type|kind|record|event|call")
    fields: dict[str, Guess] = {}
    if service and direction and service[0] == direction[0]:
        _complete_ways(service[1], direction[1])
    for usage, found in (("service", service), ("direction", direction)):
        if found is None:
            continue
        column, values = found
        unknown = [v for v in columns.seen[column].values if v not in values]
        why = f"{len(values)} texts known"
        if unknown:
            why = f"{CHECK}unknown texts are turned away: {', '.join(map(repr, unknown[:8]))}"
        fields[usage] = Guess({"read": "map", "column": column, "map": values}, why)
    source = list(dict.fromkeys(g.reader["column"] for g in fields.values()))
    columns.taken.update(source)
    if source:
        fields["record_type"] = Guess(
            {"column": source[0] if len(source) == 1 else tuple(source)}, "the partner's own words")
    return fields


def _complete_ways(services: Mapping[str, str], ways: dict[str, str]) -> None:
    """Give data, which the subscriber begins, a direction where its text says none."""
    for text, service in services.items():
        if service == "data":
            ways.setdefault(text, "mo")


def _mapped(
    columns: Columns, words: Mapping[str, str], names: str
) -> tuple[str, dict[str, str]] | None:
    """The column whose texts the words know best, and its map.

    At least half of the records must have a text that is known.
    """
    best: tuple[tuple[bool, bool, float], str, dict[str, str]] | None = None
    for column, seen in columns.free():
        if seen.kind not in {"text", "currency", "tadig"} or not seen.values:
            continue
        values = {text: meaning for text in seen.values if (meaning := _meaning(text, words))}
        share = sum(t.strip() in values for t in columns.texts[column]) / seen.filled
        score = (len(values) > 1, bool(re.search(names, words_of(column))), share)
        if share >= 0.5 and (best is None or score > best[0]):
            best = score, column, values
    return None if best is None else (best[1], best[2])


def _meaning(text: str, words: Mapping[str, str]) -> str:
    """What a text means by the first pattern that one of its words, or all of it, fits."""
    spelt = words_of(text) or text.lower()
    for meaning, pattern in words.items():
        if re.fullmatch(pattern, spelt) or any(
            re.fullmatch(pattern, word) for word in spelt.split()
        ):
            return meaning
    return ""
