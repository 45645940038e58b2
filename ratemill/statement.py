"""An account's statement: opening balance, all that moved it, closing balance, and the proof."""

from datetime import date, datetime
from typing import Any, Final, TypeVar

import msgspec
import polars as pl

from charging.ledger import Ledger
from charging.posting_id import KIND_NAMES
from ratemill.account_ledger import InOneCurrency, MoneyEntry, OnLedger, Reservation, on_ledger
from ratemill.account_moves import Moves, Period, moves
from ratemill.allowances_left import AllowanceLeft, allowances_left
from ratemill.home import Home
from ratemill.lake import Lake
from rating.catalog import Catalog, load_catalog

ENTRY_KINDS: Final = (
    "opening", "top_up", "voucher", "recurring", "adjustment", "reservation", "expiry",
)


_Line = TypeVar("_Line", bound=msgspec.Struct)


class Holder(msgspec.Struct, frozen=True):
    """Who an account is, as catalog and ledger say it now."""

    mode: str
    status: str
    valid_to: datetime | None
    """end of what was paid for"""
    zone: str
    customer: str
    payer: str
    pays_for: list[str]
    credit_limit_micros: int | None
    products: list[str]
    sims: list[tuple[str, str]]
    """MSISDN and IMSI"""


class Movement(msgspec.Struct, frozen=True):
    """What moved the balance in the period, summed by kind."""

    kind: str
    count: int
    amount_micros: int


class ServiceLine(msgspec.Struct, frozen=True):
    """Usage of one service by one partner's files, corrections included."""

    service: str | None
    direction: str | None
    partner: str
    events: int
    unit: str | None
    used_units: int | None
    amount_micros: int
    beyond_micros: int
    """of it below zero or over the credit limit"""
    given_up_micros: int
    """capped or written off, which the amount is less by"""


class DayLine(msgspec.Struct, frozen=True):
    """Usage of one day, local to the account, corrections included."""

    day: date | None
    events: int
    amount_micros: int


class CorrectionLine(msgspec.Struct, frozen=True):
    """What one correction posted."""

    at: datetime
    kind: str
    """rollback, rerate or replay"""
    charges: int
    given_back_micros: int
    charged_micros: int
    """anew, in place of them"""
    who: str
    why: str


class UsageLine(msgspec.Struct, frozen=True):
    """One charge of one event."""

    record: str
    """as `ratemill explain` takes it"""
    started_at: datetime | None
    service: str | None
    direction: str | None
    destination: str | None
    partner: str
    used_by: str | None
    unit: str | None
    used_units: int | None
    covered_units: int | None
    amount_micros: int
    beyond_micros: int
    given_up_micros: int
    refunded: bool
    revision: int


class Statement(msgspec.Struct, frozen=True):
    """An account in one currency over a period of posting; times are naive UTC."""

    account: str
    currency: str
    holder: Holder
    period_from: datetime
    period_to: datetime
    opening_micros: int
    movements: list[Movement]
    closing_micros: int
    after_micros: int
    """what moved since the end of the period"""
    balance_micros: int
    """now, on the ledger"""
    proved: bool
    """opening, movements and what came after are the balance of the ledger"""
    reserved_micros: int
    reservations: list[Reservation]
    allowances: list[AllowanceLeft]
    services: list[ServiceLine]
    days: list[DayLine]
    entries: list[MoneyEntry]
    corrections: list[CorrectionLine]
    usage: list[UsageLine]
    """the last ones"""


def statements(
    home: Home, account: str, period: Period, now: datetime, lines: int
) -> list[Statement]:
    """The account's statements, one a currency, with the last `lines` charges of each.

    RatemillError with near names where the ledger has no such account.
    """
    catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
    with Ledger(home.ledger) as ledger:
        known = on_ledger(ledger, account)
        left = allowances_left(catalog, ledger, account, now)
    with moves(Lake(home.lake), account, period, known.last_batch) as moved:
        details = _details(moved, known, zone_of(catalog, account), lines)
    return [
        _statement(one, _holder(catalog, one, now), period, left, details)
        for one in known.currencies
    ]


def zone_of(catalog: Catalog, account: str) -> str:
    """The IANA zone that an account's statement is told in."""
    own = catalog.frames["accounts"].filter(account=account)
    return str(own["timezone"].item()) if own.height else catalog.home_zone


