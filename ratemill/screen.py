"""What the command line shows: tables, progress and messages, coloured only on a terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from asn1.tree import TreeLine
from ratemill.money import amounts_text

if TYPE_CHECKING:
    from ratemill.funnel import FunnelRow

# Wide enough for the funnel when the output is a file: a table must not be folded for a script.
_FILE_WIDTH = 160


class Screen(Console):
    """A console that no text can steer: what a terminal would obey is shown as escapes.

    Texts of partners are still to be printed with markup=False, or as a Text.
    """

    def render_str(self, text: str, **how: Any) -> Text:  # noqa: ANN401 (as Console has it)
        """The text as rich shows it, each line printable."""
        return super().render_str(harmless(text), **how)


out = Screen(highlight=False, soft_wrap=False, emoji=False)
err = Screen(stderr=True, highlight=False, emoji=False)
if not out.is_terminal:
    out.width = _FILE_WIDTH

_STATE_STYLE = {"posted": "green", "quarantined": "yellow", "refused": "red", "test": "cyan",
                "notification": "cyan", "copy": "dim", "unpacked": "dim", "rap": "dim"}


class Bars:
    """Progress bars on a terminal's stderr; nothing when it is not one."""

    @contextmanager
    def step(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar for one step of a run; call the value once for each unit done."""
        columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task(label, total=total)
            yield lambda: bar.advance(task)


def funnel_table(rows: "Sequence[FunnelRow]") -> Table:
    """One line per file with its counts, amounts and state; the totals below."""
    from ratemill.funnel import totals

    table = Table(box=None, header_style="bold", show_footer=bool(rows), padding=(0, 1))
    sums = totals(rows)
    table.add_column("partner", "total", no_wrap=True)
    table.add_column("file", f"{len(rows)} files", no_wrap=True)
    for name, total in (
        ("received", sums["received"]), ("decoded", sum(r.decoded for r in rows)),
        ("rejected", sums["suspended"] + sums["dropped"]), ("duplicate", sums["duplicate"]),
        ("rated", sum(r.rated for r in rows)), ("posted", sums["posted"]),
    ):
        table.add_column(name, f"{total:,}", justify="right", no_wrap=True)
    table.add_column("retail", justify="right", no_wrap=True)
    table.add_column("wholesale", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for r in rows:
        table.add_row(
            r.partner, _cell(r.name), *(f"{n:,}" for n in (r.received, r.decoded, r.rejected,
                                                          r.duplicate, r.rated, r.posted)),
            amounts_text(r.retail_micros), amounts_text(r.wholesale_micros),
            Text(r.state, _STATE_STYLE.get(r.state, "default")),
        )
    return table


def show_funnel(rows: "Sequence[FunnelRow]", title: str) -> None:
    """Print the funnel, below it the promise in figures, and what was found on whole files."""
    from mediation.gate_history import UNJUDGED
    from ratemill.funnel import equation, totals

    out.print(Text(printable(title), "bold"))
    out.print(funnel_table(rows))
    out.print(f"\n  {equation(totals(rows))}")
    noted = [(r.partner, r.name, note) for r in rows for note in r.notes.splitlines()
             if not note.startswith(UNJUDGED)]
    if noted:
        out.print("\n[bold]Findings[/]")
        out.print(plain_table(("partner", "file", "finding"), noted))


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table without lines, its cells as they are: no markup; numbers to the right."""
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for i, name in enumerate(columns):
        numeric = all(isinstance(row[i], int) for row in rows) and bool(rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> Text:
    """A value in a table."""
    if value is None:
        return Text()
    return Text(f"{value:,}" if isinstance(value, int) else printable(str(value)))


def tlv_text(line: TreeLine, depth: int = 0) -> str:
    """One line of a TLV tree: offset, indented name and tag, length, octets, and what they mean.

    depth is the root's.
    """
    name = f"{'  ' * (line.depth - depth)}{line.name or '?'}"
    length = "∞" if line.length < 0 else str(line.length)
    raw = "" if line.value_text.startswith(line.raw_text) else f"{line.raw_text:<20}  "
    return printable(
        f"{line.offset:>8}  {name:<44} {line.tag:<18} {length:>6}  {raw}{line.value_text}".rstrip()
    )


def printable(text: str) -> str:
    """The text with escapes for what a terminal would obey: a file's content must not steer it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def harmless(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))
