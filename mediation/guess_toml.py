"""A guessed profile as TOML with a comment beside each guess."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_COMMENT_MAX: Final = 200
_TABLES: Final = ("columns", "header", "namespaces")
_ARRAYS: Final = ("lines",)


@dataclass(slots=True)
class Section:
    """One table of a profile: its keys, the reason beside each, and comments below them."""

    keys: dict[str, Any]
    why: dict[str, str] = field(default_factory=dict)
    below: list[str] = field(default_factory=list)


def toml(head: Sequence[str], sections: Mapping[str, Section]) -> str:
    """The sections as TOML; the one named '' stands first and has no heading."""
    lines = [*(f"# {_safe(line)}" for line in head)]
    for name, section in sections.items():
        lines += _section(name, section)
    return "\n".join(lines) + "\n"


def _section(name: str, section: Section) -> Iterator[str]:
    if name:
        yield ""
        yield f"[{name}]"
    for key, value in section.keys.items():
        if key in (*_TABLES, *_ARRAYS) and name == "format":
            continue
        why = section.why.get(key)
        yield f"{_key(key)} = {_value(value)}{f'  # {_safe(why)}' if why else ''}"
    yield from (f"# {_safe(line)}" for line in section.below)
    for table in _TABLES:
        if name == "format" and table in section.keys:
            yield from _section(f"format.{table}", Section(section.keys[table]))
    for array in _ARRAYS:
        if name == "format" and array in section.keys:
            yield from _array(array, section)


def _array(name: str, section: Section) -> Iterator[str]:
    """A list of tables, each with its columns as a table of its own; reasons beside all."""
    if name in section.why:
        yield ""
        yield f"# {_safe(section.why[name])}"
    for at, table in enumerate(section.keys[name]):
        prefix = f"{name}.{at}"
        yield ""
        yield f"[[format.{name}]]"
        plain = {key: value for key, value in table.items() if key not in _TABLES}
        why = {"type": section.why[prefix]} if prefix in section.why else {}
        yield from _section("", Section(plain, why))
        for key in _TABLES:
            if key in table:
                yield f"[format.{name}.{key}]"
                said = {n: section.why.get(f"{prefix}.{n}", "") for n in table[key]}
                yield from _section("", Section(table[key], said))


def _safe(text: str) -> str:
    """A comment on one line, short, without what a terminal would obey."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= _COMMENT_MAX else f"{shown[:_COMMENT_MAX]} …"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:  # noqa: ANN401 (what TOML holds)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return str(value)


def _text(text: str) -> str:
    """The text in quotes: as it is where it holds a backslash, else with escapes."""
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
