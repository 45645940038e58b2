"""A batch of events rated anew, beside what each was charged."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ratemill.rerate_events import LEGS
from rating.rate import Rated
from rating.schema import CHARGE

_SAME: Final = {
    "retail": ("amount_micros", "net_micros", "tax_micros", "currency", "account", "used_by",
               "product", "covered_units"),
    "wholesale": ("amount_micros", "net_micros", "tax_micros", "currency", "account"),
}
"""Columns in which a leg must differ to be charged anew, beside its draws: what else it says may
follow from other lines of the catalog alone"""
_DRAW: Final = ("holder", "allowance", "period_start", "taken", "scale")
KEYS: Final = ("leg", "partner", "account", "currency", "product", "serving_zone",
               "destination_zone")
"""What differences are summed by"""


@dataclass(frozen=True, slots=True)
class Compared:
    """What rating a batch anew changes."""

    facts: pl.DataFrame
    """per leg KEYS, changed, before and after (micro-units)"""
    charges: pl.DataFrame
    """table charge, the new charges of the legs that change; words are Enums"""
    withdrawn: pl.DataFrame
    """events that had a charge and have no price now: columns of the batch, code, detail"""
    unpriced: int
    """events that have no price now and were not selected, or had none before"""


def compared(batch: pl.DataFrame, rated: Rated) -> Compared:
    """The batch, as `rerate_events.batches` gives it, against what it was rated to."""
    row = rated.legs.located.row
    before = batch if len(row) == batch.height else batch[row]
    follows = _draws_differ(before, rated.charges.head(before.height))
    facts, charges = [], []
    for number, leg in enumerate(LEGS):
        now = rated.charges.slice(number * before.height, before.height)
        changed = _changed(leg, before, now, follows)
        facts.append(_facts(leg, before, now, changed))
        if changed.any():
            revision = (before[f"{leg}_revision"] + 1).filter(changed)
            charges.append(now.filter(changed).with_columns(revision.alias("revision")))
    lost = pl.col("selected") & pl.col("stands")
    withdrawn = rated.turned.filter(lost)
    facts += [_without(leg, withdrawn) for leg in LEGS]
    return Compared(
        pl.concat(facts), pl.concat(charges) if charges else CHARGE.empty(), withdrawn,
        rated.turned.height - withdrawn.height,
    )


def _changed(
    leg: str, before: pl.DataFrame, now: pl.DataFrame, follows: pl.Series
) -> pl.Series:
    """Per event whether its leg is charged anew."""
    differs = pl.Series([False]).new_from_index(0, before.height)
    for name in _SAME[leg]:
        differs |= _text(before[f"{leg}_{name}"]).ne_missing(_text(now[name]))
    if leg == "retail":
        differs |= follows
    # what was not selected follows its allowances and nothing else
    followers = follows if leg == "retail" else follows & False
    return (before["selected"] & (differs | ~before["stands"])) | (~before["selected"] & followers)


def _text(column: pl.Series) -> pl.Series:
    return column.cast(pl.String) if isinstance(column.dtype, pl.Enum) else column


def _draws_differ(before: pl.DataFrame, now: pl.DataFrame) -> pl.Series:
    """Per event whether it draws other units than before, or from another holder."""
    columns = before["retail_draws"], now["draws"]
    lengths = [column.list.len().fill_null(0).to_numpy() for column in columns]
    differs = lengths[0] != lengths[1]
    drawn = [
        column.drop_nulls().explode(empty_as_null=False).struct.unnest().select(_DRAW).filter(
            pl.Series(np.repeat(~differs, length)))
        for column, length in zip(columns, lengths, strict=True)
    ]
    unlike = pl.Series([False]).new_from_index(0, drawn[0].height)
    for name in _DRAW:
        unlike |= _text(drawn[0][name]).ne_missing(_text(drawn[1][name]))
    if unlike.any():
        events = np.repeat(np.arange(before.height), np.where(differs, 0, lengths[0]))
        differs[events[unlike.to_numpy()]] = True
    return pl.Series(differs)


def _facts(
    leg: str, before: pl.DataFrame, now: pl.DataFrame, changed: pl.Series
) -> pl.DataFrame:
    """KEYS, changed, before and after of the legs that are rated anew, or follow."""
    product = _text(now["product"])
    rows = pl.DataFrame({
        "leg": pl.Series([leg]).new_from_index(0, before.height),
        "partner": before["partner"],
        "account": before[f"{leg}_account"],
        "currency": before[f"{leg}_currency"],
        "product": before["retail_product"],
        "serving_zone": before["retail_serving_zone"],
        "destination_zone": before["retail_destination_zone"],
        "changed": changed,
        "before": before[f"{leg}_amount_micros"],
        "after": now["amount_micros"],
        "account_now": now["account"],
        "currency_now": _text(now["currency"]),
        "stands": before["stands"],
        "product_now": product,
    }).filter(before["selected"] | changed)
    moved = ~pl.col("stands") | (pl.col("account") != pl.col("account_now")) | (
        pl.col("currency") != pl.col("currency_now"))
    names = [*KEYS, "changed", "before", "after"]
    other = rows.filter(moved)
    if other.is_empty():
        return rows.select(names)
    zero = pl.lit(0, pl.Int64)
    return pl.concat([
        rows.filter(~moved).select(names),
        other.filter("stands").with_columns(after=zero).select(names),
        other.with_columns(
            account="account_now", currency="currency_now", product="product_now",
            changed=~pl.col("stands"), before=zero,
        ).select(names),
    ])


def _without(leg: str, withdrawn: pl.DataFrame) -> pl.DataFrame:
    """KEYS, changed, before and after of the legs that have no price any more."""
    return withdrawn.select(
        pl.lit(leg).alias("leg"), "partner",
        pl.col(f"{leg}_account").alias("account"), pl.col(f"{leg}_currency").alias("currency"),
        pl.col("retail_product").alias("product"),
        pl.col("retail_serving_zone").alias("serving_zone"),
        pl.col("retail_destination_zone").alias("destination_zone"),
        changed=pl.lit(value=True), before=f"{leg}_amount_micros", after=pl.lit(0, pl.Int64),
    )
