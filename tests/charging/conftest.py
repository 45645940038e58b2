"""Charges for the ledger's tests; tests/conftest.py has the databases."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import polars as pl
import pytest

from charging.ledger import Ledger
from rating.schema import CHARGE

Leg = tuple[int, str, int, str, str, int]
"""Record index, leg, usage key as a number, account, currency, charge in micros."""
ChargeFrame = Callable[[str, str, Sequence[Leg]], pl.DataFrame]


def _charge_frame(partner: str, file_id: str, legs: Sequence[Leg]) -> pl.DataFrame:
    columns = ["record_index", "leg", "usage_key", "account", "currency", "amount_micros"]
    given = pl.DataFrame(
        [(record, leg, f"{key:032x}", *rest) for record, leg, key, *rest in legs],
        schema={name: CHARGE.polars[name] for name in columns},
        orient="row",
    )
    constant = {
        "partner": partner, "file_id": file_id, "revision": 0, "source": "tariff",
        "service": "voice", "direction": "mo", "started_at": datetime.fromisoformat("2026-03-01"),
        "tariff": "basic", "serving_zone": "eu", "destination_zone": "eu", "unit": "s",
        "used_units": 60, "billed_units": 60, "covered_units": 0, "setup_fee_micros": 0,
        "adjustment_micros": 0, "discount_micros": 0, "rounding_micros": 0, "tax_micros": 0,
        "catalog_version": "c",
    }
    lists = [pl.lit([], CHARGE.polars[name]).alias(name) for name in ("parts", "draws")]
    return CHARGE.fill(
        given.with_columns(
            *lists, used_by=pl.col("account"), net_micros=pl.col("amount_micros"),
        ).with_columns(*(pl.lit(v).alias(name) for name, v in constant.items()))
    )


@pytest.fixture(scope="session")
def charge_frame() -> ChargeFrame:
    """Builds a table of charges from (record, leg, key, account, currency, charge) tuples."""
    return _charge_frame


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database without tables, once on each."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server = request.getfixturevalue("postgres_server")
    name = server.empty()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An open ledger without rows, once on each database."""
    with Ledger(ledger_url) as opened:
        yield opened
