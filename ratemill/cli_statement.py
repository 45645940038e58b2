"""`ratemill account show`: an account's statement, as a support agent reads it to a customer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from ratemill.account_moves import Period
from ratemill.columns import columns, show
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.money import aligned_texts
from ratemill.quantities import quantity_text
from ratemill.screen import out
from ratemill.settings import clock
from ratemill.statement import Statement, UsageLine, statements, zone_of
from rating.catalog import load_catalog

MOVED: Final = {
    "opening": "opening balance of the catalog",
    "top_up": "top-ups",
    "voucher": "vouchers",
    "recurring": "recurring charges",
    "adjustment": "adjustments by hand",
    "reservation": "reservations that were charged",
    "expiry": "money that expired",
    "usage": "usage",
    "overdraft": "usage that the balance did not cover",
    "over_limit": "usage over the credit limit",
    "cap": "given back: the price ends with the balance",
    "write_off": "given back: written off",
    "refund": "given back by corrections",
    "closed_period": "corrections of closed periods",
}
"""What moved a balance, in words, by kind of Movement"""
_SERVICES: Final = {"voice": "call", "sms": "text message", "mms": "picture message"}
_DIRECTIONS: Final = {"mo": "outgoing", "mt": "incoming", "mf": "forwarded"}
_MODES: Final = {
    "prepaid": "prepaid", "postpaid": "postpaid",
    "partner": "what is owed to a roaming partner",
}
_MOST_DAYS: Final = 31
_CORRECTIONS: Final = {
    "rollback": "a file was rolled back", "rerate": "charges were priced anew",
    "replay": "usage arrived late, out of order",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which statement: first and last day of posting (as text), and how many lines of usage."""

    first: str | None
    last: str | None
    lines: int


def show_command(
    account: str, wanted: Wanted, path: Path | None, environ: Mapping[str, str], *, as_json: bool
) -> int:
    """Print the account's statements; exit code 0, 4 where one is not proved."""
    home = Home.find(path, environ)
    now = clock(home.settings)
    catalog = load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)
    period = _period(wanted, ZoneInfo(zone_of(catalog, account)), now)
    found = statements(home, account, period, now, wanted.lines)
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
    else:
        for statement in found:
            _Shown(statement).show()
    return 0 if all(statement.proved for statement in found) else 4


def _period(wanted: Wanted, zone: ZoneInfo, now: datetime) -> Period:
    """From the first day's midnight to that after the last day; default this month, local."""
    today = now.replace(tzinfo=UTC).astimezone(zone).date()
    first = _day(wanted.first) if wanted.first else today.replace(day=1)
    last = _day(wanted.last) if wanted.last else max(today, first)
    if last < first:
        raise RatemillError("--to", f"{last} is before --from {first}", "give the last day")
    begin, finish = (
        datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)
        for day in (first, last + timedelta(days=1))
    )
    return Period(begin, finish)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RatemillError(text, "is no day", "write YYYY-MM-DD") from None


