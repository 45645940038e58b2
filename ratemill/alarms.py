"""What of a home a person has to see to now, as alarms."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import select

from charging.ledger import Ledger
from charging.ledger_schema import HOLD
from ratemill import pipeline
from ratemill.alerts import Alarm, still_open
from ratemill.files import Finding, findings
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.proven import last_proof

_PROOF_AGE: Final = timedelta(days=2)
"""How old the last proof of the sums may be that the DAG daily makes"""


def alarms(home: Home, now: datetime, at: datetime) -> list[Alarm]:
    """All that is open: holds, files, records that wait, runs that failed.

    `now` is the home's clock, which its files go by; `at` is the time that runs of Airflow go by.
    """
    holds = list(_holds(home))
    # a proof that found something has put posting on hold: that is said, and says why
    return [*(holds or _proof(home, at)), *_stuck(home, now), *_findings(home, now),
            *still_open(home, at)]


def _holds(home: Home) -> Iterator[Alarm]:
    """What posting is on hold for."""
    query = select(HOLD.c.hold_number, HOLD.c.why, HOLD.c.at).where(HOLD.c.released_at.is_(None))
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        for row in connection.execute(query.order_by(HOLD.c.hold_number)):
            yield Alarm(kind="hold", about="ledger", what=row.why, same=str(row.hold_number),
                        since=row.at)


def _proof(home: Home, at: datetime) -> Iterator[Alarm]:
    """That the sums were not proven for long, or are wrong."""
    proof = last_proof(home)
    if proof is None:
        return
    if proof.faults:
        more = f", and {len(proof.faults) - 1} more" if len(proof.faults) > 1 else ""
        yield Alarm(kind="check", about="ledger", what=f"{proof.faults[0]}{more}", same="wrong",
                    since=proof.at)
    elif at - proof.at > _PROOF_AGE:
        yield Alarm(kind="check", about="ledger", what="no proof was made since", same="old",
                    since=proof.at)


def _stuck(home: Home, now: datetime) -> Iterator[Alarm]:
    """By partner, files that came long ago and are not finished."""
    waiting = pl.DataFrame({"ref": pipeline.pending(home)}, schema={"ref": pl.String})
    late = now - timedelta(hours=home.settings.alerts.stuck_hours)
    files = Lake(home.lake).file_rows("collect").filter(pl.col("received_at") < late).with_columns(
        ref=pl.format("{}/{}", "partner", "file_id")
    ).join(waiting, on="ref", how="semi", maintain_order="left")
    for row in files.group_by("partner", maintain_order=True).agg(
        pl.len(), pl.col("received_at").min(), pl.col("name").first()
    ).iter_rows(named=True):
        more = f" and {row['len'] - 1:,} more" if row["len"] > 1 else ""
        yield Alarm(kind="stuck", about=row["partner"], what=f"{row['name']}{more}", same="stuck",
                    since=row["received_at"])


def _findings(home: Home, now: datetime) -> Iterator[Alarm]:
    """What the files say: gaps, late partners, files held or refused, old suspense."""
    old = now - timedelta(days=home.settings.alerts.suspense_days)
    for one in findings(home, now):
        if one.kind != "suspense" or (one.since is not None and one.since < old):
            yield Alarm(
                kind=one.kind, about=one.partner, what=one.what, same=_same(one), since=one.since,
                records=one.records, money_micros=one.at_risk_micros,
            )


def _same(one: Finding) -> str:
    """What stays of a finding while its figures change."""
    if one.file_id is not None:
        return one.file_id
    if one.kind == "late":
        return f"{one.since}"
    return one.what if one.kind == "gap" else one.kind
