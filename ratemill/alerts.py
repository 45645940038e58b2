"""Alarms: what a person has to see to, said once by each channel within its quiet time."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from ratemill.atomic import replacing
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.money import amounts_text
from ratemill.settings import QUIET_HOURS, AlarmKind, Alerts

_SHOWN: Final = 30
"""Alarms of one message: who has more to see to begins with these"""
_KEPT: Final = timedelta(days=2)
"""How long a failed run is among the things that are still open: nothing says that it is over"""
_FORGOTTEN: Final = timedelta(days=30)
"""How long what was said is remembered of a thing that is over, where no message came since"""
_WORSE: Final = 2
"""How many times as much money or as many records are said in spite of the quiet time"""
_UNSAFE: Final = str.maketrans({"<": "\u2039", ">": "\u203a"})
"""Chats read commands and links between angle brackets"""

HEADS: Final[Mapping[AlarmKind, tuple[str, str]]] = {
    "hold": (
        "Posting is on hold",
        "`ratemill ledger check` says what is wrong; mend it, then `ratemill ledger release`",
    ),
    "check": ("Sums are not proven", "the last run of the DAG daily, task ledger_check, says why"),
    "run": ("A run failed", "open the run in Airflow, mend the cause, clear the failed tasks"),
    "deadline": ("A run takes too long", "open the run in Airflow and look what is running"),
    "quarantine": (
        "A file is held", "approve or reject it in Airflow, or `ratemill suspense release FILE`",
    ),
    "refused": ("A file could not be read", "`ratemill files PARTNER` says why; ask the partner"),
    "late": ("No file came in time", "`ratemill files PARTNER --late`; ask the partner"),
    "gap": ("Files are missing", "`ratemill files PARTNER --gaps`; ask the partner for them"),
    "stuck": ("Files are not finished", "look at the last runs of mediation and rating_posting"),
    "suspense": ("Records wait for long", "`ratemill suspense list` says for what"),
}
"""Of each kind the title, and what to do"""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person has to see to; times are naive UTC, money is in micro-units."""

    kind: AlarmKind
    about: str
    """the partner, the DAG, or the ledger"""
    what: str
    same: str
    """what tells it from others of its kind about the same; its figures may change"""
    since: datetime | None = None
    records: int = 0
    money_micros: dict[str, int] = {}
    link: str = ""
    """the page that shows it"""
    times: int = 1
    """how often it happened since"""

    @property
    def key(self) -> str:
        """The same for the same thing."""
        told = msgspec.json.encode([self.kind, self.about, self.same])
        return hashlib.sha256(told).hexdigest()[:16]


class Said(msgspec.Struct, frozen=True):
    """What a channel was told of a thing, and when (naive UTC)."""

    at: datetime
    kind: AlarmKind
    about: str
    records: int
    money_micros: dict[str, int]


class Happened(msgspec.Struct, frozen=True):
    """An alarm about what happened at a moment (naive UTC, the last time)."""

    at: datetime
    alarm: Alarm


class Message(msgspec.Struct, frozen=True):
    """One message, and the alarms that are in it for programs."""

    subject: str
    text: str
    alarms: list[Alarm]


class Channel(Protocol):
    """Where messages go to; RatemillError where one cannot be delivered."""

    def send(self, message: Message) -> None:
        """Deliver the message."""


Saids = dict[str, dict[str, Said]]
"""By channel and by key of the alarm"""


def tell(
    home: Home, found: Sequence[Alarm], channels: Mapping[str, Channel], now: datetime, *,
    whole: bool,
) -> dict[str, Message]:
    """The message that each channel was sent; a channel with nothing new to hear gets none.

    `whole` says that `found` is everything that is open now: what was said before and is not among
    it is over. RatemillError where a channel could not be told; the others were, and what could
    not be said is said the next time.
    """
    path = home.root / "alerts" / "said.json"
    sent: dict[str, Message] = {}
    faults: list[RatemillError] = []
    with home.alone("alerts"):
        said = _said(path)
        for name, channel in channels.items():
            before = said.setdefault(name, {})
            message = compose(home, found, before, now, whole=whole)
            if message is not None:
                try:
                    channel.send(message)
                except RatemillError as error:
                    faults.append(error)
                    continue
                sent[name] = message
            said[name] = _after(before, found, message, now, whole=whole)
        _write(path, said)
    if faults:
        raise _together(faults)
    return sent


def compose(
    home: Home, found: Sequence[Alarm], before: Mapping[str, Said], now: datetime, *, whole: bool
) -> Message | None:
    """The message about what is new to somebody who was told `before`; None where nothing is."""
    settings = home.settings
    new = [alarm for alarm in found if is_new(alarm, before.get(alarm.key), now, settings.alerts)]
    if not new:
        return None
    keys = {alarm.key for alarm in found}
    over = [one for key, one in before.items() if whole and key not in keys]
    known = [alarm for alarm in found if alarm not in new] if whole else []
    order = list(QUIET_HOURS)
    new.sort(key=lambda alarm: (order.index(alarm.kind), alarm.about, alarm.what))
    first = HEADS[new[0].kind][0]
    more = f", and {len(new) - 1} more" if len(new) > 1 else ""
    lines = [*_new(new, ZoneInfo(settings.zone)), *_counted("Still open, said before", known),
             *_counted("Over since the last message", over)]
    title = printable(settings.title)
    subject = f"Ratemill, {title}: {first} ({printable(new[0].about)}){more}"
    local = _local(now, ZoneInfo(settings.zone))
    return Message(subject, "\n".join([f"{title}, {local}", *lines, ""]), new)


