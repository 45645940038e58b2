"""What an analyst can do with his file: read it, and harm nobody else."""

import shutil

import duckdb

from ratemill.home import Home
from ratemill.warehouse import build_warehouse

SUMS = """
select account, currency, sum(balance_micros) from account_balance group by all order by all
"""


def test_what_an_analyst_changes_ends_with_the_next_publishing(example, tmp_path) -> None:
    # A copy: other tests look at the example.
    home = Home.find(tmp_path / "home", {})
    shutil.copytree(example.root, home.root)
    with duckdb.connect(str(home.warehouse)) as changed:
        before = changed.sql(SUMS).fetchall()
        changed.execute("update account_balance set balance_micros = balance_micros + 1000000000")
        changed.execute("delete from file")
        assert changed.sql(SUMS).fetchall() != before
    build_warehouse(home)
    with duckdb.connect(str(home.warehouse), read_only=True) as renewed:
        assert renewed.sql(SUMS).fetchall() == before
        assert renewed.sql("select count(*) from file").fetchall() != [(0,)]
