"""The pipeline's rating step: each file's usage priced with what allowances have left."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import datetime
from typing import Any

import polars as pl

from charging.ledger import Ledger
from charging.posting import revisions
from mediation.outcome import Outcome, conserved
from mediation.schema import FILE, REJECT, USAGE
from ratemill.allowances import (
    AllowanceUse,
    file_on_ledger,
    holders_of,
    rating_alone,
    sims_of,
)
from ratemill.catalog_versions import keep
from ratemill.file_rows import context, next_row, nothing, ready, rows_of, state_after
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.late_marks import late, mark
from ratemill.refs import split
from ratemill.settled import Settled
from rating.catalog import Catalog, load_catalog
from rating.schema import ALLOWANCE_USE, CHARGE


def rate(
    home: Home, refs: Iterable[str], *, now: datetime, done: Callable[[], None] = nothing
) -> list[dict[str, Any]]:
    """Price each mediated file's usage; the current rows of the files.

    The catalog that was used is kept as a version; `now` says since when.
    """
    lake, todo = Lake(home.lake), list(refs)
    waiting = ready(lake, todo, "mediate", "rate")
    if waiting:
        catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
        keep(home, catalog, home.catalog, now)
        use = AllowanceUse(home, holders_of(catalog, sims_of(lake, waiting)))
        for ref in waiting:
            with nullcontext() if use.idle else rating_alone(home):
                # another process may have rated it while this one waited
                if not lake.done(*split(ref), "rate"):
                    _rate_file(home, ref, catalog, use)
            done()
    return rows_of(home, todo)


def _rate_file(home: Home, ref: str, catalog: Catalog, use: AllowanceUse) -> None:
    from rating.rate import rate as rate_usage

    lake, (partner, file_id) = Lake(home.lake), split(ref)
    mediated = lake.load(FILE, partner, file_id, "mediate")
    row = mediated.row(0, named=True)
    usage = lake.load(USAGE, partner, file_id, "mediate", words=True)
    kept = Settled(home).rows(CHARGE, ref, "rate")
    unsettled = usage if kept.is_empty() else usage.join(
        kept, on="record_index", how="anti", maintain_order="left"
    )
    state = use.state(ref)
    rated = rate_usage(unsettled, catalog, context(row), ALLOWANCE_USE.fill(state)).outcome
    fresh = _numbered(home, ref, rated.passed)
    if not use.idle:
        # before the charges: whoever finds these finds the mark
        replaced = _replaced(lake, ref, kept)
        mark(home, ref, late(catalog, state, unsettled, fresh, replaced))
    charges = fresh
    if not kept.is_empty():
        # in the order of rating
        charges = pl.concat([kept, CHARGE.plain(fresh)]).sort("leg", "record_index")
    conserved("rate", usage["record_index"], Outcome(charges, rated.rejects))
    figures = {
        "rated": charges["record_index"].n_unique(),
        "suspended": row["suspended"] + rated.rejects.height,
        "state": state_after(row["state"], "rated"),
    }
    lake.save(partner, file_id, "rate", {
        CHARGE: charges,
        REJECT: rated.rejects,
        FILE: next_row(mediated, "rate", figures),
    })


def _numbered(home: Home, ref: str, charges: pl.DataFrame) -> pl.DataFrame:
    """The charges with the revision that the ledger asks for: 0 but after a correction."""
    with Ledger(home.ledger) as ledger:
        with ledger.reading() as connection:
            _, state, revision = file_on_ledger(connection, ref)
        if state == "open":
            return charges
        again = revisions(ledger, *split(ref)).select("record_index", again="revision")
    return CHARGE.fill(
        charges.join(again, on="record_index", how="left", maintain_order="left").with_columns(
            revision=pl.coalesce("again", pl.lit(revision)).cast(pl.Int32)
        )
    )


def _replaced(lake: Lake, ref: str, kept: pl.DataFrame) -> pl.DataFrame:
    """The charges that an earlier rating of the file made, and this one does not keep."""
    path = lake.path(CHARGE, *split(ref), "rate")
    before = lake.read(CHARGE, [path] if path.exists() else [])
    return before.join(kept, on="record_index", how="anti")
