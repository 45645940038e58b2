"""What allowances and counters have used: what the ledger keeps, and what waits to be posted."""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

import polars as pl
from sqlalchemy import Connection, func, select

from charging.allowance_use import drawn, used_in
from charging.ledger import Ledger, frame
from charging.ledger_schema import BATCH, FILE, REFUSAL
from charging.legs import legs_of_file
from charging.posting_id import file_range, unpacked
from charging.schema import POSTING
from mediation.schema import FILE as FILE_TABLE
from mediation.schema import USAGE
from ratemill.home import Home
from ratemill.lake import Lake, Stage
from ratemill.refs import split
from rating.catalog import Catalog
from rating.schema import ALLOWANCE_USE, CHARGE

_KEY: Final = ["holder", "allowance", "period_start", "scale"]
_FILE: Final = ("partner", "file_id")
_DRAWING: Final = ("record_index", "revision", "used_by", "started_at", "draws")
_USING: Final = ("record_index", "revision", "used_by")
_NONE: Final = pl.DataFrame(schema={
    "holder": pl.String, "allowance": pl.String, "period_start": pl.Datetime("us"),
    "scale": pl.Int64, "used": pl.Int64, "last_event_at": pl.Datetime("us"),
})


def rating_alone(home: Home) -> AbstractContextManager[None]:
    """A block that one process at a time is in: two must not draw the same units."""
    return home.alone("rating")


class AllowanceUse:
    """The state of the allowances that some events may draw on, as all other files leave it.

    A file counts as soon as it is rated: by its charges in the lake until they are on the ledger,
    and from then on by what the ledger keeps. Of a file that waits to be rated again, what is on
    the ledger counts, for that stays as it is; what the ledger refused never counts.
    """

    def __init__(self, home: Home, holders: pl.Series) -> None:
        """The state of some holders (account:NAME, sim:IMSI, pool:NAME); none: nothing is read."""
        self._home, self._lake, self._holders = home, Lake(home.lake), holders
        self._batch = -1
        self._posted = _NONE
        """what the ledger keeps since the batch"""
        self._waiting: dict[tuple[str, int], pl.DataFrame] = {}
        """what charges not on the ledger drew, by file and the time its charges were written"""

    @property
    def idle(self) -> bool:
        """Whether no event can draw on anything."""
        return self._holders.is_empty()

    def before(self, ref: str = "") -> pl.DataFrame:
        """Table allowance_use as the events of the file `ref`, or of none, find it."""
        return ALLOWANCE_USE.fill(self.state(ref))

    def state(self, ref: str = "") -> pl.DataFrame:
        """The same with last_event_at, the latest start of an event that drew.

        Where the ledger has the file's records but the lake has lost their charges, only files
        that arrived earlier count, so the same charges come out again; last_event_at is null then.
        """
        if self.idle or not self._home.lake.exists():
            return _NONE
        with Ledger(self._home.ledger) as ledger:
            if ref and self._lost(ledger, ref):
                return self._sum([self._earlier(ledger, ref)]).with_columns(
                    last_event_at=pl.lit(None, pl.Datetime("us"))
                )
            self._look(ledger)
        return self._sum([self._posted, *self._waiting.values()])

    def _look(self, ledger: Ledger) -> None:
        """Bring what is known up to date.

        The files are listed first: one that is posted meanwhile is on the ledger when that is
        asked, which then says that none of its charges waits.
        """
        now = {(ref, _written(self._lake, ref)) for ref in _waiting(self._lake)}
        drawing = partial(_drawing, self._lake)
        with ledger.reading() as connection:
            batch: int = connection.scalar(select(func.max(BATCH.c.batch_number))) or 0
            if batch != self._batch:
                self._posted = used_in(ledger, connection, self._holders)
                self._batch, self._waiting = batch, {}
            self._waiting = {
                one: self._waiting.get(one, _NONE) for one in self._waiting.keys() & now
            } | {
                (ref, at): self._held(drawn(_unsettled(connection, ref, drawing(ref))))
                for ref, at in now - self._waiting.keys()
            }

    def _lost(self, ledger: Ledger, ref: str) -> bool:
        if self._lake.path(CHARGE, *split(ref), "rate").exists():
            return False
        with ledger.reading() as connection:
            _, state, _ = file_on_ledger(connection, ref)
        return state == "posted" and not ledger.postings(*split(ref)).is_empty()

    def _earlier(self, ledger: Ledger, ref: str) -> pl.DataFrame:
        """What files drew that arrived before `ref`, as it was when that was posted."""
        batch: int = min(ledger.postings(*split(ref))["batch_number"].to_list())
        files = self._lake.file_rows("collect").select(
            "file_number", ref=pl.format("{}/{}", "partner", "file_id")
        )
        number = files.filter(ref=ref)["file_number"].item()
        earlier = files.filter(pl.col("file_number") < number)["ref"]
        charged = (self._lake.path(CHARGE, *split(r), "rate") for r in earlier)
        revised = (
            path for path in self._lake.corrections(CHARGE)
            if _batch_of(self._lake, path.stem) < batch
        )
        found = [
            pl.scan_parquet(path, glob=False)
            .filter(pl.col("leg").cast(pl.String) == "retail")
            .select(pl.col(n).cast(CHARGE.polars[n]) for n in (*_FILE, *_DRAWING))
            .filter(pl.concat_str(*_FILE, separator="/").is_in(earlier.implode()))
            for path in (*charged, *revised) if path.exists()
        ]
        none = CHARGE.empty().select(*_FILE, *_DRAWING).lazy()
        latest = pl.concat([none, *found]).sort("revision").unique(
            [*_FILE, "record_index"], keep="last"
        )
        return self._held(drawn(latest.collect()))

    def _held(self, use: pl.DataFrame) -> pl.DataFrame:
        """What of it concerns the holders."""
        return use.filter(pl.col("holder").is_in(self._holders.implode())).select(_NONE.columns)

    def _sum(self, uses: Iterable[pl.DataFrame]) -> pl.DataFrame:
        return pl.concat([_NONE, *(use.select(_NONE.columns) for use in uses)]).group_by(_KEY).agg(
            pl.col("used").sum(), pl.col("last_event_at").max()
        ).sort(_KEY)


