"""Each check of the lint finds its fault in a catalog that is otherwise clean, where it is."""

from pathlib import Path

import polars as pl
import pytest

from rating.catalog_read import Findings, read_text, typed
from rating.catalog_tables import TABLE_BY_NAME, TABLES
from rating.catalog_units import with_unit_sizes
from rating.lint import CHECKS, check

# rows in the order of the declared columns
CLEAN = {
    "accounts": """
A1,C1,prepaid,EUR,Europe/Vienna,active,,,,0
A2,C1,postpaid,USD,Europe/Vienna,active,,,VAT,0
A3,C2,postpaid,EUR,Europe/Vienna,active,,A1,,0
""",
    "sims": """
89431,232011,43660001,A1,2026-01-01,2026-05-01
,232012,43660002,A2,,
,232013,43660003,A3,,
,232014,43660001,A3,2026-06-01,
""",
    "subscriptions": """
A1,,P1,,2026-03-01
A1,,P2,2026-03-01,
A2,,P1,,
A3,232013,P1,,
A3,,P2,,
""",
    "products": """
P1,T1,VAT,,,
P2,T2,,,,
""",
    "tariffs": """
T1,EUR,C,home,up,part,half_up,2,no,1024
T2,EUR,,home,up,event,half_even,4,no,1000
W1,SDR,,home,up,event,half_up,6,no,1000
""",
    "rates": """
T1,voice,mo,*,*,*,,,,,,,,60,60,0.10,60,s,
T1,voice,mo,EU,AT,peak,,2026-04-01,,N,0.05,,1.00,60,60,0.20,60,s,
T1,voice,mo,EU,AT,peak,,2026-04-01,6000,,,,,,,0.15,60,s,
T1,voice,mo,EU,AT,peak,2026-04-01,,,,,,,1,1,0.02,1,min,
T1,voice,mo,EU,AT,night,,,,,,,,60,60,0.10,60,s,
T1,voice,mt,EU,@friend,*,,,,,,,,60,60,0.10,60,s,
T1,sms,mo,*,@group,*,,,,,,,,1,1,0.05,1,event,
T2,data,mo,*,*,*,,,,,,,,1,1,1.5,1,MB,
T2,vas,mt,*,AT,*,,,,,,,,,,,,event,10
W1,voice,mo,*,*,*,,,,,,,,1,1,0.000019,1,s,
""",
    "agreements": """
HOMENET,W1,,
""",
    "zones": """
EU,,Europe
AT,EU,Austria
""",
    "networks": """
AUTAA,23201,AT,AT,Europe/Vienna,,
""",
    "number_plan": """
43,Austria,AT,,
""",
    "ported": """
43660009,Austria,AT,,
""",
    "calendars": """
C,mon-fri,00:00,18:00,peak
C,mon-fri,18:00,24:00,night
C,sat-sun,00:00,24:00,night
C,holiday,00:00,24:00,night
""",
    "holidays": """
C,2026-12-25,Christmas
""",
    "allowances": """
MINS,min,100,month,1,10
""",
    "scopes": """
MINS,voice,mo,EU,*,*,*,60,1,min
MINS,sms,*,*,*,peak,HOMENET,30,1,event
""",
    "grants": """
product,P1,MINS,,
account,A2,MINS,,2026-02-01
account,A2,MINS,2026-03-01,
sim,232013,MINS,,
pool,FAMILY,MINS,,
""",
    "pools": """
FAMILY,A1,,
""",
    "counters": """
N,month
""",
    "discounts": """
D,product,P1,*,*,*,*,10,,,
""",
    "taxes": """
VAT,*,20,,
""",
    "exchange_rates": """
USD,EUR,0.9,,
""",
    "recurring": """
P1,fee,EUR,10,VAT,month,advance,yes,2026-01-01,
P1,fee,USD,11,,month,advance,yes,2026-01-01,
""",
}

ZONE_CHAIN = "".join(f"Z{n},Z{n - 1},Zone\n" for n in range(2, 10))
WEEK = "\n".join(f"D{n},mon-sun,00:00,24:00,band{n}" for n in range(63))
PRICE = "T2,sms,mo,*,*,*,,,,,,,,1,1,{price},{per},event,"
VOICE = "T2,voice,mo,*,*,*,,,,,,,,1,1,{price},{per},s,"

