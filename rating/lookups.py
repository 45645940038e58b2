"""What the catalog knows of each event: who pays, from where, to where, by which tariff."""

from dataclasses import dataclass, field

import polars as pl

from rating.catalog import Catalog
from rating.catalog_tables import ANY, SERVICE_UNIT
from rating.validity import at_event

_CALLS = pl.col("service").is_in(["voice", "sms"]) & (pl.col("direction") == "mo")
"""Events whose price depends on the number that was called"""


@dataclass(slots=True)
class Turned:
    """Collects the events that a lookup turns away."""

    found: list[pl.DataFrame] = field(default_factory=list)

    def keep(self, events: pl.DataFrame, good: pl.Expr, code: str, detail: pl.Expr) -> pl.DataFrame:
        """The events that are good; the others are turned away with the code and detail."""
        bad = events.filter(~good)
        if bad.is_empty():
            return events
        self.found.append(bad.with_columns(code=pl.lit(code), detail=detail))
        return events.filter(good)


def locate(usage: pl.DataFrame, catalog: Catalog, turned: Turned) -> pl.DataFrame:
    """The usage with row, account …, tariff, calendar, band_offset_s, zones, unit and used_units.

    Rows keep their order; those that a lookup fails for are turned away.
    """
    events = usage.with_row_index("row").with_columns(
        pl.col("row").cast(pl.Int64),
        unit=pl.col("service").replace_strict(SERVICE_UNIT, return_dtype=pl.String),
        used_units=_used_units(),
    )
    events = _identify(events, catalog, turned)
    events = _place(events, catalog, turned)
    events = _destination(events, catalog, turned)
    return _product(events, catalog, turned)


def _used_units() -> pl.Expr:
    """Units of each service; a message without a count is one."""
    volume = pl.col("volume_up_bytes").fill_null(0) + pl.col("volume_down_bytes").fill_null(0)
    return (
        pl.when(pl.col("service") == "voice").then(pl.col("duration_s").fill_null(0))
        .when(pl.col("service") == "data").then(volume)
        .otherwise(pl.col("events").fill_null(1))
    )


def _identify(events: pl.DataFrame, catalog: Catalog, turned: Turned) -> pl.DataFrame:
    """The events with their account, by IMSI, or by MSISDN where there is no IMSI."""
    narrow = events.select("row", "started_at", "imsi", "msisdn")
    by_imsi = narrow.filter(pl.col("imsi").is_not_null())
    by_number = narrow.filter(pl.col("imsi").is_null())
    payers = pl.concat([
        at_event(by_imsi, catalog.sims, "imsi", ["account"]),
        at_event(by_number, catalog.sims, "msisdn", ["account"]),
    ]).select("row", "account")
    known = turned.keep(
        events.join(payers, on="row", how="left", maintain_order="left"),
        pl.col("account").is_not_null(),
        "SUBSCRIBER_UNKNOWN",
        pl.format(
            "no SIM with {} at {}; add it to sims.csv with its validity",
            pl.coalesce(
                pl.format("IMSI {}", "imsi"), pl.format("MSISDN {}", "msisdn"),
                pl.lit("neither IMSI nor MSISDN"),
            ),
            "started_at",
        ),
    )
    return known.join(
        catalog.accounts.select("account", "currency", "timezone", "product"),
        on="account", how="left", maintain_order="left",
    )


def _place(events: pl.DataFrame, catalog: Catalog, turned: Turned) -> pl.DataFrame:
    """The events with serving_zone."""
    networks = catalog.networks.rename({"tadig": "serving_network", "zone": "serving_zone"})
    return turned.keep(
        at_event(events, networks, "serving_network", ["serving_zone"]),
        pl.col("serving_zone").is_not_null(), "NETWORK_UNKNOWN",
        pl.format("network {} is not known at {}; add it to networks.csv",
                  "serving_network", "started_at"),
    )


def _destination(events: pl.DataFrame, catalog: Catalog, turned: Turned) -> pl.DataFrame:
    """The events with destination, its prefix and zone; the zone is * where none is called."""
    called = events.filter(_CALLS).select(
        "row", "started_at", pl.col("other_party").alias("number")
    )
    placed = events.join(
        catalog.number_plan.destinations(called), on="row", how="left", maintain_order="left"
    ).with_columns(pl.when(~_CALLS).then(pl.lit(ANY)).otherwise("destination_zone")
                   .alias("destination_zone"))
    return turned.keep(
        placed, pl.col("destination_zone").is_not_null(), "DESTINATION_UNKNOWN",
        pl.format("no prefix matches the called number {} at {}; add one to number_plan.csv",
                  pl.col("other_party").fill_null("(none)"), "started_at"),
    )


def _product(events: pl.DataFrame, catalog: Catalog, turned: Turned) -> pl.DataFrame:
    """The events with tariff, calendar and band_offset_s (UTC to the bands' local time)."""
    sold = turned.keep(
        at_event(events, catalog.products, "product", ["tariff", "calendar", "band_time"]),
        pl.col("tariff").is_not_null(), "RATE_MISSING",
        pl.format("product {} of account {} has no tariff at {}; add it to products.csv",
                  "product", "account", "started_at"),
    )
    home = pl.col("band_time") == "home"
    offset = pl.col("utc_offset_s").cast(pl.Int64)
    for zone in sold.filter(home)["timezone"].unique().sort():
        local = pl.col("started_at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        there = (local.dt.base_utc_offset() + local.dt.dst_offset()).dt.total_seconds()
        offset = pl.when(home & (pl.col("timezone") == zone)).then(there).otherwise(offset)
    return sold.with_columns(band_offset_s=offset)
