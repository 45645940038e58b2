"""DuckDB alone: the world's usage rated by one SQL plan (rating_plan.sql), retail only."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
from rating_world import GIGABYTES, MINUTES, TEXTS, World

PLAN = Path(__file__).with_name("rating_plan.sql")
TABLES = ("sims", "subscriptions", "products", "tariffs", "networks", "number_plan")


def load(world: World) -> duckdb.DuckDBPyConnection:
    """A connection with the catalog's tables, as the plan wants them."""
    con = duckdb.connect(config={"memory_limit": "4GB", "threads": 2})
    for name in TABLES:
        con.read_csv(str(world.catalog / f"{name}.csv"), all_varchar=True).create(name)
    rates = con.read_csv(str(world.catalog / "rates.csv"), all_varchar=True)
    rates.select(
        "row_number() over () as rate, tariff, service, direction, serving_zone, "
        "destination_zone, band, first_interval::bigint as first_interval, "
        "next_interval::bigint as next_interval, per::bigint as per, "
        "(price::decimal(18, 6) * 1000000)::bigint as price_micros, "
        "(setup_fee::decimal(18, 6) * 1000000)::bigint as setup_fee_micros"
    ).create("rates")
    con.execute("create table quantities(service varchar, quantity bigint)")
    con.executemany("insert into quantities values (?, ?)", [
        ("voice", MINUTES * 60), ("sms", TEXTS), ("data", GIGABYTES << 30)])
    return con


def rate(
    con: duckdb.DuckDBPyConnection, usage: Sequence[Path], out: Path
) -> tuple[int, int, int]:
    """Events, sum of amounts and covered units; the rated events are written to `out`."""
    con.read_parquet([str(path) for path in usage]).create_view("usage", replace=True)
    con.execute(PLAN.read_text())
    con.table("rated").write_parquet(str(out), compression="zstd")
    found = con.table("rated").aggregate("count(*), sum(amount_micros), sum(covered_units)")
    events, amount, covered = found.fetchall()[0]
    return int(events), int(amount), int(covered)
