"""Usage in, charges out: a retail and a wholesale leg for every event that has a price."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from mediation.file_context import FileContext
from mediation.outcome import Outcome, conserved
from mediation.reject import rejects
from rating.allowance_use import Use
from rating.catalog import Catalog
from rating.legs import Legs
from rating.lookups import Turned, locate
from rating.price_arrays import X_STATUS
from rating.retail import Retail, ask, price_retail, try_without_state
from rating.schema import ALLOWANCE_USE
from rating.turned_away import Verdicts
from rating.wholesale import Wholesale, price_wholesale


@dataclass(frozen=True)
class Rated:
    """What became of usage."""

    legs: Legs
    retail: Retail
    wholesale: Wholesale
    turned: pl.DataFrame
    """usage that was turned away, with code and detail"""
    use: Use
    """what was used of allowances after the usage"""

    @cached_property
    def charges(self) -> pl.DataFrame:
        """Table charge: the retail legs in the order of usage, then the wholesale legs.

        It is made when first asked for, as by a thread that writes it while the next usage is
        priced.
        """
        return self.legs.rows(self.retail, self.wholesale)

    @property
    def state(self) -> pl.DataFrame:
        """Table allowance_use after the usage."""
        return self.use.frame


@dataclass(frozen=True, slots=True)
class RatedFile:
    """What became of one file's usage."""

    outcome: Outcome
    """table charge, and rejects of the usage that was turned away"""
    use: Use
    """what was used of allowances after the file"""

    @property
    def state(self) -> pl.DataFrame:
        """Table allowance_use after the file."""
        return self.use.frame


def rate(
    usage: pl.DataFrame, catalog: Catalog, ctx: FileContext,
    state: pl.DataFrame | Use | None = None,
) -> RatedFile:
    """The charges of one file's usage; `state` (ALLOWANCE_USE) is what was used before.

    Rejects carry no raw record. A usage with one leg that cannot be priced is turned away whole.
    """
    rated = price_usage(usage, catalog, ALLOWANCE_USE.empty() if state is None else state)
    away = rejects(ctx, rated.turned.select(
        "record_index", "byte_offset", "usage_key", "code", "detail",
        money_at_risk_micros="partner_charge_micros", currency="partner_currency",
    ))
    outcome = conserved("rate", usage["record_index"], Outcome(rated.charges, away))
    return RatedFile(outcome, rated.use)


def price_usage(usage: pl.DataFrame, catalog: Catalog, state: pl.DataFrame | Use) -> Rated:
    """The charges of usage that may come from several files, and the state after it.

    Events that hold something are walked in order of start and usage key.
    """
    book, turned = catalog.lookups, Turned(usage)
    located = locate(usage, book, turned)
    known = usage if len(located.row) == usage.height else usage[located.row]
    spot = book.spots.numbered(located.place)
    wholesale = price_wholesale(known, located, spot, book)
    asked = ask(known, located, spot, book)
    verdicts = Verdicts(asked, wholesale)
    lacking = verdicts.lacking
    away, stay = np.flatnonzero(lacking), np.flatnonzero(~lacking)
    # an event without a wholesale leg must draw nothing; only then is it known who may draw
    verdicts.status[away] = try_without_state(asked, away, book)
    priced, held = price_retail(asked, stay, state, book)
    verdicts.status[stay] = priced.results[:, X_STATUS]
    verdicts.turn_away(turned, book)
    good = verdicts.good
    result = np.full(len(lacking), -1, np.int64)
    result[stay] = np.arange(len(stay))
    retail = Retail(
        priced, held, catalog.exchange.matrix, result[good], located.tariff[good],
        located.payer[good], located.currency[good], asked.fx_row[good], asked.tax_row[good],
    )
    return Rated(
        Legs(usage, located.take(good), book), retail, wholesale.take(good), turned.frame,
        held.state_after(held.used),
    )


