"""Whether a file may be what it says: sender, sequence number, completeness."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.numbered_files import REUSED, Before, Numbered, Numbers, Owner
from mediation.profile import Profile
from mediation.sequence import Counter, counter_of, spans_text

EARLIER = {
    "file_id": pl.String(),
    "name": pl.String(),
    "sequence": pl.Int64(),
    "kind": pl.String(),
    "state": pl.String(),
    "sender": pl.String(),
    "recipient": pl.String(),
    "notes": pl.String(),
}
"""Columns of a partner's files that arrived before, in order of arrival."""

_TAP_ERROR: Final = re.compile(r"(?m)^TAP_\d+_\d+: ")

Refusal = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Findings:
    """Why a file is turned away as a whole (code, detail), if it is; and what is worth a note."""

    refusal: Refusal | None
    notes: tuple[str, ...]


def control(
    header: FileHeader, profile: Profile, ctx: FileContext, earlier: Before
) -> Findings:
    """What the file's own header says against the profile and the partner's files before it.

    A quarantined file leaves its number free for a better copy, but is no gap; a refused one
    counts for nothing.
    """
    place = _place(header, counter_of(profile), earlier)
    refusal = (
        _nameless(header) or _sender(header, profile) or _reused(place, ctx)
        or _incomplete(header) or header.fault
    )
    return Findings(refusal, (*_sequence_notes(place), *_answer_notes(header, place)))


def in_counter() -> pl.Expr:
    """Whether a file's number counts (columns of EARLIER): it could be read, and is its own.

    Of two files with one number the second says nothing.
    """
    return (
        pl.col("sequence").is_not_null()
        & (pl.col("state") != "refused")
        & ~pl.col("notes").str.contains(f"(?m)^{REUSED}").fill_null(value=False)
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file's number stands among those before it."""

    number: int
    position: int
    positions: Numbers
    """Those of the files before, in order of arrival"""
    named: Sequence[Numbered]
    """The files before with the same number"""
    users: Sequence[Numbered]
    """Those that have it for good: one in quarantine leaves it to a better copy"""
    counter: Counter


def _place(header: FileHeader, counter: Counter, earlier: Before) -> _Place | None:
    """None where the file has no number."""
    number = header.sequence
    if number is None:
        return None
    owner = Owner(header.sender, header.recipient, header.kind == "test")
    before, files = earlier.of_owner(owner)
    held = np.arange(len(before))
    if counter.around:
        first, last = counter.around
        held = held[(before >= first) & (before <= last)]
        before = before[held]
    positions = counter.positions(np.append(before, number))
    (same,) = np.nonzero(before == number)
    named = [files[at] for at in held[same]]
    old = len(before) - counter.recent(len(before))
    users = [file for file, at in zip(named, same, strict=True)
             if at >= old and file.state != "quarantined"]
    return _Place(number, int(positions[-1]), positions[:-1], named, users, counter)


def _nameless(header: FileHeader) -> Refusal | None:
    """The file's TAP error, where it names no sender or no recipient to compare."""
    return None if header.sender and header.recipient else header.fault


def _answer_notes(header: FileHeader, place: _Place | None) -> tuple[str, ...]:
    """Whether a TAP file says that it answers a RAP file, as TD.57 wants it: 4/37 and 4/40.

    Only what TAP validation turned away went back to the partner; a cut file is merely sent again.
    """
    if place is None or header.kind == "notification":
        return ()
    returned = any(
        file.state == "quarantined" and _TAP_ERROR.search(file.notes or "")
        for file in place.named
    )
    if returned and header.rap_sequence is None:
        return (f"TAP_4_37 (warning): sequence {place.number} came before; no RAP file is named",)
    if header.rap_sequence is not None and not returned:
        return (f"TAP_4_40 (warning): RAP file {header.rap_sequence} returned no such number",)
    return ()


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


def _reused(place: _Place | None, ctx: FileContext) -> Refusal | None:
    if place is None or not place.users:
        return None
    first = place.users[0]
    detail = (
        f"sequence {place.number} of {ctx.name} was used by {first.name} "
        f"(file {first.file_id[:8]}), whose content differs"
    )
    return "SEQUENCE_REUSED", detail


def _incomplete(header: FileHeader) -> Refusal | None:
    if header.complete:
        return None
    return (
        "FILE_INCOMPLETE",
        "the file was cut, or damaged where records may be lost; ask for it again",
    )


def _sequence_notes(place: _Place | None) -> tuple[str, ...]:
    """A number that cannot be, a gap since the number before, or that a later one came first."""
    if place is None:
        return ()
    number, counter, notes = place.number, place.counter, []
    if counter.around and not counter.around[0] <= number <= counter.around[1]:
        return (f"sequence {number} is not within {spans_text([counter.around])}",)
    below = place.positions[place.positions < place.position].tolist()
    above = place.positions[place.positions > place.position].tolist()
    if below and (gap := counter.missing(max(below), place.position)):
        are = "is" if len(gap) == 1 and counter.count(gap[0]) == 1 else "are"
        notes.append(f"sequence {number} follows {counter.number(max(below))}: "
                     f"{spans_text(gap)} {are} missing")
    if above:
        notes.append(f"sequence {number} comes after {counter.number(min(above))}, out of order")
    return tuple(notes)
