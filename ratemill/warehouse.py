"""The analysts' DuckDB file: views over the lake and marts, made beside the old and renamed."""

from pathlib import Path

import duckdb
import polars as pl

from charging.ledger import Ledger
from charging.schema import POSTING
from mediation.schema import REJECT, USAGE
from mediation.tables import Table
from ratemill.atomic import replacing
from ratemill.charges_now import superseding
from ratemill.home import Home
from ratemill.lake import Lake, writers
from rating.schema import CHARGE

_SQL = Path(__file__).parent / "sql"
_MARTS = ("charge", "charged_usage", "funnel", "money_at_risk")
# Each is over files whose last stage is done: an analyst never sees a file half way. Charges and
# postings are also what corrections wrote.
_VIEWS = {"usage": USAGE, "reject": REJECT, "charge_history": CHARGE, "posting": POSTING}
_CORRECTED = (CHARGE, POSTING)


def build_warehouse(home: Home) -> Path:
    """A new warehouse.duckdb in place of the old; readers of the old one keep theirs."""
    lake = Lake(home.lake)
    files = lake.file_rows()
    finished = files.filter(stage="post").select("partner", "file_id").rows()
    with replacing(home.warehouse) as part, duckdb.connect(str(part)) as warehouse:
        _table(warehouse, "file", files)
        _table(warehouse, "arrival", lake.arrivals())
        with Ledger(home.ledger) as ledger:
            _table(warehouse, "account_balance", ledger.balances())
        _table(warehouse, "charge_revised", superseding(lake))
        for name, table in _VIEWS.items():
            paths = [lake.path(table, p, f, stage) for p, f in finished for stage in writers(table)]
            if table in _CORRECTED:
                paths += lake.corrections(table)
            _view(warehouse, lake, name, table, paths)
        for name in _MARTS:
            warehouse.execute((_SQL / f"{name}.sql").read_text())
    return home.warehouse


def _table(warehouse: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    warehouse.from_arrow(frame.to_arrow()).create(name)


def _view(
    warehouse: duckdb.DuckDBPyConnection, lake: Lake, name: str, table: Table, paths: list[Path]
) -> None:
    """A view over the files; an empty file gives it its columns when there is none yet."""
    empty = lake.root / f"{table.name}.empty.parquet"
    if not empty.exists():
        lake.write(table, empty, table.empty())
    warehouse.read_parquet([str(p) for p in (empty, *paths)]).create_view(name)


