"""`ratemill exposure` and `ratemill account list`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from charging.ledger import Ledger
from ratemill.columns import columns, show
from ratemill.errors import RatemillError
from ratemill.exposure import Account, Exposure, Uncovered, all_accounts, exposure
from ratemill.home import Home
from ratemill.money import aligned_texts, micros_of
from ratemill.screen import out

_SHOWN: Final = 50
"""Lines of a list on the screen; --json gives them all"""
_WORDS: Final = {
    "balance": "now below zero or over the limit",
    "overdraft": "charged below zero",
    "over_limit": "charged over the credit limit",
    "cap": "given back: price ended with the balance",
    "write_off": "given back: written off",
}
_MODES: Final = ("prepaid", "postpaid", "partner")


def exposure_command(path: Path | None, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print who is over by how much, and what was not covered; exit code 0."""
    found = exposure(Home.find(path, environ))
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
    elif not found.accounts and not found.uncovered:
        out.print("Nobody is below zero or over a credit limit, and no charge ever was.")
    else:
        _show(found)
    return 0


def _show(found: Exposure) -> None:
    show("Below zero or over the limit now", _accounts(found.accounts, over=True))
    show("Charges that balances or limits did not cover", _uncovered(found.uncovered))
    amounts = aligned_texts([line.amount_micros for line in found.sums])
    rows = [
        (_WORDS[line.kind], f"{line.count:,} {'accounts' if line.kind == 'balance' else 'charges'}",
         amount, line.currency)
        for line, amount in zip(found.sums, amounts, strict=True)
    ]
    show("Sums", columns(("", "count", "amount", " "), rows, ("count", "amount")))


def _accounts(accounts: Sequence[Account], *, over: bool) -> list[str]:
    shown = accounts[:_SHOWN]
    balances, limits, overs = (
        aligned_texts([getattr(one, name) or 0 for one in shown])
        for name in ("balance_micros", "credit_limit_micros", "over_micros")
    )
    rows = [
        (one.account, one.mode, balance,
         limit if one.credit_limit_micros is not None else "",
         *([by] if over else []), one.currency)
        for one, balance, limit, by in zip(shown, balances, limits, overs, strict=True)
    ]
    heads = ("account", "mode", "balance", "credit limit", *(["over by"] if over else []),
             "currency")
    return _with_rest(columns(heads, rows, heads[2:-1]) if rows else (), len(accounts))


def _uncovered(lines: Sequence[Uncovered]) -> list[str]:
    shown = lines[:_SHOWN]
    amounts = aligned_texts([line.amount_micros for line in shown])
    rows = [
        (_WORDS[line.kind], line.product or "", line.partner, line.name, f"{line.charges:,}",
         amount, line.currency)
        for line, amount in zip(shown, amounts, strict=True)
    ]
    heads = ("what", "product", "partner", "file", "charges", "amount", "currency")
    return _with_rest(columns(heads, rows, ("charges", "amount")) if rows else (), len(lines))


def _with_rest(lines: Iterable[str], count: int) -> list[str]:
    rest = [f"… and {count - _SHOWN:,} more; --json gives them all"] if count > _SHOWN else []
    return [*lines, *rest]


def list_command(
    mode: str | None, below: str | None, path: Path | None, environ: Mapping[str, str], *,
    as_json: bool,
) -> int:
    """Print accounts with their balances; exit code 0."""
    if mode is not None and mode not in _MODES:
        raise RatemillError("--mode", f"{mode} is none", f"write one of: {', '.join(_MODES)}")
    limit = None if below is None else micros_of(below)
    with Ledger(Home.find(path, environ).ledger) as ledger, ledger.reading() as connection:
        found = all_accounts(connection)
    chosen = found
    if mode is not None:
        chosen = chosen.filter(mode=mode)
    if limit is not None:
        chosen = chosen.filter(pl.col("balance_micros") < limit)
    accounts = [Account(**row) for row in chosen.iter_rows(named=True)]
    if as_json:
        out.print_json(msgspec.json.encode(accounts).decode())
    elif accounts:
        show(f"{len(accounts):,} of {found.height:,} accounts", _accounts(accounts, over=False))
    else:
        out.print("No account is so.")
    return 0
