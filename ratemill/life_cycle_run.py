"""`ratemill life-cycle`: accounts brought to the state they have by date and balance."""

import msgspec

from charging.ledger import Ledger
from charging.life_cycle import Rules, run
from ratemill.errors import SettingsError
from ratemill.home import Home
from ratemill.money import exact_text
from ratemill.screen import out, plain_table
from ratemill.settings import clock


def life_cycle_command(home: Home, who: str, *, dry_run: bool, as_json: bool) -> int:
    """Bring all accounts to their state, and show those that change."""
    settings = home.settings.life_cycle
    if settings is None:
        raise SettingsError(str(home.root / "ratemill.toml"), "has no [life_cycle]",
                            "without it accounts have no end")
    rules = Rules(settings.grace_days, settings.suspend_after_days, settings.close_after_days)
    with Ledger(home.ledger) as ledger:
        changed = run(ledger, rules, clock(home.settings), who=who, dry_run=dry_run)
    if as_json:
        told = {"dry_run": dry_run, "accounts": changed.drop("account_number").rows(named=True)}
        out.print_json(msgspec.json.encode(told).decode())
        return 0
    if changed.is_empty():
        out.print("No account changes its state.")
        return 0
    out.print(plain_table(
        ("account", "was", "is", "valid until (UTC)", "balance", "forfeited"),
        [(row["account"], row["before"], row["state"], f"{row['valid_to']:%Y-%m-%d %H:%M}",
          f"{exact_text(row['balance_micros'])} {row['currency']}",
          exact_text(row["forfeited_micros"]) if row["forfeited_micros"] else "")
         for row in changed.iter_rows(named=True)],
    ))
    if dry_run:
        out.print("Nothing was changed: this was a dry run.")
    return 0
