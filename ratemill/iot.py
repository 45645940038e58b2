"""The IOT check: what partners state against what their agreements give, record by record."""

from collections.abc import Iterable
from typing import Final

import msgspec
import polars as pl

from ratemill.charges_now import ChargesNow
from ratemill.home import Home
from ratemill.lake import Lake
from rating.catalog import Catalog, load_catalog

_FILE: Final = ["partner", "file_id"]
_OF_CHARGE: Final = (
    *_FILE, "record_index", "leg", "source", "tariff", "rate_line", "service", "direction",
    "serving_zone", "destination_zone", "started_at", "billed_units", "unit", "currency",
    "net_micros", "expected_micros",
)


class Variances(msgspec.Struct, frozen=True):
    """What one file states in one currency against the agreement; amounts in micro-units."""

    partner: str
    file_id: str
    name: str
    currency: str
    records: int
    """that state a charge for which the agreement has one too"""
    unagreed: int
    """that state a charge for which no agreement has a rate"""
    stated_micros: int
    agreed_micros: int
    over: int
    """records that differ by more than the tolerance"""
    over_micros: int
    """what these state more than agreed, less what they state less"""


def compared(home: Home, refs: Iterable[str]) -> pl.DataFrame:
    """Records that state a charge (wholesale legs that stand), by file and record.

    partner, file_id, record_index, service … as table charge; stated_micros, agreed_micros (null
    without a rate), difference_micros (what is stated more), tolerance_micros, and over: whether
    the difference is beyond the tolerance of the agreement that holds at the event's time.
    """
    catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
    wanted = list(refs)
    now = ChargesNow(Lake(home.lake), wanted)
    stated = pl.concat([
        now.of(ref, _OF_CHARGE).filter(leg="wholesale", source="partner") for ref in wanted
    ]) if wanted else pl.DataFrame(schema=dict.fromkeys(_OF_CHARGE, pl.Null))
    if stated.is_empty():
        return stated
    rows = stated.drop("leg", "source").rename(
        {"net_micros": "stated_micros", "expected_micros": "agreed_micros"}
    )
    tolerant = rows.join(_tolerances(catalog, rows), on=[*_FILE, "record_index"], how="left",
                         maintain_order="left")
    # A thousand times a thousand of an amount would leave 64 bits.
    share = pl.col("agreed_micros").cast(pl.Int128).abs() * pl.col("ppm") // 1_000_000
    return tolerant.with_columns(
        difference_micros=pl.col("stated_micros") - pl.col("agreed_micros"),
        tolerance_micros=pl.max_horizontal(
            share.cast(pl.Int64), pl.col("micros")
        ).fill_null(0),
    ).with_columns(
        over=(pl.col("difference_micros").abs() > pl.col("tolerance_micros"))
        .fill_null(value=False),
    ).drop("ppm", "micros")


def _tolerances(catalog: Catalog, rows: pl.DataFrame) -> pl.DataFrame:
    """The tolerance (ppm, micros) of the agreement that held when each record began."""
    agreements = catalog.frames["agreements"].select(
        "partner", "valid_from", "valid_to",
        ppm=pl.col("tolerance_percent_ppm").fill_null(0), micros="tolerance_micros",
    )
    held = pl.col("started_at").is_between("valid_from", "valid_to", closed="left")
    return rows.select(*_FILE, "record_index", "started_at").join(
        agreements, on="partner"
    ).filter(held).select(*_FILE, "record_index", "ppm", "micros")


def variances(home: Home, refs: Iterable[str]) -> list[Variances]:
    """What each file states against its agreement, largest difference beyond tolerance first."""
    rows = compared(home, refs)
    if rows.is_empty():
        return []
    agreed, over = pl.col("agreed_micros").is_not_null(), pl.col("over")
    sums = rows.group_by(*_FILE, "currency").agg(
        records=agreed.sum().cast(pl.Int64), unagreed=(~agreed).sum().cast(pl.Int64),
        stated_micros=pl.col("stated_micros").filter(agreed).sum(),
        agreed_micros=pl.col("agreed_micros").sum(),
        over=over.sum().cast(pl.Int64),
        over_micros=pl.col("difference_micros").filter(over).sum(),
    ).join(
        Lake(home.lake).file_rows("collect").select(*_FILE, "name", "file_number"), on=_FILE
    ).sort(pl.col("over_micros").abs(), "file_number", descending=[True, False])
    return [Variances(**row) for row in sums.drop("file_number").iter_rows(named=True)]
