"""The audit trail: who changed what, when and why, each row sealed by a hash over all before."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select

from charging.ledger_schema import AUDIT

GENESIS: Final = "0" * 64
"""What the first row has as hash before"""


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done: a row of the trail without its time."""

    who: str
    action: str
    subject: str
    why: str
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)


def record(
    connection: Connection, at: datetime, *, who: str, action: str, subject: str, why: str,
    before: Mapping[str, object] | None = None, after: Mapping[str, object] | None = None,
) -> None:
    """Add a row to the trail within a writing transaction; `at` is naive UTC."""
    record_all(connection, at, [Deed(who, action, subject, why, before or {}, after or {})])


def record_all(connection: Connection, at: datetime, deeds: Sequence[Deed]) -> None:
    """Add rows to the trail, in the order given, within a writing transaction."""
    query = select(AUDIT.c.audit_number, AUDIT.c.hash).order_by(AUDIT.c.audit_number.desc())
    last = connection.execute(query.limit(1)).first()
    number, seal = (last.audit_number, last.hash) if last else (0, GENESIS)
    rows = list[dict[str, object]]()
    for deed in deeds:
        number += 1
        row: dict[str, object] = {
            "audit_number": number, "at": at, "who": deed.who, "action": deed.action,
            "subject": deed.subject, "why": deed.why, "before": _json(deed.before),
            "after": _json(deed.after),
        }
        seal = sealed(seal, row)
        rows.append(row | {"hash": seal})
    connection.execute(insert(AUDIT), rows)


def sealed(before: str, row: Mapping[str, object]) -> str:
    """The hash of a row (all columns but hash) that follows one with the hash `before`."""
    columns = [row[column.name] for column in AUDIT.columns if column.name != "hash"]
    return hashlib.sha256(msgspec.json.encode([before, *columns])).hexdigest()


def _json(value: Mapping[str, object]) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
