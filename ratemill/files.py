"""The files of a home as an operator looks at them: state, gaps, late ones, value at risk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import polars as pl

from mediation.profile import Profile
from mediation.sequence import spans_text
from ratemill.decisions import rejected
from ratemill.files_due import DueTime, Kept, kept
from ratemill.files_gaps import Gap, gaps, next_numbers
from ratemill.files_risk import Risk, at_risk, risks
from ratemill.home import Home
from ratemill.lake import Lake

LOOK_BACK: Final = timedelta(days=7)
"""How far back files and due times are looked at unless told: a week shows each weekday once."""

_COUNTS: Final = ("records", "posted", "duplicate", "suspended", "dropped")


class FileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery; a copy's records count with its original. Times UTC, money micro-units."""

    partner: str
    name: str
    file_id: str
    received_at: datetime
    state: str
    sequence: int | None
    records: int
    posted: int
    duplicate: int
    suspended: int
    dropped: int
    charge_micros: int | None
    """sum of the charges that its records state"""
    currency: str | None
    at_risk_micros: dict[str, int]
    """the partner's charges of suspended records, by currency"""
    without_money: int
    """suspended records that state no charge"""
    late_s: int | None
    """how much too late it came, where it is late"""
    copy_of: str | None
    """the first arrival of the same bytes"""
    notes: str


class PartnerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One partner: what came last, what comes next, what is missing. Times UTC."""

    partner: str
    title: str
    files: int
    """all that were ever received"""
    last_received_at: datetime | None
    next_sequence: int | None
    expected: DueTime | None
    """the next due time whose files did not all come"""
    missing: int
    """numbers within its gaps"""
    late: int
    """due times of the period that brought no file, or brought it late"""
    suspended: int
    at_risk_micros: dict[str, int]
    without_money: int


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries and due times of a period; partners, and gaps, whenever they arose."""

    now: datetime
    since: datetime
    partners: list[PartnerLine]
    files: list[FileLine]
    gaps: list[Gap]
    due: list[DueTime]
    """those that are not on time"""


