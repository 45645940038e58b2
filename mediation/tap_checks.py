"""TAP validation by TD.57: what is wrong with a file as a whole, and with each of its records."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import polars as pl

from asn1.audit import computed
from asn1.events import SELECTION
from asn1.tap_file import TapFile
from asn1.tap_header import TapHeader
from mediation.file_context import FileContext
from mediation.profile import Profile
from mediation.tables import as_words
from mediation.tap_checks_audit import AUDIT_CHECKS
from mediation.tap_checks_header import HEADER_CHECKS
from mediation.tap_checks_records import RECORD_CHECKS
from mediation.tap_checks_tables import ACCOUNTING_CHECKS, NETWORK_CHECKS
from mediation.tap_errors import TAP_ERRORS, TapError
from mediation.tap_frames import FRAMES
from mediation.tap_notes import uncoded_notes
from mediation.tap_sight import CHECKED, RecordCheck, Sight

FILE_CHECKS: Final = (*HEADER_CHECKS, *ACCOUNTING_CHECKS, *NETWORK_CHECKS, *AUDIT_CHECKS)

COLUMNS: Final = {
    table: SELECTION.get(table, frozenset()) | CHECKED.get(table, frozenset())
    for table in sorted({*SELECTION, *CHECKED})
}
"""The columns of a TAP file that usage and the checks are made of."""

FOUND: Final = pl.Schema(
    {"record_index": pl.Int32, "tap_code": pl.String, "tap_detail": pl.String}
)


@dataclass(frozen=True, slots=True)
class TapFindings:
    """What TAP validation says of one file.

    `fault` is the code and the detail of the first fatal error. `notes` are the further ones, the
    warnings, counted, what the profile accepts, and what has no code. `severe` has one row, of
    columns FOUND, for each record that is not accepted.
    """

    fault: tuple[str, str] | None
    notes: tuple[str, ...]
    severe: pl.DataFrame


def check_tap(
    file: TapFile, header: TapHeader, events: pl.DataFrame, profile: Profile, ctx: FileContext
) -> TapFindings:
    """The errors of a file, whose records are told in `events` (mediation.tap_view)."""
    totals = None if file.errors else computed(file)
    # Most checks ask for the kind of event: words are compared ten times as fast.
    worded = events.with_columns(as_words(events["event"]))
    sight = Sight(file, header, worded, totals, profile.tap, ctx.name, ctx.received_at)
    fault, notes = None, []
    for error, found in _file_errors(sight):
        first = found[0] if len(found) == 1 else f"{len(found)} times, first: {found[0]}"
        accepted = error.name in profile.tap.accept
        if error.severity == "fatal" and fault is None and not accepted:
            fault = error.name, first
        else:
            notes.append(_note(error, first, accepted=accepted))
    severe, said = _record_errors(sight)
    return TapFindings(fault, (*notes, *said, *uncoded_notes(sight)), severe)


def _file_errors(sight: Sight) -> Iterator[tuple[TapError, list[str]]]:
    """The errors of the file as a whole, with the details of each.

    A file that was cut, or is damaged, lacks what was in the lost part: it is not asked for it.
    """
    if not sight.file.complete:
        return
    kind = "notification" if sight.header.kind == "notification" else "batch"
    for check in FILE_CHECKS:
        error = TAP_ERRORS[check.name]
        if check.of in {"both", kind} and _holds(error, sight):
            found = list(check.find(sight))
            if found:
                yield error, found


def _record_errors(sight: Sight) -> tuple[pl.DataFrame, list[str]]:
    """The first severe error of each record, and the notes on all others."""
    if sight.events.is_empty():
        return FOUND.to_frame(), []
    severe, notes = [], []
    for frame, checks in groupby(
        sorted(enumerate(RECORD_CHECKS), key=lambda c: c[1].frame), key=lambda c: c[1].frame
    ):
        rows = FRAMES[frame](sight)
        for rank, check, failing in _failing(sight, rows, list(checks)):
            error = TAP_ERRORS[check.name]
            accepted = check.name in sight.limits.accept
            told = failing.select("record_index", detail=check.detail(sight))
            if error.severity == "severe" and not accepted:
                severe.append(told.with_columns(tap_code=pl.lit(check.name), rank=pl.lit(rank)))
                continue
            index, detail = told.row(0)
            first = f"{told.height} times, first in record {index}: {detail}"
            notes.append((rank, _note(error, first, accepted=accepted)))
    return _first_of_each(severe), [note for _, note in sorted(notes)]


def _failing(
    sight: Sight, rows: pl.DataFrame, checks: list[tuple[int, RecordCheck]]
) -> Iterator[tuple[int, RecordCheck, pl.DataFrame]]:
    """Of the checks that the release has: those that rows fail, with the rows."""
    asked = [c for c in checks if _holds(TAP_ERRORS[c[1].name], sight)]
    if rows.is_empty() or not asked:
        return
    # One pass over all rows: a sound file has none that fail.
    any_fails = rows.select(
        check.fails(sight).any().alias(str(rank)) for rank, check in asked
    ).row(0, named=True)
    for rank, check in asked:
        if any_fails[str(rank)]:
            yield rank, check, rows.filter(check.fails(sight))


def _first_of_each(severe: list[pl.DataFrame]) -> pl.DataFrame:
    if not severe:
        return FOUND.to_frame()
    return (
        pl.concat(severe)
        .sort("record_index", "rank", maintain_order=True)
        .unique("record_index", keep="first", maintain_order=True)
        .select(
            pl.col("record_index").cast(pl.Int32), "tap_code",
            tap_detail=pl.col("detail").fill_null(""),
        )
    )


def _holds(error: TapError, sight: Sight) -> bool:
    return error.since <= sight.release <= error.until


def _note(error: TapError, first: str, *, accepted: bool) -> str:
    return f"{error.name} ({'accepted' if accepted else error.severity}): {first}"
