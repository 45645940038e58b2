"""Reservations of the plain-dictionary ledger."""

from ledger_model import Account, Held, Model, Name, Refused


def reserve(
    model: Model, key: str, name: Name, amount: int, until: int, *, partial: bool
) -> Held | str:
    """The reservation of the key, or the reason why nothing is held back."""
    known = model.reservations.get(key)
    if known:
        less = partial and known.amount < amount
        if known.name != name or not (known.amount == amount or less):
            raise Refused(key)
        return known
    if name not in model.accounts:
        return "unknown_account"
    account = model.accounts[name]
    left = _left(account)
    if left is not None and left < amount:
        if not partial or left <= 0:
            return "no_cover"
        amount = left
    account.reserved += amount
    model.reservations[key] = Held(name, amount, until)
    return model.reservations[key]


def settle(model: Model, key: str, charged: int) -> Held:
    """The reservation, of which so much is charged; what expired was used all the same."""
    held = _held(model, key)
    if charged > held.amount or (held.state in {"posted", "void"}
                                 and (held.state, held.posted) != ("posted", charged)):
        raise Refused(key)
    if held.state == "pending":
        model.accounts[held.name].reserved -= held.amount
    if held.state != "posted" and charged:
        model.enter(f"reservation:{key}", held.name, "reservation", -charged)
    held.state, held.posted = "posted", charged
    return held


def void(model: Model, key: str) -> Held:
    """The reservation, given up where it was pending."""
    held = _held(model, key)
    if held.state == "posted":
        raise Refused(key)
    if held.state == "pending":
        model.accounts[held.name].reserved -= held.amount
        held.state = "void"
    return held


def expire(model: Model, now: int) -> int:
    """The number of reservations whose time is over."""
    late = [h for h in model.reservations.values() if h.state == "pending" and h.until <= now]
    for held in late:
        model.accounts[held.name].reserved -= held.amount
        held.state = "expired"
    return len(late)


def _held(model: Model, key: str) -> Held:
    if key not in model.reservations:
        raise Refused(key)
    return model.reservations[key]


def _left(account: Account) -> int | None:
    """What can be held back; None: anything."""
    free = account.balance - account.reserved
    if account.mode == "prepaid":
        return free
    if account.mode == "postpaid" and account.limit is not None:
        return free + account.limit
    return None
