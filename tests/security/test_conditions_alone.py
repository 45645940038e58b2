"""The condition of a re-rating, which people type into a form: it sees its row and nothing else."""

from pathlib import Path
from typing import Any, cast

import pytest

from ratemill.errors import RatemillError
from ratemill.form_answers import catalog_of
from ratemill.home import Home
from ratemill.rerate_selection import Selection

NOTHING: Any = None
ESCAPES = (
    "(select content from read_text('{secret}')) like '%word%'",
    "(select count(*) from read_csv('{secret}')) > 0",
    "(select count(*) from '{folder}/*.parquet') > 0",
    "(select count(*) from glob('{folder}/*')) > 0",
    "(select count(*) from sqlite_scan('{secret}', 't')) > 0",
    "true; attach '{secret}' as other; select true",
    "true; copy (select 1) to '{folder}/written.csv'",
    "true; set enable_external_access = true",
    "true; install httpfs",
)


@pytest.mark.parametrize("condition", ESCAPES)
def test_a_condition_reads_and_writes_no_file(tmp_path: Path, condition: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("word\n")
    where = condition.format(secret=secret, folder=tmp_path)
    with pytest.raises(RatemillError) as refused:
        Selection(NOTHING, NOTHING, where)
    assert "word\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_condition_on_the_row_is_understood() -> None:
    assert cast("Any", Selection(NOTHING, NOTHING, "partner = 'nordtel' and duration_s > 60"))


@pytest.mark.parametrize("named", ["../other", "{outside}", "link", "catalog/../../other"])
def test_a_form_s_catalog_is_below_the_home(tmp_path: Path, named: str) -> None:
    home, other = Home.find(tmp_path / "home", {}), tmp_path / "other"
    home.root.mkdir()
    home.catalog.mkdir()
    other.mkdir()
    (home.root / "link").symlink_to(other)
    with pytest.raises(RatemillError, match="is no folder below the home and no version"):
        catalog_of(home, {"catalog": named.format(outside=other)})
