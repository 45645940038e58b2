"""Checks that every table is subject to: keys, validity and references."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import polars as pl

from rating.catalog_column import ANY, CatalogTable, Column
from rating.catalog_tables import TABLES
from rating.lint_check import Check, Tables, matching, missing
from rating.lint_runs import FEW, doubled

GAPLESS: Final = (
    "sims", "subscriptions", "products", "networks", "number_plan", "rates", "agreements", "taxes",
    "exchange_rates",
)
"""Tables in which a key that is not valid for a while is hardly meant"""


def _checks() -> Iterator[Check]:
    for table in TABLES:
        if table.dated:
            yield Check(
                "VALIDITY_EMPTY", "error", table.name, partial(_never_valid, table),
                "valid_to is not after valid_from", "valid_to is the day after the last one",
            )
        for key in table.keys:
            yield from _key_checks(table, key)
        for column in table.columns:
            yield from _reference_checks(table, column)


def _key_checks(table: CatalogTable, key: tuple[str, ...]) -> Iterator[Check]:
    named = f"{', '.join(key)} " + ", ".join(_cell(name) for name in key)
    if not table.dated:
        yield Check(
            "KEY_TWICE", "error", table.name, partial(_twice, table, key),
            f"{named} stands already in line {{other}}", "remove one of them",
        )
        return
    yield Check(
        "KEY_OVERLAP", "error", table.name, partial(_overlaps, table, key),
        f"{named} is valid at the same time as line {{other}}",
        "remove one row, or end one where the other begins",
    )
    if table.name in GAPLESS:
        yield Check(
            "GAP", "warning", table.name, partial(_gaps, table, key),
            f"{named} is not valid between the end of line {{other}} and the begin of this line",
            "let valid_to of the one be valid_from of the other, if no hole is meant",
        )


def _cell(name: str) -> str:
    # names such as `from` are no trouble to str.format_map
    return f"{{{name}}}"


def _never_valid(table: CatalogTable, tables: Tables) -> pl.DataFrame:
    return tables[table.name].filter(pl.col("valid_from") >= pl.col("valid_to")).select("line")


def _twice(table: CatalogTable, key: tuple[str, ...], tables: Tables) -> pl.DataFrame:
    return doubled(tables[table.name], key)


def _overlaps(table: CatalogTable, key: tuple[str, ...], tables: Tables) -> pl.DataFrame:
    return tables.runs(table, key).overlaps


def _gaps(table: CatalogTable, key: tuple[str, ...], tables: Tables) -> pl.DataFrame:
    gaps = tables.runs(table, key).gaps
    if not gaps.height:
        return gaps
    if table.name == "rates":
        gaps = gaps.filter(pl.col("from_units") == 0)  # tiers share their base row's validity
    elif table.name == "sims":
        gaps = _of_one_account(gaps, tables["sims"])
    elif table.name == "subscriptions":
        whole = tables["subscriptions"].filter(pl.col("imsi") == "")
        gaps = pl.concat([
            gaps.filter(pl.col("imsi") == ""),
            missing(gaps.filter(pl.col("imsi") != ""), whole, ["account"]),
        ])
    return gaps


def _of_one_account(gaps: pl.DataFrame, sims: pl.DataFrame) -> pl.DataFrame:
    """The gaps before which the same account had the SIM; numbers rest before others get them."""
    before = sims.select(other="line", account="account")
    return matching(gaps, before, ["other", "account"])


def _reference_checks(table: CatalogTable, column: Column) -> Iterator[Check]:
    targets = [("", column.refers)] if column.refers else list(column.refers_by.items())
    for chosen, refers in targets:
        name, target = refers.split(".")
        kind = f"{chosen} " if chosen else ""
        yield Check(
            "DANGLING", "error", table.name, partial(_dangling, table, column, chosen, refers),
            f"{column.name} {kind}{_cell(column.name)} is not in {name}.csv",
            f"add it to column {target} of {name}.csv, or correct it",
        )


def _dangling(
    table: CatalogTable, column: Column, chosen: str, refers: str, tables: Tables
) -> pl.DataFrame:
    """The rows whose cell is given and not among the values it refers to."""
    name, target = refers.split(".")
    free = ["", *column.also, *([ANY] if column.wild else [])]
    known = tables[name].select(pl.col(target).alias(column.name))
    if column.refers_if_any and not known.height:
        return known.clear()
    if _all_known(tables[table.name][column.name], known.to_series(), free):
        return known.clear()
    rows = tables[table.name].select("line", column.name, *([column.chooser] if chosen else []))
    rows = rows.filter(~pl.col(column.name).is_in(free))
    if chosen:
        rows = rows.filter(pl.col(column.chooser) == chosen)
    return missing(rows, known, [column.name])


def _all_known(cells: pl.Series, known: pl.Series, free: list[str]) -> bool:
    """Whether the cells of a small table are surely all known or free."""
    if cells.len() > FEW or known.len() > FEW:
        return False
    return set(cells.to_list()) <= {*known.to_list(), *free, None}


KEY_CHECKS: Final = tuple(_checks())
