"""Reading a catalog: typed values, its version, and what is said of cells that cannot be read."""

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from rating.catalog import CatalogError, findings, load_catalog
from rating.catalog_cells import hint
from rating.catalog_read import ALWAYS, NEVER, Finding
from rating.catalog_tables import TABLE_BY_NAME, TABLES, UNITS

SAMPLE = Path(__file__).parents[2] / "sample_data" / "home" / "catalog"
VIENNA = "Europe/Vienna"


def change(folder, name, old, new):
    path = folder / f"{name}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def table(folder, name, text):
    (folder / f"{name}.csv").write_text("\n".join(line.strip() for line in text.split()) + "\n")


def frame(folder, name):
    return load_catalog(folder, VIENNA).frames[name]


def test_money_and_texts(catalog):
    accounts = catalog.frames["accounts"]
    assert accounts["opening_balance_micros"].to_list() == [10_000_000, -1_500_000, 0]
    assert accounts["credit_limit_micros"].to_list() == [None, 500_000_000, None]
    assert accounts["payer"].to_list() == ["", "", ""]
    assert catalog.frames["sims"]["iccid"][2] == ""
    assert accounts["line"].to_list() == [2, 3, 4]


def test_dates_are_midnights_of_the_home_zone(catalog):
    sims = catalog.frames["sims"]
    # in winter and in summer
    assert sims["valid_from"][0] == datetime(2025, 12, 31, 23)
    assert sims["valid_to"][0] == datetime(2026, 9, 9, 22)
    assert sims.row(2)[-2:] == (ALWAYS, NEVER)


def test_units_of_rates_follow_the_kilo_of_their_tariff(folder):
    change(folder, "rates", "1024,1024,1,1048576,bytes", "1,1,1,1,MB")
    change(folder, "rates", "1,1,0.001,1024,bytes", "1,1,0.001,1,kB")
    change(folder, "tariffs", "iot,EUR,,home,up,event,half_up,6,no,1024",
           "iot,EUR,,home,up,event,half_up,6,no,1000")
    change(folder, "rates", "60,60,0.60,60,s", "1,1,0.60,1,min")
    rates = frame(folder, "rates")
    sizes = {(t, u): s for t, u, s in rates.select("tariff", "unit", "unit_size").iter_rows()}
    assert sizes["t", "MB"] == 1024**2
    assert sizes["iot", "kB"] == 1000
    assert sizes["t", "min"] == 60
    assert sizes["t", "s"] == 1
    assert rates["per"][0] == 1


def test_empty_cells_of_rates(folder):
    change(folder, "rates", "0,,0,,,60,60,0.60", ",,,,,60,60,0.60")
    row = frame(folder, "rates").row(0, named=True)
    assert (row["from_units"], row["setup_fee_micros"]) == (0, 0)
    assert [row[c] for c in ("minimum_micros", "maximum_micros", "markup_ppm")] == [None] * 3


def test_allowances_and_scopes_in_base_units(folder):
    table(folder, "allowances", """
        allowance,unit,quantity,period,roll_over,priority
        data,GB,1.5,month,1,10
        talk,min,0.000001,once,0,0
        texts,event,100,day,24,999999
        """)
    table(folder, "scopes", """
        allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,unit
        data,data,*,*,*,*,*,1,1,MB
        talk,voice,mo,eea,@group,*,*,0,1,min
        texts,sms,mo,*,*,*,*,1,1,event
        """)
    table(folder, "grants", """
        holder_kind,holder,allowance,valid_from,valid_to
        account,A1,data,,
        account,A1,talk,,
        product,late,texts,,
        """)
    frames = load_catalog(folder, VIENNA).frames
    sides = frames["allowances"].select("quantity_num", "quantity_den").rows()
    assert sides == [(3 * 2**29, 1), (3, 50_000), (100, 1)]
    assert frames["scopes"]["unit_size"].to_list() == [1024**2, 60, 1]
    assert frames["scopes"]["takes"].to_list() == [1, 0, 1]