SPLIT_SIM = ",232013,43660003,A3,,2026-02-01\n,232013,43660003,A3,2026-02-02,"

# code, where, part of what it says, changes: file -> (old, new), or lines to append
FAULTS = [
    ("KEY_TWICE", "zones.csv:4", "zone AT stands already in line 3", {"zones": "AT,,again"}),
    ("KEY_TWICE", "holidays.csv:3", "line 2", {"holidays": "C,2026-12-25,Again"}),
    ("KEY_OVERLAP", "products.csv:4", "product P1 is valid at the same time as line 2",
     {"products": "P1,T2,,,2026-01-01,"}),
    ("KEY_OVERLAP", "sims.csv:6", "imsi 232012", {"sims": ",232012,43660006,A2,,"}),
    ("KEY_OVERLAP", "sims.csv:6", "msisdn 43660002", {"sims": ",232016,43660002,A2,,"}),
    ("KEY_OVERLAP", "sims.csv:6", "iccid 89431",
     {"sims": "89431,232016,43660006,A2,2026-04-01,2026-04-02"}),
    ("KEY_OVERLAP", "subscriptions.csv:7", "imsi A3, 232013",
     {"subscriptions": "A3,232013,P2,2026-01-01,"}),
    ("KEY_OVERLAP", "subscriptions.csv:7", "A1, (empty)",
     {"subscriptions": "A1,,P1,2026-02-28,2026-03-01"}),
    ("GAP", "subscriptions.csv:3", "between the end of line 2",
     {"subscriptions": ("A1,,P2,2026-03-01", "A1,,P2,2026-03-02")}),
    ("GAP", "sims.csv:5", "msisdn 43660003 is not valid between the end of line 4",
     {"sims": (",232013,43660003,A3,,", SPLIT_SIM)}),
    ("GAP", "rates.csv:5", "T1, voice, mo, EU, AT, peak, 0",
     {"rates": ("peak,2026-04-01,,", "peak,2026-05-01,,")}),
    ("VALIDITY_EMPTY", "taxes.csv:3", "not after valid_from",
     {"taxes": "VAT,EU,10,2026-05-01,2026-05-01"}),
    ("DANGLING", "products.csv:4", "tariff T9 is not in tariffs.csv", {"products": "P9,T9,,,,"}),
    ("DANGLING", "scopes.csv:4", "band dusk is not in calendars.csv",
     {"scopes": "MINS,mms,mo,*,*,dusk,*,1,1,event"}),
    ("DANGLING", "rates.csv:12", "destination_zone XX",
     {"rates": PRICE.format(price=1, per=1).replace("mo,*,*", "mo,*,XX")}),
    ("DANGLING", "grants.csv:7", "holder sim 999 is not in sims.csv",
     {"grants": "sim,999,MINS,,"}),
    ("DANGLING", "discounts.csv:3", "holder product P9 is not in products.csv",
     {"discounts": "E,product,P9,*,*,*,*,10,,,"}),
    ("DANGLING", "accounts.csv:2", "customer C1 is not in customers.csv",
     {"customers": "C2,T", "tenants": "T,T,AT,EUR,Europe/Vienna"}),
    ("ZONE_CIRCULAR", "zones.csv:2", "zone EU is above itself", {"zones": ("EU,,", "EU,AT,")}),
    ("ZONE_DEEP", "zones.csv:12", "zone Z9 has a chain of more than 8 zones",
     {"zones": f"Z1,,Zone\n{ZONE_CHAIN}"}),
    ("ZONE_UNSERVED", "rates.csv:12", "serving zone US",
     {"zones": "US,,USA", "rates": PRICE.format(price=1, per=1).replace("mo,*,*", "mo,US,*")}),
    ("ZONE_UNCALLED", "discounts.csv:3", "destination zone US",
     {"zones": "US,,USA", "discounts": "E,account,A1,sms,mo,*,US,,0.1,,"}),
    ("DESTINATION_NONE", "rates.csv:12", "sms mt has none",
     {"rates": PRICE.format(price=1, per=1).replace("mo,*,*", "mt,*,AT")}),
    ("DESTINATION_NONE", "rates.csv:12", "zone @group never matches: data mo has none",
     {"rates": "T1,data,mo,*,@group,*,,,,,,,,1,1,1,1,MB,"}),
    ("DESTINATION_NONE", "scopes.csv:4", "* mt has none", {"scopes": "MINS,*,mt,*,EU,*,*,1,1,s"}),
    ("CALENDAR_BACKWARD", "calendars.csv:6", "to is not after from",
     {"calendars": "C,mon,12:00,12:00,peak"}),
    ("CALENDAR_TWICE", "calendars.csv:6", "at tue 10:30, beside line 2",
     {"calendars": "C,tue,10:30,11:00,noon"}),
    ("CALENDAR_HOLE", "calendars.csv:2", "no band at mon 17:59",
     {"calendars": ("18:00,peak", "17:59,peak")}),
    ("CALENDAR_HOLE", "calendars.csv:2", "no band at holiday 00:00",
     {"calendars": ("C,holiday,00:00,24:00,night\n", "")}),
    ("BANDS_MANY", "calendars.csv:68", "band band62", {"calendars": WEEK}),
    ("HOLIDAY_UNUSED", "calendars.csv:6", "calendar E",
     {"calendars": "E,holiday,00:00,24:00,peak\nE,mon-sun,00:00,24:00,peak"}),
    ("RATE_UNIT", "rates.csv:12", "unit s does not fit service sms; price sms by event",
     {"rates": PRICE.format(price=1, per=1).replace("event", "s")}),
    ("RATE_INCOMPLETE", "rates.csv:12", "no first_interval, price",
     {"rates": "T2,sms,mo,*,*,*,,,,,,,,,1,,1,event,"}),
    ("IMPORTED_PRICED", "rates.csv:12", "also next_interval, price",
     {"rates": "T2,sms,mo,*,*,*,,,,,,,,,1,1,,event,10"}),
    ("TIER_BASELESS", "rates.csv:12", "tier from 10",
     {"rates": "T1,sms,mo,*,@group,*,2026-01-01,,10,,,,,,,0.04,1,event,"}),
    ("TIER_OVERFULL", "rates.csv:12", "a further tier has counter, minimum, next_interval",
     {"rates": "T1,sms,mo,*,@group,*,,,10,N,,0.02,,,1,0.04,1,event,"}),
    ("TIER_IMPORTED", "rates.csv:12", "tier from 5",
     {"rates": "T2,vas,mt,*,AT,*,,,5,,,,,,,1,1,event,"}),
    ("TIER_TWICE", "rates.csv:12", "tier from 100 min begins where line 4 does",
     {"rates": "T1,voice,mo,EU,AT,peak,,2026-04-01,100,,,,,,,0.15,1,min,"}),
    ("MINIMUM_ABOVE", "rates.csv:3", "minimum 1.01 is above maximum 1;",
     {"rates": ("0.05,,1.00", "0.05,1.01,1.00")}),
    ("IMPORTED_MIXED", "rates.csv:6", "line 2 prices voice mo of tariff T1",
     {"rates": ("night,,,,,,,,60,60,0.10,60,s,", "night,,,,,,,,,,,,s,5")}),
    ("BAND_OUTSIDE", "rates.csv:12", "band dusk is not in calendar C of tariff T1",
     {"calendars": "E,mon-sun,00:00,24:00,dusk",
      "rates": "T1,sms,mo,*,*,dusk,,,,,,,,1,1,1,1,event,"}),
    ("BAND_OUTSIDE", "rates.csv:12", "band night is not in calendar (empty)",
     {"rates": PRICE.format(price=1, per=1).replace("*,*,*", "*,*,night")}),
    ("RATE_SHADOWED", "rates.csv:12", "never matches",
     {"rates": "T1,voice,mo,EU,AT,*,2026-05-01,,,,,,,60,60,0.10,60,s,"}),
    ("TARIFF_UNUSED", "tariffs.csv:5", "tariff T3", {
        "tariffs": "T3,EUR,,home,up,event,half_up,2,no,1024",
        "rates": PRICE.format(price=1, per=1).replace("T2", "T3")}),
    ("TARIFF_EMPTY", "tariffs.csv:5", "tariff T3", {
        "tariffs": "T3,EUR,,home,up,event,half_up,2,no,1024", "products": "P3,T3,,,,"}),
    ("RETAIL_ONLY", "rates.csv:12", "has counter, but agreements.csv names tariff W1",
     {"rates": "W1,sms,mo,*,*,*,,,,N,,,,1,1,1,1,event,"}),
    ("SCALE_LARGE", "rates.csv:12", "tariff T2 for sms",
     {"rates": "\n".join(
         PRICE.format(price=1, per=per).replace("mo,*", f"mo,{zone}")
         for zone, per in (("*", 999_983), ("EU", 999_979), ("AT", 7)))}),
    ("AMOUNT_LARGE", "rates.csv:12", "an event of 86400 s",
     {"rates": VOICE.format(price=200_000_000, per=1)}),
    ("EXCHANGE_LARGE", "exchange_rates.csv:3", "rate 99999999999999999/1000000000",
     {"exchange_rates": "EUR,SDR,99999999.999999999,,"}),
    ("ALLOWANCE_LARGE", "allowances.csv:2", "allowance MINS", {
        "allowances": ("100,month", "999999999,month"),
        "scopes": "MINS,voice,mt,*,*,*,*,1,999999937,s"}),
    ("PRICE_PRECISION", "rates.csv:12",
     "price 0.019 for 60 s cannot be kept at 2 decimals: 0.019 for 60 s becomes 0.02; raise",
     {"rates": "T1,voice,mt,*,*,*,,,,,,,,60,60,0.019,60,s,"}),
    ("PRICE_PRECISION", "rates.csv:12", "0.00005 for 1 event becomes 0",
     {"rates": PRICE.format(price="0.00005", per=1)}),
    ("FEE_PRECISION", "rates.csv:3", "setup_fee 0.055 cannot be kept at 2 decimals",
     {"rates": ("N,0.05,", "N,0.055,")}),
    ("FEE_PRECISION", "rates.csv:3", "maximum 1.001", {"rates": ("1.00", "1.001")}),
    ("TAX_PRECISION", "rates.csv:12", "tax of 20 % on 0.02 becomes 0 at 2 decimals",
     {"rates": "T1,sms,mo,*,*,*,,,,,,,,1,1,0.02,1,event,"}),
    ("EXCHANGE_PRECISION", "tariffs.csv:2", "amounts in EUR are rounded to 2 decimals",
     {"exchange_rates": ("0.9", "90")}),
    ("ALLOWANCE_UNGRANTED", "allowances.csv:3", "allowance X", {
        "allowances": "X,s,1,once,0,1", "scopes": "X,voice,*,*,*,*,*,1,1,s"}),
    ("ALLOWANCE_UNSCOPED", "allowances.csv:3", "allowance X", {
        "allowances": "X,s,1,once,0,1", "grants": "product,P1,X,,"}),
    ("SCOPE_UNIT", "scopes.csv:4", "unit min does not fit service data; count data in bytes or kB",
     {"scopes": "MINS,data,*,*,*,*,*,1,1,min"}),
    ("COUNTER_UNUSED", "counters.csv:3", "counter M", {"counters": "M,day"}),
    ("DISCOUNT_EMPTY", "discounts.csv:3", "discount E",
     {"discounts": "E,account,A1,sms,mo,*,*,,,,"}),
    ("PAYER_CHAIN", "accounts.csv:5", "account A4 is paid by A3, which itself has payer A1",
     {"accounts": "A4,C2,postpaid,EUR,Europe/Vienna,active,,A3,,0"}),
    ("EXCHANGE_MISSING", "subscriptions.csv:4", "tariff T1 is in EUR, the account is",
     {"exchange_rates": ("USD,EUR", "USD,CHF")}),
    ("EXCHANGE_MISSING", "subscriptions.csv:5", "is charged in CHF",
     {"accounts": ("A1,,0", "A4,,0\nA4,C2,postpaid,CHF,Europe/Vienna,active,,,,0")}),
    ("TAX_PARTIAL", "taxes.csv:3", "tax class GST has no rate for *", {"taxes": "GST,EU,10,,"}),
    ("PRODUCT_NONE", "accounts.csv:5", "account A4", {
        "accounts": "A4,C2,postpaid,EUR,Europe/Vienna,active,,,,0",
        "sims": ",232019,43660019,A4,,"}),
    ("SIM_FOREIGN", "subscriptions.csv:7", "SIM 232012 never belongs to account A1",
     {"subscriptions": "A1,232012,P1,,"}),
    ("RECURRING_PERIOD", "recurring.csv:4", "charge fee is by day, in arrears; its first row is",
     {"recurring": "P2,fee,EUR,1,,day,arrears,no,2026-01-01,"}),
    ("RECURRING_TAX", "recurring.csv:2", "tax class VAT has no rate for * on some days",
     {"taxes": ("20,,", "20,2026-01-02,")}),
    ("RECURRING_TAX", "recurring.csv:4", "tax class GST has no rate for * on some days",
     {"taxes": "GST,EU,10,,", "recurring": "P2,x,EUR,1,GST,day,arrears,no,2026-01-01,"}),
    ("RECURRING_CURRENCY", "subscriptions.csv:4", "P1 has recurring charges, but none in USD",
     {"recurring": ("USD,11", "CHF,11")}),
]


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> dict[str, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("clean")
    return {table.name: read(folder, table.name, CLEAN.get(table.name, "")) for table in TABLES}


def read(folder: Path, name: str, rows: str) -> pl.DataFrame:
    table, found = TABLE_BY_NAME[name], []
    header = ",".join(column.name for column in table.columns)
    (folder / f"{name}.csv").write_text(f"{header}\n{rows.strip()}\n", encoding="utf-8")
    frame = typed(table, read_text(folder, table, found), "Europe/Vienna", found)
    assert found == []
    return frame


def lint(
    clean: dict[str, pl.DataFrame], folder: Path, changes: dict[str, str | tuple[str, str]]
) -> Findings:
    """The findings of the clean catalog with some changes."""
    changed = {}
    for name, change in changes.items():
        before = CLEAN.get(name, "")
        if isinstance(change, tuple):
            assert change[0] in before
            after = before.replace(*change, 1)
        else:
            after = before + change
        changed[name] = read(folder, name, after)
    return check(with_unit_sizes(clean | changed, []))


def test_a_clean_catalog_has_no_findings(clean, tmp_path):
    assert [str(finding) for finding in lint(clean, tmp_path, {})] == []


@pytest.mark.parametrize(
    ("code", "where", "says", "changes"), FAULTS,
    ids=[f"{code}-{where}-{n}" for n, (code, where, *_) in enumerate(FAULTS)],
)
def test_a_fault_is_found_where_it_is(clean, tmp_path, code, where, says, changes):
    found = lint(clean, tmp_path, changes)
    hits = [f for f in found if f.code == code and f.where == where and says in str(f)]
    assert len(hits) == 1, "\n".join(f"{f.code} {f}" for f in found)
    severities = {check.severity for check in CHECKS if check.code == code}
    assert {hits[0].severity} == severities


def test_every_check_has_a_fault_here():
    assert {check.code for check in CHECKS} == {code for code, *_ in FAULTS}


def test_only_so_many_of_one_kind_are_listed(clean, tmp_path):
    zones = "\n".join(f"Z{n},nowhere,Zone" for n in range(60))
    found = [f for f in lint(clean, tmp_path, {"zones": zones}) if f.code == "DANGLING"]
    assert len(found) == 51
    assert str(found[-1]) == "zones.csv: and 10 more of these; mend the listed ones first"


def test_few_accounts_without_a_product_are_listed(clean, tmp_path):
    accounts = "\n".join(
        f"X{n},C1,prepaid,EUR,Europe/Vienna,active,,,,0" for n in range(30))
    sims = "\n".join(f",23209{n},436609{n},X{n},," for n in range(30))
    found = lint(clean, tmp_path, {"accounts": accounts, "sims": sims})
    assert len(found) == 21
    assert "and 10 more" in found[-1].what


def test_cells_that_cannot_be_read_are_no_trouble(clean):
    frames = with_unit_sizes(dict(clean), [])
    for seed in range(5):
        torn = {
            name: frame.with_columns(
                pl.when(pl.int_range(pl.len()).hash(seed * 100 + at) % 3 > 0).then(pl.col(column))
                for at, column in enumerate(frame.columns) if column != "line"
            )
            for name, frame in frames.items()
        }
        assert check(torn)
