"""The command line of suspense; nothing heavy is imported before a command runs."""

import os
from typing import Annotated

import typer

from ratemill.cli_apps import (
    FileArgument,
    HomeOption,
    JsonOption,
    WhoOption,
    WhyOption,
    suspense_app,
)

WhatArgument = Annotated[
    str, typer.Argument(metavar="WHAT", help="CASE, or one record as FILE_ID:INDEX.")
]
PartnerOption = Annotated[str | None, typer.Option("--partner", help="Only this partner.")]


def register(_app: typer.Typer) -> None:
    """All commands are of the group `suspense`, and are there by importing this module."""


@suspense_app.command("list")
def list_cases(
    partner: PartnerOption = None, home: HomeOption = None, json: JsonOption = False,
) -> None:
    """Records that wait, by what they wait for, with the money that waits with them."""
    from ratemill.suspense_commands import Asked, list_command

    raise typer.Exit(list_command(Asked.of(home, os.environ, as_json=json), partner))


@suspense_app.command()
def show(what: WhatArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """The records of a case one by one, each with the reason and its columns that may be edited."""
    from ratemill.suspense_commands import Asked, show_command

    raise typer.Exit(show_command(Asked.of(home, os.environ, as_json=json), what))


@suspense_app.command()
def recycle(
    what: Annotated[
        str | None, typer.Argument(metavar="WHAT", help="CASE, or FILE_ID:INDEX; default all.")
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Only say what would become of them.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Try records in suspense again, with the profile and the catalog as they are now."""
    from ratemill.suspense_commands import Asked, recycle_command

    asked = Asked.of(home, os.environ, as_json=json)
    raise typer.Exit(recycle_command(asked, what, test=test))


@suspense_app.command()
def write_off(
    what: WhatArgument, why: WhyOption, who: WhoOption = None, home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Never charge records that are in suspense: they end dropped, with reason and author."""
    from ratemill.suspense_commands import Asked, write_off_command

    asked = Asked.of(home, os.environ, as_json=json)
    raise typer.Exit(write_off_command(asked, what, asked.author(who, why)))


@suspense_app.command()
def release(
    file: FileArgument,
    why: WhyOption,
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let a quarantined file pass, whatever it was held back for."""
    from ratemill.suspense_commands import Asked, release_command

    asked = Asked.of(home, os.environ, as_json=json)
    raise typer.Exit(release_command(asked, file, asked.author(who, why)))


@suspense_app.command()
def reject(
    file: FileArgument,
    why: WhyOption,
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Leave a quarantined file where it is for good: nobody is asked about it any more."""
    from ratemill.suspense_commands import Asked, reject_command

    asked = Asked.of(home, os.environ, as_json=json)
    raise typer.Exit(reject_command(asked, file, asked.author(who, why)))


@suspense_app.command()
def edit(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="FILE_ID:INDEX.")],
    changes: Annotated[
        list[str], typer.Option("--set", metavar="COLUMN=VALUE", help="May be repeated.")
    ],
    why: WhyOption,
    who: WhoOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Correct columns of one record in suspense, and try it again; its octets stay as they came."""
    from ratemill.suspense_commands import Asked, edit_command

    asked = Asked.of(home, os.environ, as_json=json)
    raise typer.Exit(edit_command(asked, record, changes, asked.author(who, why)))