def test_too_large_a_quantity_is_refused(folder):
    table(folder, "allowances", """
        allowance,unit,quantity,period,roll_over,priority
        data,GB,999999999999,month,0,0
        """)
    with pytest.raises(CatalogError, match=r"allowances\.csv:2: quantity is too large"):
        load_catalog(folder, VIENNA)


def test_exchange_rates_percentages_and_calendars(folder):
    table(folder, "exchange_rates", """
        from,to,rate,valid_from,valid_to
        SDR,EUR,1.234500000,,
        USD,EUR,0.000000001,,
        """)
    table(folder, "discounts", """
        discount,holder_kind,holder,service,direction,serving_zone,destination_zone,percent,fixed,valid_from,valid_to
        d,account,A1,*,*,*,*,12.3456,,,
        e,product,late,voice,mo,eea,@friend,,0.01,,
        """)
    (folder / "calendars.csv").write_text(
        "calendar,days,from,to,band\nday,mon-sat,00:00,24:00,day\nday,sun,00:00,24:00,night\n"
        "day,holiday,00:00,24:00,night\n"
    )
    (folder / "holidays.csv").write_text("calendar,date,name\nday,2026-12-25,Christmas\n")
    frames = load_catalog(folder, VIENNA).frames
    assert frames["exchange_rates"].select("rate_num", "rate_den").rows() == [
        (2469, 2000), (1, 10**9)]
    assert frames["discounts"].select("percent_ppm", "fixed_micros").rows() == [
        (123_456, None), (None, 10_000)]
    days = frames["calendars"].select("first_day", "last_day", "from_minute", "to_minute").rows()
    assert days == [(0, 5, 0, 1440), (6, 6, 0, 1440), (7, 7, 0, 1440)]
    assert frames["holidays"]["date"].to_list() == [date(2026, 12, 25)]


def test_tables_that_are_missing_have_no_rows_but_columns(catalog, folder):
    assert not (folder / "ported.csv").exists()
    assert catalog.frames["ported"].schema == {
        "line": pl.Int64, "number": pl.String, "destination": pl.String, "zone": pl.String,
        "valid_from": pl.Datetime("us"), "valid_to": pl.Datetime("us"),
    }
    assert set(catalog.frames) == set(TABLE_BY_NAME)
    (folder / "ported.csv").write_text("number,destination,zone,valid_from,valid_to\n")
    assert load_catalog(folder, VIENNA).version == catalog.version


def test_the_version_follows_the_content_only(folder, catalog):
    path = folder / "networks.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    turned = [",".join(f'"{cell}"' for cell in reversed(row)) for row in rows]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*turned, "", ""]).encode())
    assert load_catalog(folder, VIENNA).version == catalog.version
    assert load_catalog(folder, "Europe/Oslo").version != catalog.version
    change(folder, "rates", "0.60", "0.61")
    assert load_catalog(folder, VIENNA).version != catalog.version


def test_a_column_may_be_left_out_where_it_says_nothing(folder, catalog):
    assert catalog.frames["products"]["overdraft"].null_count() == 3
    path = folder / "products.csv"
    without = path.read_text()
    for word in ("", "cap", "negative"):
        head, *rows = without.splitlines()
        path.write_text("\n".join([f"{head},overdraft", *(f"{row},{word}" for row in rows)]))
        said = load_catalog(folder, VIENNA)
        assert said.frames["products"]["overdraft"].to_list() == [word or None] * 3
        assert (said.version == catalog.version) == (not word)


def test_lines_are_those_of_the_file(folder, catalog):
    change(folder, "zones", "eea,", "\neea,")
    moved = load_catalog(folder, VIENNA)
    assert moved.frames["zones"]["line"].to_list() == [2, 3, 4, 6, 7]
    # a charge names the line of its rate
    assert moved.version != catalog.version


