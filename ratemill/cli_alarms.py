"""The command `ratemill alarms`; nothing heavy is imported before it runs."""

import os
from typing import Annotated

import typer

from ratemill.cli_apps import HomeOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(alarms)


def alarms(
    home: HomeOption = None,
    tell: Annotated[
        bool, typer.Option("--tell", help="Say what is new by the channels of [alerts].")
    ] = False,
    json: JsonOption = False,
) -> None:
    """What a person has to see to: holds, files missing, late or held, runs that failed."""
    from ratemill.alarms_command import alarms_command

    raise typer.Exit(alarms_command(home, os.environ, tell=tell, as_json=json))
