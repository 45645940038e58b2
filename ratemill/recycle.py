"""Recycling: whether records in suspense would pass now, and their files run again."""

from pathlib import Path
from typing import Final

import polars as pl

from mediation.schema import FILE, USAGE
from ratemill.atomic import replacing
from ratemill.file_rows import context
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.mediating import Mediator
from ratemill.partials import changed
from ratemill.pipeline import reset
from ratemill.settings import clock
from ratemill.suspense import suspended
from rating.catalog import Catalog, CatalogError, load_catalog
from rating.catalog_image import fingerprint

_FILE: Final = ["partner", "file_id"]
_RECORD: Final = [*_FILE, "record_index"]
_NOW: Final = {"record_index": pl.Int32(), "code_now": pl.String(), "detail_now": pl.String()}


def tried(home: Home, rows: pl.DataFrame) -> pl.DataFrame:
    """The records in suspense (as `suspense.suspended` gives them) with code_now and detail_now.

    What becomes of each with the profile, the decisions and the catalog of this moment; both null
    where it would be charged. Nothing is written.
    """
    if rows.is_empty():
        return rows.with_columns(code_now=pl.lit(None, pl.String),
                                 detail_now=pl.lit(None, pl.String))
    catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
    mediator = Mediator(home)
    parts = [
        _tried_file(home, mediator, catalog, of_file).select(
            pl.lit(partner).alias("partner"), pl.lit(file_id).alias("file_id"), *_NOW
        )
        for (partner, file_id), of_file in rows.group_by(_FILE, maintain_order=True)
    ]
    return rows.join(
        pl.concat(parts), on=_RECORD, how="left", nulls_equal=True, maintain_order="left"
    )


def _tried_file(
    home: Home, mediator: Mediator, catalog: Catalog, rows: pl.DataFrame
) -> pl.DataFrame:
    """What becomes of records of one file now: record_index, code_now, detail_now."""
    from rating.rate import rate

    partner, file_id = rows.select(_FILE).row(0)
    ref, lake = f"{partner}/{file_id}", Lake(home.lake)
    turned = pl.DataFrame(schema=_NOW)
    if rows.filter(pl.col("stage") != "rate").is_empty():
        usage = lake.load(USAGE, partner, file_id, "mediate")
    else:
        mediated = mediator.mediate(ref)
        usage, turned = mediated.usage, _turned(mediated.rejects)
    wanted = usage.join(rows, on="record_index", how="semi")
    row = lake.load(FILE, partner, file_id, "collect").row(0, named=True)
    # What allowances cover changes the price, and not whether there is one.
    unpriced = _turned(rate(wanted, catalog, context(row)).outcome.rejects)
    return rows.select("record_index").join(
        pl.concat([turned, unpriced]), on="record_index", how="left", nulls_equal=True
    )


def _turned(rejects: pl.DataFrame) -> pl.DataFrame:
    """What rejects say, by record."""
    return rejects.select("record_index", code_now="code", detail_now="detail")


def reopened(home: Home, rows: pl.DataFrame) -> list[str]:
    """References of the files of these records in suspense, from now on to be run again.

    Each begins at the stage that turned a record away first.
    """
    groups = rows.group_by(_FILE, maintain_order=True).agg(
        of_catalog=(pl.col("stage") == "rate").all()
    )
    refs = []
    for partner, file_id, of_catalog in groups.iter_rows():
        refs.append(f"{partner}/{file_id}")
        reset(home, refs[-1:], "rate" if of_catalog else "mediate")
    return refs


def recycle_awaited(home: Home) -> list[str]:
    """References of files with records whose waiting is over; they are run again."""
    return list(dict.fromkeys([*_priced_now(home), *recycle_parts(home)]))


def recycle_parts(home: Home) -> list[str]:
    """References of files with parts of sessions whose waiting is over; they are run again.

    As the others arrived in files that were mediated since, or as their time is over.
    """
    refs = changed(home, clock(home.settings))
    reset(home, refs, "mediate")
    return refs


def _priced_now(home: Home) -> list[str]:
    """References of files with records that the catalog prices now; they are run again.

    Looked at once for each catalog: another catalog than the last time may have the row that a
    case waits for. One that cannot be used is left to rating, which says what is wrong with it.
    """
    mark, catalog = _mark(home), fingerprint(home.catalog, home.settings.zone)
    if mark.exists() and mark.read_text() == catalog:
        return []
    waiting = suspended(home).filter(stage="rate")
    try:
        found = tried(home, waiting).filter(pl.col("code_now").is_null())
    except CatalogError:
        return []
    refs = reopened(home, found)
    mark.parent.mkdir(exist_ok=True)
    with replacing(mark) as part:
        part.write_text(catalog)
    return refs


def _mark(home: Home) -> Path:
    """Names the catalog that suspense was last looked at with."""
    return home.root / "cache" / "recycled"
