"""docs/reference/tap-tables.md: the tables of the decoder, from the grammars' layouts."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from asn1.grammar import RELEASES, GrammarName
from asn1.layout import Layout, Storage, load_layout
from asn1.layout_names import RECORDS

_TITLES: Final[dict[GrammarName, str]] = {
    "tap": "TAP 3.1 to 3.12",
    "rap": "RAP 1.1 to 1.5",
    "nrtrde": "NRTRDE 2.1",
}
_TYPES: Final = {
    "integer": "Int64", "text": "String", "raw": "Binary", "time": "Datetime",
}
_ALL: Final = (RELEASES[0], RELEASES[-1])

_INTRODUCTION: Final = """\
What `asn1.read` makes of a file, and `ratemill inspect --parquet` writes: a row for each record and
for each item of a list inside it. A column that no record of a file fills is absent from that
file's table, and a table without rows is absent, but for the records' own.

Paths are element names from the row's own element down. A path without releases is written by all
that have the row's element; *of* says which records or rows have it when not all of the table do.
Times are in µs, local, and most have the code or text of their offset beside. Codes (rates,
offsets, entities) refer to the tables in the file's header, `TapFile.header` and `TapFile.groups`.

| every | column | type | meaning |
|---|---|---|---|
| record | `record_index` | Int32 | position in the list from 0, bad and unknown records counted |
| record | `byte_offset` | Int64 | where the record's tag is |
| record | `byte_length` | Int64 | octets of the whole record, tag and length included |
| record | `event`, in RAP `kind` | Enum | the record's element |
| other row | `record_index` | Int32 | the record that it belongs to |
| other row | `parent` | Int32 | row of the parent table, from 0 over the whole file |
| other row | `place` | Enum | parent table and element that it hangs on |
"""


class _Found(NamedTuple):
    """A row or a column's value met on the way through a layout: in which row, and by which path.

    The number is that of the row's place, or of the column. The releases are those of the path.
    """

    inside: int
    path: str
    number: int
    since: int
    until: int


def tap_tables(head: str) -> str:
    """The page's text; head stands below its title."""
    parts = [f"# Tables of TAP, RAP and NRTRDE files\n\n{head}{_INTRODUCTION}"]
    shown: dict[str, set[tuple[str, Storage]]] = {}
    for name, title in _TITLES.items():
        layout = load_layout(name)
        rows, values = _walked(layout)
        parts.append(f"\n## {title}\n")
        for number, table in enumerate(layout.tables):
            parts.append(f"\n### {table}\n\n{_rows(layout, number, rows)}")
            columns = {(c.name, c.kind) for c in layout.columns_of(table)}
            places = sorted({r.number for t, r in rows if t == number})
            if columns == shown.get(table):
                parts.append("\nThe columns are those of the table of this name above.\n")
            elif columns:
                parts.append(f"\n{_columns(layout, number, places, values)}")
            shown.setdefault(table, columns)
    return "".join(parts)


def _walked(layout: Layout) -> tuple[list[tuple[int, _Found]], list[_Found]]:
    """The rows by table, and the values, in the order of the layout."""
    rows: list[tuple[int, _Found]] = []
    values: list[_Found] = []

    def walk(context: int, inside: int, path: tuple[str, ...], since: int, until: int) -> None:
        for slot in layout.contexts[context].slots.values():
            first, last = max(since, slot.since), min(until, slot.until)
            if first > last and slot.opens >= 0:
                continue
            here, row = (*path, slot.name), inside
            if slot.opens >= 0:
                found = _Found(inside, ".".join(here), slot.place, first, last)
                rows.append((slot.opens, found))
                here, row = (), slot.place
                first, last = _ALL
            if slot.column >= 0:
                way = ".".join(here) or slot.name
                values.append(_Found(row, way, slot.column, first, last))
            if slot.context >= 0:
                walk(slot.context, row, here, first, last)

    walk(layout.records, -1, (), *_ALL)
    return rows, values


def _rows(layout: Layout, table: int, rows: list[tuple[int, _Found]]) -> str:
    """What opens a row of the table."""
    found = [r for t, r in rows if t == table]
    if table == 0:
        path, _, column = RECORDS[layout.name]
        kinds = ", ".join(f"`{r.path}`{_releases(r.since, r.until)}" for r in found)
        return f"A row for each record of `{'.'.join(path)}`, by `{column}`: {kinds}.\n"
    ways: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for r in found:
        paths = ways[layout.places[r.number]]
        paths[r.path] = _hull(paths.get(r.path), r)
    lines = ["| place | element, from the parent's row |", "|---|---|"]
    for place, paths in ways.items():
        shown = "<br>".join(f"`{path}`{_releases(*range_)}" for path, range_ in paths.items())
        lines.append(f"| `{place}` | {shown} |")
    return "\n".join(lines) + "\n"


def _columns(layout: Layout, table: int, places: list[int], values: list[_Found]) -> str:
    """The columns of a table whose rows hang on the places."""
    lines = ["| column | type | elements |", "|---|---|---|"]
    for number, column in enumerate(layout.columns):
        if column.table == table:
            of_column = [v for v in values if v.number == number]
            written = [v for v in of_column if v.since <= v.until]
            ways = "<br>".join(_ways(layout, places, written or of_column))
            lines.append(f"| `{column.name}` | {_TYPES[column.kind]} | {ways} |")
    return "\n".join(lines) + "\n"


def _ways(layout: Layout, places: list[int], values: list[_Found]) -> Iterator[str]:
    """Each path to a column's values, with its releases, and its rows when not all have it."""
    ways: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for value in values:
        ways[value.path][value.inside] = _hull(ways[value.path].get(value.inside), value)
    for path, by_place in ways.items():
        of_range: dict[tuple[int, int], list[str]] = defaultdict(list)
        for place, range_ in by_place.items():
            of_range[range_].append(layout.places[place])
        parts = []
        for range_, names in of_range.items():
            parts.append(_releases(*range_) + _of(names, [layout.places[p] for p in places]))
        yield f"`{path}`" + ";".join(parts)


def _of(names: list[str], all_names: list[str]) -> str:
    """Which rows have it, or which have not where those are fewer."""
    others = [n for n in all_names if n not in names]
    if not others:
        return ""
    if len(others) < len(names):
        return f" not of {', '.join(others)}"
    return f" of {', '.join(names)}"


def _hull(known: tuple[int, int] | None, found: _Found) -> tuple[int, int]:
    first, last = known or (found.since, found.until)
    return min(first, found.since), max(last, found.until)


def _releases(since: int, until: int) -> str:
    if (since, until) == _ALL:
        return ""
    if since > until:
        return " read, though no release writes it here,"
    if since == until:
        return f" 3.{since}"
    if until == _ALL[1]:
        return f" from 3.{since}"
    return f" until 3.{until}" if since == _ALL[0] else f" 3.{since} to 3.{until}"