EXTRA = {
    "taxes": "tax,serving_zone,percent,valid_from,valid_to\nvat,*,20,,\n",
    "exchange_rates": "from,to,rate,valid_from,valid_to\nUSD,EUR,0.9,,\n",
    "holidays": "calendar,date,name\nday,2026-12-25,Christmas\n",
}


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "what"),
    [
        ("accounts", "prepaid", "prepayed", "accounts.csv:2", "mode is 'prepayed'"),
        ("accounts", VIENNA, "Europe/Wien", "accounts.csv:2", "timezone is 'Europe/Wien'"),
        ("accounts", "EUR", "eur", "accounts.csv:2", "currency is 'eur'"),
        ("accounts", "10.00", "1e3", "accounts.csv:2", "opening_balance is '1e3'"),
        ("accounts", ",500,", ",-500,", "accounts.csv:3", "credit_limit is '-500'"),
        ("sims", "2026-09-20", "2026-02-30", "sims.csv:3", "valid_to is '2026-02-30'"),
        ("sims", "2026-09-20", "2026-W01-1", "sims.csv:3", "valid_to is '2026-W01-1'"),
        ("sims", "2026-09-20", "20260920", "sims.csv:3", "valid_to is '20260920'"),
        ("sims", "2026-09-20", "9999-12-31", "sims.csv:3", "valid_to is '9999-12-31'"),
        ("sims", "232990000000003", "+23299", "sims.csv:5", "imsi is '+23299'"),
        ("sims", "8943000000000000001", "8" * 21, "sims.csv:2", "iccid is"),
        ("networks", "24299", "", "networks.csv:2", "mcc_mnc is empty"),
        ("calendars", "mon-sun", "sun-mon", "calendars.csv:2", "days is 'sun-mon'"),
        ("calendars", "mon-sun", "mon-holiday", "calendars.csv:2", "days is 'mon-holiday'"),
        ("calendars", "24:00", "24:01", "calendars.csv:4", "to is '24:01'"),
        ("tariffs", "6,no,1024", "7,no,1024", "tariffs.csv:2", "decimals is '7'"),
        ("tariffs", "6,no,1024", "6,no,1023", "tariffs.csv:2", "kilo is '1023'"),
        ("rates", "0.60", "-0.60", "rates.csv:2", "price is '-0.60'"),
        ("rates", "0.60", "0.6000001", "rates.csv:2", "price is '0.6000001'"),
        ("rates", "60,60,0.60", "0,60,0.60", "rates.csv:2", "first_interval is '0'"),
        ("rates", "60,60,0.60", "060,60,0.60", "rates.csv:2", "first_interval is '060'"),
        ("rates", "0.60,60,s,", "0.60,60,hour,", "rates.csv:2", "unit is 'hour'"),
        ("rates", "60,s,", "60,s,1.00001", "rates.csv:2", "markup is '1.00001'"),
        ("rates", "t,voice", "t,*", "rates.csv:2", "service is '*'"),
        ("taxes", ",20,", ",101,", "taxes.csv:2", "percent is '101'"),
        ("taxes", ",20,", ",,", "taxes.csv:2", "percent is empty"),
        ("exchange_rates", ",0.9,", ",0.000,", "exchange_rates.csv:2", "rate is '0.000'"),
        ("exchange_rates", ",0.9,", ",1.0123456789,", "exchange_rates.csv:2", "rate is"),
        ("holidays", "-12-25", "-12-32", "holidays.csv:2", "date is '2026-12-32'"),
        ("agreements", "tariff,", "tarif,", "agreements.csv:1", "columns missing or not known"),
        ("networks", "Europe/Oslo,", "Europe/Oslo,,,", "networks.csv", "cannot be read"),
        ("zones", "city,,Vienna", 'city,,"Vien\nna"', "zones.csv:3", "holds a line break"),
    ],
)
def test_what_cannot_be_read(folder, name, old, new, where, what):
    if name in EXTRA:
        (folder / f"{name}.csv").write_text(EXTRA[name])
    change(folder, name, old, new)
    with pytest.raises(CatalogError) as error:
        load_catalog(folder, VIENNA)
    assert any(f.where == where and what in f.what for f in error.value.findings), error.value


