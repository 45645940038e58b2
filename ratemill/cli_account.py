"""Commands that show accounts: `account show`, `account list` and `exposure`."""

import os
from typing import Annotated

import typer

from ratemill.cli_apps import HomeOption, JsonOption, account_app


@account_app.command("show")
def show(
    account: Annotated[str, typer.Argument(help="Account, or partner:NAME.")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day; default the month's.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day; default today.")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", help="Charges to list.", min=0)] = 10,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """An account's statement: opening, all that moved the balance, closing, what is left."""
    from ratemill.cli_statement import Wanted, show_command

    wanted = Wanted(first, last, lines)
    raise typer.Exit(show_command(account, wanted, home, os.environ, as_json=json))


@account_app.command("list")
def list_accounts(
    mode: Annotated[
        str | None, typer.Option("--mode", help="Only prepaid, postpaid or partner.")
    ] = None,
    below: Annotated[
        str | None, typer.Option("--below", metavar="AMOUNT", help="Only balances below it.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Accounts with their balances."""
    from ratemill.cli_exposure import list_command

    raise typer.Exit(list_command(mode, below, home, os.environ, as_json=json))


def exposure(home: HomeOption = None, json: JsonOption = False) -> None:
    """Who is below zero or over the credit limit, and what was capped or written off."""
    from ratemill.cli_exposure import exposure_command

    raise typer.Exit(exposure_command(home, os.environ, as_json=json))


def register(app: typer.Typer) -> None:
    """Add the commands that belong to no group."""
    app.command()(exposure)
