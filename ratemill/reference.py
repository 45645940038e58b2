"""docs/reference: pages made from the declarations, so that they cannot disagree."""

import ast
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from typer.main import get_command
from typer.testing import CliRunner

from mediation.codes import CODES
from mediation.profile import Profile
from ratemill.cli import app
from ratemill.lake import TABLES
from ratemill.settings import Settings
from ratemill.tap_reference import tap_tables
from rating.catalog_cells import hint
from rating.catalog_column import CatalogTable, Column
from rating.catalog_tables import TABLES as CATALOG_TABLES

_HEAD = "<!-- Made by `make golden` from the declarations; edit those. -->\n\n"


def write(folder: Path) -> None:
    """Write all pages below the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PAGES.items():
        (folder / name).write_text(text())


def _cli() -> str:
    """The help of every command as a terminal of 100 columns shows it."""
    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb"})
    command = get_command(app)  # what the runner would make anew for each page of help
    parts = [f"# Command line\n\n{_HEAD}"]
    for arguments in _commands():
        with runner.isolation() as (output, *_):
            command.main([*arguments, "--help"], "ratemill", standalone_mode=False)
            shown = output.getvalue().decode().strip()
        parts.append(f"## {' '.join(['ratemill', *arguments])}\n\n```\n{shown}\n```\n\n")
    return "".join(parts).rstrip() + "\n"


def _commands() -> list[list[str]]:
    """The arguments of every command, those of groups behind all others."""
    groups = ((g.name or "", g.typer_instance) for g in app.registered_groups)
    parts = (([], app), *(([name], group) for name, group in groups if group))
    return [[]] + [
        [*before, c.name or c.callback.__name__.replace("_", "-")]
        for before, part in parts for c in part.registered_commands if c.callback
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _codes() -> str:
    body = _table(
        ("code", "stage", "outcome", "severity", "meaning", "remedy"),
        [(f"`{c.code}`", c.stage, c.outcome, c.severity, c.meaning, c.remedy)
         for c in CODES.values()],
    )
    more = ("\nAny other code is a rule that the partner's profile names: of a check (`[[check]]`) "
            "the outcome is\nsuspended, severe, and the check says what is wrong; of a drop rule "
            "(`[[drop]]`) it is dropped.\n")
    return f"# Reject codes\n\n{_HEAD}{body}{more}"


def _tables() -> str:
    parts = [f"# Tables\n\n{_HEAD}Money is in micro-units, times are UTC.\n"]
    for table in TABLES:
        rows = [(f"`{c.name}`", c.kind, "yes" if c.null else "", c.doc) for c in table.columns]
        parts.append(f"\n## {table.name}\n\nOne row: {table.grain}.\n\n"
                     + _table(("column", "type", "null", "meaning"), rows))
    return "".join(parts)


_CATALOG = """\
One CSV file for each table, UTF-8, with a header line, columns in any order; a file that is
*optional* may be missing and then has no rows. `ratemill catalog lint`
checks what is said here, and more.

A row holds from midnight of `valid_from` until midnight of `valid_to`, both in the operator's home
time zone. Money is decimal text without a currency sign. Of each key one row holds at a time. Under
*refers to* stands the table and column in which a value must occur. How rates, allowances,
discounts and taxes are chosen among several that match, and what is made of them, is told in
[rating.md](../rating.md).
"""


def _catalog() -> str:
    parts = [f"# Catalog\n\n{_HEAD}{_CATALOG}"]
    for table in CATALOG_TABLES:
        rows = [(f"`{c.name}`", hint(c), "yes" if c.empty else "", _refers(c), c.doc)
                for c in table.columns]
        parts.append(
            f"\n## {table.name}.csv\n\nOne row: {table.grain}. {_keys(table)}\n\n"
            + _table(("column", "cell", "may be empty", "refers to", "meaning"), rows)
        )
    return "".join(parts)


def _keys(table: CatalogTable) -> str:
    keys = "; ".join(", ".join(f"`{name}`" for name in key) for key in table.keys) or "none"
    return f"{'Required' if table.required else 'Optional'}. Key: {keys}."


def _refers(column: Column) -> str:
    targets = [column.refers] if column.refers else [
        f"{target} ({value})" for value, target in column.refers_by.items()
    ]
    more = " where that has rows" if column.refers_if_any else ""
    wild = [f"`{text}`" for text in (*column.also, *(["*"] if column.wild and targets else []))]
    return ", ".join([f"{target}{more}" for target in targets] + wild)


def _settings() -> str:
    parts = [f"# Settings\n\n{_HEAD}"]
    for title, whole in (("## ratemill.toml", Settings), ("\n## partners/NAME.toml", Profile)):
        parts.append(f"{title}\n\n{_struct(whole)}")
        for info in msgspec.structs.fields(whole):
            parts += [
                f"\n### {info.name}: {kind.__name__}\n\n{inspect.getdoc(kind)}\n\n"
                f"{_struct(kind)}" for kind in _structs_in(info.type)
            ]
    return "".join(parts)


def _structs_in(kind: object) -> list[type[msgspec.Struct]]:
    """The struct types within a type annotation, each before those within its own fields."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        below = (s for field in msgspec.structs.fields(kind) for s in _structs_in(field.type))
        return list(dict.fromkeys([kind, *below]))
    return list(dict.fromkeys(s for inner in typing.get_args(kind) for s in _structs_in(inner)))


def _struct(kind: type[msgspec.Struct]) -> str:
    meanings = _meanings(kind)
    rows = [
        (f"`{field.encode_name}`", _type(field.type),
         "required" if field.required else _default(field), meanings.get(field.name, ""))
        for field in msgspec.structs.fields(kind)
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _meanings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Field name to the text that stands below the field in the source."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in itertools.pairwise(body.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is msgspec.NODEFAULT:
        return "defaults of its fields"
    return f"`{value!r}`"


def _type(kind: object) -> str:
    text = str(kind) if typing.get_args(kind) else getattr(kind, "__name__", str(kind))
    # the parts of a profile are declared in several modules of mediation
    text = re.sub(r"\bmediation\.\w+\.", "", text)
    for module in ("typing.", "ratemill.settings.", "datetime."):
        text = text.replace(module, "")
    return f"`{text}`"


PAGES: typing.Final[dict[str, Callable[[], str]]] = {
    "reject-codes.md": _codes,
    "tables.md": _tables,
    "catalog.md": _catalog,
    "tap-tables.md": lambda: tap_tables(_HEAD),
    "settings.md": _settings,
    "cli.md": _cli,
}
"""What gives the Markdown text of each page of the reference, by the page's file name"""
