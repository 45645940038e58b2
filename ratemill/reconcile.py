"""The proof that every record of every file ended in one place, and that the sums agree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import select

from charging.check_files import FilesCheck
from charging.holds import hold
from charging.ledger import Ledger
from charging.ledger_schema import HOLD
from charging.posting import PIPELINE
from charging.schema import POSTING
from mediation.outcome import ConservationError
from mediation.schema import FILE
from ratemill.charges_now import ChargesNow
from ratemill.correction_lake import bring_up, correcting_alone
from ratemill.file_proof import AMOUNTS, prove_file
from ratemill.home import Home
from ratemill.lake import STAGES, Lake
from ratemill.refs import split
from ratemill.settings import clock


@dataclass(frozen=True, slots=True)
class Reconciled:
    """File rows (table file) that add up, and what was posted per file, leg and currency."""

    files: pl.DataFrame
    amounts: pl.DataFrame


def reconcile(home: Home, refs: Iterable[str]) -> Reconciled:
    """The files' figures after proof; ConservationError names every file that does not add up.

    Looks at these files alone, in the lake and on the ledger; `ratemill ledger check` proves all of
    it. A contradiction puts posting on hold.
    """
    lake, todo = Lake(home.lake), list(refs)
    missing = {ref: [s for s in STAGES if not lake.done(*split(ref), s)] for ref in todo}
    unfinished = [f"{ref}: not finished: {', '.join(of)}" for ref, of in missing.items() if of]
    finished = [ref for ref in todo if not missing[ref]]
    rows, amounts = [FILE.empty()], [pl.DataFrame(schema=AMOUNTS)]
    faults: list[str] = []
    if finished:
        # a correction is in both or in neither while nobody corrects
        with Ledger(home.ledger) as ledger, correcting_alone(home):
            bring_up(home, ledger)
            charges = ChargesNow(lake, finished)
            with ledger.dialect.explained(ledger.where), ledger.reading() as connection:
                check = FilesCheck(ledger, connection, map(split, finished))
                for ref in finished:
                    postings = check.postings(*split(ref))
                    proven = prove_file(home, ledger, connection, charges, ref, postings)
                    rows.append(proven.row)
                    amounts.append(proven.amounts)
                    name = proven.row["name"].item()
                    faults += [f"{name} ({ref[:21]}): {fault}" for fault in proven.faults]
                faults += [f"ledger: {fault}" for fault in check.faults()]
            if faults:
                stop_posting(ledger, faults, clock(home.settings), who=PIPELINE)
    if faults or unfinished:
        raise ConservationError("\n".join([*unfinished, *faults]))
    return Reconciled(pl.concat(rows).sort("file_number"), pl.concat(amounts))


def stop_posting(ledger: Ledger, faults: Sequence[str], now: datetime, *, who: str) -> None:
    """Put posting on hold for contradictions, unless it is for the same already."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    why = f"{faults[0]}{more}"
    same = select(HOLD.c.hold_number).where(HOLD.c.released_at.is_(None), HOLD.c.why == why)
    with ledger.reading() as connection:
        known = connection.scalar(same.limit(1))
    if known is None:
        hold(ledger, now, who=who, why=why)


def posted_amounts(lake: Lake) -> pl.DataFrame:
    """What was charged per file, leg and currency, over all posted files."""
    posting = lake.read(POSTING, lake.files(POSTING))
    return (
        posting.group_by("file_id", "partner", "leg", "currency")
        .agg(amount_micros=-pl.col("amount_micros").sum())
        .sort("leg", "currency")
    )
