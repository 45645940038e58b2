"""The audit trail: who changed what, when and why, each row sealed by a hash over all before."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select

from charging.ledger_schema import AUDIT

GENESIS: Final = "0" * 64
"""What the first row has as hash before"""


def record(
    connection: Connection, at: datetime, *, who: str, action: str, subject: str, why: str,
    before: Mapping[str, object] | None = None, after: Mapping[str, object] | None = None,
) -> None:
    """Add a row to the trail within a writing transaction; `at` is naive UTC."""
    query = select(AUDIT.c.audit_number, AUDIT.c.hash).order_by(AUDIT.c.audit_number.desc())
    last = connection.execute(query.limit(1)).first()
    number, seal = (last.audit_number + 1, last.hash) if last else (1, GENESIS)
    row = {
        "audit_number": number, "at": at, "who": who, "action": action, "subject": subject,
        "why": why, "before": _json(before), "after": _json(after),
    }
    connection.execute(insert(AUDIT).values(**row, hash=sealed(seal, row)))


def sealed(before: str, row: Mapping[str, object]) -> str:
    """The hash of a row (all columns but hash) that follows one with the hash `before`."""
    columns = [row[column.name] for column in AUDIT.columns if column.name != "hash"]
    return hashlib.sha256(msgspec.json.encode([before, *columns])).hexdigest()


def _json(value: Mapping[str, object] | None) -> str:
    return msgspec.json.encode(value or {}, order="sorted").decode()
