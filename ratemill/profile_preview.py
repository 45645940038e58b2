"""`ratemill profile preview`: a file's records side by side as received, as read and as usage."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl
from rich.table import Table
from rich.text import Text

from mediation.profile import Profile
from mediation.readers import columns_of, text_name
from ratemill.profile_sample import PLACE, Sample
from ratemill.screen import out, plain_table, printable

_RAW_SHOWN: Final = 400
"""Characters of a record's octets on a screen; --json gives as many."""
_HEX_SHOWN: Final = 48


class Reject(msgspec.Struct, frozen=True):
    """How a record would be turned away."""

    stage: str
    outcome: str
    code: str
    detail: str


class Line(msgspec.Struct, frozen=True):
    """One usage column: the text columns it comes from, their text, and the value."""

    column: str
    source: str
    text: str | None
    value: Any


class Seen(msgspec.Struct, frozen=True):
    """One record: its place, octets, the columns no field reads, the usage, and its end.

    For TAP `columns` are all that were decoded.
    """

    record_index: int
    byte_offset: int | None
    byte_length: int | None
    raw: str
    columns: dict[str, str]
    usage: list[Line]
    reject: Reject | None


def seen(sample: Sample, profile: Profile, rows: int, *, rejected: bool) -> list[Seen]:
    """The first records of the sample; with `rejected` the first of those turned away."""
    ends = {r["record_index"]: r for r in sample.rejects.rows(named=True)
            if r["record_index"] is not None}
    order = sorted(ends) if rejected else sample.decoded.received.to_list()
    chosen = order[:rows]
    among = pl.col("record_index").is_in(chosen)
    read = _by_index(sample.decoded.records.filter(among))
    fields = _by_index(sample.fields.filter(among))
    usage = _by_index(sample.usage.filter(among))
    return [
        _one(sample, profile, i, ends.get(i), (read.get(i), fields.get(i), usage.get(i)))
        for i in chosen
    ]


def _by_index(frame: pl.DataFrame) -> dict[int, dict[str, Any]]:
    return {row["record_index"]: row for row in frame.rows(named=True)}


_Row = Mapping[str, Any] | None


def _one(
    sample: Sample, profile: Profile, index: int, end: _Row, steps: tuple[_Row, _Row, _Row]
) -> Seen:
    read, fields, usage = steps
    place = read or {}
    start, length = place.get("byte_offset"), place.get("byte_length")
    octets = (end or {}).get("raw")
    if octets is None and start is not None and length is not None:
        octets = sample.content[start : start + length]
    tap = profile.format.kind == "tap"
    used = {c for field in profile.fields.values() for c in columns_of(field)}
    unread = {c: str(v) for c, v in place.items()
              if c not in PLACE and c not in used and not c.startswith(("hdr.", "trl."))
              and v not in (None, "", [])}
    return Seen(
        record_index=index,
        byte_offset=start if start is not None else (end or {}).get("byte_offset"),
        byte_length=length if length is not None else (None if octets is None else len(octets)),
        raw=_raw_text(octets or b"", profile.format.encoding, tap=tap),
        columns=unread,
        usage=_usage_lines(usage) if tap else _lines(profile, fields or {}, usage),
        reject=None if end is None else Reject(*(end[n] for n in
                                                ("stage", "outcome", "code", "detail"))),
    )


def _raw_text(octets: bytes, encoding: str, *, tap: bool) -> str:
    if tap:
        cut = octets[:_HEX_SHOWN].hex(" ")
        return f"{cut} …" if len(octets) > _HEX_SHOWN else cut
    text = octets.decode(encoding, errors="backslashreplace")
    return f"{text[:_RAW_SHOWN]}…" if len(text) > _RAW_SHOWN else text


