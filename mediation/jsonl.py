"""JSON lines to records of text columns: one object a line, columns by path."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import polars as pl

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.limits import JSON_DEPTH_MAX, JSON_LINE_MAX_BYTES
from mediation.lines import (
    TextFile,
    cut_lines,
    kept_lines,
    line_rejects,
    not_cdr,
    text_file,
)
from mediation.percent import percent_decoded
from mediation.profile import Profile, ProfileError

# Numbers keep the digits that were written: no float, no rounding.
_JSON: Final = msgspec.json.Decoder(float_hook=str)
_STEP: Final = re.compile(
    r"(?:^|\.)(?P<key>[^.\[\]\"]+)|\[(?P<at>[0-9]{1,6})\]|\[\"(?P<quoted>[^\"]+)\"\]"
)
_WORDS: Final = {True: "true", False: "false", None: None}
_Column = Callable[[Any], Any]


@dataclass(slots=True)
class _Found:
    """What was read of a file so far."""

    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    good: list[int] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    """Number of the line, code and detail"""


def decode_jsonl(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The lines of a file of JSON objects as records of text columns.

    Numbers are their digits as written, true and false words, null and what is absent null; an
    object or a list is its JSON text. A line that is no JSON object, too long or nested too deep
    is a reject.
    """
    form = profile.format
    columns = [_column(profile, at) for at in form.columns.values()]
    text = text_file(data, form.encoding)
    lines = kept_lines(text.data, cut_lines(text.data), profile)
    if text.why_not or not len(lines):
        return not_cdr(profile, ctx, text.why_not or "it is empty")
    found = _Found()
    for i, (start, end) in enumerate(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)):
        _read(found, i, text.data[start:end], columns, text)
    if not found.good and all(code == "JSON_INVALID" for _, code, _ in found.faults):
        return not_cdr(profile, ctx, "no line is a JSON object")
    places = lines.places()
    texts = pl.DataFrame(found.rows, dict.fromkeys(form.columns, pl.String), orient="row")
    records = pl.concat([places[found.good], texts], how="horizontal")
    faults = places[[i for i, _, _ in found.faults]].with_columns(
        pl.Series("code", [code for _, code, _ in found.faults], pl.String),
        pl.Series("detail", [detail for _, _, detail in found.faults], pl.String),
    )
    return Decoded(
        file_header(profile, ctx, {}), percent_decoded(records, profile),
        line_rejects(text.data, faults, ctx), text.content,
    )


def _read(
    found: _Found, number: int, line: bytes, columns: Sequence[_Column], text: TextFile
) -> None:
    """Put one line among the records or the faults."""
    if len(line) > JSON_LINE_MAX_BYTES:
        detail = f"the line has {len(line)} octets, more than {JSON_LINE_MAX_BYTES}"
        found.faults.append((number, "LINE_LONG", detail))
        return
    try:
        if text.encoding != "utf-8":
            line = line.decode(text.encoding).encode()
        record = _JSON.decode(line)
        if not isinstance(record, dict):
            found.faults.append((number, "JSON_INVALID", "the line is no JSON object"))
            return
        _check_depth(line, record)
        found.rows.append(tuple([_text(column(record)) for column in columns]))
    except UnicodeDecodeError:
        found.faults.append((number, "ENCODING_INVALID", f"the line is not {text.encoding}"))
    except RecursionError:
        detail = f"the line is nested deeper than {JSON_DEPTH_MAX}"
        found.faults.append((number, "JSON_INVALID", detail))
    except ValueError as error:
        found.faults.append((number, "JSON_INVALID", str(error)))
    else:
        found.good.append(number)


def _check_depth(line: bytes, record: object) -> None:
    """RecursionError for a record that is nested too deep."""
    # Counting brackets is quick, and most lines have few.
    if line.count(b"{") + line.count(b"[") > JSON_DEPTH_MAX and _depth(record) > JSON_DEPTH_MAX:
        raise RecursionError


def _depth(value: Any) -> int:  # noqa: ANN401 (whatever JSON holds)
    """How deep objects and lists stand within one another."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _text(value: Any) -> str | None:  # noqa: ANN401 (whatever JSON holds)
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        return str(value)
    return msgspec.json.encode(value).decode()


def _column(profile: Profile, at: object) -> _Column:
    """The path as a function of the record; None where it leads nowhere."""
    steps: list[str | int] = []
    place = 0
    while isinstance(at, str) and (step := _STEP.match(at, place)):
        steps.append(int(step["at"]) if step["at"] else step["key"] or step["quoted"])
        place = step.end()
    if not isinstance(at, str) or place < len(at) or not steps or at.startswith("."):
        raise ProfileError(
            f"{profile.name}: format.columns: {at!r} is no path; write a.b[0].c, and "
            '["a.b"] for a name with dots'
        )
    if len(steps) == 1 and isinstance(steps[0], str):
        key = steps[0]
        return lambda record: record.get(key)
    return lambda record: _follow(record, steps)


def _follow(value: Any, steps: Sequence[str | int]) -> Any:  # noqa: ANN401 (whatever JSON holds)
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return None
            value = value[step]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value
