"""The proof that the audit trail is whole, and that what was done is in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from charging.audit import GENESIS, sealed
from charging.ledger_schema import AUDIT, BATCH, ENTRY
from charging.posting import PIPELINE
from charging.reservations import ONLINE

_AT_ONCE: Final = 10_000
_NOBODY: Final = ("catalog", PIPELINE, ONLINE)
"""Authors of entries who are no person"""


@dataclass(slots=True)
class _Done:
    """What the trail says was done."""

    batches: dict[int, str] = field(default_factory=dict)
    """author of each batch by number"""
    moments: set[tuple[datetime, str]] = field(default_factory=set)
    """when a person did something"""


def audit_faults(connection: Connection) -> Iterator[str]:
    """The first row of the trail that is not as it was written, and what is not in the trail."""
    done = _Done()
    broken = _broken(connection, done)
    if broken:
        yield broken
        return
    batches = select(BATCH.c.batch_number, BATCH.c.who).order_by(BATCH.c.batch_number)
    for number, who in connection.execute(batches):
        said = done.batches.get(number)
        if said != who:
            yield f"batch {number}: by {who}, but the audit trail names {said or 'nobody'}"
    query = select(ENTRY.c.entry_key, ENTRY.c.at, ENTRY.c.who).where(ENTRY.c.who.not_in(_NOBODY))
    ordered = query.order_by(ENTRY.c.entry_number)
    with connection.execute(ordered, execution_options={"yield_per": _AT_ONCE}) as entries:
        for key, at, who in entries:
            if (at, who) not in done.moments:
                yield f"entry {key}: by {who}, but not in the audit trail"


def _broken(connection: Connection, done: _Done) -> str | None:
    """What is wrong with the first row of the trail that is wrong; notes what the others say."""
    seal = GENESIS
    query = select(AUDIT).order_by(AUDIT.c.audit_number)
    with connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as trail:
        for number, row in enumerate(trail.mappings(), 1):
            fault = _row_fault(number, seal, row)
            if fault:
                return fault
            seal = row["hash"]
            after = msgspec.json.decode(row["after"])
            if "batch" in after:
                done.batches[after["batch"]] = row["who"]
            if row["who"] not in _NOBODY:
                done.moments.add((row["at"], row["who"]))
    return None


def _row_fault(number: int, seal: str, row: Mapping[Any, Any]) -> str | None:
    """What is wrong with a row of the trail that follows one with the hash `seal`."""
    if row["audit_number"] != number:
        return f"audit row {number}: is missing, the next one is {row['audit_number']}"
    if sealed(seal, row) != row["hash"]:
        return (f"audit row {number}: is not as it was written on {row['at']} by {row['who']} "
                f"({row['action']} {row['subject']}), or one before it is gone")
    return None
