"""What a rerun may not change: records that the ledger has settled."""

import polars as pl

from charging.ledger import Ledger
from mediation.outcome import Outcome
from mediation.tables import Table
from ratemill.home import Home
from ratemill.lake import Lake, Stage
from ratemill.refs import split


class Settled:
    """Merges what a stage finds anew with what is on the ledger already.

    A posted record keeps the usage and the charges it was posted with, whatever the profile or
    the catalog say now; to change those takes a correction, never a rerun.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lake = Lake(home.lake)

    def merge(self, table: Table, ref: str, stage: Stage, fresh: Outcome) -> Outcome:
        """The stage's outcome with the settled records' rows as they were."""
        partner, file_id = split(ref)
        path = self._lake.path(table, partner, file_id, stage)
        if not path.exists():
            return fresh
        with Ledger(self._home.ledger) as ledger:
            posted = ledger.postings(partner, file_id)["record_index"].unique()
            refused = ledger.refusals(partner, file_id)["record_index"]
        settled = pl.concat([posted, refused])
        if settled.is_empty():
            return fresh
        mine = pl.col("record_index").is_in(settled.implode())
        kept = self._lake.read(table, [path]).filter(mine)
        order = [c for c in ("record_index", "leg") if c in kept.columns]
        return Outcome(
            pl.concat([kept, fresh.passed.filter(~mine)]).sort(order),
            fresh.rejects.filter(~mine | pl.col("record_index").is_null()),
        )
