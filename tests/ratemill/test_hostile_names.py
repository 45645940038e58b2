"""A partner's file name on its way through receipts, pages, logs and paths: text, and no more."""

import sys
from html import unescape
from pathlib import Path

import msgspec
import pytest

from ratemill.airflow_funnel import funnel_lines
from ratemill.data_docs import build_data_docs, index_page, partner_page
from ratemill.home import Home
from ratemill.pipeline import rows_of
from ratemill.refs import receipt_path, split
from ratemill.run import finish
from ratemill.screen import Bars
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import collected, with_profile

SCRIPT = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
TEMPLATE = "{{ r.__class__ }}{% raw %}${7*7}"
LINES = "a\nERROR [2026-11-10] balance lost\r\n\x1b[31m"
PATH = "../../../../ledger.db"
FORMULA = "=cmd|' /C calc'!A0"
NAMES = (SCRIPT, TEMPLATE, LINES, PATH, FORMULA)


@pytest.fixture
def received(small) -> tuple[Home, list[str]]:
    """A home with a file of each name through all stages, and their references."""
    home = with_profile(small)
    refs = [
        collected(home, name, f"MOC;23299000000000{i};0664123456;AUTRM;2026-11-10 10:00;6{i};0.10")
        for i, name in enumerate(NAMES)
    ]
    finish(home, refs, now=clock(home.settings), progress=Bars())
    return home, refs


def test_a_name_is_text_in_every_page(received) -> None:
    home, _ = received
    build_data_docs(home)
    for page in (index_page(home), partner_page(home, "alpenfon")):
        text = page.read_text()
        assert "<script>alert" not in text, page
        assert "<img src=x" not in text, page
    assert SCRIPT in unescape(index_page(home).read_text())
    assert TEMPLATE in unescape(index_page(home).read_text())


def test_a_name_is_one_line_of_the_log(received) -> None:
    home, refs = received
    lines = funnel_lines(rows_of(home, refs))
    assert len(lines) == 1 + len(NAMES) + 1
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("ERROR") for line in lines)


def test_no_path_is_made_of_a_partner_s_name(received) -> None:
    home, refs = received
    outside = {path.name for path in home.root.parent.iterdir()} - {home.root.name}
    assert not [name for name in outside if "ledger" in name]
    paths = [str(path.relative_to(home.root)) for path in home.root.rglob("*")]
    ids = {split(ref)[1] for ref in refs}
    assert {one for one in ids if any(one in path for path in paths)} == ids
    for word in ("<script", "alert(", "balance lost", "cmd|", "__class__"):
        assert not [path for path in paths if word in path]


def test_a_receipt_shows_a_name_as_it_is(received) -> None:
    home, refs = received
    names = []
    for ref in refs:
        path = receipt_path(home, *split(ref))
        names.append(msgspec.json.decode(path.read_bytes())["name"])
        assert "class 'ratemill" not in path.with_suffix(".txt").read_text()
    assert names == list(NAMES)
    text = receipt_path(home, *split(refs[1])).with_suffix(".txt").read_text()
    assert TEMPLATE in text


def test_no_name_steers_the_terminal_that_a_receipt_is_shown_on(received) -> None:
    home, refs = received
    text = receipt_path(home, *split(refs[2])).with_suffix(".txt").read_text()
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line.startswith("ERROR")]
    assert "File        a\\nERROR [2026-11-10] balance lost\\r\\n\\x1b[31m" in text
