"""All tables of the catalog: one CSV file each, columns in any order, a header line.

Validity is half-open: a row holds from 00:00 of valid_from until 00:00 of valid_to, both in the
home time zone. Money is decimal text of at most six places, without a currency sign. The columns
are listed in docs/reference/catalog.md.
"""

from typing import Final

from rating.catalog_column import (
    ANY,
    DAYS,
    DIRECTIONS,
    FRIEND,
    GROUP,
    HOLIDAY,
    SERVICE_UNIT,
    SERVICES,
    UNITS,
    CatalogTable,
    Column,
)
from rating.catalog_tables_allowances import ALLOWANCE_TABLES
from rating.catalog_tables_customers import CUSTOMER_TABLES
from rating.catalog_tables_network import NETWORK_TABLES
from rating.catalog_tables_prices import PRICE_TABLES
from rating.catalog_tables_recurring import RECURRING_TABLES

__all__ = [
    "ANY", "DAYS", "DIRECTIONS", "FRIEND", "GROUP", "HOLIDAY", "SERVICES", "SERVICE_UNIT",
    "TABLES", "TABLE_BY_NAME", "UNITS", "CatalogTable", "Column",
]

TABLES: Final = (
    *CUSTOMER_TABLES, *NETWORK_TABLES, *PRICE_TABLES, *ALLOWANCE_TABLES, *RECURRING_TABLES,
)
TABLE_BY_NAME: Final = {table.name: table for table in TABLES}
