"""The command line of money in; nothing heavy is imported before a command runs."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratemill.cli_apps import (
    HomeOption,
    JsonOption,
    WhoOption,
    WhyOption,
    account_app,
    voucher_app,
)

if TYPE_CHECKING:
    from ratemill.money_in import Asked

AccountArgument = Annotated[str, typer.Argument(help="Account id.")]
AmountArgument = Annotated[str, typer.Argument(help="A decimal, as 10.00.")]
KeyOption = Annotated[
    str, typer.Option("--key", help="Name of this movement: repeated with it, nothing is done.")
]
CurrencyOption = Annotated[
    str | None, typer.Option("--currency", help="Default the only one that the account has.")
]
BatchArgument = Annotated[str, typer.Argument(help="Name of the batch of vouchers.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
_DAY = ["%Y-%m-%d"]


@account_app.command()
def top_up(
    account: AccountArgument, amount: AmountArgument, *, key: KeyOption, why: WhyOption = "top-up",
    currency: CurrencyOption = None, who: WhoOption = None, home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Put money on an account, once for each key; a life cycle begins anew."""
    from ratemill.money_in import top_up_command

    asked = _asked(home, who, why, as_json=json)
    raise typer.Exit(top_up_command(asked, account, amount, key, currency))


# a negative amount begins as an option does
@account_app.command(context_settings={"ignore_unknown_options": True})
def adjust(
    account: AccountArgument, amount: AmountArgument, *, key: KeyOption, why: WhyOption,
    currency: CurrencyOption = None, who: WhoOption = None, home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Put money on an account or, with a minus, take it off, once for each key."""
    from ratemill.money_in import adjust_command

    asked = _asked(home, who, why, as_json=json)
    raise typer.Exit(adjust_command(asked, account, amount, key, currency))


@voucher_app.command()
def make(  # noqa: PLR0913 (a batch has so many sides)
    batch: BatchArgument, amount: AmountArgument,
    count: Annotated[int, typer.Argument(help="How many vouchers.")], *,
    currency: Annotated[str, typer.Option("--currency", help="Currency of the amount.")],
    valid_to: Annotated[
        datetime, typer.Option("--valid-to", formats=_DAY, help="The day after the last.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="New file for the numbers, one a line, for you alone.")
    ],
    why: WhyOption,
    valid_from: Annotated[
        datetime | None,
        typer.Option("--valid-from", formats=_DAY, help="The first day; default now."),
    ] = None,
    who: WhoOption = None, home: HomeOption = None, json: JsonOption = False,
) -> None:
    """Make vouchers; their numbers are written to a file, and the ledger keeps only hashes."""
    from ratemill.money_in import Wanted, make_command

    wanted = Wanted(batch, amount, currency, count, valid_from.date() if valid_from else None,
                    valid_to.date(), out)
    raise typer.Exit(make_command(_asked(home, who, why, as_json=json), wanted))


@voucher_app.command()
def redeem(
    account: AccountArgument, *, currency: CurrencyOption = None, who: WhoOption = None,
    home: HomeOption = None, json: JsonOption = False,
) -> None:
    """Put a voucher's money on an account.

    The number is asked for, or read from standard input: an argument could be seen by others.
    """
    from ratemill.money_in import redeem_command

    asked = _asked(home, who, "voucher", as_json=json)
    raise typer.Exit(redeem_command(asked, account, currency))


@voucher_app.command()
def block(
    batch: BatchArgument, *, why: WhyOption, who: WhoOption = None, home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let no voucher of a batch be redeemed any more."""
    from ratemill.money_in import block_command

    raise typer.Exit(block_command(_asked(home, who, why, as_json=json), batch))


@voucher_app.command("list")
def show_batches(*, home: HomeOption = None, json: JsonOption = False) -> None:
    """All batches of vouchers, and how many of each are redeemed."""
    from ratemill.home import Home
    from ratemill.money_in import list_command

    raise typer.Exit(list_command(Home.find(home, os.environ), as_json=json))


def recurring(
    *,
    until: Annotated[
        datetime | None,
        typer.Option("--until", formats=_DAY, help="Charge what is due on this day or before; "
                     "default today."),
    ] = None,
    dry_run: DryRunOption = False, who: WhoOption = None, home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Charge what subscriptions owe for their periods; harmless to repeat."""
    from ratemill.recurring_run import recurring_command

    asked = _asked(home, who, "", as_json=json)
    raise typer.Exit(recurring_command(
        asked.home, asked.by, until.date() if until else None, dry_run=dry_run, as_json=json
    ))


def life_cycle(
    *, dry_run: DryRunOption = False, who: WhoOption = None, home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Bring accounts to grace, suspended or closed when their validity has ended."""
    from ratemill.life_cycle_run import life_cycle_command

    asked = _asked(home, who, "", as_json=json)
    raise typer.Exit(life_cycle_command(asked.home, asked.by, dry_run=dry_run, as_json=json))


def register(app: typer.Typer) -> None:
    """Add the commands that stand in no group."""
    app.command()(recurring)
    app.command()(life_cycle)


def _asked(home: Path | None, who: str | None, why: str, *, as_json: bool) -> "Asked":
    from ratemill.home import Home
    from ratemill.money_in import Asked

    return Asked(Home.find(home, os.environ), who, why, as_json)
