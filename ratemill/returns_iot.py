"""Returns of records that charge more than the agreement gives: RAP files with the evidence."""

from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from asn1.tap_header import TapHeader
from charging.ledger import Ledger
from mediation.reject import rejects
from mediation.schema import REJECT, USAGE
from mediation.tap_view import micros_per_unit
from ratemill.allowances import rating_alone
from ratemill.charges_now import charges_of
from ratemill.correction_lake import Correction, apply
from ratemill.decisions import Author, give_back, given_back
from ratemill.errors import RatemillError
from ratemill.file_rows import context
from ratemill.home import Home
from ratemill.iot import compared
from ratemill.lake import Lake
from ratemill.late_marks import mark, refused
from ratemill.mediating import collected, decoded
from ratemill.pipeline import pending, reset
from ratemill.refs import split
from ratemill.returns import (
    made,
    returned,
    severe_details,
    severe_totals,
    summed,
    tap_file,
)
from ratemill.run import Progress, finish
from rating.catalog import Catalog, load_catalog
from rating.catalog_read import ALWAYS
from rating.schema import CHARGE

_CHARGE: Final = 62
_NOT_AGREED: Final = 200
"""Item Charge, "not according to the agreement": severe, by TD.57"""
_RECORD: Final = ["record_index"]


def return_variances(
    home: Home, ref: str, author: Author, progress: Progress
) -> dict[str, Any]:
    """The row (table returned) of the RAP file with the records that charge too much.

    Those of a TAP file that state more than agreed, by more than the tolerance. What they were
    charged is taken back, retail and wholesale: the partner sends them again, mended. Made once;
    cut short, the same call goes on where it stopped. RatemillError where there are none.
    """
    partner, file_id = split(ref)
    subject = f"iot:{file_id}"
    with home.alone("return_iot"):
        known = returned(home, partner).filter(subject=subject)
        if known.height:
            return known.row(0, named=True)
        file, header = tap_file(home, ref)
        # the charges of what waits to be run again are seen by nobody
        _finish(home, ref, author, progress)
        told = given_back(Lake(home.lake), ref)
        if told.is_empty():
            told = _evidence(home, ref, header)
            give_back(home, ref, told, author)
        _take_back(home, ref, told, author)
        reset(home, [ref], "mediate")
        _finish(home, ref, author, progress)
        rows = told.select(
            "record_index", pl.lit(_CHARGE).alias("tag"), pl.lit(_NOT_AGREED).alias("error"),
            remarks="value",
        )
        records = decoded(home, ref).records.join(rows, on=_RECORD, how="semi")
        details = severe_details(header, file, rows, records)
        with home.alone("return"):
            return made(home, partner, header, severe_totals(records), details, author, {
                "subject": subject, "kind": "iot", "currency": header.tap_currency,
                "charge_micros": summed(records["partner_charge_micros"]),
            })


def _finish(home: Home, ref: str, author: Author, progress: Progress) -> None:
    """Take the file to its end, where it is not there; FilesNotPosted."""
    if ref in pending(home, split(ref)[0]):
        done = finish(home, [ref], now=author.at, progress=progress)
        if done.not_posted is not None:
            raise done.not_posted


def _evidence(home: Home, ref: str, header: TapHeader) -> pl.DataFrame:
    """record_index and value, what the partner is told of each record that charges too much."""
    rows = compared(home, [ref])
    if not rows.is_empty():
        rows = rows.filter(pl.col("over") & (pl.col("difference_micros") > 0))
    if rows.is_empty():
        raise RatemillError(ref, "has no record that charges more than agreed",
                            "`ratemill iot FILE` compares it with the agreement")
    catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
    unit, zone = micros_per_unit(header), ZoneInfo(home.settings.zone)
    return pl.DataFrame(
        [(row["record_index"], "\n".join(_remarks(catalog, row, unit, zone)))
         for row in rows.sort("record_index").iter_rows(named=True)],
        orient="row", schema={"record_index": pl.Int32, "value": pl.String},
    )


def _remarks(catalog: Catalog, row: dict[str, Any], unit: int, zone: ZoneInfo) -> list[str]:
    """The date of the agreement, the charge by it in the file's units, and how it comes about."""
    held = catalog.frames["agreements"].filter(
        pl.col("partner") == row["partner"], pl.col("valid_from") <= row["started_at"],
        pl.col("valid_to") > row["started_at"],
    )
    since = held.filter(pl.col("valid_from") > ALWAYS)["valid_from"].dt.replace_time_zone(
        "UTC").dt.convert_time_zone(zone.key).to_list()[:1]
    expected = (2 * row["agreed_micros"] + unit) // (2 * unit)
    what = f"{row['billed_units']} {row['unit']} of {row['service']} {row['direction']}"
    return [
        *(f"IOTDate:{day:%Y%m%d}" for day in since),
        f"ExpCharge:{expected}",
        f"Calculation:{what} by tariff {row['tariff']}",
    ]


def _take_back(home: Home, ref: str, told: pl.DataFrame, author: Author) -> None:
    """Give back what the records were charged; nothing where that was done before."""
    lake, (partner, file_id) = Lake(home.lake), split(ref)
    charges = charges_of(lake, [ref]).join(told, on=_RECORD, how="semi", maintain_order="left")
    if charges.is_empty():
        return
    usage = lake.load(USAGE, partner, file_id, "mediate").join(
        charges, on=_RECORD, how="semi", maintain_order="left"
    )
    away = rejects(context(collected(lake, ref).row(0, named=True)), usage.select(
        "record_index", "byte_offset", "usage_key", pl.lit("CHARGE_NOT_AGREED").alias("code"),
        pl.lit(f"{author.who}: {author.why}").alias("detail"),
        money_at_risk_micros="partner_charge_micros", currency="partner_currency",
    ))
    with rating_alone(home), Ledger(home.ledger) as ledger:
        # younger events drew less because of these
        mark(home, ref, refused(charges))
        correction = Correction(f"return:{ref}", "rerate", charges, CHARGE.empty(),
                                REJECT.fill(away))
        apply(home, ledger, correction, author.at, who=author.who, why=author.why)
