"""Files of charges to be posted: both legs of every record, of many accounts and some partners."""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from charging.ledger_answers import ACCOUNTS
from rating.schema import CHARGE

PARTNERS, ALLOWANCES, DRAWING = 20, 3, 0.1
"""Partners that files come from in turn; allowances; share of the events that draw on one"""
MONTH = datetime(2026, 11, 1)


def accounts(number: int) -> pl.DataFrame:
    """Table accounts: most prepaid, a few of them with less than they will use."""
    n = pl.int_range(number)
    return pl.select(
        account=pl.format("a{}", n), currency=pl.lit("EUR"),
        mode=pl.when(n % 4 == 0).then(pl.lit("postpaid")).otherwise(pl.lit("prepaid")),
        opening_balance_micros=pl.when(n % 100 == 1).then(100_000).otherwise(50_000_000)
        .cast(pl.Int64),
        credit_limit_micros=pl.when(n % 8 == 0).then(100_000_000).cast(pl.Int64),
    ).match_to_schema(ACCOUNTS.polars)


def build(folder: Path, files: int, records: int, of_accounts: int) -> list[Path]:
    """Parquet files of table charge, named PARTNER-FILE.parquet."""
    paths = []
    for number in range(files):
        path = folder / f"p{number % PARTNERS}-{number:064x}.parquet"
        _charges(path.stem, records, of_accounts, number).write_parquet(path)
        paths.append(path)
    return paths


def _charges(name: str, records: int, of_accounts: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    partner, file_id = name.split("-")
    keys = random.bytes(16 * records).hex()
    usages = pl.DataFrame({
        "record_index": np.arange(records, dtype=np.int32),
        "usage_key": [keys[at:at + 32] for at in range(0, 32 * records, 32)],
        "account": random.integers(0, of_accounts, records),
        "amount_micros": random.integers(1_000, 400_000, records),
        "second": random.integers(0, 86_400, records),
        "drawing": random.random(records) < DRAWING,
        "allowance": random.integers(0, ALLOWANCES, records),
    }).with_columns(
        pl.format("a{}", "account"), used_by=pl.format("a{}", "account"),
        started_at=MONTH + pl.duration(seconds="second"),
    )
    retail = usages.with_columns(leg=pl.lit("retail"), currency=pl.lit("EUR"))
    wholesale = usages.with_columns(
        leg=pl.lit("wholesale"), account=pl.lit(f"partner:{partner}"), currency=pl.lit("XDR"),
        drawing=pl.lit(value=False),
    )
    both = pl.concat([retail, wholesale]).with_columns(
        net_micros="amount_micros", draws=pl.when("drawing").then(pl.concat_list(_draw()))
        .otherwise(pl.lit([], CHARGE.polars["draws"])),
        **{name: pl.lit(value) for name, value in _SAME.items()},
        partner=pl.lit(partner), file_id=pl.lit(file_id), parts=pl.lit([], CHARGE.polars["parts"]),
    )
    return CHARGE.worded(CHARGE.fill(both))


def _draw() -> pl.Expr:
    values = {
        "allowance": pl.format("allowance {}", "allowance"), "holder": pl.lit(None, pl.String),
        "period_start": pl.lit(MONTH), "units": pl.lit(60), "before": pl.lit(0),
        "taken": pl.lit(60), "scale": pl.lit(1),
    }
    return pl.struct(**values).cast(CHARGE.polars["draws"].inner)


_SAME = {
    "revision": 0, "product": "basic", "source": "tariff", "service": "voice", "direction": "mo",
    "tariff": "basic", "serving_zone": "eu", "destination_zone": "eu", "unit": "s",
    "used_units": 60, "billed_units": 60, "covered_units": 0, "setup_fee_micros": 0,
    "adjustment_micros": 0, "discount_micros": 0, "rounding_micros": 0, "tax_micros": 0,
    "catalog_version": "c",
}
