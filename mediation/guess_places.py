"""Where columns of fixed width begin, told from the characters at each place of many lines."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediation.guess_types import OFFSET, looks

Cells: TypeAlias = NDArray[np.str_]
"""Lines, a character a cell"""
Place: TypeAlias = tuple[int, int]
"""Start and size"""
_Kinds: TypeAlias = NDArray[np.int8]

_BLANK, _DIGIT, _LETTER, _SIGN = range(4)
_MOST: Final = 0.9
"""Share of the lines that have something where a column is said to have it"""
_SOME: Final = 0.02
"""Share of the lines in which a column must be seen to begin"""
_START: Final = 0.7
"""Share of the lines in which a text begins behind a blank: words within texts begin anywhere"""
_LOOKED_AT: Final = 200
"""Lines in which times and the like are looked for"""
_ENOUGH: Final = 20
"""Lines from which on it is no chance that a digit hardly varies"""
_VARIES: Final = 5
"""Different digits at the end of a number"""
_FEW: Final = 2
"""Different digits at the beginning of numbers, as zeros that fill them, or those of countries"""
_TOKENS: Final = (
    ("time", 19, r"\d{4}[-/]\d\d[-/]\d\d[ T][\d:]{8}|\d\d[-./]\d\d[-./]\d{4}[ T][\d:]{8}"),
    ("time", 14, r"\d{14}"),
    ("date", 10, r"\d{4}[-/]\d\d[-/]\d\d|\d\d[-./]\d\d[-./]\d{4}"),
    ("clock", 8, r"\d\d:\d\d:\d\d"),
    ("date", 8, r"\d{8}"),
    ("imsi", 15, r"\d{15}"),
    ("offset", 6, OFFSET), ("offset", 5, OFFSET),
)
"""What is known by its looks wherever it stands: kind, size and shape, the longer first"""
_WORDS: Final = re.compile(
    "HEADER|HEAD|HDR|HD|H|TRAILER|TRAIL|TRL|TR|T|FOOTER|FOOT|FTR|END|EOF|[0-9]{2}|[^0-9]"
)
"""What header and trailer lines begin with"""
_PARTS: Final = re.compile(r"[0-9]+|[^\W\d_]+|[^\s\w]+|_+")
_TADIG: Final = 5
_TADIGS: Final = re.compile("(?:[A-Z]{5})+")


def matrix(lines: Sequence[str], width: int) -> Cells:
    """The lines as characters, cut at the width, with blanks behind their ends."""
    padded = np.array([line[:width].ljust(width) for line in lines], f"<U{width}")
    return padded.view("<U1").reshape(len(lines), width)


def slices(cells: Cells, start: int, size: int) -> list[str]:
    """The text of each line at a place, without blanks around it."""
    part = np.ascontiguousarray(cells[:, start : start + size])
    return [str(text).strip() for text in part.view(f"<U{size}")[:, 0]]


def cut(cells: Cells, mark: int = 0) -> list[Place]:
    """The columns, one behind the other, without what is always blank.

    `mark`: how long the text is by which the type of the line is told.
    """
    kinds, width = _kinds_of(cells), cells.shape[1]
    edges, inside = {0, width}, set[int]()
    for start, size in _tokens(cells[:_LOOKED_AT], kinds[:_LOOKED_AT], mark):
        edges |= {start, start + size}
        inside |= set(range(start + 1, start + size))
    edges |= {mark} - inside
    for at in range(1, width):
        if at not in inside | edges and _begins(cells, kinds, at, max(e for e in edges if e < at)):
            edges.add(at)
    for start, end in list(pairwise(sorted(edges))):
        edges |= {at for at in range(start + 1, end) if at not in inside
                  and _drops(cells, kinds, at) and _goes_on(cells[:, at:end])}
    return [(start, end - start) for start, end in pairwise(sorted(edges))
            if (kinds[:, start:end] != _BLANK).any()]


def _kinds_of(cells: Cells) -> _Kinds:
    """What each character is."""
    kinds = np.full(cells.shape, _SIGN, np.int8)
    kinds[np.char.isdecimal(cells)] = _DIGIT
    kinds[np.char.isalpha(cells)] = _LETTER
    kinds[np.char.strip(cells) == ""] = _BLANK
    return kinds


def _tokens(cells: Cells, kinds: _Kinds, mark: int) -> Iterator[Place]:
    """Times, days and IMSIs, which are known by their looks; none lies over another."""
    taken: set[int] = set()
    for kind, size, shape in _TOKENS:
        fits = re.compile(shape, re.ASCII).fullmatch
        for at in range(cells.shape[1] - size + 1):
            if taken & set(range(at, at + size)):
                continue
            if kind == "imsi" and not (at in {0, mark} or at - 1 in taken
                                       or _only(kinds[:, at - 1]) != _DIGIT
                                       or _drops(cells, kinds, at)):
                continue
            texts = slices(cells, at, size)
            if _all_are(kind, texts, fits):
                taken |= set(range(at, at + size))
                yield at, size


def _all_are(kind: str, texts: Sequence[str], fits: Callable[[str], object]) -> bool:
    """Whether nearly all texts are of the kind; those of the first lines fit its shape."""
    some = texts[:_ENOUGH]
    if 2 * sum(fits(text) is not None for text in some) <= len(some):
        return False
    if kind == "offset":
        return sum(fits(text) is not None for text in texts) >= _MOST * len(texts)
    return looks(texts).kind == kind


def _begins(cells: Cells, kinds: _Kinds, at: int, before: int) -> bool:
    """Whether a column begins at a place, where the one before it begins at another."""
    left, right = kinds[:, at - 1] != _BLANK, kinds[:, at] != _BLANK
    if left.any() != right.any():
        return True
    few = max(1, _SOME * len(kinds))
    first = kinds[:, before] != _BLANK
    reached = bool((left & ~first).any())
    starts = int((~left & right).sum())
    # A text that ends before another begins; a number that is longer here and there does not.
    ended = bool((first & ~left).any()) and not reached
    if ended and starts >= few and starts >= _START * right.sum():
        return True
    # Numbers with blanks before them end where others have a blank again.
    if reached and left.mean() >= _MOST and (left & ~right).sum() >= few:
        return True
    return _changes(cells, kinds, at)


def _changes(cells: Cells, kinds: _Kinds, at: int) -> bool:
    """Whether letters follow digits, digits letters, or a sign is before a number, in all lines."""
    sides = {_only(kinds[:, at - 1]), _only(kinds[:, at])}
    if sides == {_DIGIT, _LETTER}:
        return True
    signs = set(np.unique(cells[:, at][kinds[:, at] != _BLANK]).tolist())
    return "+" in signs and signs <= {"+", "-"}


def _only(kinds: NDArray[np.int8]) -> int:
    """What nearly all characters at a place are; a blank where they differ."""
    held = kinds[kinds != _BLANK]
    if not len(held):
        return _BLANK
    counts = np.bincount(held, minlength=_SIGN + 1)
    return int(counts.argmax()) if counts.max() >= _MOST * len(held) else _BLANK


def _drops(cells: Cells, kinds: _Kinds, at: int) -> bool:
    """Whether the end of one number stands before the beginning of another, both of digits.

    The last digits of numbers vary, the first hardly do: zeros fill them, or all begin alike.
    """
    both = (kinds[:, at - 1] == _DIGIT) & (kinds[:, at] == _DIGIT)
    if both.sum() < max(_ENOUGH, _MOST * len(kinds)):
        return False
    ends, starts = (np.unique(cells[both, place], return_counts=True)[1]
                    for place in (at - 1, at))
    return bool(len(ends) >= _VARIES and 2 * ends.max() <= both.sum()
                and np.sort(starts)[-_FEW:].sum() >= _MOST * both.sum())


def _goes_on(cells: Cells) -> bool:
    """Whether anything varies in what follows: zeros at the end belong to the number before."""
    return any(len(np.unique(column)) >= _VARIES for column in cells.T)


def one_line(line: str, records: int) -> tuple[str, list[Place]]:
    """What a header or trailer line begins with, and its columns behind that.

    Of one line only letters, digits and signs tell columns apart; days and codes do by their
    looks, and the number of records, as trailers state it.
    """
    found = _WORDS.match(line)
    mark = found[0] if found else line[:1]
    places: list[Place] = []
    for part in _PARTS.finditer(line, len(mark)):
        places += _parts_of(part[0], part.start(), records)
    return mark, places


def _parts_of(text: str, start: int, records: int) -> Iterator[Place]:
    """The columns in a run of digits or of letters."""
    sizes: Sequence[int] = (len(text),)
    if text.isdecimal():
        sizes = _digits(text, records)
    elif len(text) > _TADIG and _TADIGS.fullmatch(text):
        sizes = (_TADIG,) * (len(text) // _TADIG)
    for size in sizes:
        yield start, size
        start += size


def _digits(text: str, records: int) -> list[int]:
    """The sizes of what a run of digits holds."""
    for size in range(len(text), 0, -1):
        if int(text[:size]) == records:
            return [size, *([len(text) - size] if size < len(text) else [])]
    for size in (14, 8):
        for at in range(len(text) - size + 1):
            if looks([text[at : at + size]]).kind in {"time", "date"}:
                return [n for n in (at, size, len(text) - at - size) if n]
    return [len(text)]
