"""The analysts' DuckDB file: views over the lake and marts, made beside the old and renamed."""

import os
from pathlib import Path

import duckdb
import polars as pl

from charging.ledger import Ledger
from charging.schema import POSTING
from mediation.schema import REJECT, USAGE
from mediation.tables import Table
from ratemill.home import Home
from ratemill.lake import Lake, Stage
from rating.schema import CHARGE

_SQL = Path(__file__).parent / "sql"
_MARTS = ("charged_usage", "funnel", "money_at_risk")
# Which stages' outputs make up each view, over files whose last stage is done: an analyst never
# sees a file half way.
_VIEWS: dict[Table, tuple[Stage, ...]] = {
    USAGE: ("mediate",),
    REJECT: ("mediate", "rate", "post"),
    CHARGE: ("rate",),
    POSTING: ("post",),
}


def build_warehouse(home: Home) -> Path:
    """A new warehouse.duckdb in place of the old; readers of the old one keep theirs."""
    lake = Lake(home.lake)
    part = home.warehouse.with_name(f".{home.warehouse.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    files = lake.file_rows()
    with duckdb.connect(str(part)) as warehouse:
        _table(warehouse, "file", files)
        _table(warehouse, "arrival", lake.arrivals())
        with Ledger(home.ledger) as ledger:
            _table(warehouse, "account_balance", ledger.balances())
        finished = files.filter(stage="post").select("partner", "file_id").rows()
        for table, stages in _VIEWS.items():
            paths = [lake.path(table, p, f, stage) for p, f in finished for stage in stages]
            _view(warehouse, lake, table, paths)
        for name in _MARTS:
            warehouse.execute((_SQL / f"{name}.sql").read_text())
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(home.warehouse)
    return home.warehouse


def _table(warehouse: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    warehouse.from_arrow(frame.to_arrow()).create(name)


def _view(
    warehouse: duckdb.DuckDBPyConnection, lake: Lake, table: Table, paths: list[Path]
) -> None:
    """A view over the files; an empty file gives it its columns when there is none yet."""
    empty = lake.root / f"{table.name}.empty.parquet"
    if not empty.exists():
        lake.write(table, empty, table.empty())
    warehouse.read_parquet([str(p) for p in (empty, *paths)]).create_view(table.name)


