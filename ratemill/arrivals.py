"""Collection into a home: each delivery becomes a row of arrival, each new file one of file."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import structlog

from charging.ledger import Ledger
from charging.posting import register_files
from mediation.collect import Fetched
from mediation.collect import collect as fetch
from mediation.endpoint import EndpointError
from mediation.raw_store import RawStore
from mediation.schema import ARRIVAL, FILE
from mediation.source import CollectError
from mediation.tables import Table
from ratemill.errors import PartnerUnreachable
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.partner_source import source_of
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

        def arrived(files: Sequence[Fetched]) -> None:
            ids = deliver(lake, ledger, files, store, profile.collect.exclude, now)
            new.extend(f"{partner}/{file_id}" for file_id in ids)

        try:
            report = fetch(
                profile,
                source_of(home, profile, environ),
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


def deliver(
    lake: Lake, ledger: Ledger, files: Sequence[Fetched], store: RawStore, exclude: Sequence[str],
    now: datetime,
) -> list[str]:
    """Record deliveries, of an archive of several files each of them; the file ids new to us.

    The archive comes last: killed before it, the next run fetches it again, and what was recorded
    of it stays as it is.
    """
    found: list[_Delivery] = []
    for fetched in files:
        apart = take_apart(fetched, exclude, store)
        if apart is None:
            found.append(_Delivery(fetched))
        else:
            found += map(_Delivery, apart.files)
            found.append(_Delivery(fetched, UNPACKED, apart.notes))
    return [
        one.fetched.file_id
        for one, new in zip(found, _register(lake, ledger, found, now), strict=True) if new
    ]


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One file as it came, and what its row says of it when it is new."""

    fetched: Fetched
    state: str = "collected"
    notes: str | None = None


def register(lake: Lake, ledger: Ledger, fetched: Fetched, now: datetime) -> bool:
    """Record the delivery of one file; whether its bytes are new to us."""
    return _register(lake, ledger, [_Delivery(fetched)], now)[0]


def _register(
    lake: Lake, ledger: Ledger, deliveries: Sequence[_Delivery], now: datetime
) -> list[bool]:
    """Record deliveries of one partner; of each whether its bytes are new to us.

    The arrival rows come last, in order: killed before one, the next run fetches that file again
    and comes to the same number and the same rows. A delivery that is recorded stays as it is.
    """
    paths = [lake.arrival_path(d.fetched.partner, _arrival_id(d.fetched)) for d in deliveries]
    known = {path: _is_first(lake, path) for path in paths if path.exists()}
    todo = {path: d for path, d in zip(paths, deliveries, strict=True) if path not in known}
    if todo:
        partner = deliveries[0].fetched.partner
        numbers = register_files(ledger, partner, [d.fetched.file_id for d in todo.values()])
        firsts: dict[Path, _Delivery] = {}
        rows: list[tuple[Table, Path, pl.DataFrame]] = []
        arrivals: list[tuple[Table, Path, pl.DataFrame]] = []
        for (path, one), number in zip(todo.items(), numbers, strict=True):
            first = lake.path(FILE, partner, one.fetched.file_id, "collect")
            copy_of = _copy_of(lake, first, firsts, one.fetched)
            if copy_of is None:
                firsts[first] = one
                if not first.exists():
                    rows.append((FILE, first, _file_row(one, number, now)))
            arrivals.append((ARRIVAL, path, _arrival_row(one.fetched, number, now, copy_of)))
            known[path] = copy_of is None
        lake.write_all(rows)
        lake.write_all(arrivals)
    return [known[path] for path in paths]


def _is_first(lake: Lake, arrival: Path) -> bool:
    """Whether the delivery of this row brought bytes that were new."""
    return bool(lake.read(ARRIVAL, [arrival])["copy_of"].is_null().item())


def _copy_of(
    lake: Lake, first: Path, firsts: Mapping[Path, _Delivery], fetched: Fetched
) -> str | None:
    """The name under which the same bytes came before; none where they are new."""
    if first in firsts:
        return firsts[first].fetched.name
    if not first.exists():
        return None
    name: str = lake.read(FILE, [first])["name"].item()
    known = lake.arrivals(fetched.partner).filter(file_id=fetched.file_id)
    # A file row without an arrival is ours from a run that was killed between the two.
    return name if known.height or name != fetched.name else None


def _file_row(one: _Delivery, number: int, now: datetime) -> pl.DataFrame:
    fetched = one.fetched
    return pl.from_dicts([{
        "partner": fetched.partner, "file_id": fetched.file_id, "file_number": number,
        "name": fetched.name, "size_bytes": fetched.size_bytes, "received_at": now,
        "stage": "collect", "state": one.state, "notes": one.notes,
    }], schema=FILE.polars)


def _arrival_row(
    fetched: Fetched, number: int, now: datetime, copy_of: str | None
) -> pl.DataFrame:
    return pl.from_dicts([{
        "arrival_id": _arrival_id(fetched), "partner": fetched.partner, "name": fetched.name,
        "remote_path": fetched.remote_path, "size_bytes": fetched.size_bytes,
        "modified_at": fetched.modified_at, "received_at": now, "file_id": fetched.file_id,
        "file_number": number, "copy_of": copy_of,
    }], schema=ARRIVAL.polars)


def _arrival_id(fetched: Fetched) -> str:
    parts = (fetched.partner, fetched.remote_path, str(fetched.size_bytes),
             fetched.modified_at.isoformat(), fetched.file_id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


