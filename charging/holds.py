"""Holds: while one is open, nothing is posted."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from charging import audit
from charging.ledger import Ledger
from charging.ledger_error import LedgerError
from charging.ledger_schema import HOLD


def hold(ledger: Ledger, now: datetime, *, who: str, why: str) -> None:
    """Stop all posting until `release`."""
    with ledger.writing() as connection:
        number = (connection.scalar(select(func.max(HOLD.c.hold_number))) or 0) + 1
        connection.execute(insert(HOLD).values(hold_number=number, why=why, at=now))
        audit.record(connection, now, who=who, action="hold", subject="posting", why=why)


def release(ledger: Ledger, now: datetime, *, who: str, why: str) -> int:
    """The number of holds that were open and are not any more."""
    with ledger.writing() as connection:
        closed = connection.execute(
            update(HOLD).where(HOLD.c.released_at.is_(None)).values(released_at=now)
        ).rowcount
        if closed:
            audit.record(connection, now, who=who, action="release", subject="posting", why=why)
    return closed


def refuse_while_held(ledger: Ledger, connection: Connection) -> None:
    """LedgerError where posting is on hold."""
    query = select(HOLD.c.why, HOLD.c.at).where(HOLD.c.released_at.is_(None))
    found = connection.execute(query.order_by(HOLD.c.hold_number).limit(1)).first()
    if found:
        raise LedgerError(
            ledger.where, f"posting is on hold since {found.at:%Y-%m-%d %H:%M} UTC: {found.why}",
            "mend it, then `ratemill ledger release`",
        )
