"""Every plan of docs/cookbook.md costs what was worked out by hand, and the page quotes it."""

import shutil
import sys
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from rating import catalog as catalog_module
from rating.rate import price_usage
from rating.schema import ALLOWANCE_USE

sys.path.insert(0, str(Path(__file__).parent))

import cookbook_page
from cookbook_charges import told, usage_of
from cookbook_page import BASE, PAGE, page, plans, rows, tables

PLANS = plans()


@pytest.fixture(params=PLANS, ids=lambda p: p.name)
def folder(request):
    return request.param


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The catalog of a plan and its findings: its tables in place of the base's."""

    @cache
    def of(folder):
        made = tmp_path_factory.mktemp("plan")
        for path in (*tables(BASE), *tables(folder)):
            shutil.copy(path, made / path.name)
        return catalog_module._read(made, "Europe/Vienna")

    return of


def test_a_plan_costs_what_was_worked_out_by_hand(folder, read):
    events, expected = rows(folder / "events.csv"), rows(folder / "expected.csv")
    rated = price_usage(
        usage_of(events), read(folder)[0], pl.DataFrame(schema=ALLOWANCE_USE.polars)
    )
    charges = {(c["record_index"], c["leg"]): c for c in rated.charges.iter_rows(named=True)}
    turned = dict(rated.turned.select("record_index", "code").iter_rows())
    places = {event["event"]: index for index, event in enumerate(events)}
    found, wanted = [], []
    for row in expected:
        index, leg = places[row["event"]], row.get("leg") or "retail"
        wanted.append({n: t for n, t in row.items() if n != "why" and (t or not row.get("reject"))})
        made = {"event": row["event"]}
        if index in turned:
            made["reject"] = turned[index]
        else:
            made |= told(charges[index, leg], row) | ({"reject": ""} if "reject" in row else {})
        found.append(made)
    assert found == wanted
    assert places.keys() == {row["event"] for row in expected}


def test_the_page_quotes_the_folders():
    assert PAGE.read_text(encoding="utf-8") == page(), "make golden writes it"


def test_the_lint_finds_nothing_that_the_plan_does_not_name(folder, read):
    catalog, found = read(folder)
    assert [str(finding) for finding in found] == cookbook_page.findings(folder)
    assert catalog is not None
    assert {finding.severity for finding in found} <= {"warning"}


def test_a_plan_is_told_in_words_and_has_a_few_events(folder):
    text = (folder / "plan.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "By hand:" in text
    assert 2 <= len(rows(folder / "events.csv")) <= 4
    assert all(row["why"] for row in rows(folder / "expected.csv"))
