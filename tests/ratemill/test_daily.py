"""The daily steps: each tells what it did, and does nothing the second time."""

import os
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from charging.ledger import Ledger
from charging.ledger_schema import AUDIT, HOLD
from charging.reservations import reserve
from charging.schema import POSTING
from ratemill import daily, pipeline
from ratemill.alarms import alarms
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.ledger_check import check_home
from ratemill.proven import last_proof
from ratemill.retention import remove_old
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import with_profile

AT = datetime(2027, 3, 1)
NOW = datetime(2026, 12, 1, 6)


@pytest.fixture
def run_home(example, tmp_path):
    """A home of one's own, already run."""
    shutil.copytree(example.root, tmp_path / "home")
    return Home.find(tmp_path / "home", {})


def with_settings(home, more):
    path = home.root / "ratemill.toml"
    path.write_text(path.read_text() + more)
    return Home.find(home.root, {})


def deeds(home, action):
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        return connection.execute(
            select(AUDIT.c.who, AUDIT.c.why).where(AUDIT.c.action == action)).all()


def test_recurring_charges_are_charged_once(small, write_catalog):
    write_catalog(small.catalog, recurring="""
        product,charge,currency,amount,tax,period,due,prorate,valid_from,valid_to
        flex,line,CHF,2.00,,month,arrears,no,2026-11-01,
        """)
    told = daily.charge_recurring(small, "anna")
    assert told[0] == "1 periods charged."
    assert told[2].split() == ["line", "CHF", "1", "2.00"]
    assert daily.charge_recurring(small, "anna") == [
        "Nothing is due that was not charged before."]


def test_what_ended_expires_once(small, ratemill):
    living = with_settings(small, """
        [life_cycle]
        days_per_top_up = 90
        grace_days = 30
        suspend_after_days = 5
        close_after_days = 60
        """)
    ratemill("account", "top-up", "A1", "10.00", "--key", "K1", home=living)
    with Ledger(living.ledger) as ledger:
        reserve(ledger, "S1", "A1", "EUR", 1_000_000, NOW + timedelta(hours=1), NOW)
    later = NOW + timedelta(days=100)
    told = daily.expire_what_ended(living, "anna", later)
    assert told[:2] == ["1 accounts changed their state.", "1 reservations were past their end."]
    assert told[3].split()[:3] == ["A1", "active", "grace"]
    assert daily.expire_what_ended(living, "anna", later) == [
        "0 accounts changed their state.", "0 reservations were past their end."]


def test_without_a_life_cycle_accounts_have_no_end(small):
    assert daily.expire_what_ended(small, "anna", NOW)[0].startswith("Accounts have no end")


def test_the_proof_of_a_home_that_is_right(run_home):
    told = daily.prove_sums(run_home, "airflow", clock(run_home.settings), AT)
    assert told[0].endswith("none was found.")
    assert last_proof(run_home).at == AT
    assert last_proof(run_home).faults == []


def test_a_contradiction_stops_posting_once_and_says_where(run_home):
    lake, now = Lake(run_home.lake), clock(run_home.settings)
    row = lake.file_rows("post").filter(pl.col("posted") > 0).row(0, named=True)
    path = lake.path(POSTING, row["partner"], row["file_id"], "post")
    lake.write(POSTING, path, lake.read(POSTING, [path])[:-1])
    for _ in range(2):
        with pytest.raises(RatemillError, match="posting is on hold: lake batches: batch") as error:
            daily.prove_sums(run_home, "airflow", now, AT)
    assert not error.value.retryable
    with Ledger(run_home.ledger) as ledger, ledger.reading() as connection:
        holds = connection.execute(select(HOLD.c.why)).all()
    assert len(holds) == 1
    kinds = {one.kind: one.what for one in alarms(run_home, now, AT)}
    assert kinds["hold"] == holds[0].why
    assert "check" not in kinds


def test_looks_have_a_sentence_and_a_table(run_home):
    now = clock(run_home.settings)
    for look in (daily.files_to_see_to, daily.suspense_by_age, daily.beyond_agreements):
        first, head, *rows = look(run_home, now)
        assert first.endswith(".")
        assert "partner" in head
        assert rows
        assert look(run_home, now) == [first, head, *rows]


