"""What a rerun may not change: records that the ledger has settled."""

import polars as pl

from charging.ledger import Ledger
from charging.posting import settled
from mediation.outcome import Outcome
from mediation.tables import Table
from ratemill.home import Home
from ratemill.lake import Lake, Stage
from ratemill.refs import split


class Settled:
    """Merges what a stage finds anew with what is on the ledger already.

    A posted record keeps the usage and the charges it was posted with, whatever the profile or
    the catalog say now; to change those takes a correction, never a rerun. What a correction took
    back altogether, as the rollback of a file does, is settled no longer.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lake = Lake(home.lake)

    def merge(self, table: Table, ref: str, stage: Stage, fresh: Outcome) -> Outcome:
        """The stage's outcome with the settled records' rows as they were."""
        if not self._lake.path(table, *split(ref), stage).exists():
            return fresh
        kept = self.rows(table, ref, stage)
        if kept.is_empty():
            return fresh
        mine = pl.col("record_index").is_in(kept["record_index"].unique().implode())
        return Outcome(
            pl.concat([kept, table.plain(fresh.passed.filter(~mine))]).sort("record_index"),
            fresh.rejects.filter(~mine | pl.col("record_index").is_null()),
        )

    def rows(self, table: Table, ref: str, stage: Stage) -> pl.DataFrame:
        """The stage's rows of the settled records as they were; none where they are lost."""
        partner, file_id = split(ref)
        path = self._lake.path(table, partner, file_id, stage)
        if not path.exists():
            return table.empty()
        with Ledger(self._home.ledger) as ledger:
            mine = settled(ledger, partner, file_id)
        if mine.is_empty():
            return table.empty()
        return self._lake.read(table, [path]).filter(
            pl.col("record_index").is_in(mine.implode())
        )
