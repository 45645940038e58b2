"""Which located events cannot be priced, why, and what to do about it."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from rating.conversions import NONE
from rating.lookup_book import LookupBook
from rating.lookups import Turned
from rating.price_arrays import CHARGE_MISSING, OVERFLOW, PRICED, RATE_MISSING
from rating.retail import Asked
from rating.validity import Flags, Ints, gathered
from rating.wholesale import Wholesale

_EVENT: Final = pl.format(
    "{} {} from serving zone {} ({}) to destination zone {} at {}",
    "service", "direction", "serving_zone", "serving_network", "destination_zone", "started_at",
)
_TRIED: Final = pl.format("tried serving zones {} with destination zones {}, bands and then *",
                          "serving_chain", "destination_chain")

_RATE_MISSING: Final = pl.format(
    "tariff {} of product {} of account {} has no rate for {}; {}; add one to rates.csv",
    "tariff", "product", "of", _EVENT, _TRIED,
)
_CHARGE_MISSING: Final = pl.format(
    "tariff {} marks up the partner's charge, and the record states none for {}; ask the partner, "
    "or give the rate a price", "tariff", _EVENT,
)
_IMPORT_MISSING: Final = pl.format(
    "no exchange rate from {}, in which the partner's charge is, to {} of tariff {} at {}; add one "
    "to exchange_rates.csv", "partner_currency", "tariff_currency", "tariff", "started_at",
)
_EXCHANGE_MISSING: Final = pl.format(
    "no exchange rate from {} of tariff {} to {} of account {} at {}; add one to "
    "exchange_rates.csv", "tariff_currency", "tariff", "currency", "payer", "started_at",
)
_TAX_MISSING: Final = pl.format(
    "the tax class of account {} and product {} has no rate for serving zone {} at {}; add one to "
    "taxes.csv", "payer", "product", "serving_zone", "started_at",
)
_OVERFLOW: Final = pl.format(
    "{} units of {} cannot be priced in 64 bits by tariff {}; check the record and rates.csv",
    "units", "service", "tariff",
)
_WHOLESALE_LARGE: Final = pl.format(
    "{} units of {} of partner {} cannot be priced in 64 bits by {}; check the record and "
    "agreements.csv", "units", "service", "partner", "agreement",
)
_WHOLESALE_MISSING: Final = pl.format(
    "partner {} states no charge, and {} for {}; {}", "partner",
    pl.format("tariff {} of its agreement has no rate", "agreed").fill_null("has no agreement"),
    _EVENT,
    pl.when(pl.col("agreed").is_null()).then(pl.lit("add one to agreements.csv")).otherwise(
        pl.format("{}; add the rate to rates.csv", _TRIED)),
)


@dataclass(slots=True)
class Verdicts:
    """Gathers what is wrong with each event and turns away those with which anything is."""

    asked: Asked
    wholesale: Wholesale
    status: Ints = field(init=False)
    """per event the status of the retail leg"""

    def __post_init__(self) -> None:
        self.status = np.full(len(self.asked.located.row), PRICED, np.int64)

    @property
    def lacking(self) -> Flags:
        """Whether something is missing, before the retail leg is priced."""
        asked, wholesale = self.asked, self.wholesale
        no_rate = asked.fx_row == NONE
        found: Flags = no_rate | asked.tax_missing | wholesale.missing | wholesale.too_large
        return found

    @property
    def good(self) -> Ints:
        """The places of the events with two legs."""
        return np.flatnonzero(~self.lacking & (self.status == PRICED))

    def turn_away(self, turned: Turned, book: LookupBook) -> None:
        """Turn away each of the other events for the first of its reasons."""
        asked, wholesale = self.asked, self.wholesale
        uncharged = self.status == CHARGE_MISSING
        reasons = (
            ("RATE_MISSING", self.status == RATE_MISSING, _RATE_MISSING),
            ("PARTNER_CHARGE_MISSING", uncharged & ~asked.import_missing, _CHARGE_MISSING),
            ("EXCHANGE_RATE_MISSING", uncharged, _IMPORT_MISSING),
            ("EXCHANGE_RATE_MISSING", asked.fx_row == NONE, _EXCHANGE_MISSING),
            ("TAX_MISSING", asked.tax_missing, _TAX_MISSING),
            ("AMOUNT_OVERFLOW", self.status == OVERFLOW, _OVERFLOW),
            ("AMOUNT_OVERFLOW", wholesale.too_large, _WHOLESALE_LARGE),
            ("WHOLESALE_RATE_MISSING", wholesale.missing, _WHOLESALE_MISSING),
        )
        done = np.zeros(len(self.status), np.bool_)
        for code, fails, detail in reasons:
            places = np.flatnonzero(fails & ~done)
            if len(places):
                done[places] = True
                turned.away(asked.located.row[places], code, detail, **self._texts(places, book))

    def _texts(self, places: Ints, book: LookupBook) -> dict[str, pl.Series]:
        """What the details name, a value for each of the places."""
        located = self.asked.located.take(places)
        accounts = book.catalog.frames["accounts"]["account"]
        agreed = gathered(book.tariffs["tariff"], self.wholesale.tariff[places])
        relation = located.relation
        heads = pl.Series(["", "@group > ", "@friend > ", "@group > @friend > "])[relation]
        return {
            "of": accounts[located.account],
            "payer": accounts[located.payer],
            "product": book.catalog.frames["products"]["product"][located.product],
            "tariff": book.tariffs["tariff"][located.tariff],
            "tariff_currency": book.tariffs["currency"][located.tariff],
            "currency": book.currencies[located.currency],
            "serving_zone": book.zones[located.serving],
            "destination_zone": book.zones[located.destination],
            "serving_chain": book.chain_texts[located.serving],
            "destination_chain": heads + book.chain_texts[located.destination],
            "units": pl.Series(located.units),
            "agreed": agreed,
            "agreement": agreed.fill_null("what is stated"),
        }
