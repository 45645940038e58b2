"""Collection into a home: each delivery becomes a row of arrival, each new file one of file."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import polars as pl
import structlog

from charging.ledger import Ledger
from charging.posting import register_file
from mediation.collect import Fetched
from mediation.collect import collect as fetch
from mediation.endpoint import EndpointError, endpoint_of
from mediation.schema import ARRIVAL, FILE
from mediation.sftp import CollectError
from ratemill.errors import PartnerUnreachable
from ratemill.home import Home
from ratemill.lake import Lake

_log = structlog.get_logger("ratemill.collect")


def collect(
    home: Home, partner: str, *, now: datetime, environ: Mapping[str, str]
) -> list[str]:
    """References of the partner's new files; what must wait for the next run is logged.

    PartnerUnreachable when the partner's server or our access to it fails; what was fetched
    before that stays.
    """
    profile, lake = home.profiles()[partner], Lake(home.lake)
    known = {
        (path, size, modified)
        for path, size, modified in lake.arrivals(partner)
        .select("remote_path", "size_bytes", "modified_at").iter_rows()
    }
    new: list[str] = []
    with Ledger(home.ledger) as ledger:

        def arrived(fetched: Fetched) -> None:
            if register(lake, ledger, fetched, now):
                new.append(f"{partner}/{fetched.file_id}")

        try:
            report = fetch(
                profile,
                endpoint_of(profile.collect.connection, environ),
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
    if report.postponed:
        _log.warning("left for the next run: too many", partner=partner, files=report.postponed)
    return new


def register(lake: Lake, ledger: Ledger, fetched: Fetched, now: datetime) -> bool:
    """Record a delivery; whether its bytes are new to us.

    The arrival row comes last: killed before it, the next run fetches the file again and comes
    to the same number and the same rows.
    """
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
             "stage": "collect", "state": "collected"}
        )
        lake.write(FILE, first, FILE.fill(row))
    arrival_id = _arrival_id(fetched)
    arrival = pl.DataFrame(
        {"arrival_id": arrival_id, "partner": fetched.partner, "name": fetched.name,
         "remote_path": fetched.remote_path, "size_bytes": fetched.size_bytes,
         "modified_at": fetched.modified_at, "received_at": now, "file_id": fetched.file_id,
         "file_number": number, "copy_of": copy_of}
    )
    lake.write(ARRIVAL, lake.arrival_path(fetched.partner, arrival_id), ARRIVAL.fill(arrival))
    return copy_of is None


def _arrival_id(fetched: Fetched) -> str:
    parts = (fetched.partner, fetched.remote_path, str(fetched.size_bytes),
             fetched.modified_at.isoformat(), fetched.file_id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


