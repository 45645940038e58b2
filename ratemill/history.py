"""What the gate compares a file with: the figures of the partner's accepted files before it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import polars as pl

from mediation.gate_figures import KINDS, Kind
from mediation.gate_history import Past

_COLUMNS: Final = (
    "partner", "file_number", "state", "received_at", "records", "rejected", "charge_micros",
    "currency", "age_median_s", "age_max_s", *KINDS,
)
_ACCEPTED: Final = "mediated"


class _Files:
    """The accepted files of one partner, in order of arrival."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.files: list[Past] = []
        self.named: list[int] = []
        """numbers of the files whose names are known"""
        self.first: dict[tuple[Kind, str], int] = {}
        """number of the first file with a name"""

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a file; what was known of it before is forgotten."""
        number = row["file_number"]
        at = bisect_left(self.numbers, number)
        there = at < len(self.numbers) and self.numbers[at] == number
        self.numbers[at : at + there] = [number]
        self.files[at : at + there] = [Past(
            row["received_at"], row["records"] or 0, row["rejected"], row["charge_micros"],
            row["currency"], row["age_median_s"], row["age_max_s"],
        )]
        if row["services"] is None:
            return
        at = bisect_left(self.named, number)
        if self.named[at : at + 1] != [number]:
            self.named.insert(at, number)
        for kind in KINDS:
            for name in (row[kind] or "").split():
                self.first[kind, name] = min(number, self.first.get((kind, name), number))


class History:
    """The accepted files of every partner (table file, as mediation left them)."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """All rows are read once."""
        self._partners: dict[str, _Files] = {}
        for row in rows.select(_COLUMNS).sort("file_number").iter_rows(named=True):
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a file that was mediated now; one that was held back counts for nothing."""
        if row["state"] == _ACCEPTED:
            self._partners.setdefault(row["partner"], _Files()).add(row)

    def before(self, partner: str, file_number: int) -> "Before":
        """What came before a file of a partner, whatever is counted later."""
        return Before(self._partners.get(partner, _Files()), file_number)


class Before:
    """The accepted files of a partner with a smaller number than a file's (gate_history.Earlier).

    The number alone decides, never who was quicker: a rerun comes to the same verdict.
    """

    def __init__(self, files: _Files, number: int) -> None:
        self._files, self._number = files, number

    def newest(self, count: int, weekday: int | None = None) -> Sequence[Past]:
        """At most so many of the newest, of those received on this weekday (0 is Monday)."""
        return list(islice(self._backwards(weekday), count))

    def named(self) -> int:
        """How many of them there are whose names are known."""
        return bisect_left(self._files.named, self._number)

    def unseen(self, kind: Kind, names: Iterable[str]) -> list[str]:
        """Those of the names that none of them had."""
        first = self._files.first
        return [name for name in names if first.get((kind, name), self._number) >= self._number]

    def _backwards(self, weekday: int | None) -> Iterator[Past]:
        files = self._files.files
        for at in range(bisect_left(self._files.numbers, self._number) - 1, -1, -1):
            if weekday is None or files[at].received_at.weekday() == weekday:
                yield files[at]
