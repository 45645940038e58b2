"""`ratemill demo` and `ratemill run`."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from charging.ledger import Ledger
from ratemill import pipeline
from ratemill.data_docs import index_page
from ratemill.demo import partners_online, prepare_home
from ratemill.funnel import FunnelRow, file_status, totals
from ratemill.home import DEFAULT, Home
from ratemill.logs import configure
from ratemill.logs import fault as logged
from ratemill.money import amounts_text, decimal_text, summed
from ratemill.run import RunResult, run
from ratemill.screen import Bars, err, out, plain_table, show_funnel
from ratemill.settings import clock

_DEMO_ACCOUNTS = 3


def run_command(
    path: Path | None, environ: Mapping[str, str], partners: Sequence[str], *, as_json: bool
) -> int:
    """Run over the home; exit code 0, 2 for files not posted, 3 for a partner not reached."""
    home = Home.find(path, environ)
    result = _run(home, environ, partners)
    _show_faults(result, environ, shown=not as_json)
    if as_json:
        out.print_json(msgspec.json.encode(_summary(result)).decode())
    else:
        _show(result)
    return _exit_code(result)


def _exit_code(result: RunResult) -> int:
    if result.not_posted:
        return 2
    return 3 if result.unreachable else 0


def _run(home: Home, environ: Mapping[str, str], partners: Sequence[str]) -> RunResult:
    now = clock(home.settings)
    home.refuse_unknown(*partners)
    chosen = list(partners) or list(home.profiles())
    with partners_online(home, environ) as connections:
        configure(connections, sys.stderr)
        return run(
            home, chosen, now=now, environ=connections, progress=Bars()
        )


def _summary(result: RunResult) -> dict[str, object]:
    return {
        "new_files": result.new,
        "finished_files": [msgspec.to_builtins(row) for row in result.rows],
        "totals": totals(result.rows),
        "unreachable": [str(e) for e in result.unreachable],
        "not_posted": {ref: str(fault) for ref, fault in result.not_posted.faults.items()}
        if result.not_posted else {},
    }


def _show(result: RunResult) -> None:
    if result.rows:
        show_funnel(result.rows, f"{len(result.rows)} files finished")
    elif not result.not_posted:
        out.print("Nothing new: no file was left to do, nothing was posted.")


def _show_faults(result: RunResult, environ: Mapping[str, str], *, shown: bool = True) -> None:
    for error in (*result.unreachable, *filter(None, [result.not_posted])):
        if not logged(environ, str(error)) and shown:
            err.print(str(error), style="red", markup=False, soft_wrap=True)


def demo_command(path: Path | None, environ: Mapping[str, str]) -> int:
    """Make the example home when there is none, run, and show what came of it."""
    begin = time.monotonic()
    home = Home.find(path, environ)
    prepare_home(home.root)
    result = _run(home, environ, ())
    failed = result.not_posted.faults if result.not_posted else {}
    pipeline.reconcile(home, [ref for ref in pipeline.find(home) if ref not in failed])
    everything = file_status(home)
    show_funnel(everything, f"{home.settings.title}: {len(everything)} files of "
                            f"{len(home.profiles())} partners")
    _show_partners(everything)
    _show_accounts(home)
    posted = totals(result.rows)["posted"]
    if result.new or posted:
        out.print(f"\nThis run: {len(result.new)} new files, {posted:,} records posted, "
                  f"{time.monotonic() - begin:.1f} s")
    else:
        out.print("\nThis run: no new file, nothing posted: everything was here already.")
    _show_faults(result, environ)
    _show_next(home, everything)
    return _exit_code(result)


def _show_partners(rows: Sequence[FunnelRow]) -> None:
    out.print("\n[bold]Amounts per partner[/]")
    lines = []
    for partner in dict.fromkeys(r.partner for r in rows):
        mine = [r for r in rows if r.partner == partner]
        retail = summed(r.retail_micros for r in mine)
        wholesale = summed(r.wholesale_micros for r in mine)
        lines.append((partner, sum(r.posted for r in mine), amounts_text(retail),
                      amounts_text(wholesale)))
    out.print(plain_table(("partner", "posted", "retail", "wholesale"), lines))


def _show_accounts(home: Home) -> None:
    """Balances of the accounts with the most postings."""
    with Ledger(home.ledger) as ledger:
        balances = ledger.balances().rows(named=True)
    subscribers = [b for b in balances if b["mode"] != "partner"]
    busiest = sorted(subscribers, key=lambda b: (-b["postings"], b["account"]))[:_DEMO_ACCOUNTS]
    out.print("\n[bold]Balances[/]")
    out.print(plain_table(
        ("account", "mode", "postings", "balance"),
        [(b["account"], b["mode"], b["postings"],
          f"{decimal_text(b['balance_micros'])} {b['currency']}") for b in busiest],
    ))


def _show_next(home: Home, rows: Sequence[FunnelRow]) -> None:
    """Commands worth trying, with names that exist in this home."""
    best = max(rows, key=lambda r: r.posted, default=None)
    tap = next((r for r in rows if r.partner == "nordtel" and r.posted), best)
    if best is None or tap is None:
        return
    place = "" if home.root == Path(DEFAULT).absolute() else f" --home {home.root}"
    programs = _short(Path(sys.executable).parent)
    archived = _short(home.archived(tap.partner, tap.file_id))
    query = (f"""{programs}/python -c "import duckdb; """
             f"""print(duckdb.connect('{_short(home.warehouse)}', read_only=True)"""
             f""".sql('from funnel'))\"""")
    out.print("\n[bold]Next[/]")
    for command, meaning in (
        (f"{programs}/ratemill status{place}", "every file and where its records went"),
        (f"{programs}/ratemill rejects{place}", "what was turned away, why, the money at risk"),
        (f"{programs}/ratemill suspense list{place}", "what waits for what, and how it goes on"),
        (f"{programs}/ratemill files{place}", "what came, what is late or missing"),
        (f"{programs}/ratemill explain {best.file_id[:8]}:0{place}",
         "one record from octets to postings"),
        (f"{programs}/ratemill inspect {archived}",
         "what a TAP file holds; --record N shows the elements of one record"),
        (query, "the analysts' DuckDB file"),
        (_short(index_page(home)), "what the gate checked, for a browser"),
    ):
        out.print(f"  {command}", markup=False, soft_wrap=True)
        out.print(f"      [dim]{meaning}[/]")


def _short(path: Path) -> str:
    """The path from here when it is below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)

