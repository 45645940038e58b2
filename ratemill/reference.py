"""docs/reference: pages made from the declarations, so that they cannot disagree."""

import ast
import inspect
import itertools
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from typer.testing import CliRunner

from mediation.codes import CODES
from mediation.profile import Profile
from ratemill.cli import app
from ratemill.lake import TABLES
from ratemill.settings import Settings
from ratemill.tap_reference import tap_tables

_HEAD = "<!-- Made by `make golden` from the declarations; edit those. -->\n\n"


def pages() -> dict[str, str]:
    """File name to Markdown text of every page of the reference."""
    return {
        "reject-codes.md": _codes(),
        "tables.md": _tables(),
        "tap-tables.md": tap_tables(_HEAD),
        "settings.md": _settings(),
        "cli.md": _cli(),
    }


def write(folder: Path) -> None:
    """Write all pages below the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)


def _cli() -> str:
    """The help of every command as a terminal of 100 columns shows it."""
    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb"})
    parts = [f"# Command line\n\n{_HEAD}"]
    for arguments in ([], *([c.callback.__name__] for c in app.registered_commands if c.callback)):
        shown = runner.invoke(app, [*arguments, "--help"], prog_name="ratemill").output.strip()
        parts.append(f"## {' '.join(['ratemill', *arguments])}\n\n```\n{shown}\n```\n\n")
    return "".join(parts).rstrip() + "\n"


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
    more = ("\nAny other code is a drop rule that the partner's profile names (`[[drop]]`): the "
            "outcome is dropped.\n")
    return f"# Reject codes\n\n{_HEAD}{body}{more}"


def _tables() -> str:
    parts = [f"# Tables\n\n{_HEAD}Money is in micro-units, times are UTC.\n"]
    for table in TABLES:
        rows = [(f"`{c.name}`", c.kind, "yes" if c.null else "", c.doc) for c in table.columns]
        parts.append(f"\n## {table.name}\n\nOne row: {table.grain}.\n\n"
                     + _table(("column", "type", "null", "meaning"), rows))
    return "".join(parts)


def _settings() -> str:
    parts = [f"# Settings\n\n{_HEAD}## ratemill.toml\n\n", _struct(Settings)]
    parts.append("\n## partners/NAME.toml\n\n")
    parts.append(_struct(Profile))
    for info in msgspec.structs.fields(Profile):
        parts += [f"\n### {info.name}: {kind.__name__}\n\n{kind.__doc__}\n\n{_struct(kind)}"
                  for kind in _structs_in(info.type)]
    return "".join(parts)


def _structs_in(kind: object) -> list[type[msgspec.Struct]]:
    """The struct types within a type annotation."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [s for inner in typing.get_args(kind) for s in _structs_in(inner)]


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
    for module in ("typing.", "mediation.profile.", "ratemill.settings.", "datetime."):
        text = text.replace(module, "")
    return f"`{text}`"
