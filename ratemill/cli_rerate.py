"""`ratemill rerate` and `ratemill whatif`."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.rerate import apply_difference, difference
from ratemill.rerate_catalog import choose_catalog
from ratemill.rerate_compute import Rerated
from ratemill.rerate_report import RERATED, WHAT_IF, Report, report_of, show, write_tables
from ratemill.screen import out
from ratemill.settings import clock
from ratemill.warehouse import build_warehouse


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be rated again, by what, and where the result goes."""

    where: str
    catalog: str | None
    out: Path | None
    as_json: bool


def rerate_command(
    wanted: Wanted, path: Path | None, environ: Mapping[str, str],
    author: tuple[str | None, str] | None,
) -> int:
    """Show what rating again changes, and post it for an author (who, why); exit code 0."""
    home = Home.find(path, environ)
    if author is None:
        found = difference(home, wanted.where, choose_catalog(home, wanted.catalog))
        _report(wanted, found, report_of(wanted.where, found, list(RERATED)), RERATED)
        _say(wanted, "nothing was posted; --apply posts it" if _changes(found)
             else "nothing changes; nothing was posted")
        return 0
    who, why = author
    if not why:
        raise RatemillError("--apply", "needs a reason", "--why TEXT, for the audit trail")
    applied = apply_difference(
        home, wanted.where, choose_catalog(home, wanted.catalog), clock(home.settings),
        who=who or getpass.getuser(), why=why,
    )
    done = applied.corrected
    report = report_of(
        wanted.where, applied.difference, list(RERATED),
        done.key if done else "", done.postings.height if done else 0,
    )
    _report(wanted, applied.difference, report, RERATED)
    if done is None:
        _say(wanted, "nothing changes; nothing was posted")
    else:
        build_warehouse(home)
        _say(wanted, f"{done.postings.height:,} postings, {done.key[:15]}")
    return 0


def whatif_command(wanted: Wanted, path: Path | None, environ: Mapping[str, str]) -> int:
    """Show what another catalog would have earned; exit code 0."""
    home = Home.find(path, environ)
    found = difference(home, wanted.where, choose_catalog(home, wanted.catalog))
    _report(wanted, found, report_of(wanted.where, found, list(WHAT_IF)), WHAT_IF)
    return 0


def _changes(found: Rerated) -> bool:
    return bool(found.difference["totals"]["changed"].sum())


def _report(wanted: Wanted, found: Rerated, report: Report, titles: dict[str, str]) -> None:
    if wanted.out:
        write_tables(found, list(titles), wanted.out)
    if wanted.as_json:
        out.print_json(msgspec.json.encode(report).decode())
    else:
        show(report, titles)


def _say(wanted: Wanted, text: str) -> None:
    if not wanted.as_json:
        out.print(f"\n{text[0].upper()}{text[1:]}.")
