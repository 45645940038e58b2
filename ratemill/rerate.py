"""Rating again what is posted: the difference, and posting it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from charging.correction import Corrected
from charging.ledger import Ledger
from charging.posting_rows import POSTED_COLUMNS
from ratemill.allowances import rating_alone
from ratemill.catalog_versions import keep
from ratemill.charges_now import ChargesNow
from ratemill.correction_lake import Correction, apply, corrections_of, finish, unfinished
from ratemill.errors import RatemillError
from ratemill.file_rows import nothing
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.posting_step import overdraft_policies
from ratemill.rerate_catalog import ChosenCatalog
from ratemill.rerate_compute import Rerated, rerated
from ratemill.word_frames import together
from rating.schema import CHARGE

_FILE: Final = ["partner", "file_id"]
_PLACE: Final = pl.col("record_index").cast(pl.Int64) * 2 + (pl.col("leg") == "wholesale")
"""Number of a leg within its file"""


@dataclass(frozen=True, slots=True)
class Applied:
    """The difference, and what posting it did."""

    difference: Rerated
    corrected: Corrected | None
    """None where nothing changes"""


def difference(
    home: Home, where: str, chosen: ChosenCatalog, done: Callable[[], None] = nothing
) -> Rerated:
    """What the catalog would charge for the records that `where` names; nothing is written.

    RatemillError where an earlier correction is not in the lake yet.
    """
    lake = Lake(home.lake)
    if home.lake.exists():
        with Ledger(home.ledger) as ledger:
            missing = unfinished(lake, corrections_of(ledger))
        if missing:
            raise RatemillError(missing[0], "was cut short: the ledger has it, the lake has not",
                                "`ratemill run` finishes it")
    return rerated(lake, where, chosen.catalog, keep=False, done=done)


def apply_difference(
    home: Home, where: str, chosen: ChosenCatalog, now: datetime, *, who: str, why: str,
    done: Callable[[], None] = nothing,
) -> Applied:
    """Charge the records that `where` names by the catalog, all in one go; again, it does nothing.

    LedgerError where charges changed meanwhile.
    """
    lake = Lake(home.lake)
    with rating_alone(home), Ledger(home.ledger) as ledger:
        finish(home, ledger)
        found = rerated(lake, where, chosen.catalog, keep=True, done=done)
        if found.charges.is_empty() and found.rejects.is_empty():
            return Applied(found, None)
        keep(home, chosen.catalog, chosen.folder, now)
        correction = Correction(
            found.key, "rerate", _before(lake, found), found.charges, found.rejects
        )
        policies = overdraft_policies(chosen.catalog, now)
        return Applied(found, apply(home, ledger, correction, now, who=who, why=why,
                                    policies=policies))


def _before(lake: Lake, found: Rerated) -> pl.DataFrame:
    """Charges that stand (POSTED_COLUMNS) of the legs that change or have no price any more."""
    legs = found.charges.select(*_FILE, place=_PLACE).partition_by(_FILE, as_dict=True)
    away = found.rejects.select(*_FILE, "record_index").partition_by(_FILE, as_dict=True)
    files = sorted((*key,) for key in {*legs, *away})
    now = ChargesNow(lake, [f"{partner}/{file_id}" for partner, file_id in files])
    parts = []
    for key in files:
        standing = now.of("/".join(key), POSTED_COLUMNS, words=True).with_columns(
            pl.col(_FILE).cast(pl.String)
        )
        for rows, of in ((legs.get(key), _PLACE), (away.get(key), pl.col("record_index"))):
            if rows is not None:
                parts.append(standing.filter(of.is_in(rows.to_series(2).implode())))
    return together(parts, CHARGE.polars)
