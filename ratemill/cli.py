"""The `ratemill` command; every heavy import waits until its command runs.

Exit codes: 0 all is well; 1 a fault of ratemill itself; 2 wrong usage, settings, profile, catalog
or file; 3 the run ended but a partner could not be reached; 4 records or sums do not add up; 130
interrupted.
"""

import os
import sys
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer

from ratemill import (
    cli_account,
    cli_alarms,
    cli_corrections,
    cli_files,
    cli_iot,
    cli_ledger,
    cli_money,
    cli_observe,
    cli_rap,
    cli_suspense,
)
from ratemill import cli_event_options as given
from ratemill.cli_apps import (
    HomeOption,
    JsonOption,
    account_app,
    catalog_app,
    ledger_app,
    rap_app,
    suspense_app,
    voucher_app,
)
from ratemill.cli_profile import profile_app

_INTERRUPTED = 130

app = typer.Typer(
    help="Mediate and rate CDR files: every record ends posted, duplicate, suspended or dropped.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(catalog_app, name="catalog")
app.add_typer(ledger_app, name="ledger")
app.add_typer(account_app, name="account")
app.add_typer(profile_app, name="profile")
app.add_typer(voucher_app, name="voucher")
app.add_typer(suspense_app, name="suspense")
app.add_typer(rap_app, name="rap")
FolderArgument = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="Folder of CSV files; default the home's.")
]


@app.command()
def demo(home: HomeOption = None) -> None:
    """Run the pipeline on the example operator: four partners over SFTP, about 5,000 records."""
    from ratemill.cli_run import demo_command

    raise typer.Exit(demo_command(home, os.environ))


