"""`ratemill rollback`, `ratemill rerate` and `ratemill whatif`; nothing heavy is imported here."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ratemill.cli_apps import FileArgument, HomeOption, JsonOption, WhoOption, WhyOption

WhereOption = Annotated[
    str,
    typer.Option("--where", help="SQL condition on the columns of usage and its retail charge; "
                 "`true` for all."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write all tables here, as CSV and Parquet.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(rollback)
    app.command()(rerate)
    app.command()(whatif)


def rollback(
    file: FileArgument,
    why: WhyOption,
    who: WhoOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, and do nothing.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Give back all that a file charged, allowances included; it may then be rerun."""
    from ratemill.cli_rollback import rollback_command

    raise typer.Exit(
        rollback_command(file, home, os.environ, (who, why), dry_run=dry_run, as_json=json)
    )


def rerate(
    where: WhereOption,
    catalog: Annotated[
        str | None,
        typer.Option("--catalog", help="Folder, or start of a version kept; default the home's."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Post the difference.")] = False,
    why: Annotated[str, typer.Option("--why", help="Reason, for the audit trail.")] = "",
    who: WhoOption = None,
    out: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Rate again what is posted, show the difference, and post it with --apply."""
    from ratemill.cli_rerate import Wanted, rerate_command

    wanted = Wanted(where, catalog, out, json)
    author = (who, why) if apply else None
    raise typer.Exit(rerate_command(wanted, home, os.environ, author))


def whatif(
    where: WhereOption,
    catalog: Annotated[str, typer.Option("--catalog", help="Folder, or start of a version kept.")],
    out: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What another catalog would have earned, by product, zone and account; nothing is kept."""
    from ratemill.cli_rerate import Wanted, whatif_command

    raise typer.Exit(whatif_command(Wanted(where, catalog, out, json), home, os.environ))
