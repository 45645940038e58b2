"""`ratemill recurring`: charges for periods, by the home's catalog."""

from datetime import date

import msgspec
import polars as pl

from charging.accounts import open_accounts
from charging.ledger import Ledger
from charging.recurring import charge_periods
from charging.recurring_owed import todays
from ratemill.home import Home
from ratemill.money import exact_text
from ratemill.posting_step import catalog_accounts
from ratemill.screen import out, plain_table
from ratemill.settings import clock
from rating.catalog import load_catalog


def recurring_command(
    home: Home, who: str, until: date | None, *, dry_run: bool, as_json: bool
) -> int:
    """Charge what is due and not charged yet, and show it by charge."""
    found = run_recurring(home, who, until, dry_run=dry_run)
    sums = _by_charge(found)
    if as_json:
        told = {"dry_run": dry_run, "charges": sums.rows(named=True),
                "entries": found.drop("entries").rows(named=True)}
        out.print_json(msgspec.json.encode(told).decode())
        return 0
    if found.is_empty():
        out.print("Nothing is due that was not charged before.")
        return 0
    out.print(plain_table(
        ("charge", "currency", "periods", "charged", "given back"),
        [(charge, currency, periods, exact_text(charged), exact_text(back))
         for charge, currency, periods, charged, back in sums.iter_rows()],
    ))
    if dry_run:
        out.print("Nothing was entered: this was a dry run.")
    return 0


def run_recurring(home: Home, who: str, until: date | None, *, dry_run: bool) -> pl.DataFrame:
    """The entries of a run as `charge_periods` gives them; `until` is a day in every zone."""
    now = clock(home.settings)
    catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
    zones = catalog.frames["accounts"]["timezone"]
    today = dict.fromkeys(zones.unique(), until) if until else todays(zones, now)
    with Ledger(home.ledger) as ledger:
        if not dry_run:
            open_accounts(ledger, catalog_accounts(catalog), now)
        return charge_periods(
            ledger, catalog.frames, home.settings.zone, today, now, who=who, dry_run=dry_run
        )


def _by_charge(found: pl.DataFrame) -> pl.DataFrame:
    """charge, currency, periods, charged_micros and given_back_micros."""
    amount = pl.col("amount_micros")
    return found.group_by("charge", "currency").agg(
        pl.len().cast(pl.Int64).alias("periods"),
        charged_micros=-amount.filter(amount < 0).sum(),
        given_back_micros=amount.filter(amount > 0).sum(),
    ).sort("charge", "currency")
