"""The mediated files of a home as each of them sees those that arrived before it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from mediation.file_control import EARLIER
from mediation.numbered_files import Before, NumberedFiles
from ratemill.key_store import File

_SPECIAL: Final = ("test", "notification")
_COLUMNS: Final = ("partner", "file_number", "received_at", *(n for n in EARLIER if n != "kind"))


class EarlierFiles:
    """Which files arrived before which; what is mediated in a run is added as it goes."""

    def __init__(self, rows: pl.DataFrame, window: timedelta) -> None:
        """`rows` are of table file, as mediation left them.

        `window` is how long before a file others count for its duplicates.
        """
        self._window = window
        self._partners: dict[str, NumberedFiles] = {}
        self._arrived: dict[File, tuple[int, datetime]] = {}
        for row in rows.select(_COLUMNS).iter_rows(named=True):
            self.add(row)

    def of_partner(self, row: Mapping[str, Any]) -> Before:
        """The partner's files before the one of this row (table file)."""
        files = self._partners.get(row["partner"]) or NumberedFiles()
        return files.before(row["file_number"])

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
        """Count a file that was mediated, whose row (table file) this is."""
        number, file = row["file_number"], (row["partner"], row["file_id"])
        kind = row["state"] if row["state"] in _SPECIAL else "live"
        files = self._partners.setdefault(row["partner"], NumberedFiles())
        files.add(number, {**row, "kind": kind})
        if row["state"] == "mediated":
            self._arrived[file] = number, row["received_at"]
        else:
            self._arrived.pop(file, None)