Kind = Literal["gap", "late", "quarantine", "refused", "suspense"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person has to look at; records and money where they are known."""

    kind: Kind
    partner: str
    what: str
    since: datetime | None
    file_id: str | None = None
    records: int = 0
    at_risk_micros: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of the files (table file) of some partners at a moment."""

    now: datetime
    since: datetime
    profiles: Mapping[str, Profile]
    rows: pl.DataFrame
    risks: pl.DataFrame
    gaps: list[Gap]
    kept: Kept


def look(home: Home, now: datetime, since: datetime, partner: str | None = None) -> Files:
    """The files of one partner or of all; deliveries and due times from `since` to now."""
    seen = _seen(home, now, since, partner)
    of_file = risks(seen.risks, "partner", "file_id")
    recent = pl.col("received_at") >= since
    lines = [
        _line(row, of_file.get((row["partner"], row["file_id"]), Risk()),
              seen.kept.late_s.get((row["partner"], row["file_id"])))
        for row in seen.rows.filter(recent).iter_rows(named=True)
    ]
    arrivals = Lake(home.lake).arrivals(partner or "*").filter(recent)
    copies = arrivals.filter(pl.col("copy_of").is_not_null())
    lines += [_copy(row) for row in copies.iter_rows(named=True)]
    return Files(
        now=now, since=since, partners=list(_partners(seen)), gaps=seen.gaps,
        files=sorted(lines, key=lambda line: (line.received_at, line.partner, line.name)),
        due=[due for due in seen.kept.times if due.state != "on time"],
    )


def findings(home: Home, now: datetime) -> list[Finding]:
    """What a person has to look at: gaps, late partners, files held or refused, money in suspense.

    Due times and refused files count that are within LOOK_BACK of now; all else however old it is,
    but held files that somebody rejected.
    """
    seen = _without_rejected(Lake(home.lake), _seen(home, now, now - LOOK_BACK, None))
    return [*_gap_findings(seen), *_late_findings(seen), *_held(seen), *_waiting(seen)]


def _seen(home: Home, now: datetime, since: datetime, partner: str | None) -> _Seen:
    lake = Lake(home.lake)
    profiles = {n: p for n, p in home.profiles().items() if partner in (None, n)}
    rows = lake.file_rows()
    if partner is not None:
        rows = rows.filter(pl.col("partner") == partner)
    return _Seen(
        now=now, since=since, profiles=profiles, rows=rows, risks=at_risk(lake, rows),
        gaps=gaps(rows, profiles), kept=kept(rows, profiles, since, now),
    )


def _without_rejected(lake: Lake, seen: _Seen) -> _Seen:
    """The same without the files, and what waits in them, that stay held back for good."""
    ref = pl.format("{}/{}", "partner", "file_id")
    held = seen.rows.filter(pl.col("state") == "quarantined").select(ref=ref)["ref"]
    gone = rejected(lake, held)
    return replace(seen, rows=seen.rows.filter(~ref.is_in(gone)),
                   risks=seen.risks.filter(~ref.is_in(gone)))


def _line(row: dict[str, Any], risk: Risk, late_s: int | None) -> FileLine:
    return FileLine(
        partner=row["partner"], name=row["name"], file_id=row["file_id"],
        received_at=row["received_at"], state=row["state"], sequence=row["sequence"],
        **{name: row[name] or 0 for name in _COUNTS}, charge_micros=row["charge_micros"],
        currency=row["currency"], at_risk_micros=risk.micros, without_money=risk.without_money,
        late_s=late_s, copy_of=None, notes=row["notes"] or "",
    )


def _copy(row: dict[str, Any]) -> FileLine:
    """The line of an arrival (table arrival) whose bytes were known."""
    return FileLine(
        partner=row["partner"], name=row["name"], file_id=row["file_id"],
        received_at=row["received_at"], state="copy", sequence=None, **dict.fromkeys(_COUNTS, 0),
        charge_micros=None, currency=None, at_risk_micros={}, without_money=0, late_s=None,
        copy_of=row["copy_of"], notes="",
    )


def _partners(seen: _Seen) -> Iterator[PartnerLine]:
    numbers, waiting = next_numbers(seen.rows, seen.profiles), risks(seen.risks, "partner")
    for name, profile in seen.profiles.items():
        risk = waiting.get((name,), Risk())
        came = seen.rows.filter(pl.col("partner") == name)["received_at"]
        yield PartnerLine(
            partner=name, title=profile.title, files=came.len(),
            last_received_at=came.sort().to_list()[-1] if came.len() else None,
            next_sequence=numbers.get(name), expected=seen.kept.expected.get(name),
            missing=sum(gap.missing for gap in seen.gaps if gap.partner == name),
            late=sum(due.state in {"late", "missing"} for due in seen.kept.times
                     if due.partner == name),
            suspended=risk.records, at_risk_micros=risk.micros, without_money=risk.without_money,
        )


def _gap_findings(seen: _Seen) -> Iterator[Finding]:
    for gap in seen.gaps:
        numbers = spans_text([(gap.first, gap.last)])
        kind = "test files " if gap.test else ""
        yield Finding(
            kind="gap", partner=gap.partner, since=gap.since,
            what=f"{kind}{numbers} missing between {gap.before} and {gap.after}",
        )


def _late_findings(seen: _Seen) -> Iterator[Finding]:
    """One for each partner with due times that brought no file, or too few."""
    for name in seen.profiles:
        missing = [due for due in seen.kept.times
                   if due.partner == name and due.state == "missing"]
        if missing:
            due = missing[0]
            came = f"{due.came} of {due.files} files" if due.came else "no file"
            more = f", and at {len(missing) - 1} more" if len(missing) > 1 else ""
            yield Finding(
                kind="late", partner=name, since=due.late_after,
                what=f"{came} for {due.due_at:%Y-%m-%d %H:%M} UTC{more}",
            )


def _held(seen: _Seen) -> Iterator[Finding]:
    """Files in quarantine, and those that could not be read."""
    of_file = risks(seen.risks, "partner", "file_id")
    refused = (pl.col("state") == "refused") & (pl.col("received_at") >= seen.since)
    held = seen.rows.filter((pl.col("state") == "quarantined") | refused)
    for row in held.iter_rows(named=True):
        kind: Kind = "refused" if row["state"] == "refused" else "quarantine"
        # why a file is held is its last note
        why = (row["notes"] or "").splitlines()[-1:] if kind == "quarantine" else []
        yield Finding(
            kind=kind, partner=row["partner"], since=row["received_at"],
            file_id=row["file_id"], what=": ".join([row["name"], *why]),
            records=row["records"] or 0,
            at_risk_micros=of_file.get((row["partner"], row["file_id"]), Risk()).micros,
        )


def _waiting(seen: _Seen) -> Iterator[Finding]:
    oldest = dict(
        seen.rows.filter(pl.col("suspended") > 0).group_by("partner")
        .agg(pl.col("received_at").min()).iter_rows()
    )
    for (name,), risk in risks(seen.risks, "partner").items():
        unpriced = f", {risk.without_money:,} without a charge" if risk.without_money else ""
        yield Finding(
            kind="suspense", partner=name, since=oldest.get(name), records=risk.records,
            what=f"{risk.records:,} records wait{unpriced}", at_risk_micros=risk.micros,
        )
