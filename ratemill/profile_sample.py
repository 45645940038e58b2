"""A sample file as a profile reads it, step by step, with nothing written anywhere."""

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Final

import polars as pl

from mediation.conditions import holds
from mediation.decided import Decided
from mediation.decoded import Decoded
from mediation.dedupe import KNOWN, dedupe
from mediation.file_context import FileContext
from mediation.mediate import FORMATS
from mediation.partials import assembled
from mediation.profile import Profile
from mediation.readers import reading
from mediation.unpack import unpack
from mediation.validate import validate
from ratemill.profile_check import Doubt, Doubts, asked, named_columns, nearest

PLACE = ("record_index", "byte_offset", "byte_length")
_TEXTS_SHOWN: Final = 5
_ENOUGH: Final = 50
"""In a sample of fewer records a rare text may well be absent."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file's octets, records, the fields' texts and values, and each record's end.

    `fields` holds text:NAME, NAME and, where a field has a `where`, applies:NAME for each field of
    a format with a field map, beside the record_index; `usage` is what dedupe passes; `rejects` is
    table reject.
    """

    content: bytes
    decoded: Decoded
    fields: pl.DataFrame
    usage: pl.DataFrame
    rejects: pl.DataFrame

    @property
    def whole_file(self) -> list[str]:
        """Why the file as a whole is turned away; empty when it is not."""
        found = self.rejects.filter(pl.col("record_index").is_null())
        return [f"{code}: {detail}" for code, detail in found.select("code", "detail").rows()]


def read_sample(
    data: bytes, name: str, profile: Profile, received_at: datetime, *, decode_only: bool = False
) -> Sample:
    """The sample of that file name as mediation would read it on that moment (naive UTC).

    The gate and other files, with their keys and parts, are left out. UnpackError and ProfileError
    as there.
    """
    ctx = FileContext(profile.name, sha256(data).hexdigest(), name, received_at)
    decode, normalize = FORMATS[profile.format.kind]
    content = unpack(data)
    decoded = decode(content, profile, ctx)
    if decode_only or decoded.records.is_empty():
        none = decoded.records.select("record_index")
        return Sample(content, decoded, none, none, decoded.rejects)
    steps = [normalize(decoded, profile, ctx)]
    steps.append(validate(steps[-1].passed, profile, ctx))
    steps.append(assembled(
        steps[-1].passed, decoded.records, profile, ctx, None, Decided().written_off
    ).outcome)
    steps.append(dedupe(steps[-1].passed, pl.DataFrame(schema=KNOWN), ctx))
    away = pl.concat([decoded.rejects, *(step.rejects for step in steps)])
    return Sample(
        decoded.content or content, decoded, _fields(decoded.records, profile), steps[-1].passed,
        away.sort("record_index", nulls_last=False, maintain_order=True),
    )


def _fields(records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    if profile.format.kind == "tap":
        return records.select("record_index")
    present = set(records.columns) - set(PLACE)
    readings = [reading(name, field, present) for name, field in profile.fields.items()]
    texts = records.select("record_index", *(e for r in readings for e in r.source))
    return texts.lazy().with_columns(r.value for r in readings).collect()


def sample_doubts(sample: Sample, name: str, profile: Profile) -> Doubts:
    """What the sample of that file name shows to be wrong or doubtful in the profile."""
    collect = profile.collect
    if not fnmatchcase(name, collect.glob):
        yield Doubt("collect.glob", f"{collect.glob!r} does not match {name}",
                    "such a file is never fetched", "warning")
    for pattern in collect.exclude:
        if fnmatchcase(name, pattern):
            yield Doubt("collect.exclude", f"{pattern!r} leaves out {name}",
                        "such a file is never fetched", "warning")
    for reason in sample.whole_file:
        yield Doubt("format", f"{name} would be turned away as a whole: {reason}",
                    "is it the right sample?")
    for note in sample.decoded.header.notes:
        yield Doubt("control", f"{name}: {note}", "", "warning")
    if not sample.decoded.records.is_empty():
        if profile.format.kind != "tap":
            yield from _absent(sample, profile)
            yield from _never_met(sample, profile)
        yield from _turned_away(sample, profile)


def _absent(sample: Sample, profile: Profile) -> Doubts:
    """Columns that the sample lacks, or holds nothing in."""
    records = sample.decoded.records
    columns = [c for c in records.columns if c not in PLACE]
    empty = {c for c in columns if records[c].null_count() == records.height}
    told = set()
    for key, column in named_columns(profile):
        if column and column not in columns:
            yield Doubt(key, f"the sample has no column {column!r}", nearest(column, columns))
        elif column in empty and column not in told:
            told.add(column)
            yield Doubt(key, f"column {column!r} is empty in all {records.height:,} records",
                        "is it the right one?", "warning")


def _never_met(sample: Sample, profile: Profile) -> Doubts:
    """Conditions on texts that no record of the sample holds."""
    records = sample.decoded.records
    present = set(records.columns)
    for key, column, condition in asked(profile) if records.height >= _ENOUGH else ():
        if key.startswith("check["):
            continue  # a sample without a fault is none to talk of
        met = records.select(met=holds({column: condition}, present).any())["met"].item()
        if column in present and not met:
            texts = records[column].str.strip_chars().drop_nulls().unique().sort().to_list()
            shown = ", ".join(repr(t) for t in texts[:_TEXTS_SHOWN] if t)
            yield Doubt(key, f"no record's {column} is so", f"it holds {shown or 'nothing'}",
                        "warning")


def _turned_away(sample: Sample, profile: Profile) -> Doubts:
    """The reasons for which records would be turned away.

    One that holds for more of them than the gate's share is an error: files would be quarantined.
    """
    total = sample.decoded.received.len()
    away = sample.rejects.filter(
        # the others of its session are in other files
        pl.col("record_index").is_not_null() & (pl.col("code") != "PARTIAL_WAITING")
    ).with_columns(
        key=pl.when(pl.col("stage") == "normalize").then(
            pl.col("detail").str.extract(r"^([a-z0-9_]+):"))
    )
    groups = away.group_by("code", "key", "outcome", maintain_order=True).agg(
        pl.len(), pl.col("record_index").first(), pl.col("detail").first()
    )
    for g in groups.rows(named=True):
        if g["outcome"] == "dropped":
            continue
        field = g["key"] if g["key"] in profile.fields else None
        yield Doubt(
            f"fields.{field}" if field else "", f"{g['len']:,} of {total:,} records: {g['code']}",
            f"as record {g['record_index']}: {g['detail']}",
            "error" if g["len"] > profile.gate.reject_share_max * total else "warning",
        )
