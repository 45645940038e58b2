"""Corrections of what is posted, in the lake and on the ledger, whole in both or in neither.

What a correction needs of detail is written first, then the ledger, then what follows from it; its
postings come last. Whatever is cut short in between, the ledger says how it ends.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import polars as pl
from sqlalchemy import select

from charging.correction import Corrected, correct
from charging.ledger import Ledger, file_number_of
from charging.ledger_schema import BATCH
from charging.legs import legs_of_file
from charging.overdraft import Policy
from charging.posting_id import unpacked
from charging.schema import POSTING
from mediation.reject import ends
from mediation.schema import FILE, REJECT
from ratemill.file_rows import next_row, state_after
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split
from rating.schema import CHARGE

_FILE: Final = ["partner", "file_id"]
_DETAIL: Final = (CHARGE, REJECT)


@dataclass(frozen=True, slots=True)
class Correction:
    """Charges that give way to others."""

    key: str
    """makes a repetition harmless"""
    kind: Literal["rerate", "replay"]
    before: pl.DataFrame
    """POSTED_COLUMNS of table charge, the latest of each leg that changes"""
    after: pl.DataFrame
    """Table charge, revision one more"""
    rejects: pl.DataFrame
    """Table reject, the records that have no price any more"""


def correcting_alone(home: Home) -> AbstractContextManager[None]:
    """A block that one process at a time is in: no two correct the same charges."""
    return home.alone("correction")


def apply(
    home: Home, ledger: Ledger, correction: Correction, now: datetime, *, who: str, why: str,
    policies: Mapping[str, Policy] | None = None,
) -> Corrected:
    """What the correction did, once for its key; LedgerError where charges changed meanwhile."""
    with correcting_alone(home):
        bring_up(home, ledger)
        lake = Lake(home.lake)
        write_detail(lake, correction.key, correction.after, correction.rejects)
        done = correct(ledger, correction.key, correction.kind, correction.before,
                       correction.after, now, who=who, why=why, policies=policies)
        if not done.repeated:
            follow(lake, ledger, done.key, done.postings)
        return done


def finish(home: Home, ledger: Ledger) -> list[str]:
    """The keys of corrections that the ledger had and the lake had not, and has now."""
    with correcting_alone(home):
        return bring_up(home, ledger)


def bring_up(home: Home, ledger: Ledger) -> list[str]:
    """As `finish`, for whoever corrects alone; what the ledger did not take is removed."""
    lake = Lake(home.lake)
    keys = corrections_of(ledger)
    missing = unfinished(lake, keys)
    for key in missing:
        follow(lake, ledger, key, ledger.batch(key))
    for table in _DETAIL:
        known = {lake.correction_path(table, key) for key in keys}
        for path in lake.correction_path(table, "").parent.glob("[!.]*.parquet"):
            if path not in known:
                path.unlink()
    return missing


def corrections_of(ledger: Ledger) -> list[str]:
    """The keys of all corrections on the ledger, in order of commit."""
    query = select(BATCH.c.batch_key).where(BATCH.c.kind != "file").order_by(BATCH.c.batch_number)
    with ledger.reading() as connection:
        return list(connection.scalars(query))


def unfinished(lake: Lake, keys: list[str]) -> list[str]:
    """Those of the corrections on the ledger that are not in the lake."""
    return [key for key in keys if not lake.correction_path(POSTING, key).exists()]


def write_detail(lake: Lake, key: str, charges: pl.DataFrame, rejects: pl.DataFrame) -> None:
    """Write what the ledger does not keep of a correction that it is to take next."""
    for table, rows in zip(_DETAIL, (charges, rejects), strict=True):
        if rows.height:
            # those of one file together, as they are read by file
            ordered = rows.sort(*_FILE, "record_index", maintain_order=True)
            lake.write(table, lake.correction_path(table, key), ordered)


def follow(lake: Lake, ledger: Ledger, key: str, postings: pl.DataFrame) -> None:
    """Have the lake say what the ledger does since the correction, of which these are postings."""
    path = lake.correction_path(REJECT, key)
    rejects = lake.read(REJECT, [path] if path.exists() else [])
    files = pl.concat([postings.select(_FILE), _rolled_back(key)]).unique().sort(_FILE)
    states = ledger.file_states().join(files, on=_FILE, how="semi")
    for state in states.iter_rows(named=True):
        of_file = pl.all_horizontal(pl.col(name) == state[name] for name in _FILE)
        _rewrite(lake, state, postings.filter(of_file)["record_index"], rejects.filter(of_file))
    lake.write(POSTING, lake.correction_path(POSTING, key), postings)


def _rolled_back(key: str) -> pl.DataFrame:
    """The file that the rollback of this key is about, whether it had charges or not."""
    what, _, rest = key.partition(":")
    ref, _, _ = rest.rpartition(":")
    return pl.DataFrame(
        [split(ref)] if what == "rollback" else [], orient="row",
        schema=dict.fromkeys(_FILE, pl.String),
    )


def _rewrite(
    lake: Lake, state: Mapping[str, object], records: pl.Series, rejects: pl.DataFrame
) -> None:
    """Let the outputs of a file's stage post follow: these records moved, and these have no charge.

    A file that waits to be posted again has none; it is told what to keep by `taken_back`.
    """
    partner, file_id = str(state["partner"]), str(state["file_id"])
    if not lake.done(partner, file_id, "post"):
        return
    before = lake.load(REJECT, partner, file_id, "post")
    after = pl.concat([
        before.filter(~pl.col("record_index").is_in(records.implode())), rejects
    ]).sort("record_index")
    rated = lake.load(FILE, partner, file_id, "rate")
    row, away = rated.row(0, named=True), ends(after)
    figures = {name: row[name] + number for name, number in away.items()} | {
        "posted": state["records"],
        "state": "rolled_back" if state["state"] == "rolled_back"
        else state_after(row["state"], "posted"),
    }
    lake.write(REJECT, lake.path(REJECT, partner, file_id, "post"), after)
    lake.write(FILE, lake.path(FILE, partner, file_id, "post"), next_row(rated, "post", figures))


def taken_back(lake: Lake, ledger: Ledger, partner: str, file_id: str) -> pl.DataFrame:
    """Table reject of the records of a file that were posted and do not stand any more."""
    with ledger.reading() as connection:
        number = file_number_of(connection, partner, file_id) or 0
        gone = legs_of_file(connection, number).filter(~pl.col("stands"))
    records = gone.select(unpacked(pl.col("leg_id"))["record_index"]).to_series().unique()
    if records.is_empty():
        return REJECT.empty()
    paths = [lake.correction_path(REJECT, key) for key in corrections_of(ledger)]
    found = lake.read(REJECT, (path for path in paths if path.exists()))
    return found.filter(
        (pl.col("partner") == partner) & (pl.col("file_id") == file_id)
        & pl.col("record_index").is_in(records.implode())
    ).unique("record_index", keep="last", maintain_order=True).sort("record_index")
