"""Catalog table of what comes with time: charges for every period of a product."""

from typing import Final

from rating.catalog_column import CatalogTable
from rating.catalog_column import Column as C

RECURRING_TABLES: Final = (
    CatalogTable("recurring", "one price of a charge for each period of a subscription", (
        C("product", "text", "product; each subscription to it is charged, whether it is for an "
          "account or for one SIM", refers="products.product"),
        C("charge", "text", "charge id. It has one period in all products; products that share it "
          "share the charge of a period by days"),
        C("currency", "currency", "currency of the amount; it holds for accounts that are charged "
          "in it, ISO 4217"),
        C("amount", "money", "amount of a whole period"),
        C("tax", "text", "tax class whose rate for * is added; empty: the amount includes tax",
          empty=True, refers="taxes.tax"),
        C("period", "choice", "day, week from monday or month from the 1st, in the account's time "
          "zone; days of the catalog are days there", choices=("day", "week", "month")),
        C("due", "choice", "when it is charged: in advance on the first day, or in arrears on the "
          "day after the period", choices=("advance", "arrears")),
        C("prorate", "choice", "what a part of a period costs: yes, its days of the period's; no, "
          "all of it", choices=("yes", "no")),
        C("valid_from", "midnight", "first day that is charged"),
        C("valid_to", "midnight", "the day after the last; empty: no end", empty=True),
    ), (("product", "charge", "currency"),)),
)
