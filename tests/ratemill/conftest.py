"""The command in this process, and a small operator with a catalog of its own."""

import copy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

SETTINGS = """
operator = "AUTRM"
title = "Small"
zone = "Europe/Vienna"

[demo]
partner_server = "sftp"
clock = 2026-12-01T06:00:00Z
"""
CATALOG = {
    "customers": """
        customer,tenant
        C1,T
        C2,T
        """,
    "tenants": """
        tenant,name,country,currency,timezone
        T,Small,AT,EUR,Europe/Vienna
        """,
    "accounts": """
        account,customer,mode,currency,timezone,status,credit_limit,payer,tax,opening_balance
        A1,C1,prepaid,EUR,Europe/Vienna,active,,,vat,10
        A2,C1,postpaid,EUR,Europe/Vienna,active,,A3,,0
        A3,C2,postpaid,CHF,Europe/Zurich,active,,,,0
        """,
    "sims": """
        iccid,imsi,msisdn,account,valid_from,valid_to
        ,232990000000001,43699000001,A1,2026-01-01,
        ,232990000000002,43699000002,A2,2026-01-01,
        """,
    "subscriptions": """
        account,imsi,product,valid_from,valid_to
        A1,,flex,2026-01-01,
        A2,,flex,2026-01-01,
        """,
    "products": """
        product,tariff,tax,valid_from,valid_to
        flex,flex,,2026-01-01,
        """,
    "tariffs": """
        tariff,currency,calendar,band_time,interval_rounding,rounding_stage,rounding,decimals,tax_included,kilo
        flex,EUR,week,home,up,event,half_up,2,no,1024
        iot,SDR,,serving,up,event,half_up,6,no,1024
        """,
    "rates": """
        tariff,service,direction,serving_zone,destination_zone,band,valid_from,valid_to,from_units,counter,setup_fee,minimum,maximum,first_interval,next_interval,price,per,unit,markup
        flex,voice,mo,home,home,peak,,,,,0.05,,,60,30,0.19,60,s,
        flex,voice,mo,home,home,off,,,,,0.05,,,60,30,0.123,60,s,
        flex,voice,mo,eea,eea,*,,,,,,,,60,60,0.30,60,s,
        flex,sms,mo,*,*,*,,,,,,,,1,1,0.10,1,event,
        flex,data,mo,*,*,*,,,,,,,,1,1,1,1,MB,
        iot,voice,mo,*,*,*,,,,,,,,1,1,0.018,60,s,
        """,
    "agreements": """
        partner,tariff,valid_from,valid_to
        nordtel,iot,,
        """,
    "calendars": """
        calendar,days,from,to,band
        week,mon-fri,00:00,08:00,off
        week,mon-fri,08:00,19:00,peak
        week,mon-fri,19:00,24:00,off
        week,sat-sun,00:00,24:00,off
        """,
    "zones": """
        zone,parent,name
        home,eea,Austria
        eea,,Europe
        world,,Elsewhere
        """,
    "networks": """
        tadig,mcc_mnc,country,zone,timezone,valid_from,valid_to
        AUTRM,23299,AT,home,Europe/Vienna,,
        NORNT,24299,NO,eea,Europe/Oslo,,
        """,
    "number_plan": """
        prefix,destination,zone,valid_from,valid_to
        43,Austria,home,,
        47,Norway,eea,,
        1,America,world,,
        """,
    "ported": """
        number,destination,zone,valid_from,valid_to
        4355555,Austria ported,eea,,
        """,
    "friends": """
        account,number,valid_from,valid_to
        A1,4312345,,
        """,
    "allowances": """
        allowance,unit,quantity,period,roll_over,priority
        minutes,min,2,month,0,1
        """,
    "scopes": """
        allowance,service,direction,serving_zone,destination_zone,band,partner,takes,per,unit
        minutes,voice,mo,*,*,*,*,1,1,s
        """,
    "grants": """
        holder_kind,holder,allowance,valid_from,valid_to
        sim,232990000000002,minutes,2026-11-01,
        """,
    "taxes": """
        tax,serving_zone,percent,valid_from,valid_to
        vat,home,20,,
        """,
    "exchange_rates": """
        from,to,rate,valid_from,valid_to
        EUR,CHF,0.9412,2026-01-01,2027-01-01
        SDR,EUR,1.2031,2026-01-01,2027-01-01
        """,
}


@dataclass
class Shown:
    """What a command printed and ended with."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def commands():
    """What Typer makes of all commands anew whenever it is called."""
    from typer.main import get_command

    from ratemill.cli import app

    return get_command(app)


@pytest.fixture
def ratemill(capfd, monkeypatch, commands):
    """The command as the console script calls it, in this process: imports are paid once."""
    from ratemill.cli import main

    monkeypatch.setattr("ratemill.cli.app", commands)

    def call(*arguments, home=None):
        place = ["--home", str(home.root)] if home else []
        monkeypatch.setattr(sys, "argv", ["ratemill", *map(str, arguments), *place])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Shown(code, *capfd.readouterr())

    return call


def written(folder, **tables):
    """The folder with the small catalog, some tables replaced or (None) left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (CATALOG | tables).items():
        path = folder / f"{name}.csv"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(dedent(text).lstrip("\n"))
    return folder


@pytest.fixture
def write_catalog():
    return written


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Images of catalogs: they depend on what the files hold, not on where they are."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture
def small(tmp_path, images, sqlite_ledger, monkeypatch):
    """The home of the small operator: nothing was collected yet."""
    from ratemill.home import Home
    from rating import catalog_image

    root = tmp_path / "home"
    written(root / "catalog")
    (root / "ratemill.toml").write_text(SETTINGS)
    shutil.copyfile(sqlite_ledger, root / "ledger.db")
    home = Home.find(root, {})
    # no catalog that tests of the session share is read and linted twice
    home.catalog_cache.parent.mkdir()
    home.catalog_cache.symlink_to(images, target_is_directory=True)
    monkeypatch.setattr(catalog_image, "_KEPT", 1000)
    return home


@pytest.fixture(scope="session")
def begun(tmp_path_factory):
    """Has what several tests begin with made once: the home of any later test is a copy.

    `make` fills the home; what it gives, and what is in the home then, belongs to the key.
    """
    kept = {}

    def begin(home, key, make):
        if home.ledger.startswith("postgres"):
            return make()
        ledger = Path(home.ledger.removeprefix("sqlite:///"))
        if key in kept:
            root, copied, made = kept[key]
            shutil.rmtree(home.root)
            shutil.copytree(root, home.root, symlinks=True)
            shutil.copyfile(copied, ledger)
            return copy.deepcopy(made)
        made, folder = make(), tmp_path_factory.mktemp("begun")
        root, copied = folder / "home", folder / "ledger.db"
        shutil.copytree(home.root, root, symlinks=True)
        shutil.copyfile(ledger, copied)
        kept[key] = root, copied, copy.deepcopy(made)
        return made

    return begin


@pytest.fixture
def unpublished(monkeypatch):
    """Runs that make no warehouse for analysts, where no test looks at it."""
    monkeypatch.setattr("ratemill.run.build_warehouse", lambda _: None)
