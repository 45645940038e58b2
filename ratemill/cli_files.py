"""`ratemill files`: nothing heavy is imported before it runs."""

import os
from typing import Annotated

import typer

from ratemill.cli_apps import HomeOption, JsonOption


def files(
    partner: Annotated[str | None, typer.Argument(help="Only this partner.")] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Only numbers that never came.")] = False,
    late: Annotated[bool, typer.Option("--late", help="Only what the calendar misses.")] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN",
                     help="Files and due times from a day, as 2026-10-01, or back from now, as 12h "
                     "or 30d; default 7d."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Files that came, came late or are missing, and the money that waits with them."""
    from ratemill.files_screen import Wanted, files_command

    wanted = Wanted(partner, since, gaps=gaps, late=late, json=json)
    raise typer.Exit(files_command(wanted, home, os.environ))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(files)
