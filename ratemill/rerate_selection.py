"""Which records are charged anew: those a condition names, and those that follow from them."""

import re
from dataclasses import dataclass
from typing import Final

import duckdb
import polars as pl

from mediation.schema import USAGE
from ratemill.charges_now import ChargesNow, beside, of_leg
from ratemill.errors import RatemillError
from ratemill.lake import Lake
from ratemill.refs import split
from rating.catalog import Catalog
from rating.schema import CHARGE

_ALONE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": False, "python_enable_replacements": False,
    "lock_configuration": True,
}
"""A condition reads the row that it is asked of, and nothing else"""
COLUMNS: Final = {**USAGE.polars, **CHARGE.polars}
"""What a condition may name: the columns of a usage and of its latest retail charge"""
_EVENT: Final = ["record_index", "started_at"]
_NEEDED: Final = [*_EVENT, "used_by"]
_ALL: Final = "true"
"""The condition that need not be asked: who follows is selected himself"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The records of one file that are rated anew."""

    ref: str
    rows: pl.DataFrame
    """record_index, started_at, and whether it is selected or only follows"""


class Selection:
    """A condition over all records that were posted and not rolled back."""

    def __init__(self, lake: Lake, now: ChargesNow, where: str) -> None:
        """RatemillError where the condition cannot be understood."""
        self._lake, self._now, self._where = lake, now, where
        self._connection = duckdb.connect(config=_ALONE)
        self._names = [n for n in COLUMNS if re.search(rf"\b{n}\b", where, re.IGNORECASE)]
        empty = pl.DataFrame(schema=COLUMNS)
        if not where.strip():
            raise RatemillError("--where", "is empty", "`true` means all records")
        self._ask(empty)
        try:
            self._asked(empty.select(*_NEEDED, *(n for n in self._names if n not in _NEEDED)))
        except duckdb.Error:
            # it names columns in a way that is not seen in its text
            self._names = list(COLUMNS)

    def chosen(self, refs: list[str], catalog: Catalog) -> list[Chosen]:
        """The records to rate anew, of those files that have any.

        Where the catalog has allowances or counters, all other records of whoever shares such with
        a selected one belong to them.
        """
        frames = catalog.frames
        alone = frames["grants"].is_empty() and frames["counters"].is_empty()
        rows, accounts = {}, []
        for ref in refs:
            of_file = self._of_file(ref)
            if alone:
                of_file = of_file.filter("selected")
            elif "used_by" in of_file.columns:
                accounts.append(of_file.filter("selected")["used_by"].unique())
            rows[ref] = of_file.select(*_EVENT, "selected")
        if not all(frame["selected"].all() for frame in rows.values()):
            sharing = _sharing(pl.concat(accounts).unique(), catalog)
            rows = {ref: self._with_followers(ref, frame, sharing) for ref, frame in rows.items()}
        return [Chosen(ref, frame) for ref, frame in rows.items() if frame.height]

    def _of_file(self, ref: str) -> pl.DataFrame:
        """The eligible records of a file: what Chosen has of them, and used_by if it was read."""
        if self._where.strip().lower() == _ALL:
            rows = eligible(self._lake, self._now, ref, _EVENT)
            return rows.with_columns(selected=pl.lit(value=True))
        names = list(dict.fromkeys([*_NEEDED, *self._names]))
        rows = eligible(self._lake, self._now, ref, names)
        named = self._ask(rows) if rows.height else rows["record_index"]
        return rows.select(
            *_NEEDED, selected=pl.col("record_index").is_in(named.implode())
        )

    def _with_followers(self, ref: str, rows: pl.DataFrame, accounts: pl.Series) -> pl.DataFrame:
        """The selected records, and those of the accounts."""
        if rows["selected"].all():
            return rows
        used_by = eligible(self._lake, self._now, ref, ["record_index", "used_by"])["used_by"]
        return rows.filter(rows["selected"] | used_by.is_in(accounts.implode()))

    def _ask(self, rows: pl.DataFrame) -> pl.Series:
        """The record_index of those of the rows that the condition holds for."""
        try:
            return self._asked(rows)
        except duckdb.Error as error:
            text = str(error).splitlines()[0].strip()
            raise RatemillError(
                f"--where {self._where!r}", text,
                "a condition in SQL on the columns of usage and charge; docs/reference/tables.md",
            ) from error

    def _asked(self, rows: pl.DataFrame) -> pl.Series:
        found = self._connection.from_arrow(rows.to_arrow()).filter(self._where)
        table = pl.from_arrow(found.select("record_index").to_arrow_table())
        assert isinstance(table, pl.DataFrame)
        return table["record_index"]


def eligible(lake: Lake, now: ChargesNow, ref: str, names: list[str]) -> pl.DataFrame:
    """Columns of usage and of the latest retail charge of a file's records, in their order.

    Records whose charge a correction took back, for want of a price, are among them.
    """
    partner, file_id = split(ref)
    theirs = [n for n in names if n not in USAGE.names]
    charges = CHARGE.plain(of_leg(now.of(
        ref, list(dict.fromkeys(["record_index", "leg", *theirs])), withdrawn=True, words=True
    ), "retail").select("record_index", *theirs))
    path = lake.path(USAGE, partner, file_id, "mediate")
    mine = [n for n in names if n in USAGE.names and n != "record_index"]
    usage = USAGE.plain(pl.read_parquet(path, columns=["record_index", *mine], glob=False))
    joined = beside(usage, charges)
    return joined.select("record_index", *(n for n in names if n != "record_index"))


def _sharing(accounts: pl.Series, catalog: Catalog) -> pl.Series:
    """The accounts, and all that share a pool, or a SIM with grants, with one of them."""
    grants = catalog.frames["grants"].filter(holder_kind="sim")
    sims = catalog.identity.join(grants, left_on="imsi", right_on="holder", how="semi")
    links = pl.concat([
        catalog.frames["pools"].select("account", by=pl.format("pool:{}", "pool")),
        sims.select("account", by=pl.format("sim:{}", "imsi")),
    ]).unique()
    while True:
        by = links.filter(pl.col("account").is_in(accounts.implode()))["by"].unique()
        others = links.filter(pl.col("by").is_in(by.implode()))["account"]
        more = pl.concat([accounts.rename("account"), others]).unique()
        if len(more) == len(accounts):
            return more
        accounts = more
