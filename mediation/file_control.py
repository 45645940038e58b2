"""Whether a file may be what it says: sender, sequence number, completeness."""

from dataclasses import dataclass

import polars as pl

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.profile import Profile

TAP_SEQUENCE_MAX = 99_999
"""After 99999 a TAP sender counts from 1 again (TD.57)."""

EARLIER = {
    "file_id": pl.String(),
    "name": pl.String(),
    "sequence": pl.Int64(),
    "kind": pl.String(),
    "state": pl.String(),
}
"""Columns of a partner's files that arrived before, in order of arrival."""

Refusal = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Findings:
    """Why a file is turned away as a whole (code, detail), if it is; and what is worth a note."""

    refusal: Refusal | None
    notes: tuple[str, ...]


def control(
    header: FileHeader, profile: Profile, ctx: FileContext, earlier: pl.DataFrame
) -> Findings:
    """What the file's own header says against the profile and the files before it.

    `earlier` has the columns of EARLIER. A quarantined file leaves its number free for a better
    copy, but is no gap; a refused one counts for nothing.
    """
    came = _same_counter(header, ctx, earlier)
    taken = came.filter(pl.col("state") != "quarantined")
    refusal = _sender(header, profile) or _reused(header, ctx, taken) or _incomplete(header)
    wrap = TAP_SEQUENCE_MAX if profile.format.kind == "tap" else None
    return Findings(refusal, _sequence_notes(header.sequence, came["sequence"], wrap))


def _same_counter(header: FileHeader, ctx: FileContext, earlier: pl.DataFrame) -> pl.DataFrame:
    """The other files with a number from this file's counter: tests have their own."""
    test = pl.col("kind") == "test"
    return earlier.filter(
        pl.col("sequence").is_not_null()
        & (pl.col("file_id") != ctx.file_id)
        & (pl.col("state") != "refused")
        & (test if header.kind == "test" else ~test)
    )


def _sender(header: FileHeader, profile: Profile) -> Refusal | None:
    if profile.format.kind != "tap" or (header.sender is None and not header.complete):
        return None
    found = (header.sender, header.recipient)
    if found == (profile.sender, profile.recipient):
        return None
    detail = (
        f"the file goes from {found[0]} to {found[1]}; "
        f"the profile expects {profile.sender} to {profile.recipient}"
    )
    return "SENDER_UNEXPECTED", detail


def _reused(header: FileHeader, ctx: FileContext, taken: pl.DataFrame) -> Refusal | None:
    if header.sequence is None:
        return None
    same = taken.filter(pl.col("sequence") == header.sequence)
    if same.is_empty():
        return None
    detail = (
        f"sequence {header.sequence} of {ctx.name} was used by {same['name'][0]} "
        f"(file {same['file_id'][0][:8]}), whose content differs"
    )
    return "SEQUENCE_REUSED", detail


def _incomplete(header: FileHeader) -> Refusal | None:
    if header.complete:
        return None
    return (
        "FILE_INCOMPLETE",
        "the file was cut, or damaged where records may be lost; ask for it again",
    )


def _sequence_notes(sequence: int | None, came: pl.Series, wrap: int | None) -> tuple[str, ...]:
    """A gap since the number before, or that a later number came first."""
    if sequence is None or came.is_empty():
        return ()
    steps = {s: _steps(s, sequence, wrap) for s in came.unique().to_list()}
    before = [s for s, k in steps.items() if k > 0]
    after = [s for s, k in steps.items() if k < 0]
    notes = []
    if before:
        last = min(before, key=steps.__getitem__)
        if steps[last] > 1:
            first_gap, last_gap = _plus(last, 1, wrap), _plus(sequence, -1, wrap)
            missing = (
                f"{first_gap} is" if first_gap == last_gap else f"{first_gap} to {last_gap} are"
            )
            notes.append(f"sequence {sequence} follows {last}: {missing} missing")
    if after:
        notes.append(
            f"sequence {sequence} comes after {max(after, key=steps.__getitem__)}, out of order"
        )
    return tuple(notes)


def _plus(sequence: int, steps: int, wrap: int | None) -> int:
    return sequence + steps if wrap is None else (sequence + steps - 1) % wrap + 1


def _steps(start: int, end: int, wrap: int | None) -> int:
    """Steps from one number to another; around the wrap, the shorter way."""
    if wrap is None:
        return end - start
    forward = (end - start) % wrap
    return forward if forward <= wrap // 2 else forward - wrap