def test_suspense_goes_up_in_age(run_home):
    now = clock(run_home.settings)
    young = daily.suspense_by_age(run_home, now)
    old = daily.suspense_by_age(run_home, now + timedelta(days=30))
    assert young[0] == old[0]
    assert all("under 7 days" in line for line in young[2:])
    assert all("30 to 89 days" in line for line in old[2:])


def test_looks_at_an_empty_home(small):
    with_profile(small)
    assert daily.files_to_see_to(small, NOW)[0].startswith("No file is missing")
    assert daily.suspense_by_age(small, NOW) == ["Nothing is in suspense."]
    assert daily.beyond_agreements(small, NOW)[0].endswith("tolerance of their agreements.")


def test_received_files_are_kept_for_good_unless_told_otherwise(run_home):
    before = archived(run_home)
    told = remove_old(run_home, "airflow", clock(run_home.settings) + timedelta(days=9999), AT)
    assert told[0].startswith("Received files are kept for good")
    assert archived(run_home) == before
    assert deeds(run_home, "remove") == []


def archived(home):
    return {path.name for path in home.archive.rglob("*")
            if path.is_file() and path.suffix != ".removed" and path.name != ".lock"}


def test_octets_go_when_their_time_is_over_and_no_sum_changes(run_home):
    home = with_settings(run_home, "\n[retention]\narchive_days = 200\n")
    now = clock(home.settings)
    before = archived(home)
    assert remove_old(home, "airflow", now + timedelta(days=199), AT)[0].startswith("0 octets of 0")
    told = remove_old(home, "airflow", now + timedelta(days=201), AT)
    rows = Lake(home.lake).file_rows()
    keep = rows.filter(
        (pl.col("state") == "quarantined") | (pl.col("suspended").fill_null(0) > 0)
    )["file_id"].to_list()
    assert keep
    assert archived(home) == before & set(keep)
    assert f" of {len(before - set(keep))} files removed" in told[0]
    assert deeds(home, "remove") == [("airflow", "received more than 200 days ago")]
    assert check_home(home) == []
    assert remove_old(home, "airflow", now + timedelta(days=201), AT)[0].startswith("0 octets of 0")
    assert len(deeds(home, "remove")) == 1


def test_a_file_without_octets_is_not_mediated_again(run_home):
    home = with_settings(run_home, "\n[retention]\narchive_days = 200\n")
    remove_old(home, "airflow", clock(home.settings) + timedelta(days=201), AT)
    refs = pipeline.find(home)
    with pytest.raises(RatemillError, match="not kept any more"):
        pipeline.reset(home, refs, "mediate")
    assert pipeline.pending(home) == []
    gone = [ref for ref in refs if not home.archived(*ref.split("/")).exists()]
    pipeline.reset(home, gone[:1], "rate")
    assert pipeline.pending(home) == gone[:1]


def test_a_lost_file_is_still_a_contradiction(run_home):
    row = Lake(run_home.lake).file_rows("post").filter(pl.col("posted") > 0).row(0, named=True)
    run_home.archived(row["partner"], row["file_id"]).unlink()
    assert any("octets are not in the archive" in fault for fault in check_home(run_home))


def test_the_law_comes_before_the_wish(small):
    from ratemill.errors import SettingsError

    with pytest.raises(SettingsError, match="archive_minimum_days"):
        assert with_settings(small, "\n[retention]\narchive_days = 100\n").settings
    lower = with_settings(small, "archive_minimum_days = 90\n")
    assert lower.settings.retention.archive_days == 100


def test_only_old_temporary_files_of_others_go(small):
    young, old = small.root / ".x.999999999.part", small.root / ".y.999999999.part"
    for path, age in ((young, 1), (old, 48)):
        path.touch()
        at = AT.timestamp() - age * 3600
        os.utime(path, (at, at))
    remove_old(small, "airflow", NOW, AT)
    assert young.exists()
    assert not old.exists()
