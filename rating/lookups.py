"""What the catalog knows of each event: who pays, from where, to where, by which tariff."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np
import polars as pl

from rating.catalog_tables import SERVICES
from rating.identity import digits_number
from rating.lookup_book import BAND_TIMES, DIRECTIONS, LookupBook
from rating.number_plan import number_key
from rating.row_search import search
from rating.validity import Flags, Ints, gathered, ints, numbered, taken

_CALLED: Final = np.array([
    [name == "vas" or (name in {"voice", "sms", "mms"} and way in {"mo", "mf"})
     for way in (*DIRECTIONS, "")] for name in (*SERVICES, "")
])
"""Whether events of a service and direction, by their numbers, have a destination"""

_MANY: Final = 1 << 61
"""More units than any event may have; twice as many fit 64 bits"""


@dataclass(slots=True)
class Turned:
    """Collects the events that are turned away: usage with code and detail."""

    usage: pl.DataFrame
    found: list[pl.DataFrame] = field(default_factory=list)

    def away(self, rows: Ints, code: str, detail: pl.Expr, **more: pl.Series) -> None:
        """Turn away these rows of the usage; `more` are columns for the detail, one value a row."""
        if len(rows):
            self.found.append(
                self.usage[rows].with_columns(**more)
                .with_columns(code=pl.lit(code), detail=detail)
                .select(*self.usage.columns, "code", "detail")
            )

    @property
    def frame(self) -> pl.DataFrame:
        """All that were turned away."""
        none = self.usage.clear().with_columns(code=pl.lit("").head(0), detail=pl.lit("").head(0))
        return pl.concat([none, *self.found])


@dataclass(frozen=True, slots=True)
class Located:
    """Events with what the lookups found, as numbers (-1: none); one value an event in each."""

    row: Ints
    """row of the usage"""
    at: Ints
    """start, microseconds since 1970"""
    units: Ints
    service: Ints
    """place in SERVICES, behind them for services that are not known"""
    direction: Ints
    partner: Ints
    """number of the partner's name"""
    sim: Ints
    """row of the catalog's identity"""
    account: Ints
    """row of accounts: the account of the SIM"""
    product: Ints
    """row of products"""
    tariff: Ints
    network: Ints
    """row of networks"""
    serving: Ints
    """zone"""
    plan: Ints
    """row of the number plan"""
    destination: Ints
    """zone"""
    relation: Ints
    """place in RELATIONS"""

    def take(self, places: Ints) -> "Located":
        """Only the events at these places."""
        if len(places) == len(self.row):
            return self
        return replace(self, **{f.name: getattr(self, f.name)[places] for f in fields(self)})

    def without(self, away: Flags) -> "Located":
        """Only the events where `away` is not true."""
        return self.take(np.flatnonzero(~away))


def locate(usage: pl.DataFrame, book: LookupBook, turned: Turned) -> Located:
    """The events that all lookups succeed for, in the order of the usage.

    Those that one fails for are turned away.
    """
    at = ints(usage["started_at"])
    sim = _sims(usage, at, book)
    account = taken(book.sim_account, sim)
    product = book.product_rows.rows_at(taken(book.sim_product, sim), at)
    network = book.network_rows.rows_at(numbered(usage["serving_network"], book.networks), at)
    service = _numbered_all(usage["service"], SERVICES)
    direction = _numbered_all(usage["direction"], DIRECTIONS)
    called = _CALLED[service, direction]
    plan = _plan_rows(usage, called, book)
    star = book.zones.len() - 1
    located = Located(
        row=np.arange(usage.height), at=at, units=_units(usage, service),
        service=service, direction=direction, partner=numbered(usage["partner"], book.partners),
        sim=sim, account=account, product=product, tariff=taken(book.product_tariff, product),
        network=network, serving=taken(book.network_zone, network), plan=plan,
        destination=np.where(called, taken(book.destination_zone, plan), star),
        relation=_relations(usage, sim, account, book),
    )
    return _keep(located, book, turned)


def _units(usage: pl.DataFrame, service: Ints) -> Ints:
    """Units of each service; an event without a count is one."""
    units = usage["events"].cast(pl.Int64).fill_null(1).to_numpy(writable=True)
    timed = np.flatnonzero(service == SERVICES.index("voice"))
    units[timed] = usage["duration_s"].cast(pl.Int64).fill_null(0).to_numpy()[timed]
    metered = np.flatnonzero(service == SERVICES.index("data"))
    units[metered] = sum(
        usage[name].cast(pl.Int64).fill_null(0).clip(-_MANY, _MANY).to_numpy()[metered]
        for name in ("volume_up_bytes", "volume_down_bytes")
    )
    return units


def _numbered_all(texts: pl.Series, names: tuple[str, ...]) -> Ints:
    """The place of each text among the names; their number for any other."""
    found = numbered(texts, names)
    return np.where(found < 0, len(names), found)


