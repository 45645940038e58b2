"""Removal of what killed processes left half written; finished files are never touched."""

from pathlib import Path

from ratemill.home import Home

# Where ratemill/atomic.py puts its temporary names, `.NAME.PID.part`.
_PLACES = ("lake/*/*", "lake", ".", "outbox/*", "reports")


def sweep(home: Home) -> list[Path]:
    """The temporary files of dead processes, removed."""
    left = [
        part
        for place in _PLACES
        for part in home.root.glob(f"{place}/.*.part*")
        if not _alive(part)
    ]
    for part in left:
        part.unlink(missing_ok=True)
    return left


def _alive(part: Path) -> bool:
    pid = part.name.partition(".part")[0].rpartition(".")[2]
    return pid.isdigit() and Path("/proc", pid).exists()
