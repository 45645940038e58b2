"""Catalog tables of what is included: allowances, their scopes and holders, and counters."""

from typing import Final

from rating.catalog_column import (
    BAND,
    DESTINATION_ZONE,
    SERVING_ZONE,
    UNITS,
    VALIDITY,
    CatalogTable,
    direction,
    service,
)
from rating.catalog_column import Column as C

ALLOWANCE_TABLES: Final = (
    CatalogTable("allowances", "one quantity that is used before anything is charged", (
        C("allowance", "text", "allowance id"),
        C("unit", "choice", "unit of the quantity; kB, MB and GB are powers of 1024",
          choices=tuple(UNITS)),
        C("quantity", "decimal", "what each period brings"),
        C("period", "choice", "how often it comes anew, in the local time of the account",
          choices=("once", "day", "week", "month")),
        C("roll_over", "count", "further periods in which what is left can be used", least=0,
          most=24),
        C("priority", "count", "small is used first", least=0, most=999_999),
    ), (("allowance",),)),
    CatalogTable("scopes", "what one allowance covers, and what that uses; the most specific wins",
        (
        C("allowance", "text", "allowance", refers="allowances.allowance"),
        service(wild=True),
        direction(wild=True),
        SERVING_ZONE,
        DESTINATION_ZONE,
        BAND,
        C("partner", "text", "partner profile name, or *", wild=True),
        C("takes", "count", "base units of the allowance (s, bytes, event, unit) that are used; 0: "
          "covered without end", least=0),
        C("per", "count", "units of usage that it is for"),
        C("unit", "choice", "unit of `per`; kB, MB and GB are powers of 1024",
          choices=tuple(UNITS)),
    ), (("allowance", "service", "direction", "serving_zone", "destination_zone", "band",
         "partner"),)),
    CatalogTable("grants", "one allowance while a holder has it", (
        C("holder_kind", "choice", "who has it: each account with a product, an account, a SIM, or "
          "the accounts of a pool together", choices=("product", "account", "sim", "pool")),
        C("holder", "text", "product, account, IMSI or pool", chooser="holder_kind",
          refers_by={"product": "products.product", "account": "accounts.account",
                     "sim": "sims.imsi", "pool": "pools.pool"}),
        C("allowance", "text", "allowance", refers="allowances.allowance"),
        *VALIDITY,
    ), (("holder_kind", "holder", "allowance"),)),
    CatalogTable("pools", "one account while it shares what a pool is granted", (
        C("pool", "text", "pool id"),
        C("account", "text", "account", refers="accounts.account"),
        *VALIDITY,
    ), (("pool", "account"),)),
    CatalogTable("counters", "one count of charged units that tiers of rates go by", (
        C("counter", "text", "counter id"),
        C("period", "choice", "how often it begins at 0, in the local time of the account",
          choices=("day", "week", "month")),
    ), (("counter",),)),
)
