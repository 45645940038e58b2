"""Mediated files without a partner: usage written straight into a home's lake."""

from datetime import datetime
from typing import NamedTuple

import polars as pl

from charging.ledger import Ledger
from charging.posting import register_file
from mediation.schema import FILE, REJECT, USAGE
from ratemill.lake import Lake
from ratemill.one_event import OneEvent, usage_of_event

RECEIVED = datetime.fromisoformat("2026-12-01")


class Event(NamedTuple):
    """An event of a subscriber of the small operator."""

    imsi: str | None
    at: str
    seconds: int
    key: str
    service: str = "voice"


def usage_of(catalog, events):
    """Table usage of the events, of no file yet."""
    return pl.concat([
        usage_of_event(
            OneEvent(imsi=event.imsi, at=event.at, to="431", partner="p", charge="0.1",
                     currency="SDR", service=event.service,
                     **({"seconds": event.seconds} if event.service == "voice" else {"events": 1})),
            catalog, "AUTRM",
        ).with_columns(usage_key=pl.lit(event.key))
        for event in events
    ])


def write_mediated(home, name, usage):
    """The reference of a new file of the partner p with this usage."""
    lake = Lake(home.lake)
    with Ledger(home.ledger) as ledger:
        number = register_file(ledger, "p", name)
    row = FILE.fill(pl.DataFrame([{
        "partner": "p", "file_id": name, "file_number": number, "name": name, "size_bytes": 1,
        "received_at": RECEIVED, "stage": "mediate", "state": "mediated",
        "records": usage.height, "decoded": usage.height, "duplicate": 0, "suspended": 0,
        "dropped": 0,
    }]))
    lake.write(FILE, lake.path(FILE, "p", name, "collect"), row)
    of_file = usage.with_columns(
        partner=pl.lit("p"), file_id=pl.lit(name),
        record_index=pl.int_range(pl.len(), dtype=pl.Int32),
    )
    lake.save("p", name, "mediate",
              {USAGE: USAGE.fill(of_file), REJECT: REJECT.empty(), FILE: row})
    return f"p/{name}"
