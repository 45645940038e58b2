"""The pipeline's mediation step: each file decoded to deduplicated usage."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from mediation.decoded import Decoded
from mediation.outcome import Outcome
from mediation.reject import ends
from mediation.schema import FILE, REJECT, USAGE
from ratemill.decisions import decided
from ratemill.file_rows import context, next_row, nothing, rows_of
from ratemill.home import Home
from ratemill.known_keys import KnownKeys
from ratemill.lake import Lake
from ratemill.refs import split
from ratemill.settled import Settled
from ratemill.taken_apart import UNPACKED, mediated_archive

if TYPE_CHECKING:
    from mediation.mediate import Mediated


class Mediator:
    """Mediates files of a home against those that arrived before them; writes nothing."""

    def __init__(self, home: Home) -> None:
        """What was mediated so far is read once."""
        from mediation.gate import Gate

        self._home, self._lake = home, Lake(home.lake)
        self._mediated = self._lake.file_rows("mediate")
        self._gate, self._keys = Gate(home.reports), KnownKeys(self._lake, home.usage_keys)
        self._window = timedelta(days=home.settings.duplicate_window_days)

    def mediate(self, ref: str) -> "Mediated":
        """The usage and the rejects of a file, decisions about it followed."""
        from mediation.mediate import mediate

        partner, file_id = split(ref)
        row = collected(self._lake, ref).row(0, named=True)
        if row["state"] == UNPACKED:
            return mediated_archive()
        # Only files that arrived earlier count, so the outcome does not depend on which worker
        # was faster; what two workers both let pass is caught by the ledger's usage keys.
        before = self._mediated.filter(pl.col("file_number") < row["file_number"])
        counted = before.filter(
            (pl.col("state") == "mediated")
            & (pl.col("received_at") >= row["received_at"] - self._window)
        ).select("partner", "file_id").rows()
        return mediate(
            self._home.archived(partner, file_id).read_bytes(),
            self._home.profiles()[partner],
            context(row),
            _earlier(before, partner),
            partial(self._keys.among, counted),
            self._gate,
            decided(self._lake, ref),
        )

    def keep(self) -> None:
        """Have the usage keys that were read at hand the next time."""
        self._keys.keep()

    def add(self, row: pl.DataFrame) -> None:
        """Count a file that was mediated now among those before the next."""
        self._mediated = pl.concat([self._mediated, row])


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
    mediator, settled = Mediator(home), Settled(home)
    for ref in waiting:
        result = mediator.mediate(ref)
        outcome = settled.merge(USAGE, ref, "mediate", Outcome(result.usage, result.rejects))
        figures = result.figures | ends(outcome.rejects)
        row = next_row(collected(lake, ref), "mediate", figures)
        lake.save(*split(ref), "mediate", {
            USAGE: outcome.passed, REJECT: outcome.rejects, FILE: row,
        })
        mediator.add(row)
        done()
    mediator.keep()
    return rows_of(home, todo)


def _earlier(before: pl.DataFrame, partner: str) -> pl.DataFrame:
    """The partner's earlier files for file control; its kind is what the state says."""
    special = pl.col("state").is_in(["test", "notification"])
    return before.filter(pl.col("partner") == partner).with_columns(
        kind=pl.when(special).then("state").otherwise(pl.lit("live"))
    )
