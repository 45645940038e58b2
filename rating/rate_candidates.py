"""Which rates come nearest to a question, and what of each does not match it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import polars as pl

from rating.catalog_column import ANY
from rating.zone_chains import ZoneChains

_ORDER: Final = ("service", "direction", "serving_zone", "destination_zone", "band", "valid")
"""What a rate has to match; the first weighs most"""


class Candidate(NamedTuple):
    """A rate that might have matched, and what of it did not."""

    rate_row: str
    misses: tuple[str, ...]
    """as "serving_zone is eea"; empty where it matches"""


def nearest(
    base: pl.DataFrame, chains: ZoneChains, question: Mapping[str, str], band: str,
    at: datetime | None,
) -> list[Candidate]:
    """The rates of the question's tariff, those with the fewest and least misses first."""
    serving = chains.named(question["serving_zone"])
    destination = chains.named(question["destination_zone"], question["relation"])
    allowed = {
        "service": [question["service"]], "direction": [question["direction"]],
        "serving_zone": serving, "destination_zone": destination,
        **({"band": [band, ANY]} if band else {}),
    }
    misses = {name: ~pl.col(name).is_in(values) for name, values in allowed.items()}
    if at is not None:
        misses["valid"] = ~pl.lit(at).is_between(
            pl.col("valid_from"), pl.col("valid_to"), closed="left"
        )
    weight = pl.sum_horizontal(
        misses[name].cast(pl.Int64) * 2 ** (len(_ORDER) - place)
        for place, name in enumerate(_ORDER) if name in misses
    )
    rows = (
        base.filter(pl.col("tariff") == question["tariff"])
        .with_columns(*(miss.alias(f"miss_{name}") for name, miss in misses.items()))
        .with_columns(weight=weight).sort("weight", "line").head(100)
    )
    return [
        Candidate(f"rates.csv:{row['line']}", tuple(
            _miss(row, name) for name in misses if row[f"miss_{name}"]
        ))
        for row in rows.iter_rows(named=True)
    ]


def _miss(row: Mapping[str, object], name: str) -> str:
    if name != "valid":
        return f"{name} is {row[name]}"
    return f"valid from {row['valid_from']} to {row['valid_to']} UTC"
