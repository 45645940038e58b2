"""What operators see of a run's files: a table for the task's log, sums for the asset's event."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_COUNTS = ("records", "rated", "posted", "duplicate", "suspended", "dropped")
_HEAD = ("partner", "file", "state", *_COUNTS)


def funnel_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a table with one row (table file) a line and a total; counts not known are empty.

    A file's name is the partner's: what is not printable in it is escaped.
    """
    cells = [
        [row["partner"], _printable(row["name"]), row["state"], *(_count(row[n]) for n in _COUNTS)]
        for row in rows
    ]
    totals = (_count(value) for value in _sums(rows).values())
    table = [list(_HEAD), *cells, [f"{len(rows)} files", "", "", *totals]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        " | ".join(
            cell.ljust(width) if at < len(_HEAD) - len(_COUNTS) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]


def funnel_sums(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """By partner the number of files and the sums of the counts that are known."""
    of_partner: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        of_partner.setdefault(row["partner"], []).append(row)
    return {
        partner: {"files": len(mine)}
        | {name: value for name, value in _sums(mine).items() if value is not None}
        for partner, mine in of_partner.items()
    }


def _sums(rows: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """The sum of each count; none where no row knows it."""
    known = {name: [row[name] for row in rows if row[name] is not None] for name in _COUNTS}
    return {name: sum(values) if values else None for name, values in known.items()}


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