class _Shown:
    """A statement as text: times in its zone, all amounts with the same decimals."""

    def __init__(self, statement: Statement) -> None:
        self._s = statement
        self._zone = ZoneInfo(statement.holder.zone)

    def show(self) -> None:
        """Print it."""
        s = self._s
        out.print(f"\nAccount {s.account}", style="bold", markup=False, soft_wrap=True)
        for line in columns(("", ""), list(self._who())):
            out.print(f"  {line}", markup=False, soft_wrap=True)
        first = self._local(s.period_from)[:10]
        last = self._local(s.period_to - timedelta(seconds=1))[:10]
        show(f"What moved the balance, posted from {first} to {last}, in {s.currency}",
             self._balance())
        show("What is held back for sessions that go on", self._held())
        show("What is left of allowances", self._allowances())
        show("Usage by service and partner, corrections included", self._services())
        show("Usage by its time, corrections included", self._days())
        show("Money in, and other charges", self._entries())
        show("Corrections", self._corrections())
        show("Last charges", self._usage())

    def _who(self) -> Iterator[tuple[str, str]]:
        h, s = self._s.holder, self._s
        until = f", paid until {self._local(h.valid_to)}" if h.valid_to else ""
        kind = h.mode if h.mode == "partner" else f"{h.mode}, {h.status}{until}"
        yield "kind", _MODES[h.mode] if h.mode == "partner" else kind
        if h.customer:
            yield "customer", h.customer
        if h.mode == "postpaid":
            limit = self._money(h.credit_limit_micros) if h.credit_limit_micros is not None else ""
            yield "credit limit", limit or "none"
        if h.payer:
            yield "paid by", f"account {h.payer}, which is charged instead"
        if h.pays_for:
            yield "pays also for", ", ".join(h.pays_for)
        if h.products:
            yield "products", ", ".join(h.products)
        for msisdn, imsi in h.sims:
            yield "number", f"+{msisdn} (SIM {imsi})"
        yield "balance now", self._money(s.balance_micros)
        yield "times", f"in {h.zone}"

    def _balance(self) -> Iterator[str]:
        s = self._s
        amounts = aligned_texts(
            [s.opening_micros, *(m.amount_micros for m in s.movements), s.closing_micros]
        )
        counts = ["", *(f"{m.count:,}" for m in s.movements), ""]
        names = ["opening balance", *(f"  {MOVED[m.kind]}" for m in s.movements),
                 "closing balance"]
        yield from columns(("what", "how many", "amount"),
                           list(zip(names, counts, amounts, strict=True)), ("how many", "amount"))
        later = (f", with {self._money(s.after_micros)} posted after it" if s.after_micros else "")
        yield ""
        if s.proved:
            yield f"Proved: the closing balance{later} is the balance on the ledger."
            return
        difference = s.balance_micros - s.closing_micros - s.after_micros
        yield (f"NOT PROVED: the ledger has {self._money(difference)} that is not told here; "
               "`ratemill run` brings what is missing, `ratemill ledger check` says where it is.")

    def _held(self) -> Iterator[str]:
        s = self._s
        if s.reserved_micros:
            rows = [(r.key, self._money(r.amount_micros), f"until {self._local(r.expires_at)}")
                    for r in s.reservations]
            yield from columns(("", "amount", " "), rows, ("amount",))
            yield f"left to spend: {self._money(s.balance_micros - s.reserved_micros)}"

    def _allowances(self) -> Iterator[str]:
        rows = [
            (a.allowance, _holder_text(a.holder), f"{a.left} {a.unit}", f"{a.granted} {a.unit}",
             f"{a.used} {a.unit}", self._local(a.until) if a.until else "no end")
            for a in self._s.allowances
        ]
        if rows:
            yield from columns(("allowance", "of", "left", "granted", "used", "can be used until"),
                               rows, ("left", "granted", "used"))

    def _services(self) -> Iterator[str]:
        lines = self._s.services
        beyond = any(line.beyond_micros for line in lines)
        given_up = any(line.given_up_micros for line in lines)
        amounts, parts, gone = (
            aligned_texts([getattr(line, name) for line in lines])
            for name in ("amount_micros", "beyond_micros", "given_up_micros")
        )
        heads = ["service", "partner", "events", "used", "amount"]
        heads += ["of it not covered"] * beyond + ["after given back"] * given_up
        rows = [
            (_service_text(line.service, line.direction), line.partner, f"{line.events:,}",
             quantity_text(line.used_units, line.unit), amounts[at],
             *([parts[at] if line.beyond_micros else ""] * beyond),
             *([gone[at] if line.given_up_micros else ""] * given_up))
            for at, line in enumerate(lines)
        ]
        if rows:
            yield from columns(heads, rows, heads[2:])

    def _days(self) -> Iterator[str]:
        lines = self._s.days
        # a day each as long as they can be overlooked
        name, pattern = ("day", "%a %Y-%m-%d") if len(lines) <= _MOST_DAYS else ("month", "%Y-%m")
        sums: dict[str, tuple[int, int]] = {}
        for line in lines:
            when = f"{line.day:{pattern}}" if line.day else "not known"
            events, amount = sums.get(when, (0, 0))
            sums[when] = events + line.events, amount + line.amount_micros
        amounts = aligned_texts([amount for _, amount in sums.values()])
        rows = [(when, f"{events:,}", amount) for (when, (events, _)), amount
                in zip(sums.items(), amounts, strict=True)]
        if rows:
            yield from columns((name, "events", "amount"), rows, ("events", "amount"))

    def _entries(self) -> Iterator[str]:
        lines = self._s.entries
        amounts = aligned_texts([line.amount_micros for line in lines])
        rows = [
            (self._local(line.at), MOVED[line.kind], amount, line.who, line.why)
            for line, amount in zip(lines, amounts, strict=True)
        ]
        if rows:
            yield from columns(("time", "what", "amount", "by", "reason"), rows, ("amount",))

    def _corrections(self) -> Iterator[str]:
        lines = self._s.corrections
        given_back, charged, together = (
            aligned_texts(amounts) for amounts in (
                [line.given_back_micros for line in lines],
                [line.charged_micros for line in lines],
                [line.given_back_micros + line.charged_micros for line in lines],
            )
        )
        rows = [
            (self._local(line.at), _CORRECTIONS[line.kind], f"{line.charges:,}", given_back[at],
             charged[at], together[at], line.who, line.why)
            for at, line in enumerate(lines)
        ]
        heads = ("time", "what happened", "charges", "given back", "charged anew", "together",
                 "by", "reason")
        if rows:
            yield from columns(heads, rows, heads[2:6])

    def _usage(self) -> Iterator[str]:
        lines = self._s.usage
        amounts = aligned_texts([line.amount_micros for line in lines])
        rows = [
            (self._local(line.started_at) if line.started_at else "",
             _service_text(line.service, line.direction), line.destination or "", line.partner,
             quantity_text(line.used_units, line.unit), amount, self._note(line),
             f"ratemill explain {line.record}")
            for line, amount in zip(lines, amounts, strict=True)
        ]
        if rows:
            yield from columns(
                ("begin", "service", "to", "partner", "used", "amount", "note", "all of it"), rows,
                ("used", "amount"),
            )

    def _note(self, line: UsageLine) -> str:
        notes = []
        if line.refunded:
            notes.append("given back")
        elif line.revision:
            notes.append("priced anew")
        if line.beyond_micros and not line.refunded:
            notes.append(f"{self._money(line.beyond_micros)} not covered")
        if line.given_up_micros and not line.refunded:
            notes.append(f"{self._money(line.given_up_micros)} given up")
        if line.covered_units:
            notes.append(f"{quantity_text(line.covered_units, line.unit)} from allowances")
        if line.used_by and line.used_by != self._s.account and self._s.holder.mode != "partner":
            notes.append(f"used by {line.used_by}")
        return ", ".join(notes)

    def _money(self, micros: int) -> str:
        return f"{aligned_texts([micros])[0]} {self._s.currency}"

    def _local(self, moment: datetime) -> str:
        return f"{moment.replace(tzinfo=UTC).astimezone(self._zone):%Y-%m-%d %H:%M}"


def _service_text(service: str | None, direction: str | None) -> str:
    if service is None:
        return "not known"
    way = _DIRECTIONS.get(direction or "", direction or "")
    return f"{_SERVICES.get(service, service)}, {way}" if service in _SERVICES else service


def _holder_text(holder: str) -> str:
    kind, _, name = holder.partition(":")
    return {"account": "the account", "sim": f"SIM {name}", "pool": f"pool {name}"}[kind]
