"""`ratemill account top-up` and `adjust`, `ratemill voucher`: money in, told with its balance."""

import getpass
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from charging.account_money import Moved, Order, currencies, wallet
from charging.accounts import open_accounts
from charging.ledger import Ledger
from charging.top_ups import adjust, top_up
from charging.vouchers import VoucherBatch, batches, block_batch, make_batch, redeem
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.money import exact_text, micros_of
from ratemill.posting_step import catalog_accounts
from ratemill.screen import out, plain_table
from ratemill.settings import clock
from rating.catalog import load_catalog

_OURS_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what on the command line, and why."""

    home: Home
    who: str | None
    why: str
    as_json: bool

    @property
    def by(self) -> str:
        """Who asks: the system's user where nobody is named."""
        return self.who or getpass.getuser()


def top_up_command(
    asked: Asked, account: str, amount: str, key: str, currency: str | None
) -> int:
    """Put money on an account, and extend its validity where the home has a life cycle."""
    home, now, micros = asked.home, clock(asked.home.settings), micros_of(amount)
    with Ledger(home.ledger) as ledger:
        code = _currency(home, ledger, account, currency, now)
        order = Order(account, code, micros, key, asked.by, asked.why)
        _show(top_up(ledger, order, now, _valid_to(home, ledger, account, code, now)), asked)
    return 0


def adjust_command(
    asked: Asked, account: str, amount: str, key: str, currency: str | None
) -> int:
    """Put money on an account or take it off, for a reason."""
    home, now, micros = asked.home, clock(asked.home.settings), micros_of(amount)
    with Ledger(home.ledger) as ledger:
        code = _currency(home, ledger, account, currency, now)
        _show(adjust(ledger, Order(account, code, micros, key, asked.by, asked.why), now), asked)
    return 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch of vouchers as the command line words it."""

    batch: str
    amount: str
    currency: str
    count: int
    valid_from: date | None
    valid_to: date
    out: Path


def make_command(asked: Asked, wanted: Wanted) -> int:
    """Make vouchers; their numbers are in the file, and nowhere else."""
    home, now = asked.home, clock(asked.home.settings)
    first = _midnight(home, wanted.valid_from) if wanted.valid_from else now
    batch = VoucherBatch(wanted.batch, wanted.currency, micros_of(wanted.amount), wanted.count,
                         first, _midnight(home, wanted.valid_to))
    with Ledger(home.ledger) as ledger, _new_file(wanted.out) as write:
        make_batch(ledger, batch, now, who=asked.by, why=asked.why, deliver=write)
    if asked.as_json:
        _print_json({"batch": batch.batch, "vouchers": batch.count, "out": str(wanted.out)})
    else:
        out.print(f"{batch.count} vouchers of {exact_text(batch.amount_micros)} {batch.currency} "
                  f"are made; their numbers are in {wanted.out}, and kept nowhere else",
                  markup=False, soft_wrap=True)
    return 0


def redeem_command(asked: Asked, account: str, currency: str | None) -> int:
    """Put the money of a voucher, whose number is on standard input, on an account."""
    home, now = asked.home, clock(asked.home.settings)
    with Ledger(home.ledger) as ledger:
        code = _currency(home, ledger, account, currency, now)
        _show(redeem(
            ledger, _secret(), account, code, now, who=asked.by,
            valid_to=_valid_to(home, ledger, account, code, now),
        ), asked)
    return 0


def block_command(asked: Asked, batch: str) -> int:
    """Let no voucher of a batch be redeemed any more."""
    with Ledger(asked.home.ledger) as ledger:
        now = clock(asked.home.settings)
        changed = block_batch(ledger, batch, now, who=asked.by, why=asked.why)
    if asked.as_json:
        _print_json({"batch": batch, "state": "blocked", "repeated": not changed})
    else:
        out.print(f"Voucher batch {batch} is blocked" + ("" if changed else ": it was before"),
                  markup=False)
    return 0


def list_command(home: Home, *, as_json: bool) -> int:
    """Show all batches, and how many vouchers of each are redeemed."""
    with Ledger(home.ledger) as ledger:
        found = batches(ledger)
    if as_json:
        _print_json(found)
        return 0
    zone = ZoneInfo(home.settings.zone)
    out.print(plain_table(
        ("batch", "state", "amount", "vouchers", "redeemed", "valid from", "until"),
        [(b["voucher_batch"], b["state"], f"{exact_text(b['amount_micros'])} {b['currency']}",
          b["vouchers"], b["redeemed"], _local(b["valid_from"], zone), _local(b["valid_to"], zone))
         for b in found],
    ))
    return 0


def _currency(
    home: Home, ledger: Ledger, account: str, currency: str | None, now: datetime
) -> str:
    """The currency given, else the only one that the account has; new accounts are opened."""
    known = _currencies(ledger, account)
    if not known or (currency and currency not in known):
        catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
        open_accounts(ledger, catalog_accounts(catalog), now)
        known = _currencies(ledger, account)
    if currency or len(known) == 1:
        return currency or known[0]
    if not known:
        raise RatemillError(ledger.where, f"account {account} is not known",
                            "add it to accounts.csv")
    raise RatemillError(ledger.where, f"account {account} has {', '.join(known)}",
                        "say which with --currency")


def _currencies(ledger: Ledger, account: str) -> list[str]:
    with ledger.reading() as connection:
        return currencies(connection, account)


def _valid_to(
    home: Home, ledger: Ledger, account: str, currency: str, now: datetime
) -> datetime | None:
    """Until when money put on it now lets a prepaid account live; None where it has no end."""
    rules = home.settings.life_cycle
    if rules is None:
        return None
    with ledger.reading() as connection:
        mode = wallet(ledger.where, connection, account, currency).mode
    return now + timedelta(days=rules.days_per_top_up) if mode == "prepaid" else None


def _secret() -> str:
    """The number that is typed unseen, or the first line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass("Voucher number: ")
    return sys.stdin.readline()


