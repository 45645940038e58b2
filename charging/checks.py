"""The proof of the ledger: every contradiction within it, in a sentence that says where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, func, select, text

from charging.check_audit import audit_faults
from charging.check_figures import (
    balances_faults,
    batches_faults,
    files_faults,
    keys_faults,
    legs_faults,
    refusals_faults,
    totals_faults,
)
from charging.check_postings import tally
from charging.ledger import Ledger
from charging.ledger_schema import (
    ACCOUNT,
    ALLOWANCE_USE,
    AUDIT,
    BATCH,
    ENTRY,
    FILE,
    REFUSAL,
    RESERVATION,
    VOUCHER,
)

SHOWN: Final = 20
"""Contradictions of one kind that are named one by one"""
_SQL: Final = Path(__file__).parent / "sql"
_ALL: Final = (0, 2**63 - 1)
_COUNTED: Final = (
    ACCOUNT, ALLOWANCE_USE, AUDIT, BATCH, ENTRY, FILE, REFUSAL, RESERVATION, VOUCHER
)
_PROOFS: Final = {
    "balances": "{account:,} accounts agree with {posting:,} postings and {entry:,} entries",
    "reserved": "{reservation:,} reservations hold back what the balances say",
    "entries": "{entry:,} entries agree with their accounts, reservations and {voucher:,} vouchers",
    "batches": "{batch:,} batches have the postings that they say",
    "files": "{file:,} files have the state, records and sums that they say",
    "charges": "charges of {record:,} records add up with all that was given back",
    "usage keys": "{record:,} records stand, and each owns one usage key",
    "refusals": "{refusal:,} refused records name who owns their usage key",
    "allowances": "{allowance_use:,} allowances in use, none below zero",
    "numbers": "no row is missing from what is numbered",
    "audit trail": "{audit:,} rows are as they were written",
}
"""What is proven, and what of it is told where nothing contradicts"""


@dataclass(frozen=True, slots=True)
class Proof:
    """One kind of contradiction that was looked for."""

    name: str
    counted: str
    """what was looked at, in words that hold where there are no faults"""
    faults: list[str]
    """a sentence each; of many the first, and how many more there are"""


def prove(ledger: Ledger) -> list[Proof]:
    """All that must hold within the ledger, each with what contradicts it."""
    with ledger.dialect.explained(ledger.where), ledger.reading() as connection:
        found = tally(connection)
        faults: Mapping[str, Iterable[str]] = {
            "balances": balances_faults(connection, found),
            "reserved": _told(connection, "accounts"),
            "entries": _told(connection, "entries"),
            "batches": batches_faults(connection, found, whole=True),
            "files": chain(files_faults(connection, found, _ALL),
                           totals_faults(connection, found, _ALL)),
            "charges": legs_faults(found),
            "usage keys": chain(keys_faults(connection, found), _told(connection, "twins")),
            "refusals": refusals_faults(ledger, connection, _ALL),
            "allowances": _told(connection, "allowances"),
            "numbers": _told(connection, "numbers"),
            "audit trail": audit_faults(connection),
        }
        counts = {table.name: _rows(connection, table) for table in _COUNTED} | {
            "posting": found.accounts["postings"].sum(), "record": found.files["standing"].sum(),
        }
        return [Proof(name, told.format_map(counts), first_faults(faults[name]))
                for name, told in _PROOFS.items()]


def check(ledger: Ledger) -> list[str]:
    """Every contradiction within the ledger, a sentence each; empty where there is none."""
    return [fault for proof in prove(ledger) for fault in proof.faults]


def first_faults(faults: Iterable[str]) -> list[str]:
    """The first faults of a kind, and how many more there are."""
    every = list(faults)
    rest = every[SHOWN:]
    return [*every[:SHOWN], *([f"… and {len(rest):,} more like the last"] if rest else [])]


def _told(connection: Connection, name: str) -> Iterable[str]:
    """The faults that a query finds."""
    return connection.scalars(text((_SQL / f"check_{name}.sql").read_text("utf-8")))


def _rows(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()