def _lines(profile: Profile, fields: Mapping[str, Any], usage: _Row) -> list[Line]:
    """The fields in the profile's order, without those that were not to be read or are empty."""
    lines = []
    for name, field in profile.fields.items():
        text, value = fields.get(text_name(name)), fields.get(name)
        if not fields.get(f"applies:{name}", True) or (text is None and field.optional):
            continue
        source = "constant" if field.read == "const" else " + ".join(columns_of(field))
        lines.append(Line(name, source, text, value))
    given = [("utc_offset_s", "time zone")] if "utc_offset_s" not in profile.fields else []
    if "partner_currency" not in profile.fields:
        given.append(("partner_currency", profile.control.currency))
    lines += [Line(name, source, None, usage[name]) for name, source in (*given, ("usage_key",
              "identity")) if usage is not None and usage[name] is not None]
    return lines


def _usage_lines(usage: _Row) -> list[Line]:
    told = {*PLACE, "partner", "file_id"}
    return [Line(name, "", None, value) for name, value in (usage or {}).items()
            if name not in told and value is not None]


def show(sample: Sample, records: Sequence[Seen], title: str) -> None:
    """Print the records one below the other, then how many of all would end how."""
    _say(title, "bold")
    for reason in sample.whole_file:
        _say(f"  the whole file: {reason}", "red")
    for note in sample.decoded.header.notes:
        _say(f"  {note}", "yellow")
    for record in records:
        out.print()
        _show_one(record)
    _show_ends(sample)


def _say(text: str, style: str = "") -> None:
    """Print a partner's text as it is: no markup, no emoji, nothing a terminal would obey."""
    out.print(Text(printable(text), style), soft_wrap=True)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = plain_table(heads, [])
    for row in rows:
        table.add_row(*(Text("-" if v is None else printable(str(v))) for v in row))
    return table


def _show_one(record: Seen) -> None:
    place = "" if record.byte_offset is None else f" at octet {record.byte_offset:,}"
    _say(f"record {record.record_index:,}{place}", "bold")
    _say(f"  {record.raw}", "dim")
    tap = not any(line.source for line in record.usage)
    if tap and record.usage:
        out.print(_table(("  usage column", "value"),
                         [(f"  {line.column}", line.value) for line in record.usage]))
    elif record.usage:
        out.print(_table(("  usage column", "from", "text", "value"),
                         [(f"  {line.column}", line.source, line.text or "", line.value)
                          for line in record.usage]))
    if record.columns:
        told = "decoded" if tap else "read by no field"
        text = ", ".join(f"{name} '{value}'" for name, value in record.columns.items())
        _say(f"  {told}: {text}", "dim")
    if record.reject is not None:
        r = record.reject
        _say(f"  {r.outcome} by {r.stage}: {r.code}: {r.detail}",
             "red" if r.outcome == "suspended" else "yellow")


def ends_of(sample: Sample) -> dict[str, int]:
    """How many records there are, and how many would end how."""
    away = sample.rejects.filter(pl.col("record_index").is_not_null())["outcome"]
    counts = {name: int((away == name).sum()) for name in ("duplicate", "suspended", "dropped")}
    return {"records": sample.decoded.received.len(), "usage": sample.usage.height, **counts}


def _show_ends(sample: Sample) -> None:
    ends = ends_of(sample)
    out.print(f"\n{ends['records']:,} records: {ends['usage']:,} would become usage, "
              f"{ends['duplicate']:,} duplicate, {ends['suspended']:,} suspended, "
              f"{ends['dropped']:,} dropped")
    reasons = (
        sample.rejects.group_by("outcome", "stage", "code", maintain_order=True)
        .agg(pl.len(), pl.col("record_index").first(), pl.col("detail").first())
        .sort("len", "code", descending=[True, False])
    )
    if not reasons.is_empty():
        heads = ("outcome", "stage", "code", "records", "first", "detail")
        out.print(_table(heads, reasons.rows()))


def as_json(sample: Sample, records: Sequence[Seen]) -> str:
    """The same as JSON."""
    return json.dumps({
        "header": msgspec.to_builtins(sample.decoded.header),
        "whole_file": sample.whole_file,
        "records": msgspec.to_builtins(list(records)),
        "ends": ends_of(sample),
    })
