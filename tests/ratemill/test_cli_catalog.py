"""`ratemill catalog`: what is wrong is listed with its line; what is right is kept for good."""

import json

import pytest

from ratemill.catalog_changes import changes
from ratemill.catalog_versions import manifests


def edit(folder, table, before, after):
    path = folder / f"{table}.csv"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_lint_of_a_catalog_with_a_warning_only(small, ratemill):
    shown = ratemill("catalog", "lint", home=small)
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("taxes.csv:2: warning: ")
    assert lines[-1] == "0 errors, 1 warning"
    assert ratemill("catalog", "lint", "--strict", home=small).returncode == 2


def test_lint_of_a_clean_catalog(small, ratemill):
    edit(small.catalog, "taxes", "vat,home,", "vat,*,")
    shown = ratemill("catalog", "lint", "--strict", home=small)
    assert (shown.returncode, shown.stdout) == (0, "Nothing was found.\n")


def test_lint_lists_errors_by_file_and_line(small, ratemill, tmp_path):
    edit(small.catalog, "sims", "A2,2026", "A9,2026")
    edit(small.catalog, "rates", "eea,*,,,,,,,,60,60,0.30", "moon,*,,,,,,,,60,60,-0.30")
    shown = ratemill("catalog", "lint", home=small)
    assert shown.returncode == 2
    places = [line.partition(": ")[0] for line in shown.stdout.splitlines()[:-1]]
    assert places == sorted(places)
    assert any(line.startswith("rates.csv:4: price ") for line in shown.stdout.splitlines())
    told = json.loads(ratemill("catalog", "lint", "--json", home=small).stdout)
    assert told["errors"] == len([f for f in told["findings"] if f["severity"] == "error"]) > 0
    assert told["findings"][0].keys() == {"where", "severity", "code", "what", "hint"}


def test_lines_sort_as_numbers(small, ratemill):
    rows = "\n".join(f"flex,voice,mo,home,home,nowhere,,,{n},,,,,,,1,1,s," for n in range(8))
    path = small.catalog / "rates.csv"
    path.write_text(path.read_text() + rows + "\n")
    shown = ratemill("catalog", "lint", "--json", home=small).stdout
    lines = [int(f["where"].partition(":")[2]) for f in json.loads(shown)["findings"]
             if f["where"].startswith("rates.csv:")]
    assert lines == sorted(lines)
    assert {9, 10} < set(lines)


def test_a_folder_that_is_none(small, ratemill, tmp_path):
    shown = ratemill("catalog", "lint", tmp_path / "none", home=small)
    assert shown.returncode == 2
    assert "accounts.csv" in shown.stdout


def test_load_keeps_the_version_once(small, ratemill):
    first = ratemill("catalog", "load", home=small)
    assert first.returncode == 0
    assert "first version" in first.stdout
    (kept,) = manifests(small)
    assert kept.version in first.stdout
    assert kept.rows["rates"] == 6
    assert (kept.home_zone, kept.loaded_at.isoformat()) == ("Europe/Vienna", "2026-12-01T06:00:00")
    copied = small.catalog_versions / kept.version
    for path in small.catalog.iterdir():
        assert (copied / path.name).read_bytes() == path.read_bytes()
    again = ratemill("catalog", "load", home=small)
    assert "is loaded already: nothing changed" in again.stdout
    assert manifests(small) == [kept]


def test_load_installs_a_folder_and_says_what_changed(small, ratemill, tmp_path, write_catalog):
    ratemill("catalog", "load", home=small)
    (small.catalog / "notes.txt").write_text("mine")
    other = write_catalog(tmp_path / "new")
    edit(other, "rates", "0.123", "0.125")
    edit(other, "number_plan", "47,Norway,eea,,\n", "47,Norway,eea,,\n46,Sweden,eea,,\n")
    edit(other, "friends", "A1,4312345,,\n", "")
    shown = ratemill("catalog", "load", other, home=small)
    assert shown.returncode == 0
    assert "  friends: 0 added, 1 removed, 0 changed" in shown.stdout
    assert "  number_plan: 1 added, 0 removed, 0 changed" in shown.stdout
    assert "  rates: 0 added, 0 removed, 1 changed" in shown.stdout
    assert (small.catalog / "rates.csv").read_bytes() == (other / "rates.csv").read_bytes()
    assert (small.catalog / "notes.txt").read_text() == "mine"
    assert len(manifests(small)) == 2
    assert not list(small.root.glob(".*.part*"))
    again = ratemill("catalog", "load", other, home=small)
    assert "nothing changed" in again.stdout
    told = json.loads(ratemill("catalog", "load", "--json", home=small).stdout)
    assert (told["loaded"], told["version"]) == (False, again.stdout.split()[-6])


def test_an_older_version_can_be_installed_again(small, ratemill, tmp_path, write_catalog):
    ratemill("catalog", "load", home=small)
    (old,) = manifests(small)
    edited = write_catalog(tmp_path / "new")
    edit(edited, "rates", "0.123", "0.125")
    ratemill("catalog", "load", edited, home=small)
    back = ratemill("catalog", "load", small.catalog_versions / old.version, home=small)
    assert f"{old.version} is loaded" in back.stdout
    assert "rates: 0 added, 0 removed, 1 changed" in back.stdout
    assert "0.123" in (small.catalog / "rates.csv").read_text()
    assert len(manifests(small)) == 2


def test_a_bad_folder_changes_nothing(small, ratemill, tmp_path, write_catalog):
    bad = write_catalog(tmp_path / "bad")
    edit(bad, "rates", "flex,sms", "bogus,sms")
    before = (small.catalog / "rates.csv").read_bytes()
    shown = ratemill("catalog", "load", bad, home=small)
    assert shown.returncode == 2
    assert "nothing was loaded" in shown.stdout
    assert "rates.csv:5: " in shown.stdout
    assert (small.catalog / "rates.csv").read_bytes() == before
    assert manifests(small) == []


def test_rows_that_moved_have_not_changed(tmp_path, write_catalog):
    one, other = write_catalog(tmp_path / "one"), write_catalog(tmp_path / "other")
    lines = (other / "rates.csv").read_text().splitlines()
    (other / "rates.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    assert changes(one, other) == []
    (other / "friends.csv").unlink()
    assert [str(c) for c in changes(one, other)] == ["friends: 0 added, 1 removed, 0 changed"]


@pytest.mark.parametrize("table", ["sims", "rates", "taxes"])
def test_a_new_validity_is_a_new_row_and_an_end_is_a_change(tmp_path, write_catalog, table):
    one, other = write_catalog(tmp_path / "one"), write_catalog(tmp_path / "other")
    path = other / f"{table}.csv"
    header, first, *rest = path.read_text().splitlines()
    names, cells = header.split(","), first.split(",")
    ended, begun = dict(zip(names, cells, strict=True)), dict(zip(names, cells, strict=True))
    ended["valid_to"] = begun["valid_from"] = "2026-06-01"
    path.write_text("\n".join([header, *(",".join(r.values()) for r in (ended, begun)), *rest]))
    (change,) = changes(one, other)
    assert (change.table, change.added, change.removed, change.changed) == (table, 1, 0, 1)
