"""The lint of a large number plan takes under a second, that of a million SIMs a few."""

from datetime import datetime
from time import process_time

import polars as pl
import pytest

from rating.catalog_read import ALWAYS, NEVER, typed
from rating.catalog_tables import TABLES
from rating.catalog_units import with_unit_sizes
from rating.lint import check

PREFIXES = 250_000
ACCOUNTS = 1_000_000
MOVED = datetime(2026, 3, 1)

SMALL = {
    "zones": {"zone": ["EU"], "parent": [""], "name": ["Europe"]},
    "networks": {"tadig": ["AUTAA"], "mcc_mnc": ["23201"], "country": ["AT"], "zone": ["EU"],
                 "timezone": ["Europe/Vienna"], "valid_from": [""], "valid_to": [""]},
    "products": {"product": ["P"], "tariff": ["T"], "tax": [""], "overdraft": [""],
                 "valid_from": [""], "valid_to": [""]},
    "tariffs": {"tariff": ["T"], "currency": ["EUR"], "calendar": [""], "band_time": ["home"],
                "interval_rounding": ["up"], "rounding_stage": ["event"], "rounding": ["up"],
                "decimals": ["2"], "tax_included": ["no"], "kilo": ["1024"]},
}


def frames_with(large: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Every table: the large ones, the small ones, and the others without rows."""
    frames = {}
    for table in TABLES:
        names = [column.name for column in table.columns]
        text = pl.DataFrame(
            SMALL.get(table.name, {}), schema=dict.fromkeys(names, pl.String)
        ).with_row_index("line", 2).cast({"line": pl.Int64})
        frames[table.name] = typed(table, text, "Europe/Vienna", [])
    frames = with_unit_sizes(frames, [])
    return frames | {
        name: frame.with_columns(line=pl.int_range(2, pl.len() + 2)).select(
            pl.col(column).cast(kind) if column in frame.columns or column == "line"
            else pl.lit("" if kind == pl.String else None, kind).alias(column)
            for column, kind in frames[name].schema.items()
        )
        for name, frame in large.items()
    }


def dated(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        valid_from=pl.lit(ALWAYS, pl.Datetime("us")), valid_to=pl.lit(NEVER, pl.Datetime("us"))
    )


def told_in_time(large: dict[str, pl.DataFrame], seconds: float) -> list[str]:
    frames = frames_with(large)
    begin = process_time()
    found = check(frames)
    assert process_time() - begin < seconds
    return [finding.code for finding in found]


@pytest.mark.slow
def test_a_large_number_plan_is_linted_in_a_second():
    number = pl.int_range(PREFIXES, eager=True).cast(pl.String)
    plan = dated(pl.DataFrame({"prefix": number}).with_columns(
        destination=pl.lit("Somewhere"), zone=pl.lit("EU"),
    ))
    assert told_in_time({"number_plan": plan}, 1) == ["TARIFF_EMPTY"]


@pytest.mark.slow
@pytest.mark.parametrize(("moved", "seconds"), [(False, 4), (True, 8)])
def test_a_million_sims_are_linted_in_seconds(moved, seconds):
    number = pl.int_range(ACCOUNTS, eager=True).cast(pl.String)
    ids = dated(pl.DataFrame({
        "account": "A" + number, "imsi": "23201" + number.str.zfill(10),
        "msisdn": "43660" + number.str.zfill(10),
    }))
    sims = [ids.with_columns(valid_to=MOVED), ids.with_columns(valid_from=MOVED)]
    large = {
        "accounts": ids.select("account", currency=pl.lit("EUR")),
        "sims": pl.concat(sims) if moved else ids,
        "subscriptions": ids.select("account", "valid_from", "valid_to", product=pl.lit("P")),
    }
    assert told_in_time(large, seconds) == ["TARIFF_EMPTY"]
