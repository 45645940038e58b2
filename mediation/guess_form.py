"""How a sample file is cut into records, told from its octets: kind, encoding, marks, columns."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mediation.guess_fixed import fixed_layout
from mediation.guess_types import looks
from mediation.limits import GUESS_LINES, GUESS_RECORDS
from mediation.lines import PLACE

_DELIMITERS: Final = ";,\t|^~"
_ENCODINGS: Final = ("utf-8", "cp1252")
"""Tried in this order; Latin-1 reads all octets."""
_TYPE_WORD = re.compile(r"(?i)(?:INTEGER|INT|VARCHAR|CHAR|UNIQUEIDENTIFIER|BIGINT|DATE|DATETIME)"
                        r"(?:\(\d+\))?")
_HEADER_CELL = re.compile(r"[^\W\d][\w .#/()%+\-]*")


class GuessError(Exception):
    """A sample that no profile can be guessed for; says why."""


@dataclass(frozen=True, slots=True)
class Form:
    """The [format] of a profile as TOML values, each key's reason, and the sample's columns."""

    keys: dict[str, Any]
    why: dict[str, str]
    columns: dict[str, list[str]]
    """Column name to its texts in the first records, empty where a record lacks it"""
    notes: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """hdr.X to its text"""
    others: int = 0
    """Records beside those of the columns, of no form that is known"""


def text_of(data: bytes) -> tuple[str, str]:
    """The octets as text and the encoding that reads them."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace"), "utf-16"
    for encoding in _ENCODINGS:
        try:
            text = data.removeprefix(b"\xef\xbb\xbf").decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, encoding
    return data.decode("latin-1"), "latin-1"


def text_form(data: bytes) -> Form:
    """The form of a text file: JSON lines, delimited or fixed. GuessError for anything else."""
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise GuessError("is no text, and no TAP file that can be known")
    text, encoding = text_of(data)
    lines = [line for line in text.splitlines()[:GUESS_LINES] if line.strip()]
    if not lines:
        raise GuessError("is empty")
    form = _jsonl(lines) or _delimited(lines) or _fixed(lines)
    if form is None:
        raise GuessError("its lines have neither a delimiter nor a width in common")
    if encoding != "utf-8":
        form.keys["encoding"] = encoding
        form.why["encoding"] = "the sample is not UTF-8"
    return form