def is_new(alarm: Alarm, said: Said | None, now: datetime, alerts: Alerts) -> bool:
    """Whether it was never said, not within its quiet time, or of half the size then."""
    if said is None or now >= said.at + timedelta(hours=alerts.quiet(alarm.kind)):
        return True
    grown = [(alarm.records, said.records)] + [
        (micros, said.money_micros.get(currency, 0))
        for currency, micros in alarm.money_micros.items()
    ]
    return any(was > 0 and now_is >= _WORSE * was for now_is, was in grown)


def printable(text: str) -> str:
    """A partner's text as one line that steers neither a mail program nor a chat."""
    plain = " ".join(text.split()).translate(_UNSAFE)
    return "".join(sign if sign.isprintable() else "?" for sign in plain)


def happened(home: Home, alarm: Alarm, now: datetime) -> Alarm:
    """Keep what happened until it is no longer open; with how often it did, and since when."""
    path = home.root / "alerts" / "happened" / f"{alarm.key}.json"
    with home.alone("alerts"):
        known = _happened(path)
        if known is not None and now - known.at < _KEPT:
            alarm = msgspec.structs.replace(
                alarm, times=known.alarm.times + 1, since=known.alarm.since
            )
        _write(path, Happened(now, alarm))
    return alarm


def still_open(home: Home, now: datetime) -> list[Alarm]:
    """What happened within the last days; older things are forgotten."""
    found = []
    for path in sorted((home.root / "alerts" / "happened").glob("[!.]*.json")):
        known = _happened(path)
        if known is None or now - known.at >= _KEPT:
            path.unlink(missing_ok=True)
        else:
            found.append(known.alarm)
    return found


def _new(alarms: Sequence[Alarm], zone: ZoneInfo) -> Iterator[str]:
    """The alarms below the title of their kind, with what to do."""
    kind = None
    for alarm in alarms[:_SHOWN]:
        if alarm.kind != kind:
            kind = alarm.kind
            title, remedy = HEADS[kind]
            yield f"\n{title}\n  To do: {remedy}."
        yield f"  - {printable(alarm.about)}: {printable(alarm.what)}{_figures(alarm, zone)}"
        if alarm.link:
            yield f"    {printable(alarm.link)}"
    if len(alarms) > _SHOWN:
        yield f"\n… and {len(alarms) - _SHOWN:,} more."


def _figures(alarm: Alarm, zone: ZoneInfo) -> str:
    """Since when, how often, how many records and how much money."""
    parts = [
        f"since {_local(alarm.since, zone)}" if alarm.since else "",
        f"{alarm.times} times" if alarm.times > 1 else "",
        f"{alarm.records:,} records" if alarm.records else "",
        amounts_text(alarm.money_micros) if alarm.money_micros else "",
    ]
    told = ", ".join(filter(None, parts))
    return f" ({told})" if told else ""


def _counted(title: str, things: Sequence[Alarm | Said]) -> list[str]:
    """How many things of each kind, about whom, in a line."""
    if not things:
        return []
    by_kind: dict[AlarmKind, list[str]] = {}
    for thing in things:
        by_kind.setdefault(thing.kind, []).append(printable(thing.about))
    parts = [
        f"{len(by_kind[kind])} of “{HEADS[kind][0]}” ({', '.join(sorted(set(by_kind[kind])))})"
        for kind in QUIET_HOURS if kind in by_kind
    ]
    return [f"\n{title}: {'; '.join(parts)}."]


def _local(at: datetime, zone: ZoneInfo) -> str:
    """A naive UTC moment in the operator's zone."""
    moment = at.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname()}"


def _after(
    before: Mapping[str, Said], found: Iterable[Alarm], message: Message | None, now: datetime, *,
    whole: bool,
) -> dict[str, Said]:
    """What the channel was told by now; what it heard to be over is new when it comes again."""
    keys = {alarm.key for alarm in found}
    heard = whole and message is not None
    kept = {key: one for key, one in before.items()
            if key in keys or not (heard or now - one.at >= _FORGOTTEN)}
    return kept | {
        alarm.key: Said(now, alarm.kind, alarm.about, alarm.records, alarm.money_micros)
        for alarm in (message.alarms if message else [])
    }


def _together(faults: Sequence[RatemillError]) -> RatemillError:
    """One error for all channels that could not be told."""
    first, *more = faults
    what = "; ".join([first.what, *(f"{error.where}: {error.what}" for error in more)])
    return RatemillError(first.where, what, first.hint,
                         retryable=any(error.retryable for error in faults))


def _said(path: Path) -> Saids:
    """What was said; nothing where the file is not there or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Saids)
    except (FileNotFoundError, msgspec.MsgspecError):
        # said twice is better than not said
        return {}


def _happened(path: Path) -> Happened | None:
    """What is kept there; None where nothing is that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Happened)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _write(path: Path, what: object) -> None:
    with replacing(path) as part:
        part.write_bytes(msgspec.json.encode(what))
