"""Invented calls for the ready profiles' samples, before any switch writes them down.

Every number is of a range that regulators keep for fiction: 020 7946 0xxx and 07700 900xxx in the
United Kingdom, 555 01xx in North America.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from gen_events import random_for

FIRST_CALL = datetime.fromisoformat("2026-09-14T07:30:00")
_SUBSCRIBERS = tuple(f"4420794600{n}" for n in range(10, 30))
_OTHERS = (
    *(f"447700900{n}" for n in range(100, 140)),
    *(f"442079460{n}" for n in range(500, 530)),
    *(f"1212555{n:04d}" for n in range(100, 130)),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One answered call of a subscriber of ours; answered_at is naive UTC."""

    subscriber: str
    other: str
    direction: Literal["mo", "mt"]
    answered_at: datetime
    ring_s: int
    duration_s: int
    number: int
    """Of the call in its file, from 1; references are made of it."""

    @property
    def set_up_at(self) -> datetime:
        """When the other side began to ring."""
        return self.answered_at - timedelta(seconds=self.ring_s)

    @property
    def ended_at(self) -> datetime:
        """When the first of the two hung up."""
        return self.answered_at + timedelta(seconds=self.duration_s)

    @property
    def calling(self) -> str:
        """Who called, as E.164 digits."""
        return self.subscriber if self.direction == "mo" else self.other

    @property
    def called(self) -> str:
        """Who was called, as E.164 digits."""
        return self.other if self.direction == "mo" else self.subscriber


@dataclass(frozen=True, slots=True)
class Written:
    """One record as a switch writes it, the call it tells of, and where it has to end."""

    text: str
    call: Call
    ends: str = ""
    """Reject code or rule; empty for a record that becomes usage."""


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """One sample file of a ready profile, with its records in order."""

    profile: str
    name: str
    data: bytes
    records: tuple[Written, ...]


def calls(profile: str, count: int, first: datetime = FIRST_CALL) -> list[Call]:
    """`count` answered calls in order of time, one after the other, made and received in turn."""
    rng = random_for("ready", profile, first.isoformat())
    found, at = [], first
    for number in range(1, count + 1):
        at += timedelta(seconds=rng.randrange(20, 700))
        found.append(
            Call(
                subscriber=rng.choice(_SUBSCRIBERS),
                other=rng.choice(_OTHERS),
                direction="mo" if number % 2 else "mt",
                answered_at=at,
                ring_s=rng.randrange(2, 20),
                duration_s=rng.randrange(3, rng.choice((60, 180, 900, 2400))),
                number=number,
            )
        )
    return found


def unanswered(call: Call) -> Call:
    """The call as one that nobody took."""
    return replace(call, duration_s=0)


def dialled(number: str) -> str:
    """A number as it is dialled in the United Kingdom; one withheld stays empty."""
    if number.startswith("44"):
        return f"0{number[2:]}"
    return f"00{number}" if number else ""
