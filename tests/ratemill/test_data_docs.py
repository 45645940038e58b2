"""The gate's pages, as a person without a network opens them."""

import re

from ratemill.data_docs import build_data_docs, index_page


def test_the_index_lists_every_check_the_failed_first(example):
    text = index_page(example).read_text()
    rows = re.findall(r'<a href="([^"]+)">([^<]+)</a>.*?class="(passed|failed)"', text, re.DOTALL)
    checks = list((example.reports / "checks").rglob("*.json"))
    assert len(rows) == len(checks) > 20
    assert rows[0][1:] == ("FXL_20260912_0003.dat", "failed")
    assert {state for _, _, state in rows[1:]} == {"passed"}
    assert "records found less stated is -17" in text


def test_the_index_needs_no_network_and_its_links_lead_somewhere(example):
    text = index_page(example).read_text()
    assert "http" not in text
    for target in re.findall(r'href="([^"]+)"', text):
        assert (example.reports / target).is_file()


def test_nothing_is_rendered_again_without_a_new_check(example):
    before = index_page(example).stat().st_mtime_ns
    assert build_data_docs(example) == index_page(example)
    assert index_page(example).stat().st_mtime_ns == before
