"""`python -m rating.warm`: compile what rating runs compiled once, so no later process has to."""

import numpy as np
import polars as pl

from mediation.schema import USAGE
from rating.allowance_holders import Askers
from rating.catalog import Catalog
from rating.catalog_read import typed
from rating.catalog_tables import TABLES
from rating.catalog_units import with_unit_sizes
from rating.rate import Rated, price_usage
from rating.schema import ALLOWANCE_USE


def warm() -> Rated:
    """No usage rated by a catalog of nothing: all that this runs is in numba's cache afterwards."""
    frames = with_unit_sizes(
        {table.name: typed(table, pl.DataFrame(), "UTC", []) for table in TABLES}, []
    )
    catalog, none = Catalog("", "UTC", frames), np.zeros((6, 0), np.int64)
    held = catalog.allowance_book.hold(
        Askers(*none), catalog.lookups.places_asked, ALLOWANCE_USE.empty()
    )
    held.drawn(none[:5].T)
    return price_usage(USAGE.empty(), catalog, ALLOWANCE_USE.empty())


if __name__ == "__main__":
    warm()
