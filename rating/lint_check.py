"""What a check of the lint is: a query for faulty rows, and the text for each row it finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from rating.catalog_column import CatalogTable
from rating.catalog_read import Finding, Findings, Severity
from rating.lint_runs import Runs, keyed_runs
from rating.lint_zones import Zones

LIMIT: Final = 50
"""Findings of one check that are listed one by one"""


@dataclass(frozen=True, slots=True)
class Tables:
    """The typed frames of a catalog, with what several checks derive from them."""

    frames: Mapping[str, pl.DataFrame]
    zones: Zones
    _runs: dict[tuple[str, tuple[str, ...]], Runs] = field(default_factory=dict)
    _derived: dict[Callable[["Tables"], pl.DataFrame], pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(cls, frames: Mapping[str, pl.DataFrame]) -> "Tables":
        """The tables of a catalog."""
        return cls(frames, Zones.of(frames["zones"]))

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.frames[name]

    def runs(self, table: CatalogTable, key: tuple[str, ...]) -> Runs:
        """The rows that share a key of a dated table, where they overlap or leave a hole."""
        known = (table.name, key)
        if known not in self._runs:
            self._runs[known] = keyed_runs(self.frames[table.name], key)
        return self._runs[known]

    def once(self, derive: Callable[["Tables"], pl.DataFrame]) -> pl.DataFrame:
        """What `derive` makes of these tables, made once."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        return self._derived[derive]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its code, the file that its findings are in, and how they are found and told.

    `what` and `hint` are format strings over the columns of the found rows; columns NAME_micros
    and NAME_ppm are told as money and percent.
    """

    code: str
    severity: Severity
    file: str
    find: Callable[[Tables], pl.DataFrame]
    """faulty rows of the file with `line` and the columns of the texts, in any order"""
    what: str
    hint: str
    limit: int = LIMIT

    def findings(self, tables: Tables) -> Findings:
        """The findings in order of line, the first `limit` of them and how many more there are."""
        if not tables[self.file].height:
            return []
        found = self.find(tables)
        if not found.height:
            return []
        rows = found.sort("line").head(self.limit)
        findings = [self._finding(row) for row in rows.iter_rows(named=True)]
        if found.height > self.limit:
            more = f"and {found.height - self.limit} more of these"
            findings.append(Finding(
                f"{self.file}.csv", more, "mend the listed ones first", self.severity, self.code
            ))
        return findings

    def _finding(self, row: dict[str, object]) -> Finding:
        words = {name: told(name, value) for name, value in row.items()}
        return Finding(
            f"{self.file}.csv:{row['line']}", self.what.format_map(words),
            self.hint.format_map(words), self.severity, self.code,
        )


def told(name: str, value: object) -> object:
    """A value of a found row as a catalog writes it: money and percent as decimals."""
    if isinstance(value, int) and name.endswith("_micros"):
        return decimal(value, 6)
    if isinstance(value, int) and name.endswith("_ppm"):
        return decimal(value, 4)
    return "(empty)" if value == "" else value


def decimal(value: int, places: int) -> str:
    """A count of 10**-places as decimal text without trailing zeros."""
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**places)
    return f"{sign}{whole}.{part:0{places}}".rstrip("0").rstrip(".") if places else f"{value}"


def matching(rows: pl.DataFrame, others: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """The rows whose columns `on` occur in the others."""
    if not rows.height or not others.height:
        return rows.clear()
    return rows.join(others.select(on), on=on, how="semi")


def missing(rows: pl.DataFrame, others: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """The rows whose columns `on` do not occur in the others."""
    if not rows.height or not others.height:
        return rows
    return rows.join(others.select(on), on=on, how="anti")


def first_lines(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Each combination of the columns `by` once, with the `line` where it stands first."""
    return rows.group_by(by).agg(pl.col("line").min())
