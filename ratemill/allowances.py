"""What allowances and counters have used, from the charges in the lake: kept nowhere else."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import polars as pl

from charging.ledger import Ledger
from mediation.schema import FILE, USAGE
from mediation.tables import Table
from ratemill.home import Home
from ratemill.lake import Lake, Stage
from ratemill.refs import split
from rating.catalog import Catalog
from rating.schema import ALLOWANCE_USE, CHARGE

_RECORD = ["partner", "file_id", "record_index"]
_DRAWN = [*_RECORD, "used_by", "draws"]


@contextmanager
def rating_alone(home: Home) -> Iterator[None]:
    """A block that one process at a time is in: two must not draw the same units."""
    with (home.root / "rating.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class AllowanceUse:
    """The state of the allowances that some events may draw on, as all other files leave it.

    A file counts as soon as it is rated. Of a file that waits to be rated again, what is on the
    ledger counts, for that stays as it is; what the ledger refused never counts.
    """

    def __init__(self, home: Home, holders: pl.Series) -> None:
        """The state of some holders (account:NAME, sim:IMSI, pool:NAME); none: nothing is read."""
        self._home, self._lake, self._holders = home, Lake(home.lake), holders
        self._used = ALLOWANCE_USE.empty()
        self._whole: set[str] = set()
        self._part: dict[str, pl.Series] = {}
        """references of files that wait to be rated again, with the records that count already"""

    @property
    def idle(self) -> bool:
        """Whether no event can draw on anything."""
        return self._holders.is_empty()

    def before(self, ref: str = "") -> pl.DataFrame:
        """Table allowance_use as the events of the file `ref`, or of none, find it.

        Where the ledger has the file's records but the lake has lost their charges, only files
        that arrived earlier count: so the same charges come out again.
        """
        if self.idle or not self._home.lake.exists():
            return self._used
        with Ledger(self._home.ledger) as ledger:
            if ref and self._lost(ledger, ref):
                return self._sum(self._charges(self._earlier(ref)))
            self._catch_up(ledger)
        return self._used

    def add(self, ref: str, charges: pl.DataFrame) -> None:
        """Count the charges that were found anew in a file."""
        if not self.idle:
            self._count(charges.lazy())
            self._whole.add(ref)

    def _catch_up(self, ledger: Ledger) -> None:
        """Count what other files drew since the last time."""
        rated = set(_references(self._lake, FILE, "rate"))
        charged = [r for r in _references(self._lake, CHARGE, "rate") if r not in self._whole]
        new = [r for r in charged if r in rated and r not in self._part]
        if new:
            refused = _refused(ledger)
            self._count(self._charges(new).join(refused.lazy(), on=_RECORD, how="anti"))
        for ref in charged:
            waits = ref not in rated
            if waits and ref not in self._part:
                posted = ledger.postings(*split(ref))["record_index"].unique()
                self._count(self._charges([ref]).filter(_among(posted)))
                self._part[ref] = posted
            elif not waits and ref in self._part:
                out = pl.concat([ledger.refusals(*split(ref))["record_index"], self._part[ref]])
                self._count(self._charges([ref]).filter(~_among(out)))
        self._whole.update(ref for ref in charged if ref in rated)

    def _charges(self, refs: Iterable[str]) -> pl.LazyFrame:
        """Table charge of those of the files that have one."""
        paths = [self._lake.path(CHARGE, *split(ref), "rate") for ref in refs]
        present = [path for path in paths if path.exists()]
        # the words of a charge are Enums of their own in each file
        return pl.concat([CHARGE.empty().lazy().select(_DRAWN), *(
            pl.scan_parquet(path, glob=False)
            .select(pl.col(name).cast(CHARGE.polars[name]) for name in _DRAWN)
            for path in present
        )])

    def _lost(self, ledger: Ledger, ref: str) -> bool:
        if self._lake.path(CHARGE, *split(ref), "rate").exists():
            return False
        return not ledger.postings(*split(ref)).is_empty()

    def _earlier(self, ref: str) -> list[str]:
        """References of the files that arrived before `ref`."""
        files = self._lake.file_rows("collect").select(
            "file_number", ref=pl.format("{}/{}", "partner", "file_id")
        )
        number = files.filter(ref=ref)["file_number"].item()
        return files.filter(pl.col("file_number") < number)["ref"].to_list()

    def _count(self, charges: pl.LazyFrame) -> None:
        self._used = self._sum(charges, self._used)

    def _sum(self, charges: pl.LazyFrame, used: pl.DataFrame | None = None) -> pl.DataFrame:
        """What the charges drew from the holders, added to what was used."""
        draws = (
            charges.filter(pl.col("draws").list.len() > 0)
            .select("used_by", pl.col("draws").cast(CHARGE.polars["draws"])).explode("draws")
            .unnest("draws").rename({"taken": "used"})
            .with_columns(pl.col("holder").fill_null(pl.format("account:{}", "used_by")))
            .select(ALLOWANCE_USE.names)
            .filter(pl.col("holder").is_in(self._holders.implode()))
        )
        known = ALLOWANCE_USE.empty() if used is None else used
        names = [name for name in ALLOWANCE_USE.names if name != "used"]
        summed = (
            pl.concat([known.lazy(), draws]).group_by(names).agg(pl.col("used").sum()).sort(names)
        )
        return ALLOWANCE_USE.fill(summed.collect(engine="streaming"))


def _among(records: pl.Series) -> pl.Expr:
    return pl.col("record_index").is_in(records.implode())


def _references(lake: Lake, table: Table, stage: Stage) -> list[str]:
    """References of the files that have the stage's output of a table."""
    suffix, top = lake.path(table, "", "", stage).name, lake.root / table.name
    return [
        f"{folder.name}/{name.removesuffix(suffix)}"
        for folder in top.iterdir() if folder.is_dir()
        # this runs once a file, over all files: names alone are quicker than paths
        for name in os.listdir(folder)  # noqa: PTH208
        if name.endswith(suffix) and not name.startswith(".")
    ] if top.exists() else []


def _refused(ledger: Ledger) -> pl.DataFrame:
    """Partner, file_id and record_index of every record that the ledger refused."""
    files = ledger.file_states().filter(pl.col("refused") > 0).select("partner", "file_id")
    none = pl.DataFrame(schema={name: CHARGE.polars[name] for name in _RECORD})
    return pl.concat([none, *(
        ledger.refusals(partner, file_id).select(
            pl.lit(partner).alias("partner"), pl.lit(file_id).alias("file_id"), "record_index"
        )
        for partner, file_id in files.iter_rows()
    )])


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
