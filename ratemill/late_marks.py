"""Which accounts have events that came after younger ones had drawn: a mark for each file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from mediation.tables import Column as C
from mediation.tables import Table
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split
from rating.catalog import Catalog

LATE: Final = Table(
    "late",
    "one account whose charges are to be made again because of a file's events",
    (
        C("account", "text", "account that used the SIM"),
        C("since", "time", "start of the earliest of these events, UTC"),
    ),
)
_DRAW: Final = ["holder", "allowance", "period_start", "scale"]


def late(
    catalog: Catalog, state: pl.DataFrame, usage: pl.DataFrame, charges: pl.DataFrame,
    replaced: pl.DataFrame,
) -> pl.DataFrame:
    """Table late of a file: `state` is what the others leave (AllowanceUse.state).

    `charges` are made of the file's usage now. Of charges `replaced` by them the draws are gone,
    on which others may have built.
    """
    drawn = state.drop_nulls("last_event_at")
    if drawn.is_empty():
        return LATE.empty()
    events = charges.filter(
        pl.col("leg").cast(pl.String) == "retail",
        pl.col("started_at") <= drawn["last_event_at"].max(),
    ).select("record_index", "started_at", account="used_by")
    found = [
        # what may have been drawn from begins before the event
        each.filter(pl.col("started_at").is_between("period_start", "last_event_at"))
        for each in _met(catalog, events, usage, drawn)
    ]
    found.append(_draws(replaced).join(drawn, on=_DRAW).filter(
        pl.col("started_at") <= pl.col("last_event_at")
    ))
    return _earliest(pl.concat(each.select("account", "started_at") for each in found))


def refused(charges: pl.DataFrame) -> pl.DataFrame:
    """Table late of charges whose draws count no more: others may have built on them."""
    return _earliest(_draws(charges).select("account", "started_at"))


def mark(home: Home, ref: str, accounts: pl.DataFrame) -> None:
    """Note that the accounts (table late) are to be replayed as soon as the file is posted."""
    if accounts.is_empty():
        return
    path = _path(home, ref)
    known = Lake(home.lake).read(LATE, [path] if path.exists() else [])
    merged = pl.concat([known, accounts]).rename({"since": "started_at"})
    Lake(home.lake).write(LATE, path, _earliest(merged))


def marks(home: Home) -> dict[str, pl.DataFrame]:
    """Table late by the reference of the file that brought the events."""
    lake = Lake(home.lake)
    return {
        f"{path.parent.name}/{path.stem}": lake.read(LATE, [path]) for path in lake.files(LATE)
    }


def settle(home: Home, ref: str, left: pl.DataFrame) -> None:
    """Leave of a file's mark only some accounts (table late)."""
    if left.is_empty():
        _path(home, ref).unlink(missing_ok=True)
    else:
        Lake(home.lake).write(LATE, _path(home, ref), left)


def _path(home: Home, ref: str) -> Path:
    partner, file_id = split(ref)
    return home.lake / LATE.name / partner / f"{file_id}.parquet"


def _met(
    catalog: Catalog, events: pl.DataFrame, usage: pl.DataFrame, drawn: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """The events with each period drawn on that they may draw on, as far as its holder goes."""
    # the name may have a colon itself
    parts = pl.col("holder").str.splitn(":", 2).struct
    by_kind = drawn.select("period_start", "last_event_at", kind=parts[0], name=parts[1])
    of = {name: by_kind.filter(kind=name).drop("kind") for name in ("account", "pool", "sim")}
    yield events.join(of["account"], left_on="account", right_on="name")
    pools = catalog.frames["pools"].select("pool", "account").unique()
    yield events.join(pools.join(of["pool"], left_on="pool", right_on="name"), on="account")
    if of["sim"].height:
        sims = catalog.frames["sims"].select("imsi", "msisdn").unique()
        seen = usage.select("record_index", pl.col("imsi", "msisdn").cast(pl.String))
        by_number = seen.filter(pl.col("imsi").is_null()).drop("imsi").join(sims, on="msisdn")
        for known in (seen, by_number):
            met = known.join(of["sim"], left_on="imsi", right_on="name")
            yield events.join(met, on="record_index")


def _draws(charges: pl.DataFrame) -> pl.DataFrame:
    """The draws of charges, one a row, with account and started_at."""
    each = charges.filter(pl.col("draws").list.len() > 0).select(
        "started_at", "draws", account="used_by"
    ).explode("draws").unnest("draws")
    return each.with_columns(
        pl.col("allowance").cast(pl.String),
        pl.col("holder").fill_null(pl.format("account:{}", "account")),
    )


def _earliest(events: pl.DataFrame) -> pl.DataFrame:
    """Table late of events, account and started_at."""
    return LATE.fill(
        events.group_by("account").agg(since=pl.col("started_at").min()).sort("account")
    )