def _jsonl(lines: Sequence[str]) -> Form | None:
    if not lines[0].lstrip().startswith("{"):
        return None
    rows: list[dict[str, str]] = []
    for line in lines[:GUESS_RECORDS]:
        try:
            rows.append(dict(_flat(json.loads(line), "")))
        except (ValueError, RecursionError):
            continue
    paths = list(dict.fromkeys(path for row in rows for path in row))
    if not paths:
        return None
    names = dict(zip(short_names([re.split(r"[.\[\]]+", p) for p in paths]), paths, strict=True))
    return Form(
        {"kind": "jsonl", "columns": names},
        {"kind": f"{len(rows)} of {min(len(lines), GUESS_RECORDS)} lines are JSON objects"},
        {name: [row.get(path, "") for row in rows] for name, path in names.items()},
    )


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (as JSON gives it)
    """Each path of a JSON value with its text; null gives nothing."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _flat(part, f"{path}[{i}]")
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    elif value is not None:
        yield path, str(value)


def short_names(paths: Sequence[Sequence[str]]) -> list[str]:
    """A name for each path: its last step, with steps before it where names would be alike."""
    names: list[str] = []
    for path in paths:
        steps = [re.sub(r"\W", "_", step) for step in path if step]
        if steps and steps[-1] in PLACE:
            steps[-1] = f"its_{steps[-1]}"
        for take in range(1, len(steps) + 1):
            name = "_".join(steps[-take:])
            if name not in names:
                break
        else:
            name = f"{name}_{len(names)}"
        names.append(name)
    return names


def _delimited(lines: Sequence[str]) -> Form | None:
    """Delimited text, with or without a line of names."""
    comment = "#" if lines[0].startswith("#") and not lines[-1].startswith("#") else ""
    body = [line for line in lines if not (comment and line.startswith(comment))]
    scored = [(*_agreement(body, mark), mark) for mark in _DELIMITERS]
    share, columns, mark = max(scored, key=lambda s: (s[0] * min(s[1], 12), s[1]))
    if columns < 2 or share < 0.5:
        return None
    rows = list(csv.reader(body, delimiter=mark))
    keys: dict[str, Any] = {"kind": "delimited", "delimiter": mark}
    why = {"delimiter": f"{share:.0%} of the lines have {columns} columns with it"}
    if comment:
        keys["comment"], why["comment"] = comment, "so does the first line begin"
    form = Form(keys, why, {})
    rows = _without_ends(rows, columns, form)
    typed = len(rows) > 1 and all(_TYPE_WORD.fullmatch(c) for c in rows[1] if c)
    names, data = rows[0], [row for row in rows[1 + typed :] if len(row) == columns]
    if _is_header(rows[0], data):
        form.notes.append(f"the first line names {columns} columns")
        if typed:
            keys["skip_after_header"] = 1
            why["skip_after_header"] = "the second line holds types"
    else:
        data = [row for row in rows if len(row) == columns]
        names = [f"column_{i}" for i in range(1, columns + 1)]
        keys["names"], why["names"] = names, "the file has no line of names: give them their own"
    odd = sum(len(row) != columns for row in rows)
    if odd:
        form.notes.append(f"{odd} of {len(rows)} lines have another number of columns")
    for i, name in enumerate(names):
        column = f"col.{name.strip()}" if name.strip() in PLACE else name.strip()
        form.columns.setdefault(column, [row[i] for row in data[:GUESS_RECORDS]])
    return form


def _fixed(lines: Sequence[str]) -> Form | None:
    """Lines of fixed width."""
    layout = fixed_layout(lines)
    if layout is None:
        return None
    told = []
    why = {"lines": "CHECK: columns end where nearly all lines of the sample look so; name them by "
                    "the partner's description, and put right what it says otherwise"}
    for at, kind in enumerate(layout.kinds):
        mark = kind.marks[0]
        by = {"starts_with": mark} if len(kind.marks) == 1 else {"equals": list(kind.marks)}
        told.append({"type": kind.type, **by,
                     "columns": {n: list(place) for n, place in kind.columns.items()}})
        why[f"lines.{at}"] = f"{kind.lines} line{'' if kind.lines == 1 else 's'}"
        why |= {f"lines.{at}.{name}": said for name, said in kind.why.items()}
    form = Form({"kind": "fixed", "lines": told}, why, layout.columns, variables=layout.variables,
                others=layout.alone)
    if layout.alone:
        form.notes.append(f"{layout.alone} lines begin as none of these")
    if layout.short:
        form.notes.append(f"{layout.short} lines end before their last column does")
    return form


def _without_ends(rows: list[list[str]], columns: int, form: Form) -> list[list[str]]:
    """The rows but for a header and a trailer line, which become variables of the file."""
    starts = Counter(row[0] for row in rows)
    lines = []
    for kind, short, at in (("header", "hdr", 0), ("trailer", "trl", -1)):
        row = rows[at]
        if len(rows) > 2 and len(row) != columns and row[0] and starts[row[0]] == 1:
            names = ["", *(f"column_{i}" for i in range(2, len(row) + 1))]
            lines.append({"type": kind, "equals": [row[0]], "names": names})
            form.variables.update({f"{short}.{n}": text.strip()
                                   for n, text in zip(names, row, strict=True) if n})
            rows = rows[1:] if at == 0 else rows[:-1]
    if lines:
        form.keys["lines"] = lines
        form.why["lines"] = "CHECK: so do the first and last line begin: name their columns"
    return rows


def _agreement(lines: Sequence[str], mark: str) -> tuple[float, int]:
    """The share of lines that have the most frequent number of columns, and that number."""
    try:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=mark))
    except csv.Error:
        return 0.0, 0
    (columns, lines_with), = counts.most_common(1)
    return lines_with / counts.total(), columns


def _is_header(first: Sequence[str], data: Sequence[Sequence[str]]) -> bool:
    """Whether the first line holds names: all different, no figures where the others have them."""
    cells = [cell.strip() for cell in first]
    if len(set(cells)) < len(cells) or not all(_HEADER_CELL.fullmatch(c) for c in cells):
        return False
    if not data:
        return True
    texts = [looks([row[i] for row in data if i < len(row)]).kind for i in range(len(cells))]
    return any(kind not in {"text", "empty", "currency", "tadig"} for kind in texts)
