"""Top-ups and adjustments: money that a person or a shop puts on an account, or takes off it."""

from datetime import datetime

from charging.account_money import Moved, Order, move, wallet
from charging.ledger import Ledger
from charging.ledger_error import LedgerError


def top_up(
    ledger: Ledger, order: Order, now: datetime, valid_to: datetime | None = None
) -> Moved:
    """Put money on an account, once for each key; `valid_to` (naive UTC) extends its validity.

    LedgerError for an account that is closed or not known, an amount of 0 or less, or a key that
    stands for another top-up.
    """
    if order.amount_micros <= 0:
        raise LedgerError(ledger.where, "a top-up is of more than 0",
                          "take money off by an adjustment, which needs a reason")
    with ledger.writing() as connection:
        found = wallet(ledger.where, connection, order.account, order.currency)
        moved = move(ledger, connection, "top_up", order, now, valid_to)
        if found.status.state == "closed" and not moved.repeated:
            raise LedgerError(ledger.where, f"account {order.account} is closed",
                              "a closed account stays closed: give back by an adjustment, or open "
                              "another")
    return moved


def adjust(ledger: Ledger, order: Order, now: datetime) -> Moved:
    """Put money on an account or take it off, once for each key, for the reason `order.why`.

    LedgerError for an account that is not known, an amount of 0, no reason, or a key that stands
    for another adjustment. A closed account may be adjusted, and stays closed.
    """
    if not order.amount_micros:
        raise LedgerError(ledger.where, "an adjustment by 0 changes nothing", "give an amount")
    with ledger.writing() as connection:
        return move(ledger, connection, "adjustment", order, now)
