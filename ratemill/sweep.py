"""Removal of what killed processes left half written; finished files are never touched."""

from datetime import UTC, datetime
from pathlib import Path

from ratemill.atomic import remove
from ratemill.home import Home

# Where ratemill/atomic.py puts its temporary names, `.NAME.PID.part`.
_PLACES = ("lake/*/*", "lake", ".", "outbox/*", "reports", "reports/*", "reports/checks/*",
           "catalog_versions", "cache/catalog", "alerts", "alerts/happened", "alerts/faults/*")


def sweep(home: Home, *, before: datetime | None = None) -> list[Path]:
    """The temporary files and folders of dead processes, removed.

    With `before` (naive UTC) only those that were last written earlier: processes of another
    machine cannot be seen from here.
    """
    left = [
        part
        for place in _PLACES
        for part in home.root.glob(f"{place}/.*.part*")
        if not _alive(part) and (before is None or _written(part) < before)
    ]
    for part in left:
        remove(part)
    return left


def _written(part: Path) -> datetime:
    return datetime.fromtimestamp(part.stat().st_mtime, UTC).replace(tzinfo=None)


def _alive(part: Path) -> bool:
    pid = part.name.partition(".part")[0].rpartition(".")[2]
    return pid.isdigit() and Path("/proc", pid).exists()
