"""What the catalog knows of each event: who pays, from where, to where, by which tariff."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from rating.digits import plan_keys, sim_numbers
from rating.located import Located, Stated
from rating.lookup_book import BAND_TIMES, LookupBook
from rating.row_search import VALUE, locate_events
from rating.validity import Ints, frozen, gathered, ints, numbered, taken
from rating.zone_chains import DIRECTION_WORDS, SERVICE_WORDS


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


def locate(usage: pl.DataFrame, book: LookupBook, turned: Turned) -> Located:
    """The events that all lookups succeed for, in the order of the usage.

    Those that one fails for are turned away.
    """
    at = frozen(ints(usage["started_at"]))
    names = (
        SERVICE_WORDS.codes(usage["service"]), DIRECTION_WORDS.codes(usage["direction"]),
        numbered(usage["partner"], book.partners),
        numbered(usage["serving_network"], book.networks),
    )
    found = (_by_number(usage, at, book), *book.plan.rows_at(plan_keys(usage["other_party"]), at))
    columns = (np.arange(usage.height), at, *names, np.zeros(usage.height, np.int64))
    rest = np.empty((len(Located._fields) - len(columns) - len(found), usage.height), np.int64)
    located = Located._make([*map(frozen, columns), *found, *rest])
    # an event without a count is one
    stated = Stated(sim_numbers(usage["imsi"]), *(
        frozen(ints(usage[name], missing)) for name, missing in
        (("events", 1), ("duration_s", 0), ("volume_up_bytes", 0), ("volume_down_bytes", 0))
    ))
    lacking = locate_events(located, stated, book.tables)
    if not book.relations.none:
        relation = _relations(usage, located, book)
        located = located._replace(
            relation=relation, place=located.place + relation * book.zones.len() ** 2
        )
    return _keep(located, book, turned) if lacking else located


def _by_number(usage: pl.DataFrame, at: Ints, book: LookupBook) -> Ints:
    """Rows of the identity by MSISDN, for events without IMSI."""
    found = np.full(usage.height, -1, np.int64)
    if usage["imsi"].null_count():
        wanted = sim_numbers(usage["msisdn"])
        nameless = np.flatnonzero(usage["imsi"].is_null().to_numpy() & (wanted >= 0))
        row = book.sims_by_number.rows_at(wanted[nameless], at[nameless])
        found[nameless] = taken(book.sims_by_number.rows[:, VALUE], row)
    return found


def _relations(usage: pl.DataFrame, located: Located, book: LookupBook) -> Ints:
    own = pl.lit(None, pl.String)
    if book.relations.members.height:
        own = pl.coalesce("msisdn", gathered(book.catalog.identity["msisdn"], located.sim))
    return book.relations.codes(usage.select(
        "other_party", "started_at", own=own, account_no=pl.Series(located.account)
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
    return {
        "of": gathered(book.catalog.frames["accounts"]["account"], located.account),
        "product": gathered(book.products, located.product_number),
    }


def local_times(
    located: Located, tariff: Ints, offset_s: pl.Series, book: LookupBook
) -> tuple[Ints | int, Ints | int]:
    """Per event the time zone whose clock counts for the tariff, or -1 and a fixed offset.

    One number where it is the same for all. `offset_s` is what the usage states, a value for each
    event.
    """
    home = book.catalog.tariff_book.time_zones[book.catalog.home_zone]
    if not book.tariff_band_time.any():
        return home, 0
    kind = taken(book.tariff_band_time, tariff)
    zone = np.where(
        kind == BAND_TIMES.index("account"), taken(book.account_zone, located.account), home
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
