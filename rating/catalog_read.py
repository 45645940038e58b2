"""Catalog CSV files read into typed frames; what cannot be read becomes a finding."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final, Literal

import polars as pl

from rating.catalog_cells import hint, values_of
from rating.catalog_column import CatalogTable, Column

ALWAYS: Final = datetime(1, 1, 1)  # noqa: DTZ001
"""valid_from of a row that always was valid, naive UTC"""
NEVER: Final = datetime(9999, 12, 31)  # noqa: DTZ001
"""valid_to of a row without an end, naive UTC"""

Severity = Literal["error", "warning"]

_SHOWN: Final = 100
"""Findings shown of one column"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a catalog: file:line, the fault, and what to do about it."""

    where: str
    what: str
    hint: str
    severity: Severity = "error"
    """only errors keep a catalog from being loaded"""
    code: str = ""
    """the check that found it; empty for what cannot be read"""

    def __str__(self) -> str:
        """The finding as one line."""
        mark = "" if self.severity == "error" else "warning: "
        return f"{self.where}: {mark}{self.what}; {self.hint}"


Findings = list[Finding]
Frames = Mapping[str, pl.DataFrame]


def read_text(folder: Path, table: CatalogTable, findings: Findings) -> pl.DataFrame:
    """A table's cells as trimmed text, empty for missing, with their `line` in the file."""
    path = folder / f"{table.name}.csv"
    names = [c.name for c in table.columns]
    if not table.required and not path.exists():
        return _no_text(table)
    try:
        data = path.read_bytes()
        # a line break inside quotes would shift the line numbers of all that follows
        frame = pl.read_csv(data, infer_schema=False, empty_string_is_null=False,
                            row_index_name="line", row_index_offset=2)
    except (OSError, pl.exceptions.PolarsError) as error:
        advice = "a catalog file is UTF-8 CSV with a header line and as many cells in every line"
        findings.append(Finding(path.name, f"cannot be read: {error}".split("\n")[0], advice))
        return _no_text(table)
    left_out = {c.name for c in table.columns if c.optional}.difference(frame.columns)
    frame = frame.with_columns(pl.lit("").alias(name) for name in sorted(left_out))
    wrong = sorted(set(names) ^ (set(frame.columns) - {"line"}))
    if wrong:
        findings.append(Finding(
            f"{path.name}:1", f"columns missing or not known: {', '.join(wrong)}",
            f"the columns are {', '.join(names)}",
        ))
        return _no_text(table)
    frame = frame.select(
        pl.col("line").cast(pl.Int64), pl.col(names).fill_null("").str.strip_chars()
    )
    if b'"' in data:
        broken = frame.filter(pl.any_horizontal(pl.col(names).str.contains("\n", literal=True)))
        for line in broken["line"].head(_SHOWN):
            findings.append(
                Finding(f"{path.name}:{line}", "a cell holds a line break", "remove it")
            )
    blank = frame.select(pl.all_horizontal(pl.col(names) == "")).to_series()
    return frame.filter(~blank) if blank.any() else frame


def typed(
    table: CatalogTable, text: pl.DataFrame, home_zone: str, findings: Findings
) -> pl.DataFrame:
    """The table with values for texts, in the order of the declaration after `line`.

    Money is NAME_micros, percentages NAME_ppm, decimals NAME_num and NAME_den, clock times
    NAME_minute, days first_day and last_day. An empty date is ALWAYS or NEVER. A text that cannot
    be read is a finding and null.
    """
    return _typed(table, text, home_zone, findings) if text.height else _without_rows(table)


@cache
def _without_rows(table: CatalogTable) -> pl.DataFrame:
    """A typed table of no rows: most tables of a small catalog have none."""
    return _typed(table, _no_text(table), "UTC", [])


@cache
def _no_text(table: CatalogTable) -> pl.DataFrame:
    names = [column.name for column in table.columns]
    return pl.DataFrame(schema={"line": pl.Int64} | dict.fromkeys(names, pl.String))


def _typed(
    table: CatalogTable, text: pl.DataFrame, home_zone: str, findings: Findings
) -> pl.DataFrame:
    values = [values_of(column, text[column.name], home_zone) for column in table.columns]
    frame = text.select("line", *(each for found in values for each in found))
    filled = []
    at = 1
    for column, found in zip(table.columns, values, strict=True):
        findings += _unread(table, column, text, frame.to_series(at))
        if column.fill is not None:
            filled += [pl.col(frame.columns[at]).fill_null(column.fill)]
        at += len(found)
    if table.dated:
        filled += [pl.col("valid_from").fill_null(ALWAYS), pl.col("valid_to").fill_null(NEVER)]
    return frame.with_columns(filled).rechunk()


def _unread(
    table: CatalogTable, column: Column, text: pl.DataFrame, values: pl.Series
) -> Findings:
    """Findings for the cells of a column that are empty or say nothing that can be read."""
    cells = text[column.name]
    empty = (cells == "").sum()
    # an empty cell is null unless it is text
    nulls = 0 if values.dtype == pl.String else empty
    if values.null_count() == nulls and (column.empty or not empty):
        return []
    given = cells != ""
    bad = given & values.is_null()
    if not column.empty:
        bad |= ~given
    count = bad.sum()
    if not count:
        return []
    advice = f"write {hint(column)}"
    shown = text.select("line", cells).filter(bad).head(_SHOWN)
    findings = [
        Finding(f"{table.name}.csv:{line}",
                f"{column.name} is {cell!r}" if cell else f"{column.name} is empty", advice)
        for line, cell in shown.iter_rows()
    ]
    if count > _SHOWN:
        findings.append(Finding(f"{table.name}.csv", f"{count - _SHOWN} more cells of "
                                f"{column.name} cannot be read", advice))
    return findings
