"""What `ratemill inspect` tells of a TAP, RAP or NRTRDE file, as data with stable names."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import msgspec
import polars as pl

from asn1.audit import AuditTotal, audit_totals
from asn1.tap import DecodeError, TapFile


class Total(msgspec.Struct, frozen=True):
    """A control total; the difference is computed less stated, in seconds between two times."""

    name: str
    stated: int | datetime | None
    computed: int | datetime | None
    difference: int | None


class Finding(msgspec.Struct, frozen=True):
    """An error or a note: which record, where, and what."""

    record_index: int | None
    offset: int
    length: int
    code: str
    detail: str


class Summary(msgspec.Struct, frozen=True):
    """A file on one page; `errors` and `notes` are the first ones, of as many as counted beside.

    `records` are the readable ones by kind, `record_count` counts all. `groups` are the values of
    everything beside the records, by element name. Amounts are in the file's units. `octets` are
    those of all, None for a file behind another.
    """

    kind: str
    release: str | None
    octets: int | None
    complete: bool
    repaired: str | None
    header: dict[str, Any]
    groups: dict[str, Any]
    record_count: int
    records: dict[str, int]
    rows: dict[str, int]
    audit: list[Total]
    unknown_tags: dict[str, int]
    error_count: int
    errors: list[Finding]
    note_count: int
    notes: list[Finding]
    following: list["Summary"]


def summary_of(file: TapFile, limit: int, *, first: bool = True) -> Summary:
    """The summary, with at most `limit` errors and notes each; first is False for those behind."""
    return Summary(
        kind=file.kind,
        release=getattr(file.header, "release", None),
        octets=len(file.data) if first else None,
        complete=file.complete,
        repaired=file.repaired,
        header=asdict(file.header),
        groups=file.groups,
        record_count=file.record_count,
        records=_records_by_kind(file),
        rows={name: frame.height for name, frame in file.tables.items()},
        audit=[_total(t) for t in audit_totals(file)
               if t.stated is not None or t.computed not in (None, 0)],
        unknown_tags=file.unknown_tags,
        error_count=len(file.errors),
        errors=_findings(file.errors, limit),
        note_count=len(file.notes),
        notes=_findings(file.notes, limit),
        following=[summary_of(f, limit, first=False) for f in file.following],
    )


def _records_by_kind(file: TapFile) -> dict[str, int]:
    """The most frequent first."""
    counts = file.records.group_by(pl.col(file.layout.kind_column).cast(pl.String)).len()
    rows = counts.sort(["len", file.layout.kind_column], descending=[True, False]).rows()
    return {str(kind): int(count) for kind, count in rows}


def _total(total: AuditTotal) -> Total:
    stated, computed = total.stated, total.computed
    difference: int | None = None
    if isinstance(stated, datetime) and isinstance(computed, datetime):
        difference = (computed - stated) // timedelta(seconds=1)
    elif isinstance(stated, int) and isinstance(computed, int):
        difference = computed - stated
    return Total(total.name, stated, computed, difference)


def _findings(errors: list[DecodeError], limit: int) -> list[Finding]:
    return [
        Finding(e.record_index, e.offset, e.length, e.code, e.detail) for e in errors[:limit]
    ]
