"""Numbers that never came: the gaps in each partner's counters."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

from mediation.file_control import in_counter
from mediation.profile import Profile
from mediation.sequence import Counter, counter_of

COUNTER: Final = ["partner", "test", "sender", "recipient"]
"""What has numbers of its own: each partner and direction, live and test files apart"""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one counter that did not come though later ones did."""

    partner: str
    test: bool
    sender: str | None
    recipient: str | None
    first: int
    last: int
    missing: int
    since: datetime
    """when the first file with a later number came, UTC"""
    before: str
    """the file before the gap"""
    after: str
    """the file behind the gap"""


def gaps(files: pl.DataFrame, profiles: Mapping[str, Profile]) -> list[Gap]:
    """The gaps in the numbers of these files (table file, in order of arrival), by partner."""
    return [gap for names, numbered, counter in _counters(files, profiles)
            for gap in _of_counter(names, numbered, counter)]


def next_numbers(files: pl.DataFrame, profiles: Mapping[str, Profile]) -> dict[str, int]:
    """The number after the greatest of the live files, by partner; without those without any."""
    return {
        names["partner"]: counter.number(int(numbered["position"][-1]) + 1)
        for names, numbered, counter in _counters(files, profiles)
        if not names["test"] and names["sender"] in (None, profiles[names["partner"]].sender)
    }


def _counters(
    files: pl.DataFrame, profiles: Mapping[str, Profile]
) -> Iterator[tuple[dict[str, Any], pl.DataFrame, Counter]]:
    """Each counter's columns of COUNTER, its files in the order of their positions, and itself."""
    numbered = files.filter(in_counter()).with_columns(test=pl.col("state") == "test")
    counters = {name: counter_of(profile) for name, profile in profiles.items()}
    for key, group in sorted(
        numbered.group_by(COUNTER, maintain_order=True), key=lambda of: [str(v) for v in of[0]]
    ):
        names = dict(zip(COUNTER, key, strict=True))
        counter = counters.get(names["partner"])
        if counter is None:
            continue
        of_it = group.filter(counter.holds())
        if not of_it.is_empty():
            position = pl.Series("position", counter.positions(of_it["sequence"].to_numpy()))
            yield names, of_it.with_columns(position).sort("position"), counter


def _of_counter(
    names: dict[str, Any], numbered: pl.DataFrame, counter: Counter
) -> Iterator[Gap]:
    holes = numbered.select(
        "position", before="name", after=pl.col("name").shift(-1),
        following=pl.col("position").shift(-1),
        since=pl.col("received_at").cum_min(reverse=True).shift(-1),
    ).filter(pl.col("following") - pl.col("position") > 1)
    for hole in holes.iter_rows(named=True):
        for span in counter.missing(hole["position"], hole["following"]):
            yield Gap(**names, first=span[0], last=span[1], missing=counter.count(span),
                      since=hole["since"], before=hole["before"], after=hole["after"])
