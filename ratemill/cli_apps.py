"""The groups of commands and the options they share; nothing heavy is imported here."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The operator's home; default $RATEMILL_HOME or .ratemill."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
WhyOption = Annotated[str, typer.Option("--why", help="Reason, for the audit trail.")]
FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="PARTNER/FILE_ID, the start of the id, or its name.")
]
WhoOption = Annotated[
    str | None, typer.Option("--who", help="Who asks for it; default the system's user.")
]


def group(text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)


catalog_app = group("Check the catalog, and keep its versions.")
ledger_app = group("Prove, migrate, hold, back up and restore the ledger.")
account_app = group("An account's statement, money and state.")
voucher_app = group("Make, redeem and block vouchers.")
suspense_app = group("What waits, for what, and how it goes on.")
rap_app = group("Give records and files back to partners (RAP).")
