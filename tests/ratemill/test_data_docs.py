"""The gate's pages, as a person without a network opens them."""

import os
import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.gate import Gate
from mediation.gate_figures import Figures
from mediation.profile import load_profile
from ratemill import data_docs
from ratemill.data_docs import build_data_docs, index_page, partner_page
from ratemill.home import Home

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import with_profile

ROW = r'<a href="([^"]+)">([^<]+)</a>.*?class="(passed|failed)"'
CTX = FileContext("p", "0" * 64, "a.csv", datetime(2026, 10, 1))
FIGURES = Figures(10, 9, 0, 0, 0, 0)


def test_the_index_lists_every_check_the_failed_first(example):
    text = index_page(example).read_text()
    rows = re.findall(ROW, text, re.DOTALL)
    checks = list((example.reports / "checks").rglob("*.json"))
    assert len(rows) == len(checks) > 20
    assert rows[0][1:] == ("FXL_20260912_0003.dat", "failed")
    assert {state for _, _, state in rows[1:]} == {"passed"}
    assert "the file states 167 records, 150 were found" in text
    assert "history: no verdict by earlier files (0 accepted, 10 needed)" in text


def test_the_index_needs_no_network_and_its_links_lead_somewhere(example):
    text = index_page(example).read_text()
    assert "http" not in text
    targets = set(re.findall(r'href="([^"]+)"', text))
    assert targets == {f"docs/{partner}.html" for partner in example.profiles()}
    for target in targets:
        assert (example.reports / target).is_file()


def test_the_page_of_a_partner_names_the_file_that_failed(example):
    text = partner_page(example, "fixline").read_text()
    assert "FXL_20260912_0003.dat (" in text
    assert "records_found_less_stated at least" in text


def test_nothing_is_rendered_again_without_a_new_check(example):
    before = index_page(example).stat().st_mtime_ns
    assert build_data_docs(example) == index_page(example)
    assert index_page(example).stat().st_mtime_ns == before


@pytest.fixture
def judged(small, monkeypatch):
    """The small home with a partner, and the partner and files of each page that is rendered."""
    shown = []

    def judge(partner, checks):
        shown.append((partner, [check.name for check in checks]))
        return type("Judged", (), {"html": partner})

    monkeypatch.setattr("mediation.gate_docs.judge", judge)
    return with_profile(small), shown


def checked(home, partner, number):
    """Keep a check of a partner's file, younger than all before it."""
    ctx = replace(CTX, partner=partner, file_id=f"{number:064d}", name=f"{number}.csv",
                  received_at=CTX.received_at + timedelta(hours=number))
    profile = load_profile(home.root / "partners" / "alpenfon.toml")
    Gate(home.reports).check(profile, ctx, FileHeader(), FIGURES)
    path = home.reports / "checks" / partner / f"{ctx.file_id}.json"
    os.utime(path, (1_000_000 + number, 1_000_000 + number))
    return path


def test_only_partners_with_a_new_check_get_a_new_page(judged):
    home, shown = judged
    assert build_data_docs(home) is None
    checked(home, "p", 1)
    checked(home, "q", 2)
    build_data_docs(home)
    assert shown == [("p", ["1.csv"]), ("q", ["2.csv"])]
    checked(home, "q", 3)
    build_data_docs(home)
    build_data_docs(home)
    assert shown[2:] == [("q", ["3.csv", "2.csv"])]
    rows = re.findall(ROW, index_page(home).read_text(), re.DOTALL)
    assert [name for _, name, _ in rows] == ["3.csv", "2.csv", "1.csv"]


def test_a_check_that_came_while_pages_were_made_gives_new_ones(judged, monkeypatch):
    home, shown = judged
    checked(home, "p", 1)
    read = data_docs._read
    monkeypatch.setattr(data_docs, "_read", lambda found: [read(found), checked(home, "p", 2)][0])
    build_data_docs(home)
    monkeypatch.setattr(data_docs, "_read", read)
    build_data_docs(home)
    assert shown == [("p", ["1.csv"]), ("p", ["2.csv", "1.csv"])]


def test_a_check_that_a_power_cut_emptied_is_passed_over(judged):
    home, shown = judged
    checked(home, "p", 1)
    emptied = checked(home, "p", 2)
    at_ns = emptied.stat().st_mtime_ns
    emptied.write_bytes(b"")
    os.utime(emptied, ns=(at_ns, at_ns))
    build_data_docs(home)
    assert shown == [("p", ["1.csv"])]


def test_pages_show_the_newest_checks_only(judged, monkeypatch):
    home, shown = judged
    monkeypatch.setattr(data_docs, "GATE_CHECKS_SHOWN", 2)
    for number in range(4):
        checked(home, "p", number)
    build_data_docs(home)
    assert shown == [("p", ["3.csv", "2.csv"])]
    assert len(re.findall(ROW, index_page(home).read_text(), re.DOTALL)) == 2


def test_old_checks_are_removed_with_the_page_of_a_partner_who_has_no_others(judged):
    home, shown = judged
    file = home.root / "ratemill.toml"
    file.write_text(file.read_text().replace("[demo]", "gate_checks_days = 2\n[demo]"))
    old, border, young = (checked(home, partner, number)
                          for partner, number in (("p", 1), ("q", 2), ("q", 3)))
    build_data_docs(home)
    assert partner_page(home, "p").exists()
    # The moment of the newest is what counts: two days before it is not yet too old.
    os.utime(young, (1_000_002 + 2 * 86_400,) * 2)
    build_data_docs(home)
    assert [path.exists() for path in (old, border, young)] == [False, True, True]
    assert not partner_page(home, "p").exists()
    rows = re.findall(ROW, index_page(home).read_text(), re.DOTALL)
    assert [name for _, name, _ in rows] == ["3.csv", "2.csv"]
    assert shown == [("p", ["1.csv"]), ("q", ["3.csv", "2.csv"]), ("q", ["3.csv", "2.csv"])]


def test_a_shorter_time_is_followed_without_a_new_check(judged):
    home, _ = judged
    os.utime(checked(home, "p", 1), (10.0, 10.0))
    checked(home, "p", 2)
    build_data_docs(home)
    assert len(re.findall(ROW, index_page(home).read_text(), re.DOTALL)) == 2
    file = home.root / "ratemill.toml"
    file.write_text(file.read_text().replace("[demo]", "gate_checks_days = 1\n[demo]"))
    build_data_docs(Home(home.root, home.ledger))
    assert len(re.findall(ROW, index_page(home).read_text(), re.DOTALL)) == 1
