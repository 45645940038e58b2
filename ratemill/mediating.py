"""The pipeline's mediation step: each file decoded to deduplicated usage."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from mediation.decoded import Decoded
from mediation.outcome import Outcome
from mediation.reject import ends
from mediation.schema import FILE, REJECT, USAGE
from ratemill.decisions import decided
from ratemill.earlier_files import EarlierFiles
from ratemill.file_rows import context, next_row, nothing, rows_of
from ratemill.history import History
from ratemill.home import Home
from ratemill.known_keys import KnownKeys
from ratemill.lake import Lake
from ratemill.lake_writer import LakeWriter
from ratemill.partials import Parts
from ratemill.rap_arrivals import taken
from ratemill.refs import split
from ratemill.settings import clock
from ratemill.settled import Settled
from ratemill.taken_apart import UNPACKED, mediated_archive

if TYPE_CHECKING:
    from mediation.batches import Received
    from mediation.mediate import Mediated, Read

_FILES_TOGETHER: Final = 64
"""Small files whose records get meaning together: of more, each costs hardly less"""
_OCTETS_TOGETHER: Final = 8 << 20
"""Octets of such files: a large one gains nothing by company, and all of them are in memory"""


class Opened(NamedTuple):
    """A file whose records have meaning, and its row (table file) as collection left it."""

    row: pl.DataFrame
    file: "Read | None"
    """None for an archive whose files stand for it"""
    meant: Outcome


class Mediator:
    """Mediates files of a home against those that arrived before them; writes nothing."""

    def __init__(
        self, home: Home, written: Callable[[], None] = nothing, reports: Path | None = None
    ) -> None:
        """What was mediated so far is read once.

        `written` returns once the usage of every file that was added is in the lake. The gate
        keeps its checks below `reports`, if it is told where.
        """
        from mediation.gate import Gate

        self._home, self._lake, self._written = home, Lake(home.lake), written
        rows = self._lake.file_rows("mediate")
        window = timedelta(days=home.settings.duplicate_window_days)
        self._gate, self._history = Gate(reports), History(rows)
        self._keys = KnownKeys(self._lake, home.usage_keys, written)
        self._earlier = EarlierFiles(rows, window)
        self._keys.look_at(self._earlier.with_usage())
        self.parts = Parts(home, clock(home.settings))

    def mediate(self, ref: str) -> "Mediated":
        """The usage and the rejects of a file, decisions about it followed."""
        (opened,) = self.opened([ref])
        return self.judged(opened)

    def opened(self, refs: Sequence[str]) -> list[Opened]:
        """Files with what their records mean: what does not depend on other files."""
        from mediation.batches import believable_each, read_each

        rows = self._collected(refs)
        files: dict[int, Read] = {}
        meant: dict[int, Outcome] = {}
        for partner, places in self._to_read(refs, rows).items():
            profile = self._home.profiles()[partner]
            mine = read_each([self._received(refs[at], rows[at]) for at in places], profile)
            files.update(zip(places, mine, strict=True))
            meant.update(zip(places, believable_each(mine, profile), strict=True))
        none = Outcome(USAGE.empty(), REJECT.empty())
        return [Opened(row, files.get(at), meant.get(at, none)) for at, row in enumerate(rows)]

    @staticmethod
    def _to_read(refs: Sequence[str], rows: Sequence[pl.DataFrame]) -> dict[str, list[int]]:
        """By partner the places of the files that are no archives of others."""
        places: dict[str, list[int]] = {}
        for at, (ref, row) in enumerate(zip(refs, rows, strict=True)):
            if row["state"].item() != UNPACKED:
                places.setdefault(split(ref)[0], []).append(at)
        return places

    def _received(self, ref: str, row: pl.DataFrame) -> "Received":
        """A file out of the archive with the decisions about it."""
        from mediation.batches import Received

        data = self._home.archived(*split(ref)).read_bytes()
        return Received(data, context(row.row(0, named=True)), decided(self._lake, ref))

    def _collected(self, refs: Sequence[str]) -> list[pl.DataFrame]:
        """The rows of files as collection left them."""
        paths = (self._lake.path(FILE, *split(ref), "collect") for ref in refs)
        rows = self._lake.read(FILE, paths)
        return [rows.slice(at, 1) for at in range(len(refs))]

    def judged(self, opened: Opened) -> "Mediated":
        """What becomes of an opened file beside those that arrived before it."""
        from mediation.mediate import judged

        if opened.file is None:
            return mediated_archive()
        row = opened.row.row(0, named=True)
        # Only files that arrived earlier count, so the outcome does not depend on which worker
        # was faster; what two workers both let pass is caught by the ledger's usage keys.
        return judged(
            opened.file, opened.meant, self._home.profiles()[row["partner"]],
            self._earlier.of_partner(row),
            lambda keys: self._keys.held_by(
                self._earlier.owners(row, self._keys.holders(keys)), keys
            ),
            self._gate.after(self._history.before(row["partner"], row["file_number"])),
            self.parts.pool(row),
        )

    def keep(self) -> None:
        """Have the usage keys that were read at hand the next time."""
        self._keys.keep()

    def add(self, row: pl.DataFrame, usage: pl.DataFrame) -> None:
        """Count a file that was mediated now, and its usage, among those before the next."""
        figures = row.row(0, named=True)
        self._earlier.add(figures)
        self._history.add(figures)
        if figures["state"] == "mediated":
            self._keys.add((figures["partner"], figures["file_id"]), usage["usage_key"])


def collected(lake: Lake, ref: str) -> pl.DataFrame:
    """The row of a file as collection left it."""
    return lake.load(FILE, *split(ref), "collect")


def decoded(home: Home, ref: str) -> Decoded:
    """The records of a file as they were decoded, before any decision."""
    from mediation.mediate import opened

    partner, file_id = split(ref)
    row = collected(Lake(home.lake), ref).row(0, named=True)
    data = home.archived(partner, file_id).read_bytes()
    return opened(data, home.profiles()[partner], context(row))[1]


def mediate(
    home: Home, refs: Iterable[str], *, done: Callable[[], None] = nothing
) -> list[dict[str, Any]]:
    """Decode to deduplicate each file; the current rows (table file) of the files, as dicts."""
    lake, todo = Lake(home.lake), list(refs)
    waiting = [ref for ref in todo if not lake.done(*split(ref), "mediate")]
    if not waiting:
        return rows_of(home, todo)
    settled = Settled(home)
    with LakeWriter(lake, "mediate") as writer:
        mediator = Mediator(home, writer.wait, home.reports)
        for batch in _batches(home, waiting):
            for ref, opened in zip(batch, mediator.opened(batch), strict=True):
                result = taken(home, opened.file, mediator.judged(opened))
                outcome = settled.merge(
                    USAGE, ref, "mediate", Outcome(result.usage, result.rejects)
                )
                row = next_row(
                    opened.row, "mediate", result.figures | ends(outcome.rejects)
                )
                mediator.parts.keep(ref, result.parts)
                writer.save(ref, {
                    USAGE: outcome.passed, REJECT: outcome.rejects, FILE: row,
                })
                mediator.add(row, outcome.passed)
                done()
        mediator.keep()
    return rows_of(home, todo)


def _batches(home: Home, refs: Iterable[str]) -> Iterator[list[str]]:
    """The references in their order, small files together."""
    batch: list[str] = []
    octets = 0
    for ref in refs:
        path = home.archived(*split(ref))
        size = path.stat().st_size if path.exists() else 0
        if batch and (len(batch) == _FILES_TOGETHER or octets + size > _OCTETS_TOGETHER):
            yield batch
            batch, octets = [], 0
        batch.append(ref)
        octets += size
    if batch:
        yield batch
