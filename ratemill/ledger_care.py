"""What the commands of `ratemill ledger` do and show."""

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from charging.checks import Proof
from charging.correction import close_period
from charging.holds import hold, release
from charging.ledger import Ledger
from charging.ledger_migrations import migrate
from charging.ledger_schema import AUDIT
from ratemill.backup import Backup, back_up, restore
from ratemill.home import Home
from ratemill.ledger_check import prove_home
from ratemill.reconcile import stop_posting
from ratemill.screen import out, plain_table
from ratemill.settings import clock

_CONTRADICTION = 4


@dataclass(frozen=True, slots=True)
class Care:
    """Whose ledger it is, who asks, and how answers are shown."""

    home: Home
    who: str
    as_json: bool

    @classmethod
    def find(
        cls, path: Path | None, environ: Mapping[str, str], who: str | None = None, *,
        as_json: bool = False,
    ) -> Self:
        """The home that is named, and the system's user where nobody is."""
        return cls(Home.find(path, environ), who or getpass.getuser(), as_json)

    @property
    def now(self) -> datetime:
        """The time, naive UTC."""
        return clock(self.home.settings)


def check_command(care: Care, *, hold_on: bool) -> int:
    """A line for each proof and each contradiction; exit code 0, or 4 where there is one."""
    now = care.now
    proofs = prove_home(care.home)
    faults = [f"{proof.name}: {fault}" for proof in proofs for fault in proof.faults]
    if faults and hold_on:
        with Ledger(care.home.ledger) as ledger:
            stop_posting(ledger, faults, now, who=care.who)
    if care.as_json:
        out.print_json(msgspec.json.encode({
            "proofs": proofs, "contradictions": len(faults), "held": bool(faults) and hold_on,
        }).decode())
    else:
        _show_proofs(proofs, held=bool(faults) and hold_on)
    return _CONTRADICTION if faults else 0


def _show_proofs(proofs: Sequence[Proof], *, held: bool) -> None:
    for proof in proofs:
        if not proof.faults:
            out.print(f"✓ {proof.name}: {proof.counted}", style="green", soft_wrap=True)
        for fault in proof.faults:
            out.print(f"✗ {proof.name}: {fault}", style="red", markup=False, soft_wrap=True)
    if held:
        out.print("\nPosting is on hold: mend it, then `ratemill ledger release --why …`.")


def hold_command(care: Care, why: str) -> int:
    """Stop posting; exit code 0."""
    with Ledger(care.home.ledger) as ledger:
        hold(ledger, care.now, who=care.who, why=why)
    out.print("Posting is on hold.")
    return 0


def release_command(care: Care, why: str) -> int:
    """Let posting go on; exit code 0."""
    with Ledger(care.home.ledger) as ledger:
        holds = release(ledger, care.now, who=care.who, why=why)
    out.print("Posting goes on." if holds else "Posting was not on hold.")
    return 0


def audit_command(care: Care, tail: int) -> int:
    """Show the end of the audit trail; exit code 0."""
    query = select(AUDIT).order_by(AUDIT.c.audit_number.desc()).limit(tail)
    with Ledger(care.home.ledger) as ledger, ledger.reading() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    if care.as_json:
        out.print_json(msgspec.json.encode([_unfolded(row) for row in rows]).decode())
        return 0
    out.print(plain_table(
        ("row", "at (UTC)", "who", "action", "subject", "what", "why"),
        [(str(row["audit_number"]), f"{row['at']:%Y-%m-%d %H:%M:%S}", row["who"], row["action"],
          row["subject"], _change(row), row["why"]) for row in rows],
    ))
    return 0


def _unfolded(row: Mapping[str, object]) -> dict[str, object]:
    """The row with before and after as what they say."""
    said = {name: msgspec.json.decode(str(row[name])) for name in ("before", "after")}
    return {**row, **said}


def _change(row: Mapping[str, object]) -> str:
    """What changed, in a line."""
    before, after = (msgspec.json.decode(str(row[name])) for name in ("before", "after"))
    return ", ".join(
        f"{name} {before[name]} → {after.get(name, '-')}" if name in before
        else f"{name} {after[name]}"
        for name in dict.fromkeys([*before, *after])
    )


def close_period_command(care: Care, until: datetime) -> int:
    """Close the billing period that ends at a midnight of the home's zone; exit code 0."""
    zone = ZoneInfo(care.home.settings.zone)
    closed_to = until.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    with Ledger(care.home.ledger) as ledger:
        close_period(ledger, closed_to, care.now, who=care.who)
    out.print(f"Closed to {closed_to:%Y-%m-%d %H:%M} UTC: later corrections of what was posted "
              "before are adjustments.")
    return 0


def migrate_command(care: Care) -> int:
    """Bring the ledger up to date; exit code 0."""
    steps = migrate(care.home.ledger)
    out.print(f"Migrated to {steps[-1]}." if steps else "The ledger is up to date.")
    return 0


def backup_command(care: Care, folder: Path) -> int:
    """Copy ledger and home; exit code 0."""
    _show_backup(care, back_up(care.home, folder, care.now), f"Copied to {folder}")
    return 0


def restore_command(care: Care, folder: Path) -> int:
    """Restore ledger and home, and prove them; exit code 0, or 4 where something contradicts."""
    made = restore(care.home, folder)
    if not care.as_json:
        _show_backup(care, made, f"Restored to {care.home.root}")
    return check_command(care, hold_on=True)


def _show_backup(care: Care, backup: Backup, done: str) -> None:
    figures = {
        "made_at": backup.made_at, "ledger_revision": backup.ledger_revision,
        "rows": {table.name: table.rows for table in backup.tables},
        "files": len(backup.files), "octets": sum(file.size for file in backup.files),
    }
    if care.as_json:
        out.print_json(msgspec.json.encode(figures).decode())
        return
    postings = next((table.rows for table in backup.tables if table.name == "posting"), 0)
    out.print(f"{done}: {len(backup.files):,} files, {figures['octets']:,} octets, a ledger of "
              f"{postings:,} postings as of {backup.made_at:%Y-%m-%d %H:%M:%S} UTC.",
              soft_wrap=True)
