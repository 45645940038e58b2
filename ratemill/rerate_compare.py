"""A batch of events rated anew, beside what each was charged."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from mediation.schema import USAGE
from ratemill.rerate_events import LEGS
from ratemill.rerate_sums import Facts
from ratemill.word_frames import unlike
from rating.rate import Rated
from rating.schema import CHARGE
from rating.validity import Ints

_SAME: Final = {
    "retail": ("amount_micros", "net_micros", "tax_micros", "currency", "account", "used_by",
               "product", "covered_units"),
    "wholesale": ("amount_micros", "net_micros", "tax_micros", "currency", "account"),
}
"""Columns in which a leg must differ to be charged anew, beside its draws: what else it says may
follow from other lines of the catalog alone"""
_DRAW: Final = ("holder", "allowance", "period_start", "taken", "scale")
_REJECT: Final = ("partner", "file_id", "record_index", "byte_offset", "usage_key", "code",
                  "detail", "partner_charge_micros", "partner_currency")
"""What a reject says of an event"""


@dataclass(frozen=True, slots=True)
class Compared:
    """What rating a batch anew changes."""

    facts: list[Facts]
    """of the legs that are rated anew, or follow"""
    charges: pl.DataFrame
    """table charge, the new charges of the legs that change; words are Enums"""
    withdrawn: pl.DataFrame
    """events that had a charge and have no price now: what their rejects say"""
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
        facts += _facts(leg, before, now, changed, rated.retail.payer)
        if changed.any():
            revision = (before[f"{leg}_revision"] + 1).filter(changed)
            charges.append(now.filter(changed).with_columns(revision.alias("revision")))
    lost = pl.col("selected") & pl.col("stands")
    withdrawn = rated.turned.filter(lost)
    facts += [_without(leg, withdrawn) for leg in LEGS]
    return Compared(
        facts, pl.concat(charges) if charges else CHARGE.empty(),
        USAGE.plain(withdrawn.select(_REJECT)), rated.turned.height - withdrawn.height,
    )


def _changed(
    leg: str, before: pl.DataFrame, now: pl.DataFrame, follows: pl.Series
) -> pl.Series:
    """Per event whether its leg is charged anew."""
    differs = pl.Series([False]).new_from_index(0, before.height)
    for name in _SAME[leg]:
        differs |= _unlike(before[f"{leg}_{name}"], now[name])
    if leg == "retail":
        differs |= follows
    # what was not selected follows its allowances and nothing else
    followers = follows if leg == "retail" else follows & False
    return (before["selected"] & (differs | ~before["stands"])) | (~before["selected"] & followers)


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
    other = pl.Series([False]).new_from_index(0, drawn[0].height)
    for name in _DRAW:
        other |= _unlike(drawn[0][name], drawn[1][name])
    if other.any():
        events = np.repeat(np.arange(before.height), np.where(differs, 0, lengths[0]))
        differs[events[other.to_numpy()]] = True
    return pl.Series(differs)


def _unlike(one: pl.Series, other: pl.Series) -> pl.Series:
    """Per row whether the values differ; null is a value too."""
    return one.ne_missing(other) if one.dtype == other.dtype else unlike(one, other)


def _facts(
    leg: str, before: pl.DataFrame, now: pl.DataFrame, changed: pl.Series, payer: Ints
) -> list[Facts]:
    """Facts of the legs that are rated anew, or follow; `payer` is that of their events."""
    account, currency = before[f"{leg}_account"], before[f"{leg}_currency"]
    moved = ~before["stands"] | _unlike(account, now["account"]) | _unlike(
        currency, now["currency"])
    rows = pl.DataFrame({
        "partner": before["partner"], "account": account, "currency": currency,
        "product": before["retail_product"],
        "serving_zone": before["retail_serving_zone"],
        "destination_zone": before["retail_destination_zone"],
        "changed": changed,
        "before": before[f"{leg}_amount_micros"],
        "after": now["amount_micros"],
    })
    told = before["selected"] | changed
    staying = told & ~moved
    other = told & moved
    if staying.all():
        return [Facts(leg, rows, payer)]
    found = [Facts(leg, rows.filter(staying), payer[staying.to_numpy()])]
    if other.any():
        found += _moved(leg, rows.filter(other), before["stands"].filter(other), now.filter(other))
    return found


def _moved(leg: str, rows: pl.DataFrame, stands: pl.Series, now: pl.DataFrame) -> list[Facts]:
    """Facts of legs that stood elsewhere, or nowhere: what they gave back, and what they come to.

    `rows` are as those of facts, `stands` whether they had a charge.
    """
    return [
        Facts(leg, rows.filter(stands).with_columns(after=pl.lit(0, pl.Int64))),
        Facts(leg, rows.with_columns(
            *(now[name] for name in ("account", "currency", "product")),
            changed=~stands, before=pl.lit(0, pl.Int64),
        )),
    ]


def _without(leg: str, withdrawn: pl.DataFrame) -> Facts:
    """Facts of the legs that have no price any more."""
    return Facts(leg, withdrawn.select(
        "partner", pl.col(f"{leg}_account").alias("account"),
        pl.col(f"{leg}_currency").alias("currency"), pl.col("retail_product").alias("product"),
        pl.col("retail_serving_zone").alias("serving_zone"),
        pl.col("retail_destination_zone").alias("destination_zone"),
        changed=pl.lit(value=True), before=f"{leg}_amount_micros", after=pl.lit(0, pl.Int64),
    ))
