"""Removal of what killed processes left half written; finished files are never touched."""

from pathlib import Path

from ratemill.atomic import remove
from ratemill.home import Home

# Where ratemill/atomic.py puts its temporary names, `.NAME.PID.part`.
_PLACES = ("lake/*/*", "lake", ".", "outbox/*", "reports", "reports/*", "reports/checks/*",
           "catalog_versions", "cache/catalog")


def sweep(home: Home) -> list[Path]:
    """The temporary files and folders of dead processes, removed."""
    left = [
        part
        for place in _PLACES
        for part in home.root.glob(f"{place}/.*.part*")
        if not _alive(part)
    ]
    for part in left:
        remove(part)
    return left


def _alive(part: Path) -> bool:
    pid = part.name.partition(".part")[0].rpartition(".")[2]
    return pid.isdigit() and Path("/proc", pid).exists()
