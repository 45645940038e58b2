"""The command line of the ledger's care; nothing heavy is imported before a command runs."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ratemill.cli_apps import HomeOption, JsonOption, WhoOption, WhyOption, ledger_app

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the backup.")]


def register(_app: typer.Typer) -> None:
    """All commands are of the group `ledger`, and are there by importing this module."""


@ledger_app.command()
def check(
    home: HomeOption = None, who: WhoOption = None,
    no_hold: Annotated[
        bool, typer.Option("--no-hold", help="A contradiction does not stop posting.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Prove all sums within the ledger and between it and the lake; a contradiction ends in 4."""
    from ratemill.ledger_care import Care, check_command

    care = Care.find(home, os.environ, who, as_json=json)
    raise typer.Exit(check_command(care, hold_on=not no_hold))


@ledger_app.command()
def hold(why: WhyOption, home: HomeOption = None, who: WhoOption = None) -> None:
    """Stop all posting until `ratemill ledger release`."""
    from ratemill.ledger_care import Care, hold_command

    raise typer.Exit(hold_command(Care.find(home, os.environ, who), why))


@ledger_app.command()
def release(why: WhyOption, home: HomeOption = None, who: WhoOption = None) -> None:
    """Let posting go on after all holds, whoever made them."""
    from ratemill.ledger_care import Care, release_command

    raise typer.Exit(release_command(Care.find(home, os.environ, who), why))


@ledger_app.command()
def audit(
    tail: Annotated[
        int, typer.Option("--tail", help="Show so many of the last rows.", min=1)
    ] = 20,
    home: HomeOption = None, json: JsonOption = False,
) -> None:
    """Who changed what, when and why, the last first."""
    from ratemill.ledger_care import Care, audit_command

    raise typer.Exit(audit_command(Care.find(home, os.environ, as_json=json), tail))


@ledger_app.command()
def close_period(
    until: Annotated[
        datetime,
        typer.Option("--until", formats=["%Y-%m-%d"],
                     help="The day after the last of the period, in the home's time zone."),
    ],
    home: HomeOption = None, who: WhoOption = None,
) -> None:
    """Close a billing period: what was posted in it is corrected by adjustments from now on."""
    from ratemill.ledger_care import Care, close_period_command

    raise typer.Exit(close_period_command(Care.find(home, os.environ, who), until))


@ledger_app.command()
def migrate(home: HomeOption = None) -> None:
    """Bring the ledger's tables to what this version of Ratemill works with."""
    from ratemill.ledger_care import Care, migrate_command

    raise typer.Exit(migrate_command(Care.find(home, os.environ)))


@ledger_app.command()
def backup(folder: FolderArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Copy ledger and home to a new folder while the pipeline may run."""
    from ratemill.ledger_care import Care, backup_command

    raise typer.Exit(backup_command(Care.find(home, os.environ, as_json=json), folder))


@ledger_app.command()
def restore(folder: FolderArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Make a home and an empty ledger what a backup holds, after looking at every octet of it."""
    from ratemill.ledger_care import Care, restore_command

    raise typer.Exit(restore_command(Care.find(home, os.environ, as_json=json), folder))
