"""A small catalog that tests change by table, and usage rows to rate with it."""

from datetime import datetime
from functools import cache

import polars as pl
import pytest

from mediation.file_context import FileContext
from mediation.schema import USAGE
from rating.catalog import load_catalog

CATALOG = {
    "accounts": """
        account,customer,mode,currency,timezone,status,credit_limit,payer,tax,opening_balance
        A1,C1,prepaid,EUR,Europe/Vienna,active,,,,10.00
        A2,C2,postpaid,EUR,Europe/Vienna,active,500,,,-1.50
        A3,C3,postpaid,EUR,Europe/Vienna,active,,,,0
        """,
    "sims": """
        iccid,imsi,msisdn,account,valid_from,valid_to
        8943000000000000001,232990000000001,43699000001,A1,2026-01-01,2026-09-10
        8943000000000000001,232990000000001,43699000001,A2,2026-09-10,2026-09-20
        ,232990000000002,43699000002,A2,,
        ,232990000000003,43699000003,A3,,
        """,
    "subscriptions": """
        account,imsi,product,valid_from,valid_to
        A1,,home_bands,,
        A2,,away_bands,,
        A3,,late,2026-09-15,
        """,
    "products": """
        product,tariff,tax,valid_from,valid_to
        home_bands,t,,,
        away_bands,t_away,,,
        late,t,,,
        """,
    "tariffs": """
        tariff,currency,calendar,band_time,interval_rounding,rounding_stage,rounding,decimals,tax_included,kilo
        t,EUR,day,home,up,event,half_up,6,no,1024
        t_away,EUR,day,serving,up,event,half_up,6,no,1024
        iot,EUR,,home,up,event,half_up,6,no,1024
        """,
    "rates": """
        tariff,service,direction,serving_zone,destination_zone,band,valid_from,valid_to,from_units,counter,setup_fee,minimum,maximum,first_interval,next_interval,price,per,unit,markup
        t,voice,mo,eea,home,day,,2026-09-15,0,,0,,,60,60,0.60,60,s,
        t,voice,mo,eea,home,day,2026-09-15,,0,,0.05,,,60,60,0.30,60,s,
        t,voice,mo,eea,home,night,,,0,,0,,,60,60,0.12,60,s,
        t,voice,mo,eea,eea,day,,,0,,0,,,60,60,0.66,60,s,
        t,voice,mt,*,*,*,,,0,,0,,,1,1,0.01,1,s,
        t,sms,mo,*,*,*,,,0,,0,,,1,1,0.10,1,event,
        t,data,mo,*,*,*,,,0,,0,,,1024,1024,1,1048576,bytes,
        t_away,voice,mo,eea,home,day,,,0,,0,,,60,60,0.60,60,s,
        t_away,voice,mo,eea,home,night,,,0,,0,,,60,60,0.12,60,s,
        iot,voice,mo,*,*,*,,,0,,0,,,1,1,0.06,60,s,
        iot,sms,mo,*,*,*,,,0,,0,,,1,1,9000,1,event,
        iot,data,mo,eea,*,*,,,0,,0,,,1,1,0.001,1024,bytes,
        """,
    "agreements": """
        partner,tariff,valid_from,valid_to
        fixline,iot,,
        """,
    "calendars": """
        calendar,days,from,to,band
        day,mon-sun,00:00,08:00,night
        day,mon-sun,08:00,20:00,day
        day,mon-sun,20:00,24:00,night
        """,
    "networks": """
        tadig,mcc_mnc,country,zone,timezone,valid_from,valid_to
        NORNT,24299,NO,eea,Europe/Oslo,,2026-09-20
        USAXM,310999,US,far,America/New_York,,
        """,
    "zones": """
        zone,parent,name
        home,,Austria
        city,,Vienna
        premium,,Premium numbers
        eea,,European Economic Area
        far,,All the rest
        """,
    "number_plan": """
        prefix,destination,zone,valid_from,valid_to
        43,Austria,home,,
        431,Vienna,home,,2026-09-10
        431,Vienna,city,2026-09-10,
        4319,Vienna premium,premium,,
        47,Norway,eea,,
        """,
}


def write_catalog(folder, tables):
    """CSV files of texts by table name; lines may be indented."""
    for name, text in tables.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_catalog(tmp_path, CATALOG)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """Catalogs of texts, each loaded once: what is made of a catalog is never changed."""

    @cache
    def load(home_zone, texts):
        folder = tmp_path_factory.mktemp("catalog")
        return load_catalog(write_catalog(folder, dict(texts)), home_zone)

    return load


@pytest.fixture
def catalog(loaded):
    return loaded("Europe/Vienna", tuple(CATALOG.items()))


@pytest.fixture
def catalog_of(loaded):
    """A catalog of the small tables with those given by name put in their place.

    A table given as None is left out; `more_NAME` appends its lines to the small table.
    """

    def load(home_zone="Europe/Vienna", **tables):
        texts = dict(CATALOG)
        for name, text in tables.items():
            if name.startswith("more_"):
                table = name.removeprefix("more_")
                texts[table] = texts[table].strip() + "\n" + text.strip()
            elif text is None:
                texts.pop(name, None)
            else:
                texts[name] = text
        return loaded(home_zone, tuple(texts.items()))

    return load


@pytest.fixture
def ctx():
    return FileContext("fixline", "f" * 64, "CD1", datetime(2026, 10, 1))


@pytest.fixture
def usage_of():
    """Usage of a list of rows, each what differs from a voice call of 90 s to Vienna."""

    def rows(changes):
        normal = {
            "partner": "fixline", "file_id": "f" * 64, "record_type": "10", "service": "voice",
            "direction": "mo", "imsi": "232990000000001", "other_party": "43512000",
            "serving_network": "NORNT", "started_at": datetime(2026, 9, 1, 10), "duration_s": 90,
            "utc_offset_s": 7200,
        }
        made = [
            normal | {"record_index": i, "byte_offset": 100 * i, "usage_key": f"{i:032x}"} | change
            for i, change in enumerate(changes)
        ]
        return USAGE.fill(pl.DataFrame(made, schema=USAGE.polars))

    return rows


@pytest.fixture
def usage(usage_of):
    """The same with the rows as arguments."""
    return lambda *changes: usage_of(list(changes))
