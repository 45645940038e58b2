"""Catalog tables of what it costs: tariffs, rates, agreements, discounts, taxes, currencies."""

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

PRICE_TABLES: Final = (
    CatalogTable("tariffs", "one tariff: how its rates are read, rounded and taxed", (
        C("tariff", "text", "tariff id"),
        C("currency", "currency", "currency of its prices, ISO 4217 or SDR"),
        C("calendar", "text", "calendar of its time bands; empty: none", empty=True,
          refers="calendars.calendar"),
        C("band_time", "choice", "whose local time counts: the operator's, the account's, or that "
          "of the place of the call", choices=("home", "account", "serving")),
        C("interval_rounding", "choice", "what becomes of an interval that is begun: counted "
          "whole, the nearer of both, or left out", choices=("up", "nearest", "down")),
        C("rounding_stage", "choice", "what is rounded first: each part of an event, or the event",
          choices=("part", "event")),
        C("rounding", "choice", "up is away from zero",
          choices=("half_up", "half_even", "up", "down")),
        C("decimals", "count", "places that amounts are rounded to", least=0, most=6),
        C("tax_included", "choice", "prices include tax", choices=("yes", "no")),
        C("kilo", "count", "bytes in a kB, kB in a MB, MB in a GB", choices=("1000", "1024")),
    ), (("tariff",),), required=True),
    CatalogTable("rates", "one price, or one further tier of a price", (
        C("tariff", "text", "tariff", refers="tariffs.tariff"),
        service(),
        direction(),
        SERVING_ZONE,
        DESTINATION_ZONE,
        BAND,
        *VALIDITY,
        C("from_units", "count", "units charged before this price begins; empty: 0. A row above 0 "
          "is a further tier of the row at 0: same key, same days; only price, per and unit",
          empty=True, fill=0, least=0),
        C("counter", "text", "counter whose units are the position in the tiers; empty: those of "
          "the event", empty=True, refers="counters.counter"),
        C("setup_fee", "money", "once for each event that is charged; empty: 0", empty=True,
          fill=0),
        C("minimum", "money", "least amount of an event; empty: none", empty=True),
        C("maximum", "money", "largest amount of an event; empty: none", empty=True),
        C("first_interval", "count", "units billed as soon as there is one; empty only in further "
          "tiers and with markup, like the next three", empty=True),
        C("next_interval", "count", "units of each further interval", empty=True),
        C("price", "money", "price of `per` units", empty=True),
        C("per", "count", "units that the price is for", empty=True),
        C("unit", "choice", "what from_units, intervals and per are counted in: s or min (voice), "
          "bytes, kB, MB or GB (data), event (sms, mms, vas), unit (units)",
          choices=tuple(UNITS)),
        C("markup", "percent", "on the charge that the partner states, in place of price, per and "
          "intervals; empty: the price holds", empty=True, most=100_000),
    ), (("tariff", "service", "direction", "serving_zone", "destination_zone", "band",
         "from_units"),), required=True),
    CatalogTable("agreements", "one tariff (IOT) agreed with a partner", (
        C("partner", "text", "partner profile name"),
        C("tariff", "text", "tariff", refers="tariffs.tariff"),
        C("tolerance_percent", "percent", "how far a charge that the partner states may be from "
          "the tariff's without being listed as a variance; empty: 0", empty=True, optional=True,
          most=100),
        C("tolerance", "money", "the same as an amount in the charge's currency: the larger of the "
          "two holds; empty: 0", empty=True, optional=True),
        *VALIDITY,
    ), (("partner",),)),
    CatalogTable("discounts", "one discount; all that match an event count", (
        C("discount", "text", "discount id"),
        C("holder_kind", "choice", "who has it", choices=("product", "account")),
        C("holder", "text", "product or account", chooser="holder_kind",
          refers_by={"product": "products.product", "account": "accounts.account"}),
        service(wild=True),
        direction(wild=True),
        SERVING_ZONE,
        DESTINATION_ZONE,
        C("percent", "percent", "part of the amount; empty: none", empty=True, most=100),
        C("fixed", "money", "amount for each event, in the tariff's currency; empty: none",
          empty=True),
        *VALIDITY,
    )),
    CatalogTable("taxes", "one tax rate of a tax class", (
        C("tax", "text", "tax class"),
        SERVING_ZONE,
        C("percent", "percent", "rate of the tax", most=100),
        *VALIDITY,
    ), (("tax", "serving_zone"),)),
    CatalogTable("exchange_rates", "one exchange rate; the inverse holds where it is not given", (
        C("from", "currency", "one currency, ISO 4217 or SDR"),
        C("to", "currency", "another"),
        C("rate", "ratio", "units of `to` for one unit of `from`"),
        *VALIDITY,
    ), (("from", "to"),)),
)
