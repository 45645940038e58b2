"""The proof of allowances: used is what charges drew, and never more than the catalog grants."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import polars as pl

from ratemill.catalog_versions import copied
from ratemill.home import Home
from rating.catalog import Catalog, load_catalog
from rating.price_arrays import A_COUNTER, A_QUANTITY

_PERIOD: Final = ["holder", "allowance", "period_start"]
_KEY: Final = [*_PERIOD, "scale"]


def use_faults(used: pl.DataFrame, drawn: pl.DataFrame) -> Iterator[str]:
    """Where what the ledger has as used is not what the charges that stand drew."""
    both = used.select(*_KEY, "used").join(
        drawn.group_by(_KEY).agg(pl.col("used").sum()), on=_KEY, how="full", coalesce=True,
        suffix="_drawn",
    ).with_columns(pl.col("used", "used_drawn").fill_null(0))
    other = both.filter(pl.col("used") != pl.col("used_drawn"))
    for row in other.sort(_KEY).iter_rows(named=True):
        yield (f"{_name(row)}: {row['used']}/{row['scale']} used on the ledger, but charges drew "
               f"{row['used_drawn']}/{row['scale']}")


def grant_faults(home: Home, drawn: pl.DataFrame) -> Iterator[str]:
    """Where more is drawn of a period than it was ever granted.

    A period has what the most generous of the catalogs gave that its charges were made with: what
    it has left may be drawn later as well, and a catalog may be changed amid a period.
    """
    versions = drawn["catalog_version"].unique().sort().to_list()
    known = {version: granted(home, version) for version in versions}
    lost = [version for version, quantities in known.items() if quantities is None]
    yield from (f"catalog {version}: charges were made with it, but it is not kept"
                for version in lost)
    quantities = pl.concat([
        pl.DataFrame(schema=_GRANTED), *(q for q in known.values() if q is not None)
    ])
    draws = drawn.filter(~pl.col("catalog_version").is_in(lost)).join(
        quantities, on=["catalog_version", "allowance"], how="left"
    )
    yield from _strange(draws.filter(pl.col("counts").is_null()))
    # catalogs may count the same allowance in parts of different size: all are told in the finest
    parts = pl.max_horizontal("scale", "quantity_scale").max().over(_PERIOD).cast(pl.Int128)
    sums = draws.filter(counts=False).with_columns(parts=parts).with_columns(
        told=pl.col("used") * pl.col("parts") // pl.col("scale"),
        most=pl.col("quantity") * pl.col("parts") // pl.col("quantity_scale"),
    ).group_by(_PERIOD).agg(
        pl.col("told").sum(), pl.col("most").max(), pl.col("parts").first()
    )
    for row in sums.filter(pl.col("told") > pl.col("most")).sort(_PERIOD).iter_rows(named=True):
        yield (f"{_name(row)}: {row['told']}/{row['parts']} used of {row['most']}/{row['parts']} "
               "granted")


_GRANTED: Final = {
    "catalog_version": pl.String(), "allowance": pl.String(), "quantity": pl.Int64(),
    "quantity_scale": pl.Int64(), "counts": pl.Boolean(),
}


def granted(home: Home, version: str) -> pl.DataFrame | None:
    """What a period of each allowance has by a catalog that is kept: columns _GRANTED."""
    folder = copied(home, version)
    if not folder.is_dir():
        return None
    catalog = load_catalog(folder, home.settings.zone, cache=home.catalog_cache)
    return quantities(catalog).with_columns(catalog_version=pl.lit(version))


def quantities(catalog: Catalog) -> pl.DataFrame:
    """What a period of each allowance has; a counter counts, and has no end."""
    book = catalog.allowance_book
    table = np.asarray(book.allowances)
    return pl.DataFrame({
        "catalog_version": [catalog.version] * len(table),
        "allowance": book.kinds.names.cast(pl.String)[: len(table)],
        "quantity": table[:, A_QUANTITY], "quantity_scale": book.kinds.scales,
        "counts": table[:, A_COUNTER] == 1,
    }, schema=_GRANTED)


def _strange(draws: pl.DataFrame) -> Iterable[str]:
    for row in draws.unique(["catalog_version", "allowance"]).sort(_PERIOD).iter_rows(named=True):
        yield (f"{_name(row)}: drawn on, but catalog {row['catalog_version']} has no such "
               "allowance")


def _name(row: dict[str, object]) -> str:
    return f"{row['holder']} {row['allowance']} from {row['period_start']}"
