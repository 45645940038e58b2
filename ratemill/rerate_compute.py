"""Charges made anew by a catalog, against those that stand; nothing is written."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from mediation.file_context import FileContext
from mediation.reject import rejects
from mediation.schema import REJECT
from ratemill.charges_now import ChargesNow
from ratemill.file_rows import nothing
from ratemill.lake import Lake
from ratemill.rerate_compare import Compared, compared
from ratemill.rerate_events import batches
from ratemill.rerate_selection import Selection
from ratemill.rerate_sums import Difference
from ratemill.word_frames import together
from rating.allowance_use import Use
from rating.catalog import Catalog
from rating.rate import price_usage
from rating.schema import ALLOWANCE_USE, CHARGE

_BATCH: Final = 125_000
"""Events priced at once: memory follows it"""
_HASHED: Final = 100_000
_UNKNOWN: Final = datetime(1970, 1, 1)  # noqa: DTZ001 naive UTC
_FILE_AND_RECORD: Final = ("partner", "file_id", "record_index")


@dataclass(frozen=True, slots=True)
class Rerated:
    """What rating some records anew comes to."""

    catalog_version: str
    selected: int
    """records that the condition names"""
    followers: int
    """other records that were looked at, as they share allowances with them"""
    unpriced: int
    """of both, those that have no price but stay as they are"""
    difference: dict[str, pl.DataFrame]
    """by the names in rerate_sums.BY its columns, legs, changed, before, after, difference"""
    codes: pl.DataFrame
    """records that have no price any more: code, partner, records"""
    charges: pl.DataFrame
    """table charge, the revised charges, most words as Enums; none where only the difference was
    asked for"""
    rejects: pl.DataFrame
    """table reject of the records that have no price any more; likewise"""

    @property
    def key(self) -> str:
        """What makes posting it again harmless."""
        digest = hashlib.sha256(self.catalog_version.encode())
        legs = self.charges.select(*_FILE_AND_RECORD, leg="leg", revision="revision")
        away = self.rejects.select(*_FILE_AND_RECORD, leg=pl.lit(""), revision=pl.lit(0))
        for rows in (*legs.iter_slices(_HASHED), *away.iter_slices(_HASHED)):
            text = rows.select(pl.concat_str(pl.all(), separator=" ").str.join("\n")).item()
            digest.update(f"{text}\n".encode())
        return f"rerate:{digest.hexdigest()}"


def rerated(
    lake: Lake, where: str, catalog: Catalog, *, keep: bool, done: Callable[[], None] = nothing
) -> Rerated:
    """What the catalog charges for the records that `where` names, and what follows from it.

    `keep` has the new charges kept, for posting. `done` is called after each batch.
    """
    rows = lake.file_rows("post").filter(pl.col("state") == "posted")
    refs = [f"{partner}/{file_id}" for partner, file_id in rows.select(
        "partner", "file_id").iter_rows()]
    now = ChargesNow(lake)
    chosen = Selection(lake, now, where).chosen(refs, catalog)
    difference = Difference(catalog.frames["accounts"])
    charges, away, unpriced = [], [], 0
    for found in _compared(batches(lake, now, chosen, _BATCH), catalog):
        for facts in found.facts:
            difference.add(facts)
        unpriced += found.unpriced
        away.append(found.withdrawn.select("partner", "code") if not keep else found.withdrawn)
        if keep and found.charges.height:
            # by these the ledger and the lake look for them
            charges.append(found.charges.with_columns(pl.col("partner", "file_id").cast(pl.String)))
        done()
    turned = pl.concat(away) if away else pl.DataFrame(schema={"partner": pl.String,
                                                              "code": pl.String})
    selected = sum(int(one.rows["selected"].sum()) for one in chosen)
    return Rerated(
        catalog.version, selected, sum(one.rows.height for one in chosen) - selected, unpriced,
        difference.frames,
        turned.group_by("code", "partner").agg(records=pl.len().cast(pl.Int64)).sort(
            "code", "partner"),
        together(charges, CHARGE.polars) if charges else CHARGE.empty(),
        rejects_of(turned) if keep else REJECT.empty(),
    )


def _compared(events: Iterator[pl.DataFrame], catalog: Catalog) -> Iterator[Compared]:
    """The batches of events, each priced with what the ones before it left of allowances.

    One thread prices; two others read the next batch, and compare the last one.
    """
    use: pl.DataFrame | Use = ALLOWANCE_USE.empty()
    comparing: Future[Compared] | None = None
    with ThreadPoolExecutor(2) as others:
        reading = others.submit(next, events, None)
        while (batch := reading.result()) is not None:
            reading = others.submit(next, events, None)
            rated = price_usage(batch, catalog, use)
            use = rated.use
            if comparing:
                yield comparing.result()
            comparing = others.submit(compared, batch, rated)
        if comparing:
            yield comparing.result()


def rejects_of(turned: pl.DataFrame) -> pl.DataFrame:
    """Table reject of events that were turned away: columns of usage, code and detail."""
    parts = [REJECT.empty()]
    files = turned.partition_by("partner", "file_id", as_dict=True) if turned.height else {}
    for (partner, file_id), rows in files.items():
        # the name and arrival of a file are in none of its rejects
        file = FileContext(str(partner), str(file_id), "", _UNKNOWN)
        parts.append(rejects(file, rows.select(
            "record_index", "byte_offset", "usage_key", "code", "detail",
            money_at_risk_micros="partner_charge_micros", currency="partner_currency",
        )))
    return pl.concat(parts)
