"""The command `ratemill iot`; nothing heavy is imported before it runs."""

import os
from typing import Annotated

import typer

from ratemill.cli_apps import HomeOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(iot)


def iot(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="PARTNER/FILE_ID, the start of the id, or its name; "
                       "default all files."),
    ] = None,
    partner: Annotated[str | None, typer.Option("--partner", help="Only this partner.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What partners state against what was agreed: by file, or the records of one beyond it."""
    from ratemill.iot_command import iot_command

    raise typer.Exit(iot_command(home, os.environ, file, partner, as_json=json))
