"""The pages of the batch gate: what each file was checked for, below reports/."""

import os
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import jinja2
import msgspec

from mediation.gate import CHECKS, Check
from mediation.limits import GATE_CHECKS_SHOWN
from ratemill.atomic import replacing
from ratemill.home import Home

_DAY_NS: Final = 86_400 * 1_000_000_000
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


class Line(NamedTuple):
    """One file's check, as the index shows it; page is relative to the reports folder."""

    partner: str
    file: str
    received: datetime
    passed: bool
    findings: Sequence[str]
    notes: Sequence[str]
    page: str


class _Kept(NamedTuple):
    """A check on disk."""

    at_ns: int
    path: Path


def index_page(home: Home) -> Path:
    """Where the gate's index is, once there was a check."""
    return home.reports / "index.html"


def build_data_docs(home: Home) -> Path | None:
    """The index page, rendered anew when there is a check it does not show; None without checks.

    The index is ours and needs no network; the page of each partner is Great Expectations' own,
    over the newest checks of the partner. Checks that are older than the settings say are removed.
    """
    everything = _kept(home.reports / CHECKS)
    index = index_page(home)
    if not everything:
        return None
    found = _young(everything, home.settings.gate_checks_days)
    if len(found) == len(everything) and _shows(index, found):
        return index
    partners = sorted({one.path.parent.name for one in found})
    for partner in partners:
        _partner_page(home, partner, [one for one in found if one.path.parent.name == partner])
    checks = _read(found[:GATE_CHECKS_SHOWN])
    lines = sorted(map(_line, checks), key=lambda line: line.received, reverse=True)
    text = _TEMPLATES.get_template("gate.html.j2").render(
        title=home.settings.title, checks=sorted(lines, key=lambda line: line.passed),
        failed=sum(not line.passed for line in lines),
    )
    _write(index, text, found)
    _remove(home, everything[len(found):], partners)
    return index


def partner_page(home: Home, partner: str) -> Path:
    """Where the page of a partner's checks is."""
    return home.reports / "docs" / f"{partner}.html"


def _partner_page(home: Home, partner: str, found: Sequence[_Kept]) -> None:
    """Great Expectations' page over the partner's newest checks, where one is not on it."""
    from mediation.gate_docs import judge

    page = partner_page(home, partner)
    checks = [] if _shows(page, found) else _read(found[:GATE_CHECKS_SHOWN])
    if checks:
        _write(page, judge(partner, checks).html, found)


def _kept(folder: Path) -> list[_Kept]:
    """All checks, the newest first."""
    paths = (path for path in folder.glob("*/*.json") if not path.name.startswith("."))
    found = [_Kept(path.stat().st_mtime_ns, path) for path in paths]
    return sorted(found, key=lambda one: (-one.at_ns, one.path))


def _young(found: list[_Kept], days: int) -> list[_Kept]:
    """Those of the checks, the newest first, that are not older than the newest by more days.

    Of a home where nothing comes any more nothing goes.
    """
    oldest_ns = found[0].at_ns - days * _DAY_NS
    return [one for one in found if one.at_ns >= oldest_ns]


def _remove(home: Home, old: Iterable[_Kept], partners: Collection[str]) -> None:
    """Remove old checks, and the page of a partner who has no others."""
    for one in old:
        one.path.unlink(missing_ok=True)
        if one.path.parent.name not in partners:
            partner_page(home, one.path.parent.name).unlink(missing_ok=True)


def _shows(page: Path, found: Sequence[_Kept]) -> bool:
    """Whether a page was made when the newest of the checks was there."""
    return page.exists() and page.stat().st_mtime_ns >= found[0].at_ns


def _write(page: Path, text: str, found: Sequence[_Kept]) -> None:
    """Write a page, as old as the newest check on it: one that comes meanwhile is newer."""
    with replacing(page) as part:
        part.write_text(text)
        os.utime(part, ns=(found[0].at_ns, found[0].at_ns))


def _read(found: Iterable[_Kept]) -> list[Check]:
    """The checks that can be read: a power cut may leave one empty."""
    checks = []
    for one in found:
        try:
            checks.append(msgspec.json.decode(one.path.read_bytes(), type=Check))
        except msgspec.MsgspecError:
            continue
    return checks


def _line(check: Check) -> Line:
    findings = check.findings
    return Line(
        check.partner, check.name, check.received_at, not findings, findings, check.notes,
        quote(f"docs/{check.partner}.html"),
    )
