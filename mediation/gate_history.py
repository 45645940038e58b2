"""What a file must keep against the partner's accepted files before it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from mediation.calendar import span
from mediation.gate_figures import KINDS, Figures, Kind
from mediation.gate_limits import Limit, as_written
from mediation.limits import GATE_SPREAD
from mediation.profile_gate import History, New

NOTE: Final = "history: "
"""What the gate's notes begin with: they are for the operator, not for the partner"""
UNJUDGED: Final = f"{NOTE}no verdict "
"""What those begin with that say why there is none, as every partner's first files have it"""
_NAMED: Final = 5
"""New names that a finding names"""
_MILLION: Final = 1_000_000
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Past:
    """The figures of one file that are compared; charges in micro-units of the currency."""

    received_at: datetime
    records: int
    rejected: int | None
    charge_micros: int | None
    currency: str | None
    age_median_s: int | None
    age_max_s: int | None


class Earlier(Protocol):
    """The accepted files of the partner that came before a file."""

    def newest(self, count: int, weekday: int | None = None) -> Sequence[Past]:
        """At most so many of the newest, of those received on this weekday (0 is Monday)."""

    def named(self) -> int:
        """How many of them there are whose names are known."""

    def unseen(self, kind: Kind, names: Iterable[str]) -> list[str]:
        """Those of the names that none of them had."""


class NothingEarlier:
    """Earlier of a file that came first."""

    def newest(self, _count: int, _weekday: int | None = None) -> Sequence[Past]:
        """None."""
        return ()

    def named(self) -> int:
        """None."""
        return 0

    def unseen(self, _kind: Kind, names: Iterable[str]) -> list[str]:
        """All names."""
        return list(names)


Value = Callable[[Past, History], int | None]
Show = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class _Measure:
    """One figure of a file, how far it may be from the earlier ones', and how people read it."""

    name: str
    what: str
    value: Value
    show: Show
    factor: Callable[[History], float] = lambda _: 1.0
    more: Callable[[History], int] = lambda _: 0
    """how far above the median it may be in any case"""
    least: Callable[[History], int] = lambda _: 0
    """no file is held for a figure up to this"""
    below: bool = False
    """whether it may be too small as well"""
    by_weekday: bool = False
    money: bool = False
    """whether it compares with figures of the same currency only"""


def _money(digits: int) -> Show:
    return lambda micros: f"{Decimal(micros).scaleb(-6):,.{digits}f}"


def _days(seconds: int) -> str:
    return f"{Decimal(seconds) / 86_400:,.1f} days"


def _count(number: int) -> str:
    return f"{number:,}"


def _percent(millionths: int) -> str:
    return f"{Decimal(millionths) / 10_000:.1f} %"


def _per_record(file: Past, rule: History) -> int | None:
    if file.charge_micros is None or file.records < max(1, rule.records_min):
        return None
    return file.charge_micros // file.records


def _rejected(file: Past, rule: History) -> int | None:
    if file.rejected is None or file.records < max(1, rule.records_min):
        return None
    return file.rejected * _MILLION // file.records


SUMS: Final = (
    _Measure(
        "records", "records", lambda file, _: file.records, _count,
        factor=lambda rule: rule.records_times, least=lambda rule: rule.records_min, below=True,
        by_weekday=True,
    ),
    _Measure(
        "charge_micros", "charged in all", lambda file, _: file.charge_micros, _money(2),
        factor=lambda rule: rule.charge_times, below=True, by_weekday=True, money=True,
    ),
    _Measure(
        "charge_per_record_micros", "charged a record", _per_record, _money(4),
        factor=lambda rule: rule.record_charge_times, below=True, by_weekday=True, money=True,
    ),
    _Measure(
        "rejected_millionths", "of the records rejected", _rejected, _percent,
        more=lambda rule: round(rule.reject_share_more * _MILLION),
    ),
)
"""What says little of small files"""
AGES: Final = (
    _Measure(
        "age_median_s", "from event to arrival (median)", lambda file, _: file.age_median_s, _days,
        more=lambda rule: span(rule.age_more) // _SECOND,
    ),
    _Measure(
        "age_max_s", "from the oldest event to arrival", lambda file, _: file.age_max_s, _days,
        more=lambda rule: span(rule.oldest_more) // _SECOND,
    ),
)


