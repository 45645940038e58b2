"""Collection into a home: each delivery becomes a row of arrival, each new file one of file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl
import structlog

from charging.ledger import Ledger
from charging.posting import register_file
from mediation.collect import Fetched
from mediation.collect import collect as fetch
from mediation.collect_limits import LIMITS
from mediation.drop_folder import DropFolder
from mediation.endpoint import EndpointError, endpoint_of
from mediation.profile import Profile
from mediation.raw_store import RawStore
from mediation.schema import ARRIVAL, FILE
from mediation.sftp import SftpSession
from mediation.source import CollectError, Source
from ratemill.errors import PartnerUnreachable
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.taken_apart import UNPACKED, take_apart

_log = structlog.get_logger("ratemill.collect")


def collect(
    home: Home, partner: str, *, now: datetime, environ: Mapping[str, str]
) -> list[str]:
    """References of the partner's new files; what must wait for the next run is logged.

    PartnerUnreachable when the partner's server or our access to it fails; what was fetched
    before that stays.
    """
    profile, lake = home.profiles()[partner], Lake(home.lake)
    store = RawStore(home.archive / partner)
    known = {
        (path, size, modified)
        for path, size, modified in lake.arrivals(partner)
        .select("remote_path", "size_bytes", "modified_at").iter_rows()
    }
    new: list[str] = []
    with Ledger(home.ledger) as ledger:

        def arrived(fetched: Fetched) -> None:
            ids = deliver(lake, ledger, fetched, store, profile.collect.exclude, now)
            new.extend(f"{partner}/{file_id}" for file_id in ids)

        try:
            report = fetch(
                profile,
                _source(home, profile, environ),
                home.archive,
                lambda path, size, modified: (path, size, modified) in known,
                lambda: now,
                arrived,
            )
        except EndpointError as error:
            raise PartnerUnreachable(partner, str(error)) from error
        except CollectError as error:
            raise PartnerUnreachable(partner, str(error), retryable=error.retryable) from error
    for name in report.unsettled:
        _log.warning("left for the next run: still changing", partner=partner, file=name)
    for name, reason in report.failed.items():
        _log.warning(f"left for the next run: {reason}", partner=partner, file=name)
    for name in report.unmarked:
        _log.info("left for the next run: its marker is not there", partner=partner, file=name)
    for name, reason in report.notes.items():
        _log.warning(f"collected, but: {reason}", partner=partner, file=name)
    if report.postponed:
        _log.warning("left for the next run: too many", partner=partner, files=report.postponed)
    return new


def _source(
    home: Home, profile: Profile, environ: Mapping[str, str]
) -> Callable[[], Source]:
    """What opens the place that the partner's files come from; EndpointError."""
    rule = profile.collect
    if rule.connection:
        return partial(SftpSession, endpoint_of(rule.connection, environ), LIMITS)
    folder = Path(rule.folder)
    # An absolute one is the partner's own; sshd wants its place to belong to root.
    place = folder if folder.is_absolute() else home.root / folder / profile.name
    return partial(DropFolder, place, LIMITS)


def deliver(
    lake: Lake, ledger: Ledger, fetched: Fetched, store: RawStore, exclude: Sequence[str],
    now: datetime,
) -> list[str]:
    """Record a delivery, of an archive of several files each of them; the file ids new to us.

    The archive comes last: killed before it, the next run fetches it again, and what was recorded
    of it stays as it is.
    """
    apart = take_apart(fetched, exclude, store)
    if apart is None:
        return [fetched.file_id] if register(lake, ledger, fetched, now) else []
    new = [file.file_id for file in apart.files if register(lake, ledger, file, now)]
    if register(lake, ledger, fetched, now, state=UNPACKED, notes=apart.notes):
        new.append(fetched.file_id)
    return new


def register(
    lake: Lake, ledger: Ledger, fetched: Fetched, now: datetime,
    *, state: str = "collected", notes: str | None = None,
) -> bool:
    """Record the delivery of one file; whether its bytes are new to us.

    The arrival row comes last: killed before it, the next run fetches the file again and comes
    to the same number and the same rows. A delivery that is recorded stays as it is.
    """
    arrival_id = _arrival_id(fetched)
    arrival_path = lake.arrival_path(fetched.partner, arrival_id)
    if arrival_path.exists():
        return bool(lake.read(ARRIVAL, [arrival_path])["copy_of"].is_null().item())
    number = register_file(ledger, fetched.partner, fetched.file_id)
    first = lake.path(FILE, fetched.partner, fetched.file_id, "collect")
    copy_of = None
    if first.exists():
        name = lake.read(FILE, [first])["name"].item()
        known = lake.arrivals(fetched.partner).filter(file_id=fetched.file_id)
        # A file row without an arrival is ours from a run that was killed between the two.
        copy_of = name if known.height or name != fetched.name else None
    else:
        row = pl.DataFrame(
            {"partner": fetched.partner, "file_id": fetched.file_id, "file_number": number,
             "name": fetched.name, "size_bytes": fetched.size_bytes, "received_at": now,
             "stage": "collect", "state": state, "notes": notes}
        )
        lake.write(FILE, first, FILE.fill(row))
    arrival = pl.DataFrame(
        {"arrival_id": arrival_id, "partner": fetched.partner, "name": fetched.name,
         "remote_path": fetched.remote_path, "size_bytes": fetched.size_bytes,
         "modified_at": fetched.modified_at, "received_at": now, "file_id": fetched.file_id,
         "file_number": number, "copy_of": copy_of}
    )
    lake.write(ARRIVAL, arrival_path, ARRIVAL.fill(arrival))
    return copy_of is None


def _arrival_id(fetched: Fetched) -> str:
    parts = (fetched.partner, fetched.remote_path, str(fetched.size_bytes),
             fetched.modified_at.isoformat(), fetched.file_id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


