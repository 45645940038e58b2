"""The mediated files of a home as each of them sees those that arrived before it."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from mediation.file_control import EARLIER
from ratemill.key_store import File

_SPECIAL: Final = ("test", "notification")


@dataclass(slots=True)
class _OfPartner:
    """The files of one partner in order of arrival."""

    numbers: list[int]
    rows: pl.DataFrame
    """columns EARLIER"""


class EarlierFiles:
    """Which files arrived before which; what is mediated in a run is added as it goes."""

    def __init__(self, rows: pl.DataFrame, window: timedelta) -> None:
        """`rows` are of table file, as mediation left them, in order of arrival.

        `window` is how long before a file others count for its duplicates.
        """
        self._window = window
        self._partners: dict[str, _OfPartner] = {}
        for (partner,), mine in rows.group_by("partner", maintain_order=True):
            kind = pl.when(pl.col("state").is_in(_SPECIAL)).then("state").otherwise(pl.lit("live"))
            self._partners[str(partner)] = _OfPartner(
                mine["file_number"].to_list(),
                mine.with_columns(kind=kind).select(EARLIER.keys()),
            )
        mediated = rows.filter(state="mediated")
        self._arrived: dict[File, tuple[int, datetime]] = {
            (partner, file_id): (number, at)
            for partner, file_id, number, at in mediated.select(
                "partner", "file_id", "file_number", "received_at"
            ).iter_rows()
        }

    def of_partner(self, row: Mapping[str, Any]) -> pl.DataFrame:
        """The partner's files before the one of this row (table file), columns EARLIER."""
        found = self._partners.get(row["partner"])
        if found is None:
            return pl.DataFrame(schema=EARLIER)
        return found.rows.head(bisect_left(found.numbers, row["file_number"]))

    def with_usage(self) -> list[File]:
        """All files whose usage may be repeated."""
        return list(self._arrived)

    def owners(self, row: Mapping[str, Any], files: Iterable[File]) -> list[File]:
        """Those of the files whose usage the one of this row may repeat, in order of arrival."""
        oldest = row["received_at"] - self._window
        counted = [
            (number, file)
            for file in files
            if file in self._arrived
            for number, at in (self._arrived[file],)
            if number < row["file_number"] and at >= oldest
        ]
        return [file for _, file in sorted(counted)]

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a file that was mediated now, whose row (table file) this is."""
        number, file = row["file_number"], (row["partner"], row["file_id"])
        kind = row["state"] if row["state"] in _SPECIAL else "live"
        values = {name: row.get(name, kind) for name in EARLIER}
        mine = pl.from_dicts([values], schema=EARLIER)
        before = self._partners.setdefault(row["partner"], _OfPartner([], mine.clear()))
        at = bisect_left(before.numbers, number)
        # What is mediated again stands there already.
        known = before.numbers[at : at + 1] == [number]
        before.rows = pl.concat(
            [before.rows.head(at), mine, before.rows.slice(at + known)]
        ).rechunk()
        before.numbers[at : at + known] = [number]
        if row["state"] == "mediated":
            self._arrived[file] = number, row["received_at"]
        else:
            self._arrived.pop(file, None)
