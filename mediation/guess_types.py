"""What the texts of one column look like: times with their format, numbers, amounts, words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "empty", "time", "date", "clock", "epoch", "imsi", "digits", "number", "integer", "decimal",
    "iso_duration", "currency", "tadig", "text",
]

OFFSET: Final = r"[+-](?:0\d|1[0-4]):?(?:00|15|30|45)"
"""The offset of a zone"""
_OFFSET = r"(?:\s?(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]))"
_DAY = {
    "%Y-%m-%d": r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])",
    "%Y/%m/%d": r"(?:19|20)\d\d/(?:0[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01])",
    "%d.%m.%Y": r"(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.(?:19|20)\d\d",
    "%d/%m/%Y": r"(?:0[1-9]|[12]\d|3[01])/(?:0[1-9]|1[0-2])/(?:19|20)\d\d",
    "%m/%d/%Y": r"(?:0[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01])/(?:19|20)\d\d",
    "%d-%m-%Y": r"(?:0[1-9]|[12]\d|3[01])-(?:0[1-9]|1[0-2])-(?:19|20)\d\d",
    "%d-%b-%Y": r"(?:0[1-9]|[12]\d|3[01])-[A-Za-z]{3}-(?:19|20)\d\d",
    "%Y%m%d": r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
}
_CLOCK = {
    "%H:%M:%S": r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d",
    "%H:%M:%S%.f": r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{1,6}",
    "%H:%M": r"(?:[01]\d|2[0-3]):[0-5]\d",
    "%H%M%S": r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d",
    "%H%M%S%.f": r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d\.\d{1,6}",
}
_TIME_BEGINS: Final = r"(?:(?:19|20)\d\d|[0-3]\d[./-]).{9,}"
"""How all times with a day begin, which spares most columns a hundred patterns"""
_CURRENCIES = re.compile(
    "AED|AUD|BGN|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON"
    "|RUB|SAR|SDR|SEK|SGD|THB|TRY|TWD|UAH|USD|XDR|ZAR"
)
_SHARE: Final = 0.9
"""A type holds when this share of a column's texts is of it: samples have bad records too."""
_SEVERAL: Final = 4
"""So many texts of a type outweigh a single bad one in a short sample."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What a column's texts look like, with the format of times and the mark of decimals."""

    kind: Kind
    why: str
    form: str = ""
    decimal: str = "."
    filled: int = 0
    """Texts that are not empty"""
    values: tuple[str, ...] = field(default=())
    """The different texts, most frequent first, where there are few"""


_FEW: Final = 24


def looks(texts: Sequence[str]) -> Looks:
    """What the texts of a column look like; blanks around them do not count."""
    held = [t for t in (text.strip() for text in texts) if t]
    if not held:
        return Looks("empty", "empty in the whole sample")
    counts: dict[str, int] = {}
    for text in held:
        counts[text] = counts.get(text, 0) + 1
    few = sorted(counts, key=lambda t: (-counts[t], t)) if len(counts) <= _FEW else []
    for kind, test in _TESTS:
        if found := test(held):
            form, share = found
            decimal = form if kind == "decimal" else "."
            why = f"{_WORDS[kind]} in {share} of {len(held)}"
            return Looks(kind, why, "" if kind == "decimal" else form, decimal, len(held),
                         tuple(few))
    why = f"{len(counts)} different texts" if len(counts) > 1 else f"always {held[0]!r}"
    return Looks("text", why, filled=len(held), values=tuple(few))


_WORDS: Final[dict[Kind, str]] = {
    "time": "a time", "date": "a date", "clock": "h:m:s", "epoch": "seconds since 1970",
    "imsi": "15 digits", "digits": "digits", "number": "a phone number", "integer": "a whole "
    "number", "decimal": "an amount", "iso_duration": "PT…", "currency": "a currency code",
    "tadig": "a TADIG code",
}
_Found: TypeAlias = tuple[str, int] | None
"""A format or mark, and how many texts are so."""


def _count(pattern: str, held: Sequence[str]) -> int:
    matches = re.compile(pattern).fullmatch
    return sum(matches(text) is not None for text in held)


def _enough(count: int, held: Sequence[str], form: str = "") -> _Found:
    one_bad = count == len(held) - 1 >= _SEVERAL
    return (form, count) if count >= _SHARE * len(held) or one_bad else None


def _like(pattern: str) -> Callable[[Sequence[str]], _Found]:
    return lambda held: _enough(_count(pattern, held), held)


def _time(held: Sequence[str]) -> _Found:
    """The format that most texts have; days stand before months where both are possible."""
    best: tuple[int, str] = (0, "")
    if not _enough(_count(_TIME_BEGINS, held), held):
        return None
    for day, of_day in _DAY.items():
        for clock, of_clock in _CLOCK.items():
            for between in ("",) if day == "%Y%m%d" else (" ", "T"):
                for offset in ("", "%z"):
                    pattern = f"{of_day}{between}{of_clock}{_OFFSET if offset else ''}"
                    found = _count(pattern, held)
                    if found > best[0]:
                        best = found, f"{day}{between}{clock}{offset}"
    return _enough(best[0], held, best[1])


def _best(forms: dict[str, str]) -> Callable[[Sequence[str]], _Found]:
    def test(held: Sequence[str]) -> _Found:
        count, form = max((_count(pattern, held), form) for form, pattern in forms.items())
        return _enough(count, held, form)

    return test


def _epoch(held: Sequence[str]) -> _Found:
    for form, digits in (("epoch_s", 10), ("epoch_ms", 13), ("epoch_us", 16)):
        # 1.0e9 to 2.1e9 seconds: 2001 to 2036, which phone numbers of ten digits seldom fill.
        if found := _enough(_count(rf"1[0-9]{{{digits - 1}}}", held), held, form):
            return found
    return None


def _decimal(held: Sequence[str]) -> _Found:
    marks = {mark: _count(rf"[+-]?\d{{0,13}}{re.escape(mark)}\d{{1,6}}", held) for mark in ".,"}
    mark = max(marks, key=lambda m: marks[m])
    plain = _count(r"[+-]?\d{1,13}", held)
    return _enough(marks[mark] + plain, held, mark) if marks[mark] else None


_TESTS: Final[tuple[tuple[Kind, Callable[[Sequence[str]], _Found]], ...]] = (
    ("time", _time),
    ("date", _best(_DAY)),
    ("clock", _like(r"-?\d{1,5}:[0-5]\d:[0-5]\d")),
    ("imsi", _like(r"[2-7]\d{14}")),
    ("epoch", _epoch),
    ("iso_duration", _like(r"PT(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?")),
    ("number", _like(r"(?:\+|00)[1-9]\d{5,17}|0?[1-9]\d{8,14}")),
    ("integer", _like(r"-?\d{1,18}")),
    ("decimal", _decimal),
    ("digits", _like(r"\d{19,40}")),
    ("number", _like(r"(?:\+|00?)?[1-9][\d ().\-/]{5,20}")),
    ("currency", _like(_CURRENCIES.pattern)),
    ("tadig", _like(r"[A-Z]{3}[A-Z0-9]{2}")),
)
"""In order: the first that holds; times before digits, phone numbers before whole numbers."""


def ambiguous_day(form: str, texts: Sequence[str]) -> bool:
    """Whether days and months of the texts may as well be the other way round."""
    if not form.startswith(("%d/%m", "%m/%d")):
        return False
    return all(int(t[:2]) <= 12 and int(t[3:5]) <= 12 for t in texts if len(t) > 5)
