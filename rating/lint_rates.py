"""Checks of rates: each is complete, fits its service and its tiers, and can be reached."""

from typing import Final

import polars as pl

from rating.catalog_column import ANY, SERVICE_UNIT, UNITS
from rating.lint_check import Check, Tables, first_lines, matching, missing

KEY: Final = ("tariff", "service", "direction", "serving_zone", "destination_zone", "band")
RUN: Final = (*KEY, "valid_from", "valid_to")
"""What a base row and its tiers have in common"""


_BASE: Final = pl.col("unit").replace_strict(
    {unit: base for unit, (base, *_) in UNITS.items()}, default=None, return_dtype=pl.String
)
_EXPECTED: Final = pl.col("service").replace_strict(
    SERVICE_UNIT, default=None, return_dtype=pl.String
)


def unit_faults(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table with service and unit whose unit the service is not counted in."""
    bad = rows.filter(_BASE != _EXPECTED)
    if not bad.height:
        return bad
    fitting = {
        service: " or ".join(u for u, (base, *_) in UNITS.items() if base == counted)
        for service, counted in SERVICE_UNIT.items()
    }
    return bad.with_columns(units=pl.col("service").replace_strict(fitting, default=""))


def base_rows(tables: Tables) -> pl.DataFrame:
    """The rates that begin at 0 units."""
    return tables.once(_base_rows)


def tier_rows(tables: Tables) -> pl.DataFrame:
    """The rates that are further tiers."""
    return tables.once(_tier_rows)


def _base_rows(tables: Tables) -> pl.DataFrame:
    return tables["rates"].filter(pl.col("from_units") == 0)


def _tier_rows(tables: Tables) -> pl.DataFrame:
    return tables["rates"].filter(pl.col("from_units") > 0)


def _units(tables: Tables) -> pl.DataFrame:
    return unit_faults(tables["rates"])


def _incomplete(tables: Tables) -> pl.DataFrame:
    """The rows that lack what their price needs."""
    rows = tables["rates"]
    tier = pl.col("from_units") > 0
    return _listed(rows.filter(pl.col("markup_ppm").is_null()), {
        "first_interval": ~tier & pl.col("first_interval").is_null(),
        "next_interval": ~tier & pl.col("next_interval").is_null(),
        "price": pl.col("price_micros").is_null(),
        "per": pl.col("per").is_null(),
    })


def _imported(tables: Tables) -> pl.DataFrame:
    """The base rows with markup that have a price of their own too."""
    return _listed(base_rows(tables).filter(pl.col("markup_ppm").is_not_null()), {
        "first_interval": pl.col("first_interval").is_not_null(),
        "next_interval": pl.col("next_interval").is_not_null(),
        "price": pl.col("price_micros").is_not_null(),
        "per": pl.col("per").is_not_null(),
    })


def _overfull(tables: Tables) -> pl.DataFrame:
    """The tiers that have what only the base row has."""
    return _listed(tier_rows(tables), {
        "counter": pl.col("counter") != "",
        "setup_fee": pl.col("setup_fee_micros").fill_null(0) != 0,
        "minimum": pl.col("minimum_micros").is_not_null(),
        "maximum": pl.col("maximum_micros").is_not_null(),
        "first_interval": pl.col("first_interval").is_not_null(),
        "next_interval": pl.col("next_interval").is_not_null(),
        "markup": pl.col("markup_ppm").is_not_null(),
    })


def _listed(rows: pl.DataFrame, faults: dict[str, pl.Expr]) -> pl.DataFrame:
    """The rows with any of the faults, and the names of the faulty columns as `columns`."""
    if not rows.height:
        return rows
    bad = rows.filter(pl.any_horizontal(*faults.values()))
    if not bad.height:
        return bad
    names = [pl.when(fault).then(pl.lit(name)) for name, fault in faults.items()]
    return bad.select(
        "line", "tariff", columns=pl.concat_str(names, separator=", ", ignore_nulls=True)
    )


def _baseless(tables: Tables) -> pl.DataFrame:
    return missing(tier_rows(tables), base_rows(tables), list(RUN))


def _imported_tiers(tables: Tables) -> pl.DataFrame:
    base = base_rows(tables).filter(pl.col("markup_ppm").is_not_null())
    return matching(tier_rows(tables), base, list(RUN))


def _tier_twice(tables: Tables) -> pl.DataFrame:
    """The tiers that begin where another one does, counted in base units."""
    rows = tier_rows(tables)
    if not rows.height:
        return rows
    start = pl.col("from_units") * pl.col("unit_size")
    rows = rows.with_columns(start=start).drop_nulls("start")
    again = rows.with_columns(other=pl.col("line").min().over(*RUN, "start"))
    # the same text twice is already a key that stands twice
    texts = [*RUN, "from_units", "unit"]
    return missing(again.filter(pl.col("line") != pl.col("other")), rows.filter(
        pl.struct(texts).is_duplicated()), texts)


def _minimum(tables: Tables) -> pl.DataFrame:
    return tables["rates"].filter(pl.col("minimum_micros") > pl.col("maximum_micros"))


def _mixed(tables: Tables) -> pl.DataFrame:
    """The first imported row of each service and direction of a tariff that has priced ones too."""
    of = ["tariff", "service", "direction"]
    rows = base_rows(tables)
    if rows["markup_ppm"].null_count() == rows.height:
        return rows.clear()
    rows = rows.drop_nulls(of)
    imported = pl.col("markup_ppm").is_not_null()
    priced = first_lines(rows.filter(~imported), of).rename({"line": "other"})
    return first_lines(rows.filter(imported), of).join(priced, on=of)


def _bands_of(tables: Tables) -> pl.DataFrame:
    """Tariff, calendar and band of all bands that a tariff's events can fall in."""
    bands = tables["calendars"].select("calendar", "band").drop_nulls().unique()
    return tables["tariffs"].select("tariff", "calendar").join(bands, on="calendar")


def _band_outside(tables: Tables) -> pl.DataFrame:
    known = tables["calendars"]["band"].drop_nulls().unique().implode()
    named = tables["rates"].filter(pl.col("band").is_in(known) & (pl.col("band") != ANY))
    calendars = tables["tariffs"].select("tariff", "calendar").drop_nulls().unique("tariff")
    return missing(named, _bands_of(tables), ["tariff", "band"]).join(
        calendars, on="tariff"
    ).select("line", "tariff", "band", "calendar")


def _shadowed(tables: Tables) -> pl.DataFrame:
    """The rows for `*` whose every band has a row of its own that is valid as long."""
    rows = base_rows(tables)
    named = rows.filter(pl.col("band") != ANY)
    if not named.height:
        return rows.clear().select("line")
    bands = _bands_of(tables)
    wanted = bands.group_by("tariff").agg(bands=pl.col("band").n_unique())
    own = named.join(bands, on=["tariff", "band"], how="semi").select(
        *KEY, begin="valid_from", end="valid_to"
    )
    inside = (pl.col("begin") <= pl.col("valid_from")) & (pl.col("valid_to") <= pl.col("end"))
    return (
        rows.filter(pl.col("band") == ANY)
        .join(own, on=list(KEY[:-1]), suffix="_own").filter(inside)
        .group_by("line", "tariff").agg(own=pl.col("band_own").n_unique())
        .join(wanted, on="tariff").filter(pl.col("own") == pl.col("bands")).select("line")
    )


def _tariff_unused(tables: Tables) -> pl.DataFrame:
    used = pl.concat([tables[name].select("tariff") for name in ("products", "agreements")])
    return missing(tables["tariffs"], used, ["tariff"])


def _tariff_empty(tables: Tables) -> pl.DataFrame:
    return missing(tables["tariffs"], tables["rates"], ["tariff"])


def _retail_only(tables: Tables) -> pl.DataFrame:
    """The rows of agreed tariffs with what the wholesale leg cannot have."""
    return _listed(matching(tables["rates"], tables["agreements"], ["tariff"]), {
        "counter": pl.col("counter") != "", "markup": pl.col("markup_ppm").is_not_null(),
    })


RATE_CHECKS: Final = (
    Check("RATE_UNIT", "error", "rates", _units, "unit {unit} does not fit service {service}",
          "price {service} by {units}"),
    Check("RATE_INCOMPLETE", "error", "rates", _incomplete, "no {columns}",
          "fill it in, or give a markup if the partner's charge is to be passed on"),
    Check("IMPORTED_PRICED", "error", "rates", _imported, "has a markup and also {columns}",
          "empty these columns, or the markup"),
    Check("TIER_BASELESS", "error", "rates", _baseless,
          "tier from {from_units} has no base row",
          "add a row from 0 with the same key, valid_from and valid_to"),
    Check("TIER_OVERFULL", "error", "rates", _overfull, "a further tier has {columns}",
          "write it in the base row only; a tier has price, per and unit"),
    Check("TIER_IMPORTED", "error", "rates", _imported_tiers,
          "tier from {from_units} of a base row with markup",
          "remove the tier: the partner's charge is taken as one amount"),
    Check("TIER_TWICE", "error", "rates", _tier_twice,
          "tier from {from_units} {unit} begins where line {other} does",
          "let every tier begin higher than the one before"),
    Check("MINIMUM_ABOVE", "error", "rates", _minimum,
          "minimum {minimum_micros} is above maximum {maximum_micros}", "swap or correct them"),
    Check("IMPORTED_MIXED", "error", "rates", _mixed,
          "has a markup, but line {other} prices {service} {direction} of tariff {tariff} by units",
          "give all its rows for {service} {direction} a markup, or none"),
    Check("BAND_OUTSIDE", "warning", "rates", _band_outside,
          "never matches: band {band} is not in calendar {calendar} of tariff {tariff}",
          "name a band of that calendar, or give tariffs.csv the calendar that has the band"),
    Check("RATE_SHADOWED", "warning", "rates", _shadowed,
          "never matches: every band has a row of its own as long as this one is valid",
          "remove it, or the rows of the bands"),
    Check("TARIFF_UNUSED", "warning", "tariffs", _tariff_unused,
          "tariff {tariff} is in no row of products.csv or agreements.csv", "use or remove it"),
    Check("TARIFF_EMPTY", "warning", "tariffs", _tariff_empty,
          "tariff {tariff} has no row in rates.csv", "add its rates"),
    Check("RETAIL_ONLY", "error", "rates", _retail_only,
          "has {columns}, but agreements.csv names tariff {tariff}",
          "empty it, or agree on a tariff without: wholesale counts nothing and adds nothing"),
)