def _details(
    moved: Moves, known: OnLedger, zone: str, lines: int
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each question to the lake; those of corrections with who and why."""
    found = {name: moved.rows(name) for name in ("around", "kinds", "services")}
    found["days"] = moved.rows("days", zone=zone)
    found["lines"] = moved.rows("lines", lines=lines)
    found["corrections"] = [
        row | msgspec.structs.asdict(known.corrections[row["batch_number"]])
        for row in moved.rows("corrections", corrections=list(known.corrections))
    ]
    return found


def _statement(
    one: InOneCurrency, holder: Holder, period: Period, left: list[AllowanceLeft],
    details: dict[str, list[dict[str, Any]]],
) -> Statement:
    of = {
        name: [row for row in rows if row["currency"] == one.currency]
        for name, rows in details.items()
    }
    around = of["around"][0] if of["around"] else {
        "before_micros": 0, "after_micros": 0, "total_micros": 0,
    }
    entries = [e for e in one.entries if period.begin <= e.at < period.finish]
    opening = around["before_micros"] + sum(
        e.amount_micros for e in one.entries if e.at < period.begin
    )
    after = around["after_micros"] + sum(
        e.amount_micros for e in one.entries if e.at >= period.finish
    )
    movements = [*_by_kind(entries), *_postings(of["kinds"])]
    closing = opening + sum(movement.amount_micros for movement in movements)
    return Statement(
        account=one.account, currency=one.currency, holder=holder,
        period_from=period.begin, period_to=period.finish,
        opening_micros=opening, movements=movements, closing_micros=closing, after_micros=after,
        balance_micros=one.balance_micros, proved=closing + after == one.balance_micros,
        reserved_micros=one.reserved_micros, reservations=one.reservations,
        allowances=left, entries=entries,
        services=[_made(ServiceLine, row) for row in of["services"]],
        days=[_made(DayLine, row) for row in of["days"]],
        corrections=[_made(CorrectionLine, row) for row in of["corrections"]],
        usage=[
            _made(UsageLine, row | {"record": f"{row['file_id'][:8]}:{row['record_index']}"})
            for row in of["lines"]
        ],
    )


def _made(kind: type[_Line], row: dict[str, Any]) -> _Line:
    return kind(**{name: row[name] for name in kind.__struct_fields__})


def _by_kind(entries: list[MoneyEntry]) -> list[Movement]:
    """Money without usage by kind, in the order of ENTRY_KINDS."""
    found = []
    for kind in ENTRY_KINDS:
        amounts = [entry.amount_micros for entry in entries if entry.kind == kind]
        if amounts:
            found.append(Movement(kind, len(amounts), sum(amounts)))
    return found


def _postings(rows: list[dict[str, Any]]) -> list[Movement]:
    """The postings by kind, in the order of kinds; an adjustment here is not one by a person."""
    by_kind = {row["kind"]: row for row in rows}
    return [
        Movement("closed_period" if kind == "adjustment" else kind, by_kind[kind]["count"],
                 by_kind[kind]["amount_micros"])
        for kind in KIND_NAMES if kind in by_kind
    ]


def _holder(catalog: Catalog, one: InOneCurrency, now: datetime) -> Holder:
    """Who it is; a partner's account is in no catalog."""
    frames = catalog.frames
    rows = frames["accounts"].filter(account=one.account).rows(named=True)
    row = rows[0] if rows else {}

    def held(table: str, *names: str) -> list[tuple[Any, ...]]:
        mine = frames[table].filter(
            pl.col("account") == one.account, pl.col("valid_from") <= now, pl.col("valid_to") > now
        )
        return mine.select(names).unique(maintain_order=True).rows()

    status = one.state.state if one.state.state != "active" else row.get("status", "active")
    return Holder(
        mode=one.mode, status=status, valid_to=one.state.valid_to,
        zone=row.get("timezone", catalog.home_zone), customer=row.get("customer", ""),
        payer=row.get("payer", ""),
        pays_for=frames["accounts"].filter(payer=one.account)["account"].to_list(),
        credit_limit_micros=one.credit_limit_micros,
        products=[product for product, in held("subscriptions", "product")],
        sims=[(msisdn, imsi) for msisdn, imsi in held("sims", "msisdn", "imsi")],
    )