@contextmanager
def _new_file(path: Path) -> Iterator[Callable[[Sequence[str]], None]]:
    """Writes numbers, one a line, to a new file that only its owner reads; no file on failure."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OURS_ONLY)
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:

            def write(numbers: Sequence[str]) -> None:
                file.writelines(f"{each}\n" for each in numbers)
                file.flush()
                os.fsync(file.fileno())

            yield write
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _midnight(home: Home, day: date) -> datetime:
    local = datetime.combine(day, time(), ZoneInfo(home.settings.zone))
    return local.astimezone(UTC).replace(tzinfo=None)


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.replace(tzinfo=UTC).astimezone(zone):%Y-%m-%d %H:%M}"


def _show(moved: Moved, asked: Asked) -> None:
    """Print what a movement did, in words with the balance before and after, or as JSON."""
    if asked.as_json:
        _print_json(asdict(moved))
        return
    zone = ZoneInfo(asked.home.settings.zone)
    done = {"top_up": "topped up", "voucher": "by voucher", "adjustment": "adjusted"}[moved.kind]
    amount = f"{exact_text(moved.amount_micros, sign=True)} {moved.currency}"
    after = f"{exact_text(moved.after_micros)} {moved.currency}"
    if moved.repeated:
        out.print(f"{moved.account}: nothing was done, {amount} was {done} before; the balance is "
                  f"{after}", markup=False, soft_wrap=True)
        return
    end = f"; {moved.state} until {_local(moved.valid_to, zone)}" if moved.valid_to else ""
    out.print(f"{moved.account}: {amount} {done}; the balance was "
              f"{exact_text(moved.before_micros)} {moved.currency} and is {after}{end}",
              markup=False, soft_wrap=True)


def _print_json(told: Mapping[str, object] | Sequence[object]) -> None:
    out.print_json(msgspec.json.encode(told).decode())
