"""What operators fill into forms, as conditions, periods and catalogs; and the notes of who did."""

import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from charging.check_audit import audit_faults
from charging.ledger import Ledger
from charging.ledger_schema import AUDIT
from ratemill.audit_notes import note
from ratemill.catalog_versions import keep
from ratemill.decisions import Author
from ratemill.errors import RatemillError
from ratemill.form_answers import catalog_of, condition, in_words_of_form, period
from ratemill.rerate import difference
from ratemill.rerate_catalog import choose_catalog
from ratemill.rerate_report import unequal_sums
from rating.catalog import load_catalog

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CATALOG
from corrected_home import A1, A2, posted
from mediated_files import Event, usage_of, write_mediated

NOBODY = {"partner": "all", "used_from": None, "used_to": None, "condition": ""}
NOW = datetime.fromisoformat("2026-12-01T06:00")


@pytest.fixture
def calls(small, begun):
    """A posted file of the partner p: calls of A1 on 3 and 4 November, of A2 on the 5th."""
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)

    def made():
        ref = write_mediated(small, "aaaa", usage_of(catalog, [
            Event(imsi, f"2026-11-0{day}T12:00:00", 60, f"{day:032x}")
            for imsi, day in ((A1, 3), (A1, 4), (A2, 5))
        ]))
        posted(small, [ref])
        return ref

    return begun(small, "form answers", made)


def selected(home, **form):
    found = difference(home, condition(NOBODY | form), choose_catalog(home, None))
    return found.selected


@pytest.mark.parametrize(("form", "records"), [
    ({}, 3),
    ({"condition": None}, 3),
    ({"partner": "p"}, 3),
    ({"partner": "al'fon"}, 0),
    ({"used_from": "2026-11-04T11:00:00+00:00"}, 2),
    ({"used_from": "2026-11-04T12:00:00+01:00", "used_to": "2026-11-05T11:00:00Z"}, 1),
    ({"condition": "used_by = 'A1'"}, 2),
    ({"condition": "used_by = 'A1' OR true -- all", "partner": "al'fon"}, 0),
    ({"condition": "used_by = 'A1' -- his", "partner": "p"}, 2),
])
def test_a_form_selects_what_its_fields_say(small, calls, form, records):
    assert selected(small, **form) == records


def test_a_wrong_condition_is_told_without_the_command_line(small, calls):
    with pytest.raises(RatemillError) as raised:
        selected(small, condition="prize = 3")
    told = str(in_words_of_form(raised.value))
    assert told.startswith("further condition: ")
    assert "prize" in told
    assert "--" not in told


def test_another_error_stays_as_it_is():
    error = RatemillError("catalog x", "is no folder")
    assert in_words_of_form(error) is error


@pytest.mark.parametrize("last", ["2026-11-04T11:00:00", "2026-11-04T12:00:00+01:00"])
def test_a_period_without_any_time_is_refused(last):
    with pytest.raises(RatemillError, match="no time is from 2026-11-04 11:00"):
        period({"a": "2026-11-04T11:00:00Z", "b": last}, "a", "b")


def test_a_moment_that_cannot_be_read_is_named():
    with pytest.raises(RatemillError, match="used_to: 'yesterday' is no moment"):
        period({"used_from": None, "used_to": "yesterday"}, "used_from", "used_to")


def test_a_catalog_is_of_the_home_or_below_it_or_kept(small, tmp_path, write_catalog):
    own = catalog_of(small, {"catalog": ""}).catalog.version
    dearer = CATALOG["rates"].replace("0.19", "0.25")
    other = write_catalog(small.root / "try" / "new", rates=dearer)
    assert catalog_of(small, {"catalog": "try/new"}).catalog.version != own
    assert catalog_of(small, {"catalog": str(other)}).folder == other
    home_catalog = choose_catalog(small, None)
    keep(small, home_catalog.catalog, home_catalog.folder, NOW)
    assert catalog_of(small, {"catalog": own[:8]}).catalog.version == own
    write_catalog(tmp_path / "outside")
    (small.root / "link").symlink_to(tmp_path / "outside")
    for named in ("../outside", str(tmp_path / "outside"), "link", "tests", ".."):
        with pytest.raises(RatemillError, match="is no folder below the home"):
            catalog_of(small, {"catalog": named})
    with pytest.raises(RatemillError, match="is no folder and no version"):
        catalog_of(small, {"catalog": "0123456789abcdef"})


def test_tables_of_a_difference_come_to_the_same_sums(small, calls, tmp_path, write_catalog):
    other = write_catalog(tmp_path / "other", rates=CATALOG["rates"].replace("0.19", "0.25"))
    found = difference(small, "true", choose_catalog(small, str(other))).difference
    assert found["totals"]["changed"].sum() > 0
    assert unequal_sums(found) == []
    for name in ("accounts", "partners", "zones", "products"):
        first = pl.int_range(pl.len()) == 0
        wrong = found[name].with_columns(after=pl.col("after") + first.cast(pl.Int64))
        assert unequal_sums({**found, name: wrong}) == [name]
        assert unequal_sums({**found, name: found[name].clear()}) == [name]


def trail(home):
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        assert list(audit_faults(connection)) == []
        columns = (AUDIT.c.who, AUDIT.c.action, AUDIT.c.subject, AUDIT.c.why)
        return [tuple(row) for row in connection.execute(
            AUDIT.select().with_only_columns(*columns).order_by(AUDIT.c.audit_number))]


def test_a_run_is_noted_once_for_each_file(small):
    by = Author("ann", "tariff was wrong", NOW)
    before = trail(small)
    assert note(small, "rerun", ["p/1", "p/2", "p/1"], by, {"run": "r1"}) == 2
    # the task is tried again, after the files were chosen anew
    assert note(small, "rerun", ["p/1", "p/2", "p/3"], by, {"run": "r1"}) == 1
    assert note(small, "rerun", ["p/1"], by, {"run": "r2"}) == 1
    assert trail(small)[len(before):] == [
        ("ann", "rerun", f"p/{n}", "tariff was wrong") for n in (1, 2, 3, 1)]
