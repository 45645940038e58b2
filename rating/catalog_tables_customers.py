"""Catalog tables of who buys: tenants, customers, accounts, SIMs, subscriptions, products."""

from typing import Final

from rating.catalog_column import VALIDITY, CatalogTable
from rating.catalog_column import Column as C

CUSTOMER_TABLES: Final = (
    CatalogTable("tenants", "one brand or enterprise of the operator", (
        C("tenant", "text", "tenant id"),
        C("name", "text", "name"),
        C("country", "text", "ISO 3166 code of the country"),
        C("currency", "currency", "its currency, ISO 4217"),
        C("timezone", "timezone", "its time zone"),
    ), (("tenant",),)),
    CatalogTable("customers", "one customer of a tenant", (
        C("customer", "text", "customer id"),
        C("tenant", "text", "tenant it belongs to", refers="tenants.tenant"),
    ), (("customer",),)),
    CatalogTable("accounts", "one account: what is charged and has a balance", (
        C("account", "text", "account id"),
        C("customer", "text", "customer id", refers="customers.customer", refers_if_any=True),
        C("mode", "choice", "how it pays", choices=("prepaid", "postpaid")),
        C("currency", "currency", "charges and balance are in it, ISO 4217"),
        C("timezone", "timezone", "periods of allowances and counters are local to it"),
        C("status", "choice", "informs; charges depend on the SIM's validity",
          choices=("active", "suspended", "closed")),
        C("credit_limit", "money", "postpaid: how far below zero the balance may go; what of a "
          "charge goes further is posted as over the limit; empty: no limit", empty=True),
        C("payer", "text", "account that is charged instead; empty: itself", empty=True,
          refers="accounts.account"),
        C("tax", "text", "tax class; empty: the product's", empty=True, refers="taxes.tax"),
        C("opening_balance", "balance", "balance before the first charge"),
    ), (("account",),), required=True),
    CatalogTable("sims", "one SIM with its number while both belong to an account", (
        C("iccid", "digits", "number of the card", empty=True, width=20),
        C("imsi", "digits", "IMSI"),
        C("msisdn", "digits", "MSISDN, E.164 digits without +"),
        C("account", "text", "account that uses it", refers="accounts.account"),
        *VALIDITY,
    ), (("imsi",), ("msisdn",), ("iccid",)), required=True),
    CatalogTable("subscriptions", "one product while an account, or one SIM of it, has it", (
        C("account", "text", "account", refers="accounts.account"),
        C("imsi", "digits", "SIM it is for, before one without IMSI; empty: all of the account",
          empty=True, refers="sims.imsi"),
        C("product", "text", "product", refers="products.product"),
        *VALIDITY,
    ), (("account", "imsi"),), required=True),
    CatalogTable("products", "what is sold: a tariff and a tax class", (
        C("product", "text", "product id"),
        C("tariff", "text", "tariff of its rates", refers="tariffs.tariff"),
        C("tax", "text", "tax class of accounts that have none; empty: no tax", empty=True,
          refers="taxes.tax"),
        C("overdraft", "choice", "what becomes of a late charge that a prepaid balance does not "
          "cover: the balance goes below zero (negative), the price ends where the balance does "
          "(cap), or the charge stands and the rest is given up (write_off); empty, or no such "
          "column: negative",
          empty=True, optional=True, choices=("negative", "cap", "write_off")),
        *VALIDITY,
    ), (("product",),), required=True),
)
