"""The command line of returns to partners; nothing heavy is imported before a command runs."""

import os
from typing import Annotated

import typer

from ratemill.cli_apps import FileArgument, HomeOption, JsonOption, WhoOption, WhyOption, rap_app


def register(_app: typer.Typer) -> None:
    """All commands are of the group `rap`, and are there by importing this module."""


@rap_app.command("file")
def give_back(
    file: FileArgument,
    why: WhyOption,
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Give back what of a TAP file breaks TD.57: its records, or the file for a fatal error."""
    from ratemill.rap_commands import file_command

    raise typer.Exit(file_command(home, os.environ, file, (who, why), as_json=json))


@rap_app.command()
def missing(
    partner: Annotated[str, typer.Argument(help="Partner profile name.")],
    first: Annotated[int, typer.Argument(help="First sequence number that did not come.")],
    why: WhyOption,
    last: Annotated[int | None, typer.Argument(help="Last of them; default the first.")] = None,
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Ask a partner for TAP files that did not come; `ratemill files --gaps` lists them."""
    from ratemill.rap_commands import missing_command

    wanted = partner, first, first if last is None else last
    raise typer.Exit(missing_command(home, os.environ, wanted, (who, why), as_json=json))


@rap_app.command("list")
def list_files(home: HomeOption = None, json: JsonOption = False) -> None:
    """The RAP files that were made."""
    from ratemill.rap_commands import list_command

    raise typer.Exit(list_command(home, os.environ, as_json=json))
