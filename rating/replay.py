"""Charges made anew from all events of their holders, when some of them came late."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from rating.catalog import Catalog
from rating.rate import price_usage
from rating.schema import CHARGE

_CHARGED: Final = ["usage_key", "leg"]
_PLACE: Final = pl.int_range(pl.len(), dtype=pl.Int64)
_MADE_HERE: Final = {"revision", "catalog_version"}
"""Columns in which a charge may differ from the one before and still be the same; so may its draws
in what was used before them, where they took the same"""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What all events come to, whatever the order in which they arrived."""

    revised: pl.DataFrame
    """the charges that were not there before: new revisions, and legs new altogether"""
    withdrawn: pl.DataFrame
    """the latest charges before of usage that is turned away now"""
    state: pl.DataFrame
    """table allowance_use after all events"""


def replay(
    usage: pl.DataFrame, charges: pl.DataFrame, catalog: Catalog, state: pl.DataFrame
) -> Replayed:
    """All usage rated from the state at its beginning, against the charges made of it so far.

    `usage` holds every event of the holders concerned since `state` (ALLOWANCE_USE), each once;
    `charges` may hold several revisions of a leg. A leg (retail or wholesale) that none of them is
    of is not looked at.
    """
    rated = price_usage(usage, catalog, state)
    before = CHARGE.plain(_latest(charges))
    legs = before["leg"].unique()
    charged = CHARGE.plain(
        rated.charges.filter(pl.col("leg").cast(pl.String).is_in(legs.implode()))
    )
    pairs = charged.select(*_CHARGED, now=_PLACE).join(
        before.select(*_CHARGED, revision_before="revision", before=_PLACE), on=_CHARGED,
        how="left", maintain_order="left",
    )
    met = pairs.drop_nulls("before")
    differs = _differs(_taken(charged, met["now"]), _taken(before, met["before"]))
    same = met.filter(~differs)
    fresh = pairs.join(same.select("now"), on="now", how="anti", maintain_order="left")
    revised = charged[fresh["now"]].with_columns(
        revision=(fresh["revision_before"] + 1).fill_null(0).cast(pl.Int32)
    )
    withdrawn = before.join(charged, on=_CHARGED, how="anti", maintain_order="left")
    return Replayed(CHARGE.fill(revised), CHARGE.fill(withdrawn), rated.state)


def _latest(charges: pl.DataFrame) -> pl.DataFrame:
    """The last revision of each leg."""
    keys = charges.select(*_CHARGED, "revision", place=_PLACE).sort("revision").unique(
        _CHARGED, keep="last"
    )
    return _taken(charges, keys["place"].sort())


def _taken(rows: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """The rows at these places; all of them in their order are not copied."""
    every = len(places) == rows.height and places.equals(
        pl.int_range(rows.height, dtype=pl.Int64, eager=True)
    )
    return rows if every else rows[places]


def _differs(left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
    """Per row whether the charges differ in anything that counts."""
    columns = [name for name in CHARGE.names if name not in _MADE_HERE]
    left, right = (
        side.with_columns(draws=pl.col("draws").list.eval(
            pl.element().struct.with_fields(before=pl.lit(0, pl.Int64))
        ))
        for side in (left, right)
    )
    both = pl.concat(
        [left.select(columns), right.select(pl.col(columns).name.prefix("before_"))],
        how="horizontal",
    )
    return both.select(
        differs=pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"before_{n}")) for n in columns)
    ).to_series()
