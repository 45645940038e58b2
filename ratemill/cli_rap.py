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


@rap_app.command()
def stop(
    partner: Annotated[str, typer.Argument(help="Partner profile name.")],
    last: Annotated[int, typer.Argument(help="Sequence number of the last TAP file.")],
    why: WhyOption,
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Name the last TAP file's number to a partner (stop return)."""
    from ratemill.rap_commands import stop_command

    raise typer.Exit(stop_command(home, os.environ, partner, last, (who, why), as_json=json))


@rap_app.command("iot")
def give_back_variances(
    file: FileArgument,
    why: WhyOption,
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Give back the records that charge more than agreed, and take their charges back."""
    from ratemill.rap_commands import iot_command

    raise typer.Exit(iot_command(home, os.environ, file, (who, why), as_json=json))


@rap_app.command()
def ack(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="An acknowledgement or a RAP file from a partner: a "
                       "path, or a received file by id or name."),
    ],
    why: WhyOption = "it came",
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Note the acknowledgement of our RAP file, or acknowledge the RAP file of a partner."""
    from ratemill.rap_commands import ack_command

    raise typer.Exit(ack_command(home, os.environ, file, (who, why), as_json=json))


@rap_app.command("list")
def list_files(home: HomeOption = None, json: JsonOption = False) -> None:
    """The RAP files that were made."""
    from ratemill.rap_commands import list_command

    raise typer.Exit(list_command(home, os.environ, as_json=json))
