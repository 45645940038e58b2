"""The proof of a home: silent after a run, and finds where lake and ledger disagree."""

import shutil
import sqlite3
from datetime import datetime

import msgspec
import polars as pl
import pytest

from charging.holds import release
from charging.ledger import Ledger, LedgerError
from charging.posting import post_files
from charging.posting_rows import FileCharges
from charging.schema import POSTING
from mediation.outcome import ConservationError
from mediation.schema import FILE, USAGE
from ratemill import pipeline
from ratemill.allowance_proof import use_faults
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.ledger_check import check_home, prove_home
from ratemill.settings import clock
from rating.schema import CHARGE

NOW = datetime(2026, 12, 1)


@pytest.fixture
def copied(example, tmp_path):
    """A home of one's own, already run."""
    shutil.copytree(example.root, tmp_path / "home")
    return Home.find(tmp_path / "home", {})


def posted_file(home):
    """Partner and file id of a file with charges."""
    rows = Lake(home.lake).file_rows("post").filter(pl.col("posted") > 0).sort("file_number")
    return rows.select("partner", "file_id").row(0)


def rewrite(home, table, stage, change):
    """Change one output of a file in the lake; what tells the file."""
    lake, (partner, file_id) = Lake(home.lake), posted_file(home)
    path = lake.path(table, partner, file_id, stage)
    lake.write(table, path, change(lake.load(table, partner, file_id, stage)))
    return f"file {partner}/{file_id}"


def test_a_home_after_a_run_has_no_contradiction(example):
    proofs = prove_home(example)
    assert [proof.faults for proof in proofs] == [[] for _ in proofs]
    told = {proof.name: proof.counted for proof in proofs}
    files = Lake(example.lake).file_rows("post").height
    assert told["lake files"].startswith(f"{files} files have their usage, charges and postings")
    assert "wait" not in told["lake batches"]


def test_a_posting_lost_in_the_lake_is_found(copied):
    name = rewrite(copied, POSTING, "post", lambda rows: rows[:-1])
    said = "\n".join(check_home(copied))
    assert "postings on the ledger" in said
    assert "in the lake" in said
    assert f"{name}: " in said
    assert any(fault.startswith("account ") for fault in check_home(copied))


def test_another_charge_in_the_lake_is_found(copied):
    dearer = pl.col("amount_micros") + pl.int_range(pl.len()).eq(0).cast(pl.Int64)
    name = rewrite(copied, CHARGE, "rate", lambda rows: rows.with_columns(dearer))
    (fault,) = [fault for fault in check_home(copied) if "differ from postings" in fault]
    assert fault.startswith(f"{name}: 1 charges differ from postings: record ")


def test_lost_usage_and_octets_are_found(copied):
    name = rewrite(copied, USAGE, "mediate", lambda rows: rows[1:])
    partner, file_id = posted_file(copied)
    copied.archived(partner, file_id).unlink()
    said = check_home(copied)
    assert [fault for fault in said if fault.startswith(f"{name}: posted records without usage: [")]
    assert f"{name}: its received octets are not in the archive" in said


def test_a_lost_file_is_found_by_its_batch_and_accounts(copied):
    _, file_id = posted_file(copied)
    for path in copied.lake.rglob(f"*{file_id}*"):
        path.unlink()
    said = "\n".join(check_home(copied))
    assert "postings on the ledger, 0 in the lake" in said
    assert "come to" in said


def test_what_waits_for_the_next_run_is_no_contradiction(copied):
    ref = "/".join(posted_file(copied))
    pipeline.reset(copied, [ref], "post")
    proofs = {proof.name: proof for proof in prove_home(copied)}
    assert not any(proof.faults for proof in proofs.values())
    assert proofs["lake files"].counted.startswith("not looked at: 1 batches or files")


def test_a_batch_that_the_lake_does_not_have_yet_is_counted_where_it_belongs(copied):
    """The process ended between the ledger's commit and the lake's postings."""
    partner, file_id = posted_file(copied)
    lake = Lake(copied.lake)
    lake.reopen(partner, file_id, "post")
    lake.path(POSTING, partner, file_id, "post").unlink()
    proofs = {proof.name: proof for proof in prove_home(copied)}
    assert not any(proof.faults for proof in proofs.values())
    assert "1 wait for the next run" in proofs["lake batches"].counted


def test_more_used_than_granted_is_found(copied):
    allowances = next(copied.catalog_versions.glob("*/allowances.csv"))
    lines = allowances.read_text().splitlines()
    head = lines[0].split(",")
    rows = [dict(zip(head, line.split(","), strict=True)) | {"quantity": "0.001"}
            for line in lines[1:]]
    allowances.write_text("\n".join([lines[0], *(",".join(row.values()) for row in rows)]) + "\n")
    said = check_home(copied)
    assert said
    assert all(fault.endswith(" granted") or "more like" in fault for fault in said)
    shutil.rmtree(allowances.parent)
    assert "charges were made with it, but it is not kept" in check_home(copied)[0]


