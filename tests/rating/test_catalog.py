"""Loading a catalog: what it holds, its version, and everything it refuses."""

from datetime import datetime
from pathlib import Path

import pytest

from rating import catalog_tables
from rating.catalog import CatalogError, load_catalog

SAMPLE = Path(__file__).parents[2] / "sample_data" / "home" / "catalog"


def change(folder, name, old, new):
    path = folder / f"{name}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_values_and_times(catalog):
    assert catalog.accounts["opening_balance_micros"].to_list() == [10_000_000, -1_500_000, 0]
    # midnight in Vienna, in winter and in summer
    assert catalog.sims["valid_from"][0] == datetime(2025, 12, 31, 23)
    assert catalog.sims["valid_to"][0] == datetime(2026, 9, 9, 22)


def test_the_sample_catalog_is_sound():
    sample = load_catalog(SAMPLE, "Europe/Vienna")
    assert sample.sims.height <= 200
    assert set(sample.accounts["mode"]) == {"prepaid", "postpaid"}
    assert set(sample.agreements.rows["owner"]) == {"nordtel", "alpenfon", "fixline", "xmlcom"}


def test_the_version_follows_the_content_only(folder, catalog):
    path = folder / "networks.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    turned = [",".join(f'"{cell}"' for cell in reversed(row)) for row in rows]
    path.write_text("\r\n".join(turned) + "\r\n\r\n")
    assert load_catalog(folder, "Europe/Vienna").version == catalog.version
    assert load_catalog(folder, "Europe/Oslo").version != catalog.version
    change(folder, "rates", "0.60", "0.61")
    assert load_catalog(folder, "Europe/Vienna").version != catalog.version


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "what"),
    [
        ("accounts", "prepaid", "prepayed", "accounts.csv:2", "mode is 'prepayed'"),
        ("accounts", "Europe/Vienna", "Europe/Wien", "accounts.csv:2", "timezone is"),
        ("accounts", "10.00", "1e3", "accounts.csv:2", "opening_balance is '1e3'"),
        ("accounts", "A2,", "A1,", "accounts.csv:3", "account A1 stands twice"),
        ("accounts", "EUR,Europe/Vienna,away", "CZK,Europe/Vienna,home", "accounts.csv:2",
         "several currencies"),
        ("sims", "2026-09-20", "2026-02-30", "sims.csv:3", "valid_to is '2026-02-30'"),
        ("sims", "A1,", "A9,", "sims.csv:2", "account 'A9' is not in accounts.csv"),
        ("sims", "2026-09-10\n", "2026-09-11\n", "sims.csv:3", "same time"),
        ("sims", "232990000000003", "+23299", "sims.csv:5", "imsi is '+23299'"),
        ("sims", "A1,2026-01-01", "A1,2026-09-10", "sims.csv:2", "valid_to is not after"),
        ("networks", "24299", "", "networks.csv:2", "mcc_mnc is empty"),
        ("products", "late,t,", "late,u,", "products.csv:4", "tariff 'u' is not in rates.csv"),
        ("products", "late,t,", "late,*,", "products.csv:4", "tariff '*' is not in rates.csv"),
        ("calendars", "08:00,night", "07:00,night", "calendars.csv:2", "no band at mon 07:00"),
        ("calendars", "08:00,night", "09:00,night", "calendars.csv:2", "two bands at mon 08:00"),
        ("calendars", "mon-sun,20", "mon-sat,20", "calendars.csv:2", "no band at sun 20:00"),
        ("calendars", "24:00", "06:00", "calendars.csv:4", "to is not after from"),
        ("calendars", "mon-sun", "sun-mon", "calendars.csv:2", "days is 'sun-mon'"),
        ("rates", "0.60", "-0.60", "rates.csv:2", "price is '-0.60'"),
        ("rates", "0.60", "0.6000001", "rates.csv:2", "price is '0.6000001'"),
        ("rates", "60,60,0.60", "0,60,0.60", "rates.csv:2", "first_interval is '0'"),
        ("rates", "60,s", "60,bytes", "rates.csv:2", "unit bytes does not fit service voice"),
        ("rates", "eea,home,day", "EEA,home,day", "rates.csv:2", "serving_zone 'EEA'"),
        ("rates", "eea,home,night", "eea,home,day", "rates.csv:4", "same time"),
        ("agreements", "*,*,*", "*,*,day", "agreements.csv:2", "band is 'day'"),
        ("agreements", ",per,", ",pro,", "agreements.csv:1", "columns missing or not known"),
        ("networks", "Europe/Oslo,", "Europe/Oslo,,,", "networks.csv", "cannot be read"),
    ],
)
def test_what_is_refused(folder, name, old, new, where, what):
    change(folder, name, old, new)
    with pytest.raises(CatalogError) as error:
        load_catalog(folder, "Europe/Vienna")
    assert any(f.where == where and what in f.what for f in error.value.findings), error.value


def test_all_findings_come_at_once(folder):
    change(folder, "accounts", "prepaid", "")
    change(folder, "rates", "0.60", "dear")
    change(folder, "sims", "A1,", "A9,")
    with pytest.raises(CatalogError, match="3 findings") as error:
        load_catalog(folder, "Europe/Vienna")
    assert all(str(finding) in str(error.value) for finding in error.value.findings)


def test_a_missing_file_and_an_unknown_home_zone(folder):
    (folder / "sims.csv").unlink()
    with pytest.raises(CatalogError, match=r"sims\.csv: cannot be read"):
        load_catalog(folder, "Europe/Vienna")
    with pytest.raises(CatalogError, match="home zone"):
        load_catalog(folder, "Vienna")


def test_every_column_is_documented():
    text = catalog_tables.__doc__
    for table in catalog_tables.TABLES:
        for column in table.columns:
            assert f"{column.name}: {column.doc}" in text


def test_no_float_near_money(catalog):
    frames = [catalog.accounts, catalog.sims, catalog.networks, catalog.products,
              catalog.rates.rows, catalog.agreements.rows, catalog.number_plan.prefixes]
    assert not [c for f in frames for c, kind in f.schema.items() if kind.is_float()]