def busy_accounts(lake: Lake, ledger: Ledger) -> pl.Series:
    """Accounts with charges that are rated and not on the ledger yet."""
    of_files = {ref: _charges(lake, ref, _USING).collect() for ref in _waiting(lake)}
    with ledger.reading() as connection:
        found = [_unsettled(connection, ref, charges) for ref, charges in of_files.items()]
    none = pl.Series("used_by", [], pl.String)
    return pl.concat([none, *(charges["used_by"] for charges in found)]).unique()


def _waiting(lake: Lake) -> list[str]:
    """References of the files that are rated and not posted."""
    rated = _references(lake, "rate") - _references(lake, "post")
    return sorted(ref for ref in rated if lake.path(CHARGE, *split(ref), "rate").exists())


def _references(lake: Lake, stage: Stage) -> set[str]:
    """References of the files whose stage is done."""
    suffix, top = lake.path(FILE_TABLE, "", "", stage).name, lake.root / FILE_TABLE.name
    return {
        f"{folder.name}/{name.removesuffix(suffix)}"
        for folder in top.iterdir() if folder.is_dir()
        # this runs once a file, over all files: names alone are quicker than paths
        for name in os.listdir(folder)  # noqa: PTH208
        if name.endswith(suffix) and not name.startswith(".")
    } if top.exists() else set()


def _written(lake: Lake, ref: str) -> int:
    return lake.path(CHARGE, *split(ref), "rate").stat().st_mtime_ns


def _drawing(lake: Lake, ref: str) -> pl.DataFrame:
    """The charges of a file that drew on something."""
    return _charges(lake, ref, _DRAWING).filter(pl.col("draws").list.len() > 0).collect()


def _batch_of(lake: Lake, correction: str) -> int:
    """The batch of a correction that is in the lake."""
    postings = pl.read_parquet(lake.correction_path(POSTING, correction), columns=["batch_number"])
    return int(postings["batch_number"][0])


def _charges(lake: Lake, ref: str, names: Iterable[str]) -> pl.LazyFrame:
    """Columns of the charges of a file."""
    path = lake.path(CHARGE, *split(ref), "rate")
    # the words of a charge are Enums of their own in each file
    return pl.scan_parquet(path, glob=False).select(
        pl.col(name).cast(CHARGE.polars[name]) for name in names
    )


def _unsettled(connection: Connection, ref: str, charges: pl.DataFrame) -> pl.DataFrame:
    """Those of a file's charges that the ledger is still to have."""
    number, state, revision = file_on_ledger(connection, ref)
    if state != "posted":
        return charges.filter(pl.col("revision") >= revision)
    refusals = select(REFUSAL.c.record).where(REFUSAL.c.record.between(*file_range(number)))
    index = unpacked(pl.col("record"))["record_index"]
    last = legs_of_file(connection, number).group_by(record_index=index).agg(
        last=pl.col("revision").max()
    )
    return (
        charges.join(last, on="record_index", how="left")
        .filter(pl.col("revision") >= revision,
                (pl.col("revision") > pl.col("last")).fill_null(value=True))
        .join(frame(connection, refusals).select(record_index=index), on="record_index", how="anti")
    )


def file_on_ledger(connection: Connection, ref: str) -> tuple[int, str, int]:
    """Number, state and revision of a file on the ledger."""
    partner, file_id = split(ref)
    query = select(FILE.c.file_number, FILE.c.state, FILE.c.revision).where(
        FILE.c.partner == partner, FILE.c.file_id == file_id
    )
    found = connection.execute(query).first()
    return (found.file_number, found.state, found.revision) if found else (0, "open", 0)


def holders_of(catalog: Catalog, usage: pl.LazyFrame) -> pl.Series:
    """Who may hold an allowance or counter that the usage draws on; empty where none exists."""
    frames = catalog.frames
    if frames["grants"].is_empty() and frames["counters"].is_empty():
        return pl.Series("holder", [], pl.String)
    seen = usage.select("imsi", "msisdn").unique().collect()
    by_imsi = catalog.identity.join(seen.drop_nulls("imsi"), on="imsi", how="semi")
    numbers = seen.filter(pl.col("imsi").is_null())
    by_number = catalog.identity.join(numbers, on="msisdn", how="semi")
    sims = pl.concat([by_imsi, by_number]).select("account", "imsi").unique()
    pools = frames["pools"].join(sims, on="account", how="semi")
    return pl.concat([
        sims.select(holder=pl.format("account:{}", "account")),
        sims.select(holder=pl.format("sim:{}", "imsi")),
        pools.select(holder=pl.format("pool:{}", "pool")),
    ])["holder"].unique().sort()


def sims_of(lake: Lake, refs: Iterable[str]) -> pl.LazyFrame:
    """IMSI and MSISDN of the usage of mediated files."""
    paths = [lake.path(USAGE, *split(ref), "mediate") for ref in refs]
    return lake.scan(USAGE, paths, "imsi", "msisdn")