def test_other_use_than_charges_drew_is_found(copied):
    with sqlite3.connect(copied.ledger) as ledger:
        ledger.execute("UPDATE allowance_use SET used = used + 1 WHERE rowid = 1")
    ledger.close()
    (fault,) = check_home(copied)
    assert "used on the ledger, but charges drew" in fault


def test_use_is_compared_by_period():
    use = pl.DataFrame({"holder": ["sim:1", "sim:2"], "allowance": ["min"] * 2,
                        "period_start": [NOW] * 2, "scale": [60] * 2, "used": [5, 6]})
    assert list(use_faults(use, use)) == []
    assert list(use_faults(use[:1], use)) == [
        "sim:2 min from 2026-12-01 00:00:00: 0/60 used on the ledger, but charges drew 6/60"]


def test_a_contradiction_after_a_run_stops_posting(copied):
    lake, (partner, file_id) = Lake(copied.lake), posted_file(copied)
    rewrite(copied, POSTING, "post", lambda rows: rows[:-1])
    ref, now = f"{partner}/{file_id}", clock(copied.settings)
    for _ in range(2):
        with pytest.raises(ConservationError, match="in the lake"):
            pipeline.reconcile(copied, [ref])
    charges = FileCharges("P", "new", lake.load(CHARGE, partner, file_id, "rate").with_columns(
        partner=pl.lit("P"), file_id=pl.lit("new")))
    with Ledger(copied.ledger) as ledger:
        with pytest.raises(LedgerError, match=r"on hold since .*in the lake"):
            post_files(ledger, [charges], now)
        assert release(ledger, now, who="anna", why="mended") == 1


def test_the_command_proves_and_holds(copied, ratemill):
    shown = ratemill("ledger", "check", home=copied)
    assert shown.returncode == 0, shown.stderr
    assert "✓ balances: " in shown.stdout
    rewrite(copied, FILE, "post", lambda rows: rows.with_columns(posted=pl.lit(1, pl.Int64)))
    shown = ratemill("ledger", "check", "--json", "--no-hold", home=copied)
    assert shown.returncode == 4
    assert msgspec.json.decode(shown.stdout)["contradictions"] == 1
    assert ratemill("ledger", "release", "--why", "none", home=copied).stdout == (
        "Posting was not on hold.\n")
    shown = ratemill("ledger", "check", "--who", "night", home=copied)
    assert "✗ lake files: file " in shown.stdout
    assert "Posting is on hold" in shown.stdout
    shown = ratemill("ledger", "audit", "--tail", "1", home=copied)
    assert "night" in shown.stdout
    assert "hold" in shown.stdout
    assert ratemill("ledger", "release", "--why", "mended", home=copied).stdout == (
        "Posting goes on.\n")


def test_commands_of_care(copied, ratemill):
    assert ratemill("ledger", "hold", "--why", "audit day", home=copied).returncode == 0
    shown = ratemill("ledger", "audit", "--json", home=copied)
    first = msgspec.json.decode(shown.stdout)[0]
    assert (first["action"], first["why"]) == ("hold", "audit day")
    shown = ratemill("ledger", "close-period", "--until", "2026-02-01", home=copied)
    assert shown.stdout.startswith("Closed to 2026-01-31 23:00 UTC"), shown.stderr
    assert ratemill("ledger", "close-period", "--until", "2026-02-01", home=copied).returncode == 2
    assert ratemill("ledger", "migrate", home=copied).stdout == "The ledger is up to date.\n"
    assert ratemill("ledger", "check", home=copied).returncode == 0


@pytest.mark.slow
def test_a_home_with_corrections_has_no_contradiction(copied, ratemill, runner):
    partner, file_id = posted_file(copied)
    why = ("--why", "wrong file")
    assert ratemill("ledger", "close-period", "--until", "2026-02-01", home=copied).returncode == 0
    shown = ratemill("rollback", file_id, *why, home=copied)
    assert shown.returncode == 0, shown.stderr
    assert check_home(copied) == []
    pipeline.reconcile(copied, pipeline.find(copied))
    pipeline.reset(copied, [f"{partner}/{file_id}"], "mediate")
    assert check_home(copied) == []
    runner(copied)
    assert check_home(copied) == []
    rates = copied.catalog / "rates.csv"
    rates.write_text(rates.read_text().replace("0.19", "0.91"))
    shown = ratemill("rerate", "--where", "partner = 'nordtel'", "--apply", *why, home=copied)
    assert shown.returncode == 0, shown.stderr
    assert check_home(copied) == []
    pipeline.reconcile(copied, pipeline.find(copied))
