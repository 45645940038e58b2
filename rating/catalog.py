"""The catalog as rating reads it: checked, versioned and laid out for lookups."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

import polars as pl

from rating.catalog_check import check
from rating.catalog_read import Finding, Findings, read_text, typed
from rating.catalog_tables import TABLES
from rating.number_plan import NumberPlan
from rating.rate_book import RateBook, calendar_slots


class CatalogError(Exception):
    """A catalog that cannot be used, with all its findings."""

    def __init__(self, folder: Path, findings: Findings) -> None:
        """The error for one catalog folder."""
        self.findings = findings
        lines = "\n".join(f"  {finding}" for finding in findings)
        super().__init__(f"{folder}: {len(findings)} findings\n{lines}")


@dataclass(frozen=True, slots=True)
class Catalog:
    """One version of the catalog; times in it are naive UTC, money is in micro-units."""

    version: str
    """sha256 over every cell, in line order, and the home time zone"""
    home_zone: str
    accounts: pl.DataFrame
    """account, customer, mode, currency, timezone, product, opening_balance_micros"""
    sims: pl.DataFrame
    """imsi, msisdn, account, valid_from, valid_to"""
    networks: pl.DataFrame
    products: pl.DataFrame
    number_plan: NumberPlan
    rates: RateBook
    agreements: RateBook


def load_catalog(folder: Path, home_zone: str) -> Catalog:
    """The catalog of a folder of CSV files; `home_zone` is the IANA zone of its dates.

    CatalogError lists everything that is wrong, each with file, line and a hint.
    """
    findings: Findings = []
    if home_zone not in available_timezones():
        raise CatalogError(folder, [Finding(
            "home zone", f"{home_zone!r} is not known", "give an IANA zone as Europe/Vienna"
        )])
    texts = {table.name: read_text(folder, table, findings) for table in TABLES}
    if findings:
        raise CatalogError(folder, findings)
    frames = {
        table.name: typed(table, texts[table.name], home_zone, findings) for table in TABLES
    }
    findings += check(frames)
    if findings:
        raise CatalogError(folder, findings)
    slots = calendar_slots(frames["calendars"])
    return Catalog(
        _version(texts, home_zone), home_zone, frames["accounts"].drop("line"), frames["sims"],
        frames["networks"], frames["products"], NumberPlan.of(frames["number_plan"]),
        RateBook.of(frames["rates"], "tariff", "rates.csv", slots),
        RateBook.of(frames["agreements"], "partner", "agreements.csv", slots),
    )


def _version(texts: dict[str, pl.DataFrame], home_zone: str) -> str:
    """The hash of what the files say: not of their quoting, line ends or order of columns."""
    digest = hashlib.sha256(home_zone.encode())
    for table in TABLES:
        names = [c.name for c in table.columns]
        # line numbers count: a charge names the line of its rate
        cells = texts[table.name].select("line", *names)
        digest.update(f"\n{table.name}\n".encode())
        digest.update(cells.write_csv(separator="\x1f").encode())
    return digest.hexdigest()
