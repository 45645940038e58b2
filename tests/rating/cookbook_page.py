"""The page docs/cookbook.md, written from the folders of tests/rating/cookbook/."""

import csv
from pathlib import Path

from rating.catalog_tables import TABLES

HERE = Path(__file__).parent / "cookbook"
BASE = HERE / "base"
PAGE = Path(__file__).parents[2] / "docs" / "cookbook.md"

Rows = list[dict[str, str]]

_UNITS = {"voice": "s", "data": "bytes"}
# Said in the event's text, or not worth a column of its own.
_IN_TEXT = {"event", "why"}


def plans() -> list[Path]:
    """The folder of every plan, in order."""
    return sorted(p for p in HERE.iterdir() if p.is_dir() and p != BASE)


def rows(path: Path) -> Rows:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def tables(folder: Path) -> list[Path]:
    """The catalog tables of a folder, in the order of the catalog's reference."""
    order = [table.name for table in TABLES]
    found = [p for p in folder.glob("*.csv") if p.stem not in {"events", "expected"}]
    return sorted(found, key=lambda p: order.index(p.stem))


def page() -> str:
    """The whole page."""
    intro = (BASE / "plan.md").read_text(encoding="utf-8")
    titles = [_title(p) for p in plans()]
    listed = [f"{i}. [{t}](#{_anchor(i, t)})" for i, t in enumerate(titles, start=1)]
    chapters = [_chapter(i, p) for i, p in enumerate(plans(), start=1)]
    base = "## The base\n\n" + "\n".join(_table(p) for p in tables(BASE))
    return "\n".join([intro, *listed, "", *chapters, base])


def _title(folder: Path) -> str:
    text = (folder / "plan.md").read_text(encoding="utf-8")
    return text.partition("\n")[0].removeprefix("# ")


def _anchor(number: int, title: str) -> str:
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -")
    return f"{number}-{kept}".replace(" ", "-")


def _chapter(number: int, folder: Path) -> str:
    _, _, prose = (folder / "plan.md").read_text(encoding="utf-8").partition("\n\n")
    shown = "\n".join(_table(p) for p in tables(folder)) + _warnings(folder)
    return f"## {number}. {_title(folder)}\n\n{prose}\n{shown}\n{_results(folder)}"


def findings(folder: Path) -> list[str]:
    """What the lint has to say about a plan: most often nothing."""
    path = folder / "findings.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _warnings(folder: Path) -> str:
    lines = findings(folder)
    said = ["\n`ratemill catalog lint` says:\n", "```", *lines, "```", ""]
    return "\n".join(said) if lines else ""


def _table(path: Path) -> str:
    """A catalog table as a block of CSV, without the columns that are empty throughout."""
    content = rows(path)
    names = [n for n in content[0] if any(row[n] for row in content)]
    lines = [",".join(names), *(",".join(row[n] for n in names) for row in content)]
    return "\n".join([f"`{path.name}`", "", "```csv", *lines, "```", ""])


def _results(folder: Path) -> str:
    """Events and what is expected of them as one table."""
    events = {row["event"]: row for row in rows(folder / "events.csv")}
    expected = rows(folder / "expected.csv")
    names = [n for n in expected[0] if n not in _IN_TEXT]
    lines = [["", "event", *(n.replace("_", " ") for n in names), "why"]]
    lines.append(["---"] * len(lines[0]))
    lines += [
        [row["event"], _told(events[row["event"]]), *(_cell(n, row[n]) for n in names), row["why"]]
        for row in expected
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _cell(name: str, text: str) -> str:
    return f"`{text}`" if text and name in {"parts", "draws", "periods"} else text


def _told(event: dict[str, str]) -> str:
    """An event in words."""
    service, direction = event["service"], event["direction"]
    unit = _UNITS.get(service, "event" if event["units"] == "1" else "events")
    what = f"{event['start']}, {service} {direction} in {event['network']}"
    if event["other"]:
        what += f" {'from' if direction == 'mt' else 'to'} {event['other']}"
    what += f", {int(event['units']):,} {unit}"
    if event.get("sim"):
        what = f"SIM {event['sim']}, {what}"
    if event.get("partner"):
        what += f", from partner {event['partner']}"
    if event.get("offset_s"):
        what += f", offset {int(event['offset_s']) // 3600:+d} h"
    if "stated" in event:
        what += f", stated {event['stated']} {event['currency']}" if event["stated"] else (
            ", nothing stated")
    if event.get("per_sdr"):
        what += f", {event['per_sdr']} for 1 SDR"
    return what


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
