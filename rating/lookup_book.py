"""The catalog as the lookups read it: names numbered, dated tables ready for search."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import polars as pl

from rating.catalog_tables import ANY, SERVICE_UNIT, SERVICES
from rating.conversions import Conversions
from rating.discounts import Discounts
from rating.identity import product_names
from rating.relations import Relations
from rating.row_search import Dated, Spread
from rating.taxes import Taxes
from rating.validity import Ints, ints, names_of, numbered, taken
from rating.zone_chains import ZoneChains, chains

if TYPE_CHECKING:
    from rating.catalog import Catalog

BAND_TIMES: Final = ("home", "account", "serving")
DIRECTIONS: Final = ("mo", "mt", "mf")
UNIT_NAMES: Final = tuple(SERVICE_UNIT[service] for service in SERVICES)


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
        """imsi_number, valid_from, valid_to of the identity rows, in their order."""
        rows = self.catalog.identity
        return Spread.of(*(ints(rows[name]) for name in ("imsi_number", "valid_from", "valid_to")))

    @cached_property
    def sim_account(self) -> Ints:
        """Row of the account of each identity row."""
        return ints(self.catalog.identity["account_no"])

    @cached_property
    def sim_product(self) -> Ints:
        """Number of the product of each identity row."""
        return ints(self.catalog.identity["product_no"])

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
    def account_currency(self) -> Ints:
        """Number of each account's currency."""
        return numbered(self.catalog.frames["accounts"]["currency"], self.currencies)

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
    def account_tax(self) -> Ints:
        """Number of each account's tax class."""
        return numbered(self.catalog.frames["accounts"]["tax"], self.taxes)

    @cached_property
    def products(self) -> pl.Series:
        """Names of the products."""
        return product_names(self.catalog.frames["products"])

    @cached_property
    def product_rows(self) -> Dated:
        """Rows of products by the product's number."""
        table = self.catalog.frames["products"]
        return Dated.of(numbered(table["product"], self.products), table)

    @cached_property
    def product_tariff(self) -> Ints:
        """Number of the tariff of each row of products."""
        return numbered(self.catalog.frames["products"]["tariff"], self.tariffs["tariff"])

    @cached_property
    def product_tax(self) -> Ints:
        """Number of the tax class of each row of products."""
        return numbered(self.catalog.frames["products"]["tax"], self.taxes)

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
    def network_rows(self) -> Dated:
        """Rows of networks by the number of the TADIG code."""
        table = self.catalog.frames["networks"]
        return Dated.of(numbered(table["tadig"], self.networks), table)

    @cached_property
    def network_zone(self) -> Ints:
        """Number of the zone of each row of networks."""
        return numbered(self.catalog.frames["networks"]["zone"], self.zones)

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
    def agreement_rows(self) -> Dated:
        """Rows of agreements by the partner's number."""
        table = self.catalog.frames["agreements"]
        return Dated.of(numbered(table["partner"], self.partners), table)

    @cached_property
    def agreement_tariff(self) -> Ints:
        """Number of the tariff of each row of agreements."""
        return numbered(self.catalog.frames["agreements"]["tariff"], self.tariffs["tariff"])

    @cached_property
    def destination_zone(self) -> Ints:
        """Number of the zone of each row of the number plan."""
        return numbered(self.catalog.number_plan.rows["destination_zone"], self.zones)

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
        return Taxes.of(self.catalog.frames["taxes"], self.taxes, self.chains)

    @cached_property
    def discounts(self) -> Discounts:
        """The discounts by holder and place."""
        return Discounts.of(
            self.catalog.frames["discounts"], self.products,
            self.catalog.frames["accounts"]["account"], self.chains,
        )

    @cached_property
    def conversions(self) -> Conversions:
        """The exchange rates by currencies and time."""
        return Conversions.of(self.catalog.exchange, self.currencies)

    def _time_zones(self, table: str) -> Ints:
        known = self.catalog.tariff_book.time_zones
        names = pl.Series(list(known), dtype=pl.String)
        numbers = pl.Series(list(known.values()), dtype=pl.Int64)
        return taken(ints(numbers), numbered(self.catalog.frames[table]["timezone"], names))
