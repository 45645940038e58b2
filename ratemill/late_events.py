"""Late events: accounts replayed where an event came after younger ones had drawn.

A file that is rated leaves a mark for such accounts (ratemill/late_marks.py). Once nothing of an
account waits to be posted, its charges from the late event on are made again in the order of
events, and what differs is posted as a correction.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from charging.allowance_use import drawn, used_in
from charging.ledger import Ledger
from charging.legs import legs
from charging.posting_id import LEGS, packed
from mediation.schema import REJECT, USAGE
from ratemill.allowances import busy_accounts, rating_alone
from ratemill.catalog_versions import keep
from ratemill.correction_lake import Correction, apply, finish
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.late_marks import LATE, mark, marks, refused, settle
from ratemill.posting_step import overdraft_policies
from ratemill.refs import split
from rating.catalog import Catalog, load_catalog
from rating.replay import Replayed, replay
from rating.schema import ALLOWANCE_USE, CHARGE

_FILE: Final = ["partner", "file_id"]
_RECORD: Final = [*_FILE, "record_index"]
_DRAW: Final = ["holder", "allowance", "period_start", "scale"]


def replay_late(home: Home, refs: Iterable[str], *, now: datetime) -> int:
    """The number of charges that were revised as events of posted files came late.

    Accounts with charges that wait to be posted are left for a later call. Of the files `refs`,
    just posted, refused records count too: others were priced as if those had drawn.
    """
    lake = Lake(home.lake)
    for ref in refs:
        mark(home, ref, _refused(lake, ref))
    if not lake.files(LATE):
        return 0
    with rating_alone(home), Ledger(home.ledger) as ledger:
        finish(home, ledger)
        marked = marks(home)
        catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
        groups = _groups(catalog, pl.concat([LATE.empty(), *marked.values()]))
        accounts = _undisturbed(groups, busy_accounts(lake, ledger))
        revised = _replay(home, ledger, catalog, accounts, now) if accounts.height else 0
        for ref, late in marked.items():
            settle(home, ref, late.join(accounts, on="account", how="anti"))
    return revised


def _refused(lake: Lake, ref: str) -> pl.DataFrame:
    """Table late of the records of a posted file that had drawn and were refused."""
    partner, file_id = split(ref)
    if not lake.done(partner, file_id, "post"):
        return LATE.empty()
    away = lake.load(REJECT, partner, file_id, "post").filter(code="ALREADY_POSTED")
    if away.is_empty():
        return LATE.empty()
    charges = lake.load(CHARGE, partner, file_id, "rate")
    return refused(charges.join(away, on="record_index", how="semi"))


def _groups(catalog: Catalog, late: pl.DataFrame) -> pl.DataFrame:
    """All accounts that share something with late ones, directly or not.

    account, group (a number) and since, the earliest late event of the group.
    """
    sims, pools = catalog.frames["sims"], catalog.frames["pools"]
    links = pl.concat([
        sims.select("account", holder=pl.format("sim:{}", "imsi")),
        pools.select("account", holder=pl.format("pool:{}", "pool")),
    ]).unique()
    # an account's own SIMs link nobody
    links = links.filter(pl.len().over("holder") > 1)
    found = late.select("account").unique().sort("account").with_row_index("group")
    while True:
        holders = links.join(found, on="account").group_by("holder").agg(pl.col("group").min())
        reached = links.join(holders, on="holder").select("group", "account")
        wider = pl.concat([found, reached]).group_by("account").agg(pl.col("group").min())
        wider = wider.sort("account").select(found.columns)
        if wider.equals(found):
            break
        found = wider
    since = late.join(found, on="account").group_by("group").agg(pl.col("since").min())
    return found.join(since, on="group")


def _undisturbed(groups: pl.DataFrame, busy: pl.Series) -> pl.DataFrame:
    """The accounts of groups of which nobody is busy: account and since."""
    disturbed = groups.filter(pl.col("account").is_in(busy.implode()))
    return groups.join(disturbed, on="group", how="anti").select("account", "since")


def _replay(
    home: Home, ledger: Ledger, catalog: Catalog, accounts: pl.DataFrame, now: datetime
) -> int:
    """The number of charges of the accounts that are revised, on the ledger and in the lake."""
    lake = Lake(home.lake)
    charges = _charges_since(lake, accounts)
    with ledger.reading() as connection:
        numbers = ledger.file_states().select(*_FILE, "file_number")
        rows = charges.join(numbers, on=_FILE, maintain_order="left").with_columns(leg_id=packed(
            pl.col("file_number"), pl.col("record_index"), pl.lit(LEGS.index("retail")),
            pl.lit(0), 0,
        ))
        known = legs(ledger, connection, rows["leg_id"]).filter("stands")
        used = used_in(ledger, connection, _holders(catalog, accounts))
    standing = CHARGE.fill(rows.join(
        known.select("leg_id", "revision"), on=["leg_id", "revision"], how="semi",
        maintain_order="left",
    ))
    usage = _usage(lake, standing)
    result, before = _replayed(usage, standing, catalog, used)
    after = _of_allowances(result.revised, before, catalog.version)
    if after.is_empty():
        return 0
    keep(home, catalog, home.catalog, now)
    gone = before.join(after, on=[*_RECORD, "leg"], how="semi")
    apply(home, ledger, Correction(_key(after), "replay", gone, after, REJECT.empty()), now,
          who="pipeline", why="late events", policies=overdraft_policies(catalog, now))
    return after.height


def _holders(catalog: Catalog, accounts: pl.DataFrame) -> pl.Series:
    """Whoever may hold something for events of the accounts."""
    sims, pools = (
        catalog.frames[name].join(accounts, on="account", how="semi") for name in ("sims", "pools")
    )
    return pl.concat([
        accounts.select(holder=pl.format("account:{}", "account")),
        sims.select(holder=pl.format("sim:{}", "imsi")),
        pools.select(holder=pl.format("pool:{}", "pool")),
    ])["holder"].unique()


def _charges_since(lake: Lake, accounts: pl.DataFrame) -> pl.DataFrame:
    """The latest retail charges in the lake of events since the time given for their account."""
    first = accounts["since"].min()
    events = lake.scan(USAGE, lake.files(USAGE), "started_at").filter(
        pl.col("started_at") >= first
    ).select("path").unique().collect()["path"].sort()
    rated = (lake.path(CHARGE, Path(p).parent.name, Path(p).stem, "rate") for p in events)
    paths = [*(path for path in rated if path.exists()), *lake.corrections(CHARGE)]
    retail = pl.col("leg").cast(pl.String) == "retail"
    wanted = accounts.lazy().rename({"account": "used_by"})
    found = [
        # the words of a charge are Enums of their own in each file
        CHARGE.plain(
            pl.scan_parquet(path, glob=False).filter(retail).join(wanted, on="used_by")
            .filter(pl.col("started_at") >= pl.col("since")).drop("since").collect()
        )
        for path in paths
    ]
    return pl.concat([CHARGE.empty(), *found]).sort(*_RECORD, "revision").unique(
        [*_RECORD, "leg"], keep="last", maintain_order=True
    )


def _usage(lake: Lake, charges: pl.DataFrame) -> pl.DataFrame:
    """The usage of charges, as far as the lake has it."""
    found = [USAGE.empty()]
    for ref, of_file in charges.group_by(_FILE):
        path = lake.path(USAGE, str(ref[0]), str(ref[1]), "mediate")
        found.append(lake.read(USAGE, [path] if path.exists() else []).join(
            of_file, on="record_index", how="semi"
        ))
    return pl.concat(found)


def _replayed(
    usage: pl.DataFrame, charges: pl.DataFrame, catalog: Catalog, used: pl.DataFrame
) -> tuple[Replayed, pl.DataFrame]:
    """What the usage comes to in its order, and the charges of it before.

    What the catalog would charge to nobody now, or to another account than before, is not looked
    at anew: its draws stay as if they were older than all others.
    """
    while True:
        before = charges.join(usage, on=_RECORD, how="semi", maintain_order="left")
        result = replay(usage, before, catalog, _without(used, before))
        other = result.revised.filter(pl.col("leg") == "retail").join(
            before, on=["usage_key", "used_by"], how="anti"
        )
        away = pl.concat([result.withdrawn, other]).select(_RECORD).unique()
        if away.is_empty():
            return result, before
        usage = usage.join(away, on=_RECORD, how="anti", maintain_order="left")


def _without(used: pl.DataFrame, charges: pl.DataFrame) -> pl.DataFrame:
    """Table allowance_use, as it is without what the charges drew."""
    back = drawn(charges).with_columns(-pl.col("used")).join(used, on="holder", how="semi")
    names = [*_DRAW, "used"]
    both = pl.concat([used.select(names), back.select(names)])
    return ALLOWANCE_USE.fill(
        both.group_by(_DRAW).agg(pl.col("used").sum()).filter(pl.col("used") != 0).sort(_DRAW)
    )


def _of_allowances(revised: pl.DataFrame, before: pl.DataFrame, version: str) -> pl.DataFrame:
    """Those of the revised charges that differ because of allowances or counters.

    A charge made with another version of the catalog may differ because of that alone: then it
    stays, for only a re-rating changes what prices were. What it drew stays the same.
    """
    pairs = revised.join(
        before.select(*_RECORD, "leg", old_draws="draws", old_version="catalog_version"),
        on=[*_RECORD, "leg"], maintain_order="left",
    )
    # what a counter had before decides the tier, and so the price
    of_counter = pl.element().struct.with_fields(
        before=pl.when(pl.element().struct.field("units") == 0)
        .then(pl.element().struct.field("before")).otherwise(0)
    )
    other_draws = pl.col("draws").list.eval(of_counter).ne_missing(
        pl.col("old_draws").list.eval(of_counter)
    )
    kept = pairs.filter((pl.col("old_version") == version) | other_draws)
    return CHARGE.fill(kept.select(CHARGE.names))


def _key(charges: pl.DataFrame) -> str:
    """The key of a replay that makes these charges."""
    rows = charges.select(*_RECORD, "leg", "revision", "amount_micros").sort(pl.all())
    return f"replay:{hashlib.sha256(rows.write_csv().encode()).hexdigest()[:32]}"
