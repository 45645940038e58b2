"""Checks of zones: their tree, and whether anything can happen in those that prices name."""

from functools import partial
from typing import Final

import polars as pl

from rating.catalog_column import ANY, FRIEND, GROUP
from rating.lint_check import Check, Tables, first_lines
from rating.lint_zones import DEPTH

CALLED: Final = {"voice": ("mo", "mf"), "sms": ("mo", "mf"), "mms": ("mo", "mf"),
                 "vas": ("mo", "mt", "mf")}
"""Services and directions whose events have a destination zone"""


def _circular(tables: Tables) -> pl.DataFrame:
    return _of_zones(tables, tables.zones.circular())


def _deep(tables: Tables) -> pl.DataFrame:
    return _of_zones(tables, tables.zones.deep()).with_columns(most=pl.lit(DEPTH))


def _of_zones(tables: Tables, zones: list[str]) -> pl.DataFrame:
    if not zones:
        return tables["zones"].clear()
    return tables["zones"].filter(pl.col("zone").is_in(zones))


def _unserved(file: str, tables: Tables) -> pl.DataFrame:
    """The first line of each serving zone in which, and below which, there is no network."""
    reached = tables.zones.above(tables["networks"]["zone"].drop_nulls().unique())
    return _unreached(tables[file], "serving_zone", tables, reached)


def _uncalled(file: str, tables: Tables) -> pl.DataFrame:
    """The first line of each destination zone in which, and below which, there is no number."""
    zones = pl.concat([tables["number_plan"]["zone"], tables["ported"]["zone"]])
    reached = tables.zones.above(zones.drop_nulls().unique())
    return _unreached(tables[file], "destination_zone", tables, reached)


def _unreached(
    rows: pl.DataFrame, column: str, tables: Tables, reached: set[str]
) -> pl.DataFrame:
    dead = tables.zones.parents.keys() - reached
    if not dead:
        return rows.clear()
    return first_lines(rows.filter(pl.col(column).is_in(dead)), [column])


def _never_called() -> pl.Expr:
    """Whether a row names a destination for events that have none."""
    called = [
        (pl.col("service") == service) & pl.col("direction").is_in([*directions, ANY])
        for service, directions in CALLED.items()
    ]
    related = pl.col("destination_zone").is_in([GROUP, FRIEND])
    return (
        pl.all_horizontal(pl.col("service", "direction").is_not_null())
        & (pl.col("destination_zone") != ANY)
        & ~((pl.col("service") == ANY) & (pl.col("direction") != "mt"))
        & ~pl.any_horizontal(called)
        # the caller of what is received may be a friend; data has no other party
        & ~(related & (pl.col("service") != "data"))
    )


_NEVER_CALLED: Final = _never_called()


def _nowhere(file: str, tables: Tables) -> pl.DataFrame:
    return tables[file].filter(_NEVER_CALLED)


PLACE_CHECKS: Final = (
    Check("ZONE_CIRCULAR", "error", "zones", _circular, "zone {zone} is above itself",
          "give it another parent than {parent}, or none"),
    Check("ZONE_DEEP", "error", "zones", _deep, "zone {zone} has a chain of more than {most} zones",
          "leave out zones between it and the top"),
    *(
        Check("ZONE_UNSERVED", "warning", file, partial(_unserved, file),
              "no network of networks.csv is in serving zone {serving_zone} or below it",
              "give a network the zone, or remove the rows of the zone")
        for file in ("rates", "scopes", "discounts", "taxes")
    ),
    *(
        Check("ZONE_UNCALLED", "warning", file, partial(_uncalled, file),
              "no number of number_plan.csv is in destination zone {destination_zone} or below it",
              "give a prefix the zone, or remove the rows of the zone")
        for file in ("rates", "scopes", "discounts")
    ),
    *(
        Check("DESTINATION_NONE", "warning", file, partial(_nowhere, file),
              "destination zone {destination_zone} never matches: {service} {direction} has none",
              "write * as the destination zone")
        for file in ("rates", "scopes", "discounts")
    ),
)
