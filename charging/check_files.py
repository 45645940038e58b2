"""The proof of some files of the ledger, beside whoever else looks at their postings."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import polars as pl
from sqlalchemy import Connection

from charging.check_figures import (
    batches_faults,
    files_faults,
    legs_faults,
    refusals_faults,
    totals_faults,
)
from charging.check_postings import CHUNK_ROWS, Tally, add, currencies_of, postings_of
from charging.checks import first_faults
from charging.ledger import Ledger, file_number_of
from charging.posting_id import file_range

_Among = tuple[int, int]
"""First and last posting id of files whose numbers are in a row"""


class FilesCheck:
    """What contradicts within some files, in time that their size decides.

    Looks at their postings, counts, totals, batches and refusals, not at balances, usage keys and
    the audit trail, which take all of the ledger.
    """

    def __init__(
        self, ledger: Ledger, connection: Connection, files: Iterable[tuple[str, str]]
    ) -> None:
        """`files`: partner and file id of each."""
        self._ledger, self._connection = ledger, connection
        self._numbers = {file: file_number_of(connection, *file) for file in files}
        self._currencies = currencies_of(connection)
        known = sorted({number for number in self._numbers.values() if number is not None})
        self._among = {number: among for among, numbers in _ranges(known) for number in numbers}
        self._found = {among: Tally() for among in self._among.values()}
        self._waiting: list[tuple[int, pl.DataFrame]] = []

    def postings(self, partner: str, file_id: str) -> pl.DataFrame:
        """The postings of one of the files, by id: they are read once, and looked at here too."""
        number = self._numbers[partner, file_id]
        if number is None:
            return postings_of(self._connection, 0)
        rows = postings_of(self._connection, number)
        self._waiting.append((number, rows))
        # those of small files together: looking at few takes as long as looking at many
        if sum(each.height for _, each in self._waiting) >= CHUNK_ROWS:
            self._look()
        return rows

    def faults(self) -> list[str]:
        """What contradicts, once the postings of each file were asked for; a sentence each."""
        self._look()
        return [
            fault
            for among, found in self._found.items()
            for kind in (
                batches_faults(self._connection, found, whole=False),
                files_faults(self._connection, found, among),
                totals_faults(self._connection, found, among),
                legs_faults(found), refusals_faults(self._ledger, self._connection, among),
            )
            for fault in first_faults(kind)
        ]

    def _look(self) -> None:
        """Add what waits to the tallies."""
        waiting, self._waiting = self._waiting, []
        rows: dict[_Among, list[pl.DataFrame]] = {}
        for number, postings in waiting:
            rows.setdefault(self._among[number], []).append(postings)
        for among, of_files in rows.items():
            add(self._connection, self._found[among], pl.concat(of_files), self._currencies)


def _ranges(numbers: list[int]) -> Iterator[tuple[_Among, range]]:
    """First and last posting id of files, those with numbers in a row together."""
    first = numbers[0] if numbers else 0
    for here, after in pairwise([*numbers, -1]):
        if after != here + 1:
            yield (file_range(first)[0], file_range(here)[1]), range(first, here + 1)
            first = after
