"""Whether a home can do its work now: what is looked at, and what is wrong with it."""

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec
from sqlalchemy import select

from charging.ledger import Ledger, LedgerError
from charging.ledger_migrations import head, revision
from charging.ledger_schema import HOLD
from mediation.profile import ProfileError
from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home
from ratemill.metrics_files import waiting_files
from ratemill.metrics_ledger import is_there
from ratemill.proven import last_proof

State = Literal["ok", "warn", "fail"]
DISK_FAILS: Final = 1 << 30
"""Octets free below which a day's files may not be written any more"""
DISK_WARNS: Final = 10 << 30
"""Octets free below which somebody should make room"""
_PROOF_AGE: Final = timedelta(days=2)
"""How old the last proof of the sums may be that the DAG daily makes"""
_WAIT_S: Final = 5
"""Seconds for Airflow's answer"""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    what: str
    code: int = 2
    """the exit code where it fails: 4 where sums do not add up"""


class Health(msgspec.Struct, frozen=True):
    """All that was looked at; the state is the worst of them."""

    state: State
    checks: list[Check]

    @property
    def code(self) -> int:
        """The exit code: 0 where nothing fails."""
        return max((check.code for check in self.checks if check.state == "fail"), default=0)


def health(home: Home, now: datetime, at: datetime, airflow: str = "") -> Health:
    """The health of the home, and of the Airflow at an address.

    `now` is the home's clock, which its files go by; `at` is the time that proofs go by.
    """
    looks: dict[str, Callable[[], Check]] = {
        "settings": lambda: _settings(home),
        "disk": lambda: _disk(home.root),
        "lake": lambda: _lake(home),
        "ledger": lambda: _ledger(home),
        "proof": lambda: _proof(home, at),
        "queue": lambda: _queue(home, now),
    }
    if airflow:
        looks["airflow"] = lambda: _airflow(airflow)
    checks = [_looked(name, look) for name, look in looks.items()]
    order: tuple[State, ...] = ("ok", "warn", "fail")
    return Health(max((check.state for check in checks), key=order.index), checks)


def _looked(name: str, look: Callable[[], Check]) -> Check:
    """What a look found; a fault that it met is what is wrong."""
    try:
        return look()
    except (RatemillError, LedgerError, ProfileError, OSError) as error:
        return Check(name, "fail", str(error))


def _settings(home: Home) -> Check:
    title = home.settings.title
    return Check("settings", "ok", f"{title}: {len(home.profiles())} partners")


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    state: State = "fail" if free < DISK_FAILS else "warn" if free < DISK_WARNS else "ok"
    return Check("disk", state, f"{free / (1 << 30):.1f} GiB free")


def _lake(home: Home) -> Check:
    folders = [path for path in (home.root, home.archive, home.lake) if path.exists()]
    closed = [path.name for path in folders if not os.access(path, os.W_OK | os.X_OK)]
    if closed or not folders:
        return Check("lake", "fail", f"cannot be written: {', '.join(closed) or home.root.name}")
    if home.lake not in folders:
        return Check("lake", "ok", "nothing was collected yet")
    return Check("lake", "ok", "can be written")


def _ledger(home: Home) -> Check:
    """Whether the ledger answers, has this program's tables and takes charges."""
    if not is_there(home):
        return Check("ledger", "ok", "not made yet: the first run makes it")
    found = revision(home.ledger)
    if found != head():
        known = f"is at revision {found}" if found else "is empty"
        return Check("ledger", "fail", f"{known}, this program works with {head()}: "
                     "`ratemill ledger migrate`")
    holds = select(HOLD.c.why).where(HOLD.c.released_at.is_(None)).order_by(HOLD.c.hold_number)
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        why = connection.scalars(holds).all()
    if why:
        return Check("ledger", "fail", f"posting is on hold: {why[0]}", 4)
    return Check("ledger", "ok", "takes charges")


def _proof(home: Home, at: datetime) -> Check:
    proof = last_proof(home)
    if proof is None:
        return Check("proof", "ok", "none was made yet; the DAG daily makes one")
    if proof.faults:
        return Check("proof", "fail", proof.faults[0], 4)
    old = at - proof.at > _PROOF_AGE
    told = f"sums were proven {proof.at:%Y-%m-%d %H:%M} UTC"
    return Check("proof", "warn" if old else "ok", told)


def _queue(home: Home, now: datetime) -> Check:
    waiting = waiting_files(home)
    if waiting.is_empty():
        return Check("queue", "ok", "no file waits")
    oldest = now - waiting["received_at"].sort().to_list()[0]
    hours = oldest.total_seconds() / 3600
    state: State = "warn" if hours > home.settings.alerts.stuck_hours else "ok"
    return Check("queue", state, f"{waiting.height:,} files wait, the oldest for {hours:.1f} h")


def _airflow(address: str) -> Check:
    """What Airflow says of its parts."""
    if not address.startswith(("http://", "https://")):
        raise SettingsError("--airflow", "is not http:// or https://")
    url = f"{address.rstrip('/')}/api/v2/monitor/health"
    try:
        with urllib.request.urlopen(url, timeout=_WAIT_S) as answer:  # noqa: S310 (looked at above)
            parts = json.loads(answer.read(1 << 16))
    except urllib.error.HTTPError as error:
        return Check("airflow", "fail", f"answers {error.code}")
    except (OSError, ValueError) as error:
        return Check("airflow", "fail", f"does not answer: {getattr(error, 'reason', error)}")
    ill = sorted(_ill(parts))
    if ill:
        return Check("airflow", "fail", f"not healthy: {', '.join(ill)}")
    return Check("airflow", "ok", "all parts are healthy")


def _ill(parts: object) -> Iterator[str]:
    """The parts that are not healthy; one that was never started has no state."""
    if not isinstance(parts, dict) or "scheduler" not in parts:
        yield "no Airflow"
        return
    for name, part in parts.items():
        state = part.get("status") if isinstance(part, dict) else None
        if state != "healthy":
            yield f"{name} ({state or 'not running'})"
