"""Usage in, charges out: a retail and a wholesale leg for every event that has a price."""

import numpy as np
import polars as pl
import pyarrow as pa

from mediation.file_context import FileContext
from mediation.outcome import Outcome, conserved
from mediation.reject import rejects
from mediation.schema import REJECT
from rating.catalog import Catalog
from rating.catalog_tables import ANY
from rating.lookups import Turned, locate
from rating.price import OVERFLOW, PRICED, RATE_MISSING
from rating.price_arrays import Events, Priced
from rating.price_batch import price_batch
from rating.rate_book import RateBook
from rating.schema import CHARGE

_STATED = pl.col("partner_charge_micros").is_not_null() & pl.col("partner_currency").is_not_null()
_STATUS = pl.col("status")
_EVENT = pl.format(
    "{} {} from serving zone {} ({}) to destination zone {}{} at {}",
    "service", "direction", "serving_zone", "serving_network", "destination_zone",
    pl.format(" ({}, prefix {})", "destination", "destination_prefix").fill_null(""),
    "started_at",
)
_TRIED = "tried these, then * for band, destination zone and serving zone in turn"


def rate(usage: pl.DataFrame, catalog: Catalog, ctx: FileContext) -> Outcome:
    """Table charge with the two legs of every priced usage, and rejects of the others.

    Rejects carry no raw record. A usage with one leg that cannot be priced is turned away whole.
    """
    turned = Turned()
    events = locate(usage, catalog, turned)
    retail = _priced(events.with_columns(owner="tariff"), catalog.rates)
    retail = turned.keep(
        retail, _STATUS != RATE_MISSING, "RATE_MISSING",
        pl.format("tariff {} has no rate for {}, band {}; {}; add the rate to rates.csv",
                  "tariff", _EVENT, "bands_missing", pl.lit(_TRIED)),
    )
    retail = turned.keep(retail, _STATUS != OVERFLOW, "AMOUNT_OVERFLOW", _overflow("rates.csv"))
    wholesale = _priced(
        events.join(retail.select("row"), on="row", how="semi", maintain_order="left")
        .with_columns(owner="partner", calendar=pl.lit(ANY)),
        catalog.agreements,
    )
    wholesale = turned.keep(
        wholesale, _STATED | (_STATUS != RATE_MISSING), "WHOLESALE_RATE_MISSING",
        pl.format("partner {} states no charge and its agreement has no rate for {}; {}; add the "
                  "rate to agreements.csv", "partner", _EVENT, pl.lit(_TRIED)),
    )
    wholesale = turned.keep(
        wholesale, _STATED | (_STATUS != OVERFLOW), "AMOUNT_OVERFLOW", _overflow("agreements.csv")
    )
    retail = retail.join(wholesale.select("row"), on="row", how="semi", maintain_order="left")
    legs = pl.concat([_retail(retail, catalog), _wholesale(wholesale, catalog)])
    passed = CHARGE.fill(legs.sort("row", "leg"))
    away = [_rejects(ctx, found) for found in turned.found]
    return conserved(
        "rate", usage["record_index"], Outcome(passed, pl.concat([REJECT.empty(), *away]))
    )


def _overflow(file: str) -> pl.Expr:
    return pl.format(
        "{} {} at {} cannot be priced in 64 bits; check the record and {}",
        "used_units", "unit", pl.coalesce("rate_row", pl.lit("its rates")), pl.lit(file),
    )


def _priced(events: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """The events with status, amounts, rate columns, bands and bands_missing, in their order."""
    dealt = book.deal(events)
    rates = book.rates
    priced = price_batch(
        Events(
            _ints(events["started_at"].dt.epoch("us") // 1_000_000),
            _ints(events["band_offset_s"]),
            _ints(events["used_units"]),
            _ints(events["unit"] == "s"),
            _ints(dealt.events["card"]),
        ),
        dealt.cards, rates,
    )
    found = pl.DataFrame({
        "status": priced.status, "priced_micros": priced.amount, "billed_units": priced.billed,
        "rate": priced.rate,
    })
    columns = {
        "rate_row": "rate_row", "first_interval": "first_interval",
        "next_interval": "next_interval", "setup_fee_micros": "setup_fee_micros",
        **({"currency": "rate_currency"} if "currency" in book.rows.columns else {}),
    }
    described = found.join(
        book.rows.select("rate", *(pl.col(k).alias(v) for k, v in columns.items())),
        on="rate", how="left", maintain_order="left",
    ).drop("rate").with_columns(
        # no fee was taken where nothing was billed
        pl.when(pl.col("billed_units") > 0).then("setup_fee_micros").otherwise(0)
        .alias("setup_fee_micros"),
        _bands(priced, book),
    )
    return pl.concat([events, dealt.events.drop("card"), described], how="horizontal")


def _ints(values: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return values.cast(pl.Int64).to_numpy(writable=True)


def _bands(priced: Priced, book: RateBook) -> pl.Series:
    """Per event its parts, as column bands of table charge."""
    taken = book.rows[pl.Series(priced.part_rate)]
    parts = pl.DataFrame({
        "band": taken["band"], "units": priced.part_units, "price_micros": taken["price_micros"],
        "price_units": taken["per"], "amount_micros": priced.part_amount,
    })
    flat = parts.to_struct("bands").to_arrow()
    lists = pa.LargeListArray.from_arrays(pa.array(priced.starts, pa.int64()), flat)
    return pl.Series("bands", lists).cast(CHARGE.polars["bands"])


def _retail(priced: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    return _leg(
        priced, catalog, leg=pl.lit("retail"), source=pl.lit("tariff"),
        amount_micros=pl.col("priced_micros"), expected_micros=pl.lit(None, pl.Int64),
    )


def _wholesale(priced: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """The partner's own charge where it states one, else what the agreement gives."""
    agreed = _STATUS == PRICED
    currency = pl.when(_STATED).then("partner_currency").otherwise("rate_currency")
    ours = {
        name: pl.when(~_STATED).then(name)
        for name in ("first_interval", "next_interval")
    }
    return _leg(
        priced, catalog, leg=pl.lit("wholesale"), account=pl.format("partner:{}", "partner"),
        currency=currency, tariff=pl.col("partner"),
        source=pl.when(_STATED).then(pl.lit("partner")).otherwise(pl.lit("tariff")),
        amount_micros=pl.when(_STATED).then("partner_charge_micros").otherwise("priced_micros"),
        expected_micros=pl.when(agreed & (pl.col("rate_currency") == currency))
        .then("priced_micros"),
        # the stated charge has no parts of ours: it is taken as it is
        bands=pl.when(~_STATED).then("bands").otherwise(pl.lit([], CHARGE.polars["bands"])),
        billed_units=pl.when(_STATED).then("used_units").otherwise("billed_units"),
        setup_fee_micros=pl.when(_STATED).then(0).otherwise("setup_fee_micros"),
        **ours,
    )


def _leg(priced: pl.DataFrame, catalog: Catalog, **columns: pl.Expr) -> pl.DataFrame:
    """Row and the columns of table charge."""
    leg = priced.with_columns(
        **columns, revision=pl.lit(0, pl.Int32), catalog_version=pl.lit(catalog.version)
    )
    return leg.select("row", *CHARGE.names)


def _rejects(ctx: FileContext, found: pl.DataFrame) -> pl.DataFrame:
    return rejects(ctx, found.select(
        "record_index", "byte_offset", "usage_key", "code", "detail",
        money_at_risk_micros="partner_charge_micros", currency="partner_currency",
    ))
