"""Commands on partner profiles: check, preview, guess, list and add."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ratemill.cli_apps import HomeOption, JsonOption, group

profile_app = group("Check, preview, guess and add partner profiles.")


@profile_app.command()
def check(
    profile: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="Default all of the home's.")
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option("--sample", help="A file of the partner; default the last one collected."),
    ] = None,
    home: HomeOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail as errors do.")] = False,
    json: JsonOption = False,
) -> None:
    """List all that is wrong or doubtful in profiles, with file, line, key and a hint."""
    from ratemill.profile_commands import check_command

    raise typer.Exit(
        check_command(profile, sample, home, os.environ, strict=strict, as_json=json)
    )


@profile_app.command()
def preview(
    file: Annotated[Path, typer.Argument(help="A file of the partner, packed or not.")],
    profile: Annotated[
        str | None, typer.Option("--profile", help="Profile's name or TOML file, else by FILE.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", help="Records to show.", min=0)] = 5,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Only records that would be turned away.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show records side by side as received, as read and as usage; nothing is written."""
    from ratemill.profile_commands import Shown, preview_command

    shown = Shown(rows, rejected, json)
    raise typer.Exit(preview_command(file, profile, home, os.environ, shown))


@profile_app.command()
def guess(
    file: Annotated[Path, typer.Argument(help="A sample file of a new partner.")],
    name: Annotated[
        str | None, typer.Option("--name", help="The profile's name, else made of the file's.")
    ] = None,
) -> None:
    """Print a first profile for a sample, with a comment beside each guess."""
    from ratemill.profile_commands import guess_command

    raise typer.Exit(guess_command(file, name))


@profile_app.command("list")
def list_profiles(home: HomeOption = None, json: JsonOption = False) -> None:
    """The home's profiles, and the ready ones that `ratemill profile add` copies."""
    from ratemill.profile_ready import list_command

    raise typer.Exit(list_command(home, os.environ, as_json=json))


@profile_app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the new profile.")],
    ready: Annotated[str, typer.Option("--from", metavar="READY", help="A ready profile.")],
    home: HomeOption = None,
) -> None:
    """Copy a ready profile into the home under a name of its own."""
    from ratemill.profile_ready import add_command

    raise typer.Exit(add_command(name, ready, home, os.environ))
