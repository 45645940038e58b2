"""Text in columns as wide as their cells: nothing is cut or folded, whatever the terminal."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from ratemill.screen import out, printable

_GAP: Final = "   "


def columns(
    heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()
) -> Iterator[str]:
    """A line of heads, where any is given, and a line a row; columns in `right` end together."""
    cells = [list(map(printable, row)) for row in ([heads] if any(heads) else []) + list(rows)]
    widths = [max((cell_len(row[at]) for row in cells), default=0) for at in range(len(heads))]
    for row in cells:
        padded = (
            " " * (width - cell_len(text)) + text if head in right
            else text + " " * (width - cell_len(text))
            for head, width, text in zip(heads, widths, row, strict=True)
        )
        yield _GAP.join(padded).rstrip()


def show(title: str, lines: Iterator[str] | Sequence[str]) -> None:
    """Print lines below a title, if there are any."""
    given = list(lines)
    if given:
        out.print()
        out.print(Text(printable(title), "bold"), soft_wrap=True)
        for line in given:
            out.print(f"  {line}".rstrip(), markup=False, soft_wrap=True)
