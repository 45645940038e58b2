"""The IOT check: stated against agreed, within the tolerance of the agreement that held."""

import json
import sys
from datetime import datetime
from pathlib import Path

import pytest

from ratemill import pipeline
from ratemill.iot import Variances, compared, variances

sys.path.insert(0, str(Path(__file__).parent))

from mediated_files import Event, usage_of, write_mediated

from rating.catalog import load_catalog

NOW = datetime.fromisoformat("2026-12-01T06:00")
SIM = "232990000000001"
RATES = """
    tariff,service,direction,serving_zone,destination_zone,band,valid_from,valid_to,from_units,counter,setup_fee,minimum,maximum,first_interval,next_interval,price,per,unit,markup
    flex,voice,mo,*,*,*,,,,,,,,60,60,0.10,60,s,
    flex,sms,mo,*,*,*,,,,,,,,1,1,0.10,1,event,
    iot,voice,mo,*,*,*,,,,,,,,1,1,0.09,60,s,
    """
HEAD = "partner,tariff,tolerance_percent,tolerance,valid_from,valid_to"


@pytest.fixture
def stated(small, write_catalog):
    """A home in which p states 0.10 SDR for calls of 60 and 70 s and for a message."""
    def home(*agreements):
        write_catalog(small.catalog, rates=RATES, agreements="\n".join([HEAD, *agreements]) + "\n")
        catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)
        events = [Event(SIM, "2026-11-10T10:00:00", 60, f"{1:032x}"),
                  Event(SIM, "2026-11-20T10:00:00", 70, f"{2:032x}"),
                  Event(SIM, "2026-11-20T11:00:00", 1, f"{3:032x}", "sms")]
        ref = write_mediated(small, "a", usage_of(catalog, events))
        pipeline.rate(small, [ref], now=NOW)
        pipeline.post(small, [ref], now=NOW)
        return small, ref

    return home


@pytest.mark.parametrize(
    ("agreements", "tolerances", "over"),
    [
        (["p,iot,,,,"], [0, 0], [True, True]),
        (["p,iot,12,,,"], [10_800, 12_600], [False, False]),
        (["p,iot,1,0.0062,,"], [6_200, 6_200], [True, False]),
        (["p,iot,12,,,2026-11-15", "p,iot,,0.001,2026-11-15,"], [10_800, 1_000], [False, True]),
    ],
)
def test_the_larger_tolerance_of_the_agreement_of_the_time_holds(
    stated, agreements, tolerances, over
):
    home, ref = stated(*agreements)
    rows = compared(home, [ref])
    assert rows["difference_micros"].to_list() == [10_000, -5_000, None]
    assert rows["tolerance_micros"].to_list()[:2] == tolerances
    assert rows["over"].to_list() == [*over, False]
    (found,) = variances(home, [ref])
    beyond = sum(d for d, is_over in zip([10_000, -5_000], over, strict=True) if is_over)
    assert found == Variances("p", "a", "a", "SDR", 2, 1, 200_000, 195_000, sum(over), beyond)


def test_a_partner_without_agreement_has_nothing_to_be_compared_with(stated):
    home, ref = stated("nordtel,iot,,,,")
    assert not compared(home, [ref])["over"].any()
    (found,) = variances(home, [ref])
    assert (found.records, found.unagreed, found.over) == (0, 3, 0)


def test_the_screen_lists_files_and_then_records(stated, ratemill):
    home, ref = stated("p,iot,,,,")
    listed = ratemill("iot", home=home).stdout
    assert "0.20" in listed
    assert "0.005" in listed
    shown = ratemill("iot", "a", home=home).stdout
    assert "2 records beyond the tolerance" in shown
    assert shown.index(" 0.010 ") < shown.index("-0.005")
    assert "rates.csv:4" in shown
    rows = json.loads(ratemill("iot", ref, "--json", home=home).stdout)
    assert [row["record_index"] for row in rows] == [0, 1]


def test_without_files_there_is_nothing(small, ratemill):
    (small.root / "partners").mkdir()
    assert ratemill("iot", home=small).stdout == "No record states a charge.\n"
