"""Files against the partner's calendar: which due times brought none, and which files are late."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
import polars as pl

from mediation.calendar import Due, State, dues, expected
from mediation.profile import Profile

_NOT_DUE = ("refused", "unpacked", "rap", "test")
"""States of files that no due time asks for"""


class DueTime(msgspec.Struct, frozen=True, kw_only=True):
    """One due time of a partner and what came for it; times are UTC."""

    partner: str
    due_at: datetime
    late_after: datetime
    state: State
    files: int
    """how many are due"""
    came: int
    came_at: datetime | None
    """when the last of those that are due came"""


class Kept(NamedTuple):
    """What became of the due times of a period, and what comes next."""

    times: list[DueTime]
    late_s: dict[tuple[str, str], int]
    """how late a file came, by partner and file_id"""
    expected: dict[str, DueTime]
    """the next that is due, by partner"""


def kept(
    files: pl.DataFrame, profiles: Mapping[str, Profile], since: datetime, now: datetime
) -> Kept:
    """What became of every due time from since to now; files are of table file."""
    asked = files.filter(~pl.col("state").is_in(_NOT_DUE)).sort("received_at", "file_number")
    found = Kept([], {}, {})
    for name, profile in profiles.items():
        if profile.calendar is None:
            continue
        of_partner = asked.filter(pl.col("partner") == name)
        came = of_partner["received_at"].to_list()
        for due in dues(profile.calendar, came, since, now):
            found.times.append(_due_time(name, due, now))
            found.late_s.update(_late(name, of_partner, due))
        if (coming := expected(profile.calendar, came, now)) is not None:
            found.expected[name] = _due_time(name, coming, now)
    return found


def _due_time(partner: str, due: Due, now: datetime) -> DueTime:
    return DueTime(
        partner=partner, due_at=due.at, late_after=due.late_after, state=due.state(now),
        files=due.files, came=len(due.came), came_at=due.full_at,
    )


def _late(name: str, files: pl.DataFrame, due: Due) -> dict[tuple[str, str], int]:
    """Seconds by which each late file of a due time came too late; more than are due never do."""
    too_late = [at for at in due.came[: due.files] if at > due.late_after]
    if not too_late:
        return {}
    late = files.filter(pl.col("received_at").is_between(too_late[0], too_late[-1]))
    return {
        (name, file_id): int((at - due.late_after).total_seconds())
        for file_id, at in late.select("file_id", "received_at").iter_rows()
    }