def of_history(
    rule: History, earlier: Earlier, figures: Figures, currency: str | None, received_at: datetime
) -> tuple[list[Limit], list[str]]:
    """The limits that the earlier files give, and notes where there are too few of them."""
    if not rule.files:
        return [], []
    now = Past(
        received_at, figures.records, figures.rejected, figures.charge_micros, currency,
        figures.traffic.age_median_s, figures.traffic.age_max_s,
    )
    lately = earlier.newest(rule.files)
    alike = earlier.newest(rule.files, now.received_at.weekday()) if rule.same_weekday else lately
    notes = _too_few(rule, len(lately), len(alike), f"{received_at:%A}")
    limits = []
    for measure in (*(SUMS if _large(rule, lately, now) else ()), *AGES):
        past = alike if measure.by_weekday else lately
        if measure.money:
            past = [file for file in past if file.currency == currency]
        limits += _limit(measure, rule, past, now)
    if earlier.named() >= rule.files_min:
        for kind in KINDS:
            new = earlier.unseen(kind, figures.traffic.names(kind))
            found, said = _new_names(kind, getattr(rule, f"new_{kind}"), new)
            limits += found
            notes += said
    return limits, notes


def _too_few(rule: History, lately: int, alike: int, weekday: str) -> list[str]:
    """Why there is no verdict."""
    if lately < rule.files_min:
        known = f"by earlier files ({lately} accepted"
    elif alike < rule.files_min:
        known = f"on records and charges ({alike} files accepted on a {weekday}"
    else:
        return []
    return [f"{UNJUDGED}{known}, {rule.files_min} needed)"]


def _large(rule: History, past: Sequence[Past], now: Past) -> bool:
    """Whether counts and sums say something of the file, or of those before it."""
    usual = _median([file.records for file in past]) if past else 0
    return max(usual, now.records) >= rule.records_min


def _limit(measure: _Measure, rule: History, past: Sequence[Past], now: Past) -> list[Limit]:
    """The bounds of one figure by those of the earlier files; none where these are too few."""
    observed = measure.value(now, rule)
    values = [v for v in (measure.value(file, rule) for file in past) if v is not None]
    if observed is None or len(values) < rule.files_min:
        return []
    middle, factor = _median(values), as_written(measure.factor(rule))
    spread = GATE_SPREAD * _median([abs(v - middle) for v in values])
    high = max(int(middle * factor), middle + measure.more(rule), middle + spread,
               measure.least(rule), *values)
    # as many times below as above: what is spread by more than itself could be nothing else
    below = middle * middle // (middle + spread) if middle > 0 else middle - spread
    low = min(int(middle / factor), below, *values) if measure.below else None
    show = measure.show
    bound = f"at most {show(high)}" if observed > high or low is None else f"at least {show(low)}"
    return [Limit(
        measure.name, observed, low, high,
        f"{show(observed)} {measure.what}: the {len(values)} accepted files before had "
        f"{show(min(values))} to {show(max(values))}, {show(middle)} in the middle; "
        f"{bound} is expected",
    )]


def _new_names(kind: Kind, action: New, new: Sequence[str]) -> tuple[list[Limit], list[str]]:
    """A limit or a note about names that no earlier file had."""
    more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
    said = f"{kind} that no accepted file had before: {', '.join(new[:_NAMED])}{more}"
    if action == "hold":
        return [Limit(f"new_{kind}", len(new), None, 0, said)], []
    return [], [f"{NOTE}{said}"] if new and action == "note" else []


def _median(values: Sequence[int]) -> int:
    """The value in the middle, of two the mean without its fraction."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2
