"""What `ratemill files` prints: partners, gaps, late ones and files, as text or JSON."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from mediation.calendar import span
from mediation.sequence import spans_text
from ratemill.columns import columns, show
from ratemill.errors import RatemillError
from ratemill.files import LOOK_BACK, FileLine, Files, PartnerLine, look
from ratemill.files_due import DueTime
from ratemill.files_gaps import Gap
from ratemill.home import Home
from ratemill.money import amounts_text
from ratemill.screen import out
from ratemill.settings import clock

_SHOWN: Final = 200
"""More lines than some screens help nobody; --json gives them all."""
_LENGTH: Final = "[1-9][0-9]{0,3}[mhd]"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at; neither gaps nor late means everything."""

    partner: str | None = None
    since: str | None = None
    gaps: bool = False
    late: bool = False
    json: bool = False


def files_command(wanted: Wanted, path: Path | None, environ: Mapping[str, str]) -> int:
    """Print the files of a home, their gaps and late ones; exit code 0."""
    home = Home.find(path, environ)
    if wanted.partner is not None:
        home.refuse_unknown(wanted.partner)
    zone, now = ZoneInfo(home.settings.zone), clock(home.settings)
    found = look(home, now, _since(wanted.since, now, zone), wanted.partner)
    if wanted.json:
        out.print_json(msgspec.json.encode(_chosen(found, wanted)).decode())
    else:
        _Screen(zone).show(found, wanted)
    return 0


def _since(text: str | None, now: datetime, zone: ZoneInfo) -> datetime:
    """The moment that --since names, naive UTC."""
    if text is None:
        return now - LOOK_BACK
    if re.fullmatch(_LENGTH, text, re.ASCII):
        return now - span(text)
    try:
        local = datetime.combine(date.fromisoformat(text), time(), zone)
    except ValueError:
        raise RatemillError("--since", f"{text!r} cannot be read",
                            "write a day as 2026-10-01, or how far back, as 12h or 30d") from None
    return local.astimezone(UTC).replace(tzinfo=None)


def _chosen(found: Files, wanted: Wanted) -> Files | dict[str, object]:
    """All, or only the lists that were asked for."""
    if not (wanted.gaps or wanted.late):
        return found
    chosen: dict[str, object] = {"now": found.now, "since": found.since,
                                 "partners": found.partners}
    if wanted.gaps:
        chosen["gaps"] = found.gaps
    if wanted.late:
        chosen |= {"due": found.due, "files": [f for f in found.files if f.late_s is not None]}
    return chosen


class _Screen:
    """The lists as text, with times in one zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def show(self, found: Files, wanted: Wanted) -> None:
        """Print what was asked for, and a word where there is nothing."""
        everything = not (wanted.gaps or wanted.late)
        since = self._time(found.since)
        out.print(f"Times are in {self._zone.key}.", markup=False)
        if everything:
            show("Partners", self._partners(found.partners))
        if wanted.gaps or (everything and found.gaps):
            gaps = _rest(self._gaps(found.gaps, found.partners), found.gaps)
            show("Gaps", gaps or ["No number is missing."])
        if wanted.late or (everything and found.due):
            due = _rest(self._due(found.due), found.due)
            show(f"Not on time since {since}", due or ["Everything that is due came in time."])
        files = found.files if everything else [f for f in found.files if f.late_s is not None]
        if everything or (wanted.late and files):
            lines = _rest(self._files(files), files)
            title = "Files" if everything else "Late files"
            show(f"{title} since {since}", lines or ["None came."])

    def _time(self, at: datetime | None) -> str:
        if at is None:
            return "-"
        return f"{at.replace(tzinfo=UTC).astimezone(self._zone):%Y-%m-%d %H:%M}"

    def _partners(self, partners: Sequence[PartnerLine]) -> Iterator[str]:
        rows = [
            (one.partner, f"{one.files:,}", self._time(one.last_received_at),
             "-" if one.next_sequence is None else str(one.next_sequence),
             self._time(one.expected.late_after if one.expected else None),
             str(one.missing or "-"), str(one.late or "-"), f"{one.suspended:,}",
             _risk(one.at_risk_micros, one.without_money))
            for one in partners
        ]
        heads = ("partner", "files", "last came", "next number", "expected by", "missing",
                 "not on time", "suspended", "at risk")
        return columns(heads, rows, ("files", "next number", "missing", "not on time",
                                     "suspended"))

    def _gaps(self, gaps: Sequence[Gap], partners: Sequence[PartnerLine]) -> Iterator[str]:
        coming = {one.partner: self._next(one) for one in partners}
        rows = [
            (gap.partner, "test" if gap.test else "live",
             spans_text([(gap.first, gap.last)]), f"{gap.missing:,}", self._time(gap.since),
             f"{gap.before} and {gap.after}", "" if gap.test else coming[gap.partner])
            for gap in gaps[-_SHOWN:]
        ]
        heads = ("partner", "counter", "numbers", "missing", "since", "between", "next")
        return columns(heads, rows, ("missing",))

    def _next(self, one: PartnerLine) -> str:
        """The number that comes next, and by when where the calendar says it."""
        by = f" by {self._time(one.expected.late_after)}" if one.expected else ""
        return "" if one.next_sequence is None else f"{one.next_sequence}{by}"

    def _due(self, times: Sequence[DueTime]) -> Iterator[str]:
        rows = [
            (due.partner, self._time(due.due_at), due.state, f"{due.came} of {due.files}",
             self._time(due.late_after), self._time(due.came_at))
            for due in times[-_SHOWN:]
        ]
        heads = ("partner", "due", "state", "came", "late after", "came at")
        return columns(heads, rows, ("came",))

    def _files(self, files: Sequence[FileLine]) -> Iterator[str]:
        rows = [
            (one.partner, one.name, self._time(one.received_at), one.state,
             *(f"{n:,}" for n in (one.records, one.posted, one.duplicate, one.suspended,
                                  one.dropped)),
             amounts_text({one.currency: one.charge_micros})
             if one.currency and one.charge_micros is not None else "-",
             _risk(one.at_risk_micros, one.without_money), _remark(one))
            for one in files[-_SHOWN:]
        ]
        counts = ("records", "posted", "duplicate", "suspended", "dropped")
        heads = ("partner", "file", "came", "state", *counts, "charge", "at risk", "")
        return columns(heads, rows, counts)


def _risk(money: dict[str, int], without: int) -> str:
    """Money by currency, and how many records state none."""
    unpriced = f"{without:,} without a charge" if without else ""
    return " + ".join(filter(None, [amounts_text(money) if money else "", unpriced])) or "-"


def _remark(one: FileLine) -> str:
    """Whose copy a file is, why it is held, that it came out of order or too late."""
    notes = one.notes.splitlines()
    remarks = [f"same bytes as {one.copy_of}"] if one.copy_of is not None else []
    if one.state == "quarantined":
        # why a file is held is its last note
        remarks += [note.partition(":")[0] for note in notes[-1:]]
    remarks += [note for note in notes if note.endswith("out of order")]
    if one.late_s is not None:
        hours, minutes = divmod(one.late_s // 60, 60)
        remarks.append(f"late by {hours} h {minutes} min")
    return "; ".join(remarks)


def _rest(lines: Iterator[str], of: Sequence[object]) -> list[str]:
    """The lines of a list, if it has any, and how many others there are before them."""
    if not of:
        return []
    more = f"… and {len(of) - _SHOWN:,} before these; --json gives them all"
    return [*lines, *([more] if len(of) > _SHOWN else [])]