def _sims(usage: pl.DataFrame, at: Ints, book: LookupBook) -> Ints:
    """Rows of the identity, by IMSI, or by MSISDN where there is no IMSI."""
    numbers = usage.select(digits_number(pl.col("imsi"))).to_series()
    found = book.sims.rows_at(ints(numbers), at)
    nameless = np.flatnonzero(usage["imsi"].is_null() & usage["msisdn"].is_not_null())
    if len(nameless):
        asked = ints(usage[nameless].select(digits_number(pl.col("msisdn"))).to_series())
        found[nameless] = _by_number(asked, at[nameless], book)
    return found


def _by_number(asked: Ints, at: Ints, book: LookupBook) -> Ints:
    wanted = pl.Series(asked).unique()
    rows = (
        book.catalog.identity.lazy().select(
            "msisdn_number", "valid_from", "valid_to", row=pl.int_range(pl.len(), dtype=pl.Int64)
        )
        .filter(pl.col("msisdn_number").is_in(wanted.implode()))
        .sort("msisdn_number", "valid_from").collect()
    )
    known, starts, ends = (
        ints(rows[name]) for name in ("msisdn_number", "valid_from", "valid_to")
    )
    found = search(known, starts, ends, asked, at)
    return taken(ints(rows["row"]), found)


def _plan_rows(usage: pl.DataFrame, called: Flags, book: LookupBook) -> Ints:
    """Rows of the number plan for the events that have a destination."""
    found = np.full(usage.height, -1, np.int64)
    rows = np.flatnonzero(called)
    chosen = pl.Series(called)
    asked = pl.DataFrame([
        usage[name].filter(chosen) for name in ("other_party", "started_at")
    ])
    keys = asked.select(number_key(pl.col("other_party"))).to_series()
    found[rows] = ints(book.catalog.number_plan.search(keys, asked["started_at"]))
    return found


def _relations(usage: pl.DataFrame, sim: Ints, account: Ints, book: LookupBook) -> Ints:
    own = pl.lit(None, pl.String)
    if book.relations.members.height:
        own = pl.coalesce("msisdn", gathered(book.catalog.identity["msisdn"], sim))
    return book.relations.codes(usage.select(
        "other_party", "started_at", own=own, account_no=pl.Series(account)
    ))


def _keep(located: Located, book: LookupBook, turned: Turned) -> Located:
    """The events that nothing is missing of; the first thing that is missing decides."""
    unknown = located.sim < 0
    turned.away(located.row[unknown], "SUBSCRIBER_UNKNOWN", pl.format(
        "no SIM with {} at {}; add it to sims.csv with its validity",
        pl.coalesce(pl.format("IMSI {}", "imsi"), pl.format("MSISDN {}", "msisdn"),
                    pl.lit("neither IMSI nor MSISDN")), "started_at",
    ))
    located = located.without(unknown)
    missing = located.tariff < 0
    turned.away(located.row[missing], "PRODUCT_MISSING", pl.format(
        "account {} has {} at {}; {}", "of", _PRODUCT, "started_at", _PRODUCT_HINT,
    ), **_names(located.without(~missing), book))
    located = located.without(missing)
    unknown = located.serving < 0
    turned.away(located.row[unknown], "NETWORK_UNKNOWN", pl.format(
        "network {} is not known at {}; add it to networks.csv", "serving_network", "started_at",
    ))
    located = located.without(unknown)
    unknown = located.destination < 0
    turned.away(located.row[unknown], "DESTINATION_UNKNOWN", pl.format(
        "no prefix matches the called number {} at {}; add one to number_plan.csv",
        pl.col("other_party").fill_null("(none)"), "started_at",
    ))
    return located.without(unknown)


_PRODUCT: Final = pl.format("product {} without a tariff", "product").fill_null("no subscription")
_PRODUCT_HINT: Final = (
    pl.when(pl.col("product").is_null())
    .then(pl.lit("add one to subscriptions.csv, or correct its validity"))
    .otherwise(pl.lit("correct the product's validity in products.csv"))
)


def _names(located: Located, book: LookupBook) -> Mapping[str, pl.Series]:
    products = gathered(book.products, taken(book.sim_product, located.sim))
    return {
        "of": gathered(book.catalog.frames["accounts"]["account"], located.account),
        "product": products,
    }


def local_times(
    located: Located, tariff: Ints, offset_s: pl.Series, book: LookupBook
) -> tuple[Ints, Ints]:
    """Per event the time zone whose clock counts for the tariff, or -1 and a fixed offset.

    `offset_s` is what the usage states, a value for each event.
    """
    zones = book.catalog.tariff_book.time_zones
    kind = taken(book.tariff_band_time, tariff)
    zone = np.where(
        kind == BAND_TIMES.index("account"), taken(book.account_zone, located.account),
        zones[book.catalog.home_zone],
    )
    offset = np.zeros(len(zone), np.int64)
    serving = np.flatnonzero(kind == BAND_TIMES.index("serving"))
    if len(serving):
        there = taken(book.network_time, located.network[serving])
        stated = ints(offset_s)[serving]
        moment = pl.Series(located.at[serving]).cast(pl.Datetime("us"))
        kept = book.catalog.tariff_book.offsets_at(pl.Series(there), moment)
        zone[serving] = np.where(ints(kept) == stated, there, -1)
        offset[serving] = stated
    return zone, offset