@app.command()
def run(
    home: HomeOption = None,
    partner: Annotated[
        list[str] | None, typer.Option("--partner", help="Only this partner; may be repeated.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Collect, mediate, rate and post whatever is not done; harmless to repeat."""
    from ratemill.cli_run import run_command

    raise typer.Exit(run_command(home, os.environ, partner or [], as_json=json))


@app.command()
def status(
    home: HomeOption = None,
    partner: Annotated[str | None, typer.Option("--partner", help="Only this partner.")] = None,
    json: JsonOption = False,
) -> None:
    """One row per file: received, decoded, rejected, duplicate, rated, posted, amount, state."""
    from ratemill.cli_look import status_command

    raise typer.Exit(status_command(home, os.environ, partner, as_json=json))


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A CDR file of any known format.")],
    home: HomeOption = None,
    partner: Annotated[
        str | None, typer.Option("--partner", help="Read the file by this partner's profile.")
    ] = None,
    tree: Annotated[
        bool, typer.Option("--tree", help="The elements of a BER file, with offsets and octets.")
    ] = False,
    record: Annotated[
        int | None, typer.Option("--record", help="The elements of this record; 0 is the first.",
                                 min=0)
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Write all tables to this folder.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="Lines or records to show, else 100; findings, else 20.",
                     min=1),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what is in a TAP, RAP or NRTRDE file, and how a partner's profile reads any other."""
    from ratemill.cli_inspect import Wanted, inspect_command

    wanted = Wanted(partner, tree, record, parquet, limit, json)
    raise typer.Exit(inspect_command(file, home, os.environ, wanted))


@app.command()
def rejects(
    home: HomeOption = None,
    partner: Annotated[str | None, typer.Option("--partner", help="Only this partner.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="Only this code, in detail.")] = None,
    json: JsonOption = False,
) -> None:
    """Turned-away records by reason, with the money at risk; --code lists them one by one."""
    from ratemill.cli_look import rejects_command

    raise typer.Exit(rejects_command(home, os.environ, partner, code, as_json=json))


@app.command()
def explain(
    record: Annotated[str, typer.Argument(help="FILE_ID:INDEX; the start of the id is enough.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Follow one record from the partner's octets over usage and charges to the postings."""
    from ratemill.cli_explain import explain_command

    raise typer.Exit(explain_command(record, home, os.environ, as_json=json))


@catalog_app.command()
def lint(
    folder: FolderArgument = None,
    home: HomeOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail as errors do.")] = False,
    json: JsonOption = False,
) -> None:
    """List what is wrong or doubtful in a catalog, with file, line and a hint."""
    from ratemill.cli_catalog import lint_command

    raise typer.Exit(lint_command(folder, home, os.environ, strict=strict, as_json=json))


@catalog_app.command()
def load(
    folder: FolderArgument = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Check a catalog, keep its version for good, and make DIR's the home's own."""
    from ratemill.cli_catalog import load_command

    raise typer.Exit(load_command(folder, home, os.environ, as_json=json))


@app.command()
def rate(  # noqa: PLR0913, PLR0917 (an event has so many sides)
    at: given.AtOption,
    number: given.NumberOption = None,
    imsi: given.ImsiOption = None,
    offset: given.OffsetOption = None,
    from_network: given.NetworkOption = None,
    to: given.ToOption = None,
    service: given.ServiceOption = None,
    direction: given.DirectionOption = "mo",
    seconds: given.SecondsOption = None,
    octets: given.BytesOption = None,
    kb: given.KbOption = None,
    mb: given.MbOption = None,
    events: given.EventsOption = None,
    partner: given.PartnerOption = None,
    charge: given.ChargeOption = None,
    currency: given.CurrencyOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What one event would cost, and every step that leads there; nothing is kept."""
    from ratemill.cli_rate import rate_command
    from ratemill.one_event import OneEvent

    event = OneEvent(
        number=number, imsi=imsi, at=at, offset=offset, network=from_network, to=to,
        service=service, direction=direction, seconds=seconds, bytes=octets, kb=kb, mb=mb,
        events=events, partner=partner, charge=charge, currency=currency,
    )
    raise typer.Exit(rate_command(event, home, os.environ, as_json=json))


@app.command()
def why_not(  # noqa: PLR0913, PLR0917 (an event has so many sides)
    record: Annotated[
        str | None, typer.Argument(help="FILE_ID:INDEX of a record; else describe an event.")
    ] = None,
    at: given.AtOption = "",
    number: given.NumberOption = None,
    imsi: given.ImsiOption = None,
    offset: given.OffsetOption = None,
    from_network: given.NetworkOption = None,
    to: given.ToOption = None,
    service: given.ServiceOption = None,
    direction: given.DirectionOption = "mo",
    seconds: given.SecondsOption = None,
    octets: given.BytesOption = None,
    kb: given.KbOption = None,
    mb: given.MbOption = None,
    events: given.EventsOption = None,
    partner: given.PartnerOption = None,
    charge: given.ChargeOption = None,
    currency: given.CurrencyOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Why a record or an event has no price, what comes nearest, and the line that would do."""
    from ratemill.cli_rate import why_not_command
    from ratemill.one_event import OneEvent

    event = OneEvent(
        number=number, imsi=imsi, at=at, offset=offset, network=from_network, to=to,
        service=service, direction=direction, seconds=seconds, bytes=octets, kb=kb, mb=mb,
        events=events, partner=partner, charge=charge, currency=currency,
    )
    raise typer.Exit(why_not_command(record or event, home, os.environ, as_json=json))


for commands in (
    cli_corrections, cli_account, cli_ledger, cli_money, cli_suspense, cli_files, cli_iot,
    cli_rap, cli_observe, cli_alarms,
):
    commands.register(app)


def main() -> None:
    """Run the command line; faults of the input end in one message, never in a traceback."""
    from ratemill.faults import exit_code_of

    try:
        _begin_log()
        app()
    except BrokenPipeError:
        # The reader (head, less) has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SystemExit as end:
        # Typer ends so, without a word, on Ctrl-C.
        if end.code == _INTERRUPTED:
            sys.stderr.write("ratemill: interrupted; run the same command again to go on\n")
        raise
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        from ratemill.logs import fault
        from ratemill.screen import harmless

        text = harmless(str(error))
        if not fault(os.environ, text, exit_code=code):
            sys.stderr.write(f"ratemill: {text}\n")
        sys.exit(code)


def _begin_log() -> None:
    """Have lines written as JSON where RATEMILL_LOG asks for it, with an id of this run."""
    if os.environ.get("RATEMILL_LOG"):
        from ratemill.logs import configure

        os.environ.setdefault("RATEMILL_RUN_ID", token_hex(6))
        configure(os.environ, sys.stderr)
