"""The frames that TAP validation looks at: a file's records, and the rows that hang on them."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl

from asn1.audit import TOTAL_CHARGE_TYPE
from mediation.tap_sight import CHECKED, Sight

TAX_RATE_UNIT: Final = 10**7
"""A tax rate of seven digits is a share in units of this: 0700000 is 7 %."""

_DETAILS: Final = "charge_information.charge_detail"
_TAXES: Final = "charge_information.tax_information"


def utc(local: str, code: str, offsets: dict[int, int]) -> pl.Expr:
    """A local time less the offset that its code stands for; null for an unknown code."""
    seconds = pl.col(code).replace_strict(
        list(offsets), list(offsets.values()), default=None, return_dtype=pl.Int64
    )
    return pl.col(local) - pl.duration(seconds=seconds)


def tax_rates(sight: Sight) -> dict[int, int]:
    """Tax rates by code, in units of TAX_RATE_UNIT; what is no rate is left out."""
    return {
        row["taxCode"]: int(row["taxRate"])
        for row in sight.rows("accountingInfo", "taxation")
        if "taxCode" in row and re.fullmatch("[0-9]{7}", row.get("taxRate", ""))
    }


def _events(sight: Sight) -> pl.DataFrame:
    """The event view with the columns that only checks read."""
    own = sight.table("event").select(sorted(CHECKED["event"]))
    return sight.events.with_columns(own.get_columns())


def _with_event(sight: Sight, rows: pl.DataFrame, *columns: pl.Expr) -> pl.DataFrame:
    """The rows with columns of their record beside them."""
    order, of = sight.events["record_index"].to_numpy(), rows["record_index"].to_numpy()
    # of no record (-1): of one that could not be read
    places = np.full(max(order.max(initial=0), of.max(initial=0)) + 1, -1)
    places[order] = np.arange(len(order))
    at = pl.Series(places[of])
    records = sight.events.select("event", *columns).select(
        pl.all().gather(at.set(at < 0, None))
    )
    return rows.with_columns(records.get_columns())


def _charge_information(sight: Sight) -> pl.DataFrame:
    return _with_event(sight, sight.table("charge_information"))


def _charge_detail(sight: Sight) -> pl.DataFrame:
    """Charge details with the UTC times of their own (detail_at) and of their record (start_at)."""
    rows = sight.table("charge_detail")
    if not rows["charge_detail_local"].drop_nulls().len():
        never = pl.lit(None, pl.Datetime("us"))
        return rows.with_columns(detail_at=never, start_at=never)
    offsets = sight.header.utc_offsets
    start = utc("start_local", "utc_offset_code", offsets).alias("start_at")
    detail = utc("charge_detail_local", "charge_detail_utc_offset_code", offsets)
    return _with_event(sight, rows.with_columns(detail_at=detail), start)


def _tax_information(sight: Sight) -> pl.DataFrame:
    """Taxes with their rate, and the amount it is of: the stated one, else the charge beside it."""
    rows, rates = sight.table("tax_information"), tax_rates(sight)
    if rows.is_empty():
        return rows
    place = pl.col("place").cast(pl.String)
    charges = (
        sight.table("charge_detail")
        .filter(pl.col("charge_type") == TOTAL_CHARGE_TYPE, place == _DETAILS)
        .group_by("parent")
        .agg(pl.col("charge").cast(pl.Int128).sum())
    )
    rate = pl.col("tax_code").replace_strict(
        list(rates), list(rates.values()), default=None, return_dtype=pl.Int128
    )
    return rows.join(charges, on="parent", how="left", maintain_order="left").with_columns(
        rate=rate,
        amount=pl.coalesce("taxable_amount", pl.when(place == _TAXES).then("charge")),
    )


def _recording_entity(sight: Sight) -> pl.DataFrame:
    """The recording entities that records name: record_index, event and code."""
    listed = _with_event(sight, sight.table("rec_entity_code").select(
        "record_index", code="rec_entity_code"
    ))
    own = sight.events.filter(pl.col("event") != "gprsCall").select(
        "record_index", "event", code="rec_entity_code"
    )
    columns = ["record_index", "event", "code"]
    return pl.concat([own, listed.select(columns)]).drop_nulls("code")


FRAMES: Final[dict[str, Callable[[Sight], pl.DataFrame]]] = {
    "event": _events,
    "charge_information": _charge_information,
    "charge_detail": _charge_detail,
    "tax_information": _tax_information,
    "recording_entity": _recording_entity,
}
"""How each frame is made; all of them have record_index."""
