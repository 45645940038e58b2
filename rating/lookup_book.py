"""The catalog as the lookups read it: names numbered, dated tables ready for search."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from rating.catalog_tables import ANY, SERVICE_UNIT, SERVICES
from rating.conversions import Conversions
from rating.discounts import Discounts
from rating.identity import product_names
from rating.numbering import Answers
from rating.plan_search import PlanSearch
from rating.relations import Relations
from rating.row_search import Spread, Tables
from rating.spots import SpotBook
from rating.taxes import Taxes
from rating.validity import Ints, frozen, gathered, ints, names_of, numbered, taken
from rating.zone_chains import RELATIONS, ZoneChains, chains

if TYPE_CHECKING:
    from rating.catalog import Catalog

BAND_TIMES: Final = ("home", "account", "serving")
DIRECTIONS: Final = ("mo", "mt", "mf")
UNIT_NAMES: Final = tuple(SERVICE_UNIT[service] for service in SERVICES)

_CALLED: Final = frozen(np.array([
    [name == "vas" or (name in {"voice", "sms", "mms"} and way in {"mo", "mf"})
     for way in (*DIRECTIONS, "")] for name in (*SERVICES, "")
], np.int64))
"""Whether events of a service and direction, by their numbers, have a destination"""


@dataclass(frozen=True)
class LookupBook:
    """Numbers and searches over one catalog; a number is -1 where there is nothing."""

    catalog: "Catalog"

    @cached_property
    def zones(self) -> pl.Series:
        """Names of the zones; the last is `*`."""
        return pl.concat([self.catalog.frames["zones"]["zone"].rename("name"),
                          pl.Series("name", [ANY])])

    @cached_property
    def chain_texts(self) -> pl.Series:
        """The chain of each zone as text: `vienna > home > *`."""
        steps = chains(self.catalog.frames["zones"]).sort("zone", "depth")
        texts = steps.group_by("zone", maintain_order=True).agg(
            pl.col("ancestor").str.join(" > ").alias("text"))
        return self.zones.to_frame("zone").join(
            texts, on="zone", how="left", maintain_order="left"
        )["text"]

    @cached_property
    def currencies(self) -> pl.Series:
        """Names of the currencies of accounts, tariffs and exchange rates."""
        frames = self.catalog.frames
        return names_of(frames["accounts"]["currency"], frames["tariffs"]["currency"],
                        frames["exchange_rates"]["from"], frames["exchange_rates"]["to"])

    @cached_property
    def sims(self) -> Spread:
        """The identity rows by imsi_number, in their order, as `Tables` has them."""
        rows, accounts = self.catalog.identity, self.catalog.frames["accounts"]
        account = ints(rows["account_no"])
        payer = self.payer[account]
        return Spread.of(
            *(ints(rows[name]) for name in ("imsi_number", "valid_from", "valid_to")),
            account, ints(rows["product_no"]), payer,
            numbered(accounts["currency"], self.currencies)[payer],
            numbered(accounts["tax"], self.taxes)[payer],
        )

    @cached_property
    def sims_by_number(self) -> Spread:
        """The identity rows by msisdn_number."""
        rows = self.catalog.identity
        return Spread.dated(ints(rows["msisdn_number"]), rows)

    @cached_property
    def tables(self) -> Tables:
        """All that follows from a SIM, a row of the plan and the names that usage has."""
        frames, tariffs = self.catalog.frames, self.tariffs["tariff"]
        products, networks, agreements = (
            frames[name] for name in ("products", "networks", "agreements"))
        return Tables(
            self.sims,
            Spread.dated(
                numbered(products["product"], self.products), products,
                numbered(products["tariff"], tariffs), numbered(products["tax"], self.taxes),
            ),
            Spread.dated(numbered(networks["tadig"], self.networks), networks,
                         numbered(networks["zone"], self.zones)),
            Spread.dated(numbered(agreements["partner"], self.partners), agreements,
                         numbered(agreements["tariff"], tariffs)),
            _CALLED, self.zones.len(), len(RELATIONS),
        )

    @cached_property
    def payer(self) -> Ints:
        """Row of the account that pays for each account: its payer, else itself."""
        accounts = self.catalog.frames["accounts"]
        if not (accounts["payer"] != "").any():
            return ints(accounts.select(pl.int_range(pl.len())).to_series())
        rows = accounts.select(
            pl.col("account").alias("payer"), number=pl.int_range(pl.len(), dtype=pl.Int64)
        )
        return ints(
            accounts.select("payer", own=pl.int_range(pl.len(), dtype=pl.Int64))
            .join(rows, on="payer", how="left", maintain_order="left")
            .select(pl.coalesce("number", "own")).to_series()
        )

    @cached_property
    def account_zone(self) -> Ints:
        """Number of each account's time zone."""
        return self._time_zones("accounts")

    @cached_property
    def taxes(self) -> pl.Series:
        """Names of the tax classes."""
        frames = self.catalog.frames
        return names_of(frames["accounts"]["tax"], frames["products"]["tax"],
                        frames["taxes"]["tax"])

    @cached_property
    def products(self) -> pl.Series:
        """Names of the products."""
        return product_names(self.catalog.frames["products"])

    @cached_property
    def tariffs(self) -> pl.DataFrame:
        """The tariffs in the order of their numbers."""
        return self.catalog.tariff_book.tariffs.sort("tariff_no")

    @cached_property
    def tariff_currency(self) -> Ints:
        """Number of each tariff's currency."""
        return numbered(self.tariffs["currency"], self.currencies)

    @cached_property
    def tariff_band_time(self) -> Ints:
        """Place in BAND_TIMES of each tariff."""
        return numbered(self.tariffs["band_time"], BAND_TIMES)

    @cached_property
    def imported_tariffs(self) -> Ints:
        """1 for each tariff that has a rate which marks up the partner's charge."""
        rates = self.catalog.tariff_book.rates
        names = rates.filter(pl.col("markup_ppm").is_not_null())["tariff"].unique()
        return ints(self.tariffs["tariff"].is_in(names.implode()))

    @cached_property
    def networks(self) -> pl.Series:
        """TADIG codes of the networks."""
        return names_of(self.catalog.frames["networks"]["tadig"])

    @cached_property
    def network_time(self) -> Ints:
        """Number of the time zone of each row of networks."""
        return self._time_zones("networks")

    @cached_property
    def partners(self) -> pl.Series:
        """Names of the partners that have an agreement or a scope of their own."""
        frames = self.catalog.frames
        return names_of(frames["agreements"]["partner"], frames["scopes"]["partner"])

    @cached_property
    def plan(self) -> PlanSearch:
        """The search in the number plan."""
        plan = self.catalog.number_plan
        return PlanSearch.of(plan, numbered(plan.rows["destination_zone"], self.zones))

    @cached_property
    def spots(self) -> SpotBook:
        """The places and kinds of events that came up so far."""
        return SpotBook(self.zones)

    @cached_property
    def cards(self) -> Answers:
        """Rate cards by spot x number of tariffs + tariff."""
        return Answers(self._cards)

    def _cards(self, asked: Ints) -> Ints:
        spot, tariff = np.divmod(asked, self.tariffs.height)
        return self.catalog.tariff_book.cards(
            self.spots.texts(spot).with_columns(tariff=self.tariffs["tariff"][tariff])
        )

    def spot_of_partner(self, spot: Ints, partner: Ints) -> Ints:
        """Spots and partners as one number, for `places_asked`."""
        return spot * (len(self.partners) + 1) + partner + 1

    def places_asked(self, numbers: Ints) -> pl.DataFrame:
        """service, direction, relation, serving_zone, destination_zone and partner of numbers."""
        spot, partner = np.divmod(numbers, len(self.partners) + 1)
        return self.spots.texts(spot).with_columns(partner=gathered(self.partners, partner - 1))

    @cached_property
    def allowance_products(self) -> Ints:
        """The number that the allowance book has for each product."""
        return self.catalog.allowance_book.grants.products.codes(self.products)

    @cached_property
    def allowance_tariffs(self) -> Ints:
        """The number that the allowance book has for each tariff."""
        return self.catalog.allowance_book.grants.tariffs.codes(self.tariffs["tariff"])

    @cached_property
    def allowance_sims(self) -> Ints:
        """The number that the allowance book has for the SIM of each identity row."""
        return self.catalog.allowance_book.grants.owners.sims.find(self.catalog.identity["imsi"])

    @cached_property
    def relations(self) -> Relations:
        """Friends and closed user groups."""
        frames = self.catalog.frames
        return Relations.of(frames["friends"], frames["groups"], frames["accounts"]["account"])

    @cached_property
    def chains(self) -> ZoneChains:
        """The chains of the zones."""
        return ZoneChains.of(self.catalog.frames["zones"])

    @cached_property
    def tax_rates(self) -> Taxes:
        """The tax rates by class and zone."""
        return Taxes(self.catalog.frames["taxes"], self.taxes, self.chains, self.zones)

    @cached_property
    def discounts(self) -> Discounts:
        """The discounts by holder and place."""
        return Discounts.of(
            self.catalog.frames["discounts"], self.products,
            self.catalog.frames["accounts"]["account"], self.chains, self.zones,
        )

    @cached_property
    def conversions(self) -> Conversions:
        """The exchange rates by currencies and time."""
        return Conversions(self.catalog.exchange, self.currencies)

    def _time_zones(self, table: str) -> Ints:
        known = self.catalog.tariff_book.time_zones
        names = pl.Series(list(known), dtype=pl.String)
        numbers = pl.Series(list(known.values()), dtype=pl.Int64)
        return taken(ints(numbers), numbered(self.catalog.frames[table]["timezone"], names))
