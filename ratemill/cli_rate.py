"""`ratemill rate` and `ratemill why-not`: one event priced, or why it cannot be."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from mediation.codes import CODES
from mediation.schema import USAGE
from ratemill.allowances import AllowanceUse, holders_of
from ratemill.catalog_versions import with_prefix
from ratemill.cli_explain import explain, show_charge
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.matched_rows import Matched, matched_rows
from ratemill.missing_lines import MissingLine, missing_line
from ratemill.one_event import OneEvent, usage_of_event
from ratemill.screen import out
from rating.catalog import Catalog, load_catalog
from rating.rate_candidates import Candidate

_RECORD = re.compile(r"[0-9a-f]+:[0-9]+")


class Answer(msgspec.Struct, frozen=True):
    """What an event costs; or, with no charges, why it cannot be priced."""

    usage: dict[str, Any]
    matched: Matched
    charges: list[dict[str, Any]]
    code: str = ""
    detail: str = ""
    candidates: list[Candidate] = []
    add: MissingLine | None = None


def rate_command(
    event: OneEvent, path: Path | None, environ: Mapping[str, str], *, as_json: bool
) -> int:
    """Print what an event would cost and why; RatemillError when it cannot be priced."""
    home = Home.find(path, environ)
    catalog = _catalog(home)
    answer = _answer(home, catalog, usage_of_event(event, catalog, home.settings.operator))
    if not answer.charges:
        raise RatemillError(answer.code, answer.detail,
                            "`ratemill why-not` with the same arguments says more")
    _print(answer, as_json=as_json)
    return 0


def why_not_command(
    asked: OneEvent | str, path: Path | None, environ: Mapping[str, str], *, as_json: bool
) -> int:
    """Print why an event or a record (FILE_ID:INDEX) has no price, or its price; exit code 0."""
    home = Home.find(path, environ)
    catalog = _catalog(home)
    usage = (_usage_of_record(home, asked) if isinstance(asked, str)
             else usage_of_event(asked, catalog, home.settings.operator))
    _print(_answer(home, catalog, usage), as_json=as_json)
    return 0


def _catalog(home: Home) -> Catalog:
    return load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)


def _usage_of_record(home: Home, record: str) -> pl.DataFrame:
    """Table usage of a record that waits; RatemillError when it has none or is posted."""
    if not _RECORD.fullmatch(record):
        raise RatemillError(record, "is no record", "write FILE_ID:INDEX, as in 3f0c9a1b:17")
    known = explain(home, record)
    if known.posted:
        raise RatemillError(record, "is posted", f"`ratemill explain {record}` shows its price")
    if known.usage is None:
        reject = next(iter(known.rejects), None)
        what = f"{reject['code']}: {reject['detail']}" if reject else "is not mediated yet"
        raise RatemillError(record, what, f"`ratemill explain {record}` shows the record")
    return pl.DataFrame([known.usage], schema=USAGE.polars)


def _answer(home: Home, catalog: Catalog, usage: pl.DataFrame) -> Answer:
    """The event priced by the catalog, with what its allowances have left; nothing is kept."""
    row = usage.row(0, named=True)
    matched = matched_rows(catalog, row)
    priced, code, detail = _priced(home, catalog, usage)
    charges = [with_prefix(charge, home.catalog) for charge in priced]
    if not charges:
        candidates = _candidates(catalog, code, row, matched)
        line = missing_line(home.catalog, code, row, matched, next(iter(candidates), None))
        return Answer(row, matched, [], code, detail, candidates, line)
    return Answer(row, matched, charges)


def _priced(
    home: Home, catalog: Catalog, usage: pl.DataFrame
) -> tuple[list[dict[str, Any]], str, str]:
    """The charges, else the code and detail; retail alone where no partner is named."""
    from rating.rate import price_usage

    state = AllowanceUse(home, holders_of(catalog, usage.lazy())).before()
    priced = price_usage(usage, catalog, state)
    if priced.turned.is_empty():
        return priced.charges.rows(named=True), "", ""
    code, detail = priced.turned.select("code", "detail").row(0)
    if code != "WHOLESALE_RATE_MISSING" or usage["partner"].item():
        return [], code, detail
    # Nobody is owed anything: a stated charge of zero satisfies the wholesale leg.
    stated = usage.with_columns(
        partner_charge_micros=pl.lit(0, pl.Int64), partner_currency=pl.lit("SDR")
    )
    charges = price_usage(stated, catalog, state).charges
    return charges.filter(leg="retail").rows(named=True), "", ""


def _candidates(
    catalog: Catalog, code: str, usage: Mapping[str, Any], m: Matched
) -> list[Candidate]:
    """The rates nearest to a match, where a rate is what is missing."""
    tariff = {"RATE_MISSING": m.tariff, "WHOLESALE_RATE_MISSING": m.agreement}.get(code)
    if not tariff:
        return []
    question = {
        "tariff": tariff, "service": usage["service"], "direction": usage["direction"],
        "relation": m.relation, "serving_zone": m.serving_zone,
        "destination_zone": m.destination_zone,
    }
    return catalog.tariff_book.candidates(question, at=usage["started_at"])


def _print(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        out.print_json(msgspec.json.encode(answer).decode())
        return
    u = answer.usage
    party = f" with {u['other_party']}" if u["other_party"] else ""
    out.print(f"{u['service']} {u['direction']}{party} on network {u['serving_network']} at "
              f"{u['started_at']} UTC", markup=False, soft_wrap=True)
    out.print("\n[bold]Matched[/]")
    for row in answer.matched.rows:
        out.print(f"  {row.says} ({row.where})", markup=False, soft_wrap=True)
    if answer.matched.relation:
        out.print(f"  relation {answer.matched.relation}")
    if answer.charges:
        for charge in answer.charges:
            show_charge(charge)
    else:
        _print_missing(answer)


def _print_missing(answer: Answer) -> None:
    out.print(f"\n[bold]No price[/]: {answer.code}")
    for line in (answer.detail, CODES[answer.code].meaning, CODES[answer.code].remedy):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    if answer.candidates:
        out.print("\n[bold]Nearest rates[/]")
    for candidate in answer.candidates:
        misses = "; ".join(candidate.misses) or "matches, but not in this band or at this time"
        out.print(f"  {candidate.rate_row}: {misses}", markup=False, soft_wrap=True)
    if answer.add:
        out.print(f"\nA line for {answer.add.file} would do; fill in what stands as ?")
        out.print(f"  {answer.add.header}\n  {answer.add.line}", markup=False, soft_wrap=True)
