"""What one file amounts to, as the gate looks at it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mediation.limits import GATE_NAMES_MAX
from mediation.profile import IdentityKind

Numbers = NDArray[np.integer[Any]]
Kind = Literal["networks", "services", "destinations"]
KINDS: Final[tuple[Kind, ...]] = ("networks", "services", "destinations")

_SECOND: Final = timedelta(seconds=1)
_OCTET: Final = 0x1F
"""Of an octet that is a digit, or that is not there, the bits that tell it from all others"""
_DIGIT: Final = ord("0") & _OCTET
# E.164: no code begins another, and those that are neither of these have three digits
_ONE_DIGIT: Final = "17"
_TWO_DIGITS: Final = {"2": "07", "3": "0123469", "4": "013456789", "5": "12345678", "6": "0123456",
                      "8": "1246", "9": "0123458"}
"""First digit of country codes of two digits to the second ones"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where the accepted records of a file come from, what they are and how old; names sorted."""

    networks: tuple[str, ...] = ()
    """TADIG codes of serving networks"""
    services: tuple[str, ...] = ()
    """service and direction, as voice_mo"""
    destinations: tuple[str, ...] = ()
    """country codes of called numbers"""
    age_median_s: int | None = None
    """from the start of an event to the file's arrival; None without records"""
    age_max_s: int | None = None
    currency: str | None = None
    """of the partner's charges; None where there are none or several"""

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The names of one kind."""
        found: tuple[str, ...] = getattr(self, kind)
        return found

    def columns(self) -> dict[str, Any]:
        """What table file keeps of it; names are put together with blanks."""
        return {
            "age_median_s": self.age_median_s, "age_max_s": self.age_max_s,
            **{kind: " ".join(self.names(kind)) for kind in KINDS},
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """What one file amounts to; money in micro-units of the file's currency."""

    records: int
    """every record found, good or bad"""
    rejected: int
    """records that decode, normalize and validate sent to suspense"""
    charge_micros: int
    """sum over all records whose charge could be read, the rejected ones too (TD.57, audit)"""
    charges_unread: int
    """records whose charge, if they have one, could not be read"""
    accepted_charge_micros: int
    record_charge_max_micros: int
    """largest charge among the accepted records"""
    traffic: Traffic = field(default_factory=Traffic)


def traffic_of(usage: pl.DataFrame, received_at: datetime) -> Traffic:
    """The traffic in the accepted records (table usage) of a file that came then (naive UTC)."""
    if usage.is_empty():
        return Traffic()
    started, currencies = usage["started_at"], distinct(usage["partner_currency"])
    return Traffic(
        networks=_names(distinct(usage["serving_network"])),
        services=_names(_services(usage)),
        destinations=_names(_country_code(digits) for digits in _called(usage)),
        age_median_s=_age(received_at, started.median()),
        age_max_s=_age(received_at, started.min()),
        currency=currencies[0] if len(currencies) == 1 else None,
    )


def distinct(texts: pl.Series) -> list[str]:
    """The texts that occur: most often there is one, which is quicker seen than found."""
    first = texts[0]
    if first is not None and (texts == first).all(ignore_nulls=False):
        return [str(first)]
    return [str(text) for text in texts.unique() if text is not None]


def _services(usage: pl.DataFrame) -> list[str]:
    """Each service and direction that occurs."""
    service, direction = (_marks(usage[name]) for name in ("service", "direction"))
    seen = _occurring(service << 5 | direction & _OCTET)
    return [kind for kind, mark in _SERVICES.items() if seen[mark]]


def _called(usage: pl.DataFrame) -> list[str]:
    """The first digits, at most three, of the numbers that were called, where they are digits."""
    numbers = usage["other_party"]
    called = (numbers.is_not_null() & (usage["direction"] != "mt")).to_numpy()
    begin = _beginnings(numbers)[called]
    seen = _occurring((begin & _OCTET) << 10 | (begin >> 8 & _OCTET) << 5 | begin >> 16 & _OCTET)
    marks = ((int(at) >> 10, int(at) >> 5 & _OCTET, int(at) & _OCTET) for at in seen.nonzero()[0])
    return ["".join(str(mark - _DIGIT) for mark in each if mark) for each in marks
            if all(not mark or 0 <= mark - _DIGIT <= 9 for mark in each)]


def _occurring(marks: Numbers) -> NDArray[np.bool_]:
    """For each number of 15 bits whether it is among these."""
    seen = np.zeros(1 << 15, dtype=np.bool_)
    seen[marks] = True
    return seen


def _marks(words: pl.Series) -> Numbers:
    """For each word five bits of each of its first two letters."""
    if isinstance(words.dtype, pl.Enum):
        of_word = np.array([_mark(word) for word in words.dtype.categories], np.uint32)
        marks: Numbers = of_word[words.to_physical().to_numpy()]
        return marks
    begin = _beginnings(words)
    return (begin & _OCTET) << 5 | begin >> 8 & _OCTET


def _mark(word: str) -> int:
    return (ord(word[0]) & _OCTET) << 5 | ord(word[1]) & _OCTET


_SERVICES: Final = {
    kind: _mark(kind) << 5 | _mark(kind.partition("_")[2]) & _OCTET
    for kind in get_args(IdentityKind)
}
"""Services with their direction to what tells them from each other"""


def _beginnings(texts: pl.Series) -> Numbers:
    """The first four octets of each text as a number, the first one lowest; any for a null."""
    array: Any = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    # a view is the length, the first octets, and the rest or where it is
    views = np.frombuffer(array.buffers()[1], np.uint32).reshape(-1, 4)
    begin: Numbers = views[array.offset : array.offset + len(array), 1]
    return begin


def _names(found: Iterable[str]) -> tuple[str, ...]:
    """Names without blanks, in order; of very many those that sort first."""
    names = sorted({name.replace(" ", "_") for name in found if name})
    return tuple(names[:GATE_NAMES_MAX])


def _age(received_at: datetime, started: object) -> int | None:
    """Seconds from the start to the arrival, below zero where a clock is ahead."""
    return (received_at - started) // _SECOND if isinstance(started, datetime) else None


def _country_code(digits: str) -> str:
    """The country code that a number of these first digits begins with."""
    if digits[:1] in _ONE_DIGIT:
        return digits[:1]
    return digits[:2] if digits[1:2] in _TWO_DIGITS.get(digits[:1], "") else digits
