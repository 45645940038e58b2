"""How lines of fixed width are cut, told from a sample: the types of lines, where columns end."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from mediation.guess_places import Cells, Place, cut, matrix, one_line, slices
from mediation.guess_types import OFFSET, Looks, looks
from mediation.limits import GUESS_RECORDS, GUESS_WIDTH

_FEWEST: Final = 3
"""Detail lines from which on a width in common is more than chance"""
_SAME: Final = 0.8
"""Share of the lines of a type that are as long as most of them"""
_KINDS_MAX: Final = 8
"""Texts at the beginning of detail lines that still are types of lines"""
_MARK_SIZES: Final = (2, 1)
_SURE: Final = ("time", "date", "imsi", "epoch", "currency", "tadig", "clock")
"""Kinds of texts by which columns of two types of lines are known to be the same"""


@dataclass(frozen=True, slots=True)
class LineKind:
    """A type of line: what it begins with, and its columns by name as (start, size)."""

    type: str
    marks: tuple[str, ...]
    columns: dict[str, Place]
    lines: int = 1
    why: dict[str, str] = field(default_factory=dict)
    """What a column looks like"""


@dataclass(frozen=True, slots=True)
class Layout:
    """The types of lines of a sample, its records, and what its header and trailer hold."""

    kinds: tuple[LineKind, ...]
    columns: dict[str, list[str]]
    """Column name to its texts in the first records, empty where a type of line lacks it"""
    variables: dict[str, str]
    """hdr.X and trl.X to their texts"""
    short: int
    """Detail lines that end before their last column does"""
    alone: int
    """Lines that are of no type"""


def fixed_layout(lines: Sequence[str]) -> Layout | None:
    """The layout of lines of fixed width; None where they have no width in common."""
    header, details, trailer = _ends(lines)
    if len(details) < _FEWEST or max(map(len, details)) > GUESS_WIDTH:
        return None
    size, groups = _grouped(details)
    if sum(_as_most(details, rows) for rows in groups.values()) < _SAME * len(details):
        return None
    places = list(groups.values())
    kinds = _kinds(details, groups, size)
    before = [_end("header", header, details)] if header else []
    behind = [_end("trailer", trailer, details)] if trailer else []
    variables = {
        f"{short}.{name}": line[start : start + long].strip()
        for short, line, ends in (("hdr", header, before), ("trl", trailer, behind))
        for end in ends for name, (start, long) in end.columns.items()
    }
    return Layout((*before, *kinds, *behind), _texts(details[:GUESS_RECORDS], places, kinds),
                  variables, _short(details, places, kinds), len(details) - sum(map(len, places)))


def _ends(lines: Sequence[str]) -> tuple[str, list[str], str]:
    """The header line, the detail lines and the trailer line; empty where there is none.

    The first or last line is one where its length and its beginning are those of no other line.
    """
    inner = lines[1:-1]
    starts = {line[: _MARK_SIZES[0]] for line in inner}
    lengths = {len(line) for line in inner}

    def odd(line: str) -> bool:
        return line[: _MARK_SIZES[0]] not in starts and len(line) not in lengths

    if len(inner) < _FEWEST:
        return "", list(lines), ""
    header, trailer = (line if odd(line) else "" for line in (lines[0], lines[-1]))
    return header, list(lines[bool(header) : len(lines) - bool(trailer)]), trailer


def _grouped(details: Sequence[str]) -> tuple[int, dict[tuple[str, ...], list[int]]]:
    """The numbers of the detail lines by the texts that they begin with, and how long those are.

    Texts whose lines are equally long are of one type: nothing says that they differ. The size is
    0 where no text tells a type, and lines of any beginning are of one.
    """
    for size in _MARK_SIZES:
        found: dict[str, list[int]] = {}
        for row, line in enumerate(details):
            found.setdefault(line[:size], []).append(row)
        many = {mark: rows for mark, rows in found.items() if len(rows) > 1 and mark.isalnum()}
        if len(many) <= _KINDS_MAX and sum(map(len, many.values())) >= _SAME * len(details):
            return size, _joined(details, many)
    marks = sorted(found)
    if all(mark.isdecimal() for mark in marks):
        marks = list("0123456789")
    return 0, {tuple(marks): list(range(len(details)))}


def _joined(
    details: Sequence[str], found: dict[str, list[int]]
) -> dict[tuple[str, ...], list[int]]:
    """The groups of lines with those of one length together."""
    of_length: dict[int, list[str]] = {}
    for mark, rows in found.items():
        of_length.setdefault(_width(details, rows), []).append(mark)
    return {tuple(sorted(marks)): sorted(row for mark in marks for row in found[mark])
            for _, marks in sorted(of_length.items(), key=lambda one: min(one[1]))}


def _width(details: Sequence[str], rows: Sequence[int]) -> int:
    """The length that most of the lines have; the greater of two."""
    counts = Counter(len(details[row]) for row in rows)
    return max(counts, key=lambda width: (counts[width], width))


def _as_most(details: Sequence[str], rows: Sequence[int]) -> int:
    """How many of the lines are as long as most of them."""
    width = _width(details, rows)
    return sum(len(details[row]) == width for row in rows)


def _kinds(
    details: Sequence[str], groups: dict[tuple[str, ...], list[int]], size: int
) -> list[LineKind]:
    """The types of detail lines, which a text of this size tells."""
    named = _Names()
    kinds = []
    for marks, rows in groups.items():
        cells = matrix([details[row] for row in rows[:GUESS_RECORDS]], _width(details, rows))
        columns, why = named.of(cells, cut(cells, size))
        kinds.append(LineKind("detail", marks, columns, len(rows), why))
    return kinds


class _Names:
    """Names of columns: those of two types of lines are one where their texts are alike."""

    def __init__(self) -> None:
        self._known: list[tuple[str, tuple[object, ...]]] = []

    def of(
        self, cells: Cells, places: Sequence[Place]
    ) -> tuple[dict[str, Place], dict[str, str]]:
        """The columns at these places of a type of lines, and what they look like."""
        columns: dict[str, Place] = {}
        why: dict[str, str] = {}
        for start, size in places:
            texts = slices(cells, start, size)
            seen = looks(texts)
            alike = _alike(texts, seen, start, size)
            name = next((known for known, other in self._known
                         if other == alike and known not in columns), "")
            if not name:
                name = f"column_{len(self._known) + 1}"
                self._known.append((name, alike))
            columns[name], why[name] = (start, size), seen.why
        return columns, why


def _alike(texts: Sequence[str], seen: Looks, start: int, size: int) -> tuple[object, ...]:
    """What columns of two types of lines have in common when they are the same."""
    if all(re.fullmatch(OFFSET, text, re.ASCII) for text in texts):
        return ("offset",)
    sure, numeric = seen.kind in _SURE, seen.kind in {"integer", "number", "decimal"}
    return seen.kind, seen.form, None if sure else size, None if sure or numeric else start


def _texts(
    details: Sequence[str], places: Sequence[Sequence[int]], kinds: Sequence[LineKind]
) -> dict[str, list[str]]:
    """The texts of all columns in these lines, without those of no type."""
    names = list(dict.fromkeys(name for kind in kinds for name in kind.columns))
    of_row = {row: kind.columns for rows, kind in zip(places, kinds, strict=True) for row in rows}
    texts: dict[str, list[str]] = {name: [] for name in names}
    for row, line in enumerate(details):
        if row in of_row:
            for name in names:
                start, size = of_row[row].get(name, (0, 0))
                texts[name].append(line[start : start + size].strip())
    return texts


def _short(
    details: Sequence[str], places: Sequence[Sequence[int]], kinds: Sequence[LineKind]
) -> int:
    """How many lines end before the last column of their type does."""
    ends = [max(start + size for start, size in kind.columns.values()) for kind in kinds]
    return sum(len(details[row]) < end for end, rows in zip(ends, places, strict=True)
               for row in rows)


def _end(kind: str, line: str, details: Sequence[str]) -> LineKind:
    """The header or trailer line; its beginning is that of no detail line."""
    mark, places = one_line(line, len(details))
    if any(one.startswith(mark) for one in details):
        mark = line[: _MARK_SIZES[0]]
    columns: dict[str, Place] = {}
    for name, start, size in _end_names(line, places):
        columns[name] = start, size
    return LineKind(kind, (mark,), columns)


def _end_names(
    line: str, places: Sequence[Place]
) -> Iterator[tuple[str, int, int]]:
    """The columns of a header or trailer; its first two TADIG codes are sender and recipient."""
    parties = ["recipient", "sender"]
    for number, (start, size) in enumerate(places, 1):
        tadig = looks([line[start : start + size]]).kind == "tadig"
        yield parties.pop() if tadig and parties else f"column_{number}", start, size
