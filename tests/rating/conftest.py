"""A small catalog, and usage rows to rate with it."""

from datetime import datetime

import polars as pl
import pytest

from mediation.file_context import FileContext
from mediation.schema import USAGE
from rating.catalog import load_catalog

CATALOG = {
    "accounts": """
        account,customer,mode,currency,timezone,product,opening_balance
        A1,C1,prepaid,EUR,Europe/Vienna,home_bands,10.00
        A2,C2,postpaid,EUR,Europe/Vienna,away_bands,-1.50
        A3,C3,postpaid,EUR,Europe/Vienna,late,0
        """,
    "sims": """
        imsi,msisdn,account,valid_from,valid_to
        232990000000001,43699000001,A1,2026-01-01,2026-09-10
        232990000000001,43699000001,A2,2026-09-10,2026-09-20
        232990000000002,43699000002,A2,,
        232990000000003,43699000003,A3,,
        """,
    "networks": """
        tadig,mcc_mnc,country,zone,timezone,valid_from,valid_to
        NORNT,24299,NO,eea,Europe/Oslo,,2026-09-20
        USAXM,310999,US,far,America/New_York,,
        """,
    "number_plan": """
        prefix,destination,zone,valid_from,valid_to
        43,Austria,home,,
        431,Vienna,home,,2026-09-10
        431,Vienna,city,2026-09-10,
        4319,Vienna premium,premium,,
        47,Norway,eea,,
        """,
    "products": """
        product,tariff,calendar,band_time,valid_from,valid_to
        home_bands,t,day,home,,
        away_bands,t,day,serving,,
        late,t,day,home,2026-09-15,
        """,
    "calendars": """
        calendar,days,from,to,band
        day,mon-sun,00:00,08:00,night
        day,mon-sun,08:00,20:00,day
        day,mon-sun,20:00,24:00,night
        """,
    "rates": """
        tariff,service,direction,serving_zone,destination_zone,band,valid_from,valid_to,setup_fee,first_interval,next_interval,price,per,unit
        t,voice,mo,eea,home,day,,2026-09-15,0,60,60,0.60,60,s
        t,voice,mo,eea,home,day,2026-09-15,,0.05,60,60,0.30,60,s
        t,voice,mo,eea,home,night,,,0,60,60,0.12,60,s
        t,voice,mo,eea,eea,day,,,0,60,60,0.66,60,s
        t,voice,mt,*,*,*,,,0,1,1,0.01,1,s
        t,sms,mo,*,*,*,,,0,1,1,0.10,1,event
        t,data,mo,*,*,*,,,0,1024,1024,1,1048576,bytes
        """,
    "agreements": """
        partner,currency,service,direction,serving_zone,destination_zone,band,valid_from,valid_to,setup_fee,first_interval,next_interval,price,per,unit
        fixline,EUR,voice,mo,*,*,*,,,0,1,1,0.06,60,s
        fixline,EUR,sms,mo,*,*,*,,,0,1,1,9000000000,1,event
        fixline,EUR,data,mo,eea,*,*,,,0,1,1,0.001,1024,bytes
        """,
}


@pytest.fixture
def folder(tmp_path):
    for name, text in CATALOG.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def catalog(folder):
    return load_catalog(folder, "Europe/Vienna")


@pytest.fixture
def ctx():
    return FileContext("fixline", "f" * 64, "CD1", datetime(2026, 10, 1))


@pytest.fixture
def usage():
    def rows(*changes):
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