def test_the_hint_says_what_may_stand_there(folder):
    change(folder, "tariffs", "6,no,1024", "7,no,1024")
    change(folder, "rates", "60,60,0.60", "0,60,0.60")
    hints = {f.where: f.hint for f in findings(folder, VIENNA) if not f.code}
    assert hints == {
        "tariffs.csv:2": "write a whole number from 0 to 6",
        "rates.csv:2": "write a whole number from 1 to 999999999999",
    }


def test_all_findings_come_at_once(folder):
    change(folder, "accounts", "prepaid", "")
    change(folder, "rates", "0.60", "dear")
    change(folder, "sims", "A1,", "A9,")
    with pytest.raises(CatalogError) as error:
        load_catalog(folder, VIENNA)
    shown = str(error.value)
    assert all(str(finding) in shown for finding in error.value.findings)
    for where in ("accounts.csv:2", "rates.csv:2", "sims.csv:2"):
        assert where in shown


def test_many_findings_are_counted_not_listed(folder):
    rows = [f"8{i:05},Somewhere,home,never," for i in range(300)]
    (folder / "number_plan.csv").write_text(
        "\n".join(["prefix,destination,zone,valid_from,valid_to", *rows]) + "\n")
    found = [f for f in findings(folder, VIENNA) if f.where.startswith("number_plan")]
    assert sum("valid_from is 'never'" in f.what for f in found) == 100
    assert any("200 more cells of valid_from" in f.what for f in found)
    with pytest.raises(CatalogError) as error:
        load_catalog(folder, VIENNA)
    assert len(str(error.value).splitlines()) < 60


def test_warnings_do_not_keep_a_catalog_from_being_loaded(folder, monkeypatch):
    doubt = Finding("rates.csv:2", "is dear", "ask", "warning")
    monkeypatch.setattr("rating.lint.check", lambda _: [doubt])
    assert load_catalog(folder, VIENNA).frames
    assert findings(folder, VIENNA) == [doubt]
    assert str(doubt) == "rates.csv:2: warning: is dear; ask"


@pytest.mark.parametrize("name", [t.name for t in TABLES if t.required])
def test_a_required_file_that_is_missing(folder, name):
    (folder / f"{name}.csv").unlink()
    with pytest.raises(CatalogError, match=rf"{name}\.csv: cannot be read"):
        load_catalog(folder, VIENNA)


def test_files_that_are_no_csv(folder):
    (folder / "sims.csv").write_bytes(b"\xff\xfe\x00")
    (folder / "zones.csv").write_bytes(b"")
    with pytest.raises(CatalogError) as error:
        load_catalog(folder, VIENNA)
    assert {f.where.split(":")[0] for f in error.value.findings} == {"sims.csv", "zones.csv"}


def test_an_unknown_home_zone(folder):
    with pytest.raises(CatalogError, match="home zone"):
        load_catalog(folder, "Vienna")


def test_the_sample_catalog_is_sound():
    sample = load_catalog(SAMPLE, VIENNA)
    assert sample.frames["sims"].height <= 200
    assert set(sample.frames["accounts"]["mode"]) == {"prepaid", "postpaid"}
    assert set(sample.frames["agreements"]["partner"]) == {
        "nordtel", "alpenfon", "fixline", "xmlcom"}


def test_declarations_name_what_there_is():
    names = {f"{t.name}.{c.name}" for t in TABLES for c in t.columns}
    for declared in TABLES:
        own = {c.name for c in declared.columns}
        assert len(own) == len(declared.columns)
        assert all(set(key) <= own for key in declared.keys)
        for column in declared.columns:
            assert {t for t in (column.refers, *column.refers_by.values()) if t} <= names
            assert not column.chooser or column.chooser in own
            assert column.doc
            assert "{" not in hint(column)


def test_each_service_has_units():
    assert {base for base, _, _ in UNITS.values()} == {"s", "bytes", "event", "unit"}


def test_no_float_near_money():
    frames = load_catalog(SAMPLE, VIENNA).frames
    assert not [c for f in frames.values() for c, kind in f.schema.items() if kind.is_float()]
