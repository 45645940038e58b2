"""Files that are held back: what a person has to know of one, and what follows from his answer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median_low
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from mediation.codes import CODES
from mediation.gate import CHECKS, Check
from mediation.gate_history import Past
from ratemill import pipeline
from ratemill.decisions import Author, Decision, of_file, reject, release
from ratemill.errors import RatemillError
from ratemill.files_risk import Risk, at_risk, risks
from ratemill.history import History
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.mediated_proof import prove_mediated
from ratemill.money import amounts_text, decimal_text
from ratemill.refs import split
from ratemill.rollback import find_file
from ratemill.screen import printable

HELD: Final = "quarantined"
"""The state of a file that is held back"""
_USUAL: Final = 30
"""Accepted files that a file is shown beside: as many as the gate compares with, unless told"""
_UNITS: Final[dict[str, Callable[[int], str]]] = {
    "_micros": decimal_text,
    "_millionths": lambda value: f"{decimal_text(value * 100)} %",
    "_s": lambda value: f"{value / 86_400:,.1f} days",
}
"""How people read a measure of the gate, by the end of its name"""


class Question(msgspec.Struct, frozen=True):
    """What a person is asked about a file that is held back."""

    subject: str
    body: str
    """Markdown; what came from the partner is code in it, so that it can be nothing else"""


def held(home: Home, refs: Iterable[str]) -> list[dict[str, Any]]:
    """The rows (table file) of those of the files that are held back and nobody decided about."""
    lake = Lake(home.lake)
    return [row for row in pipeline.rows_of(home, refs)
            if row["state"] == HELD and of_file(lake, _ref(row)) is None]


def headline(row: dict[str, Any]) -> str:
    """Which file is held, and for what; Markdown."""
    return f"{_code(row['name'])}: {_code(_why(row))}"


def question(home: Home, named: str) -> Question | None:
    """What is asked about a file by reference, start of its id, or name; None if nothing is open.

    RatemillError where no file, or several, are called so.
    """
    row = find_file(home, named)
    if not held(home, [_ref(row)]):
        return None
    return Question(
        f"{row['partner']}: {printable(row['name'])} is held. Approve it?",
        "\n".join(_body(home, row)),
    )


def _body(home: Home, row: dict[str, Any]) -> Iterator[str]:
    """The lines of the question."""
    code, _, detail = _why(row).partition(": ")
    known = CODES.get(code)
    yield f"**{code}**: {known.meaning if known else ''} Nothing of the file is charged yet."
    yield ""
    yield from (f"- {_code(finding)}" for finding in detail.split("; ") if finding)
    yield ""
    yield from _table(("", "this file", "least", "middle", "most"), _beside(home, row))
    if code == "GATE_FAILED":
        yield from _limits(home, row)
    yield from _facts(home, row)
    yield ""
    yield (f"**Approve** charges it as it is. **Reject** leaves it in quarantine for good: ask "
           f"the partner for a better copy. {known.remedy if known else ''}").rstrip()


def _why(row: dict[str, Any]) -> str:
    """Code and detail of what a file is held for, which is its last note."""
    found: str = row["notes"].splitlines()[-1]
    return found


def _beside(home: Home, row: dict[str, Any]) -> Iterator[Sequence[str]]:
    """Figures of the file beside those of the partner's accepted files before it."""
    before = History(Lake(home.lake).file_rows("mediate")).before(
        row["partner"], row["file_number"]
    ).newest(_USUAL)
    alike = [file for file in before if file.currency == row["currency"]]
    money = f"charge stated, {row['currency'] or 'no currency'}"
    lines: tuple[tuple[str, str, Sequence[Past], Callable[[int], str]], ...] = (
        ("records", "records", before, "{:,}".format),
        ("rejected", "records turned away", before, "{:,}".format),
        ("charge_micros", money, alike, decimal_text),
    )
    for name, what, files, show in lines:
        values = [value for file in files if (value := getattr(file, name)) is not None]
        usual = [min(values), median_low(values), max(values)] if values else []
        observed = row[name]
        yield (what, "-" if observed is None else show(observed),
               *(map(show, usual) if usual else ("-",) * 3))
    yield f"*accepted files before it: {len(before)}*", "", "", "", ""


def _limits(home: Home, row: dict[str, Any]) -> Iterator[str]:
    """The limits of the gate that the file does not keep."""
    path = home.reports / CHECKS / row["partner"] / f"{row['file_id']}.json"
    if not path.exists():
        return
    check = msgspec.json.decode(path.read_bytes(), type=Check)
    yield from _table(("limit", "observed", "at least", "at most"), (
        (_words(limit.measure), *(
            "" if value is None else _figure(limit.measure, value)
            for value in (limit.observed, limit.low, limit.high)
        ))
        for limit in check.limits if not limit.kept
    ))


def _facts(home: Home, row: dict[str, Any]) -> Iterator[str]:
    """When it came, who it is, and what else is known of it."""
    zone = ZoneInfo(home.settings.zone)
    came = row["received_at"].replace(tzinfo=UTC).astimezone(zone)
    waits = amounts_text(_at_risk(home, row))
    yield f"Received {came:%Y-%m-%d %H:%M} {home.settings.zone}. Money that waits: {waits}."
    yield f"File id `{row['file_id']}`."
    yield from (f"- note: {_code(note)}" for note in row["notes"].splitlines()[:-1])


def _at_risk(home: Home, row: dict[str, Any]) -> dict[str, int]:
    """The partner's charges of the file's records that wait, by currency."""
    lake = Lake(home.lake)
    mine = lake.file_rows().filter(partner=row["partner"], file_id=row["file_id"])
    return risks(at_risk(lake, mine), "file_id").get((row["file_id"],), Risk()).micros


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown between empty lines."""
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield "|---" + "|--:" * (len(heads) - 1) + "|"
    yield from (f"| {' | '.join(cells)} |" for cells in rows)
    yield ""


def _words(measure: str) -> str:
    unit = next((unit for unit in _UNITS if measure.endswith(unit)), "")
    return measure.removesuffix(unit).replace("_", " ")


def _figure(measure: str, value: int) -> str:
    """A value of a measure as people read it."""
    return next((show for unit, show in _UNITS.items() if measure.endswith(unit)), "{:,}".format)(
        value
    )


def _code(text: str) -> str:
    """Text that Markdown shows as it is, in a table too."""
    return "`" + printable(text).replace("`", "'").replace("|", "\\|") + "`"


def answered(home: Home, named: str, *, let_pass: bool, author: Author) -> None:
    """Keep the decision about a file.

    Somebody may have decided meanwhile: his decision stands. Repeating an answer is harmless.
    """
    ref = _ref(find_file(home, named))
    if held(home, [ref]):
        (release if let_pass else reject)(home, ref, author)


def reopened(home: Home, named: str) -> bool:
    """Whether a file was let pass and has to be mediated now, which it then can be."""
    row = find_file(home, named)
    ref, lake = _ref(row), Lake(home.lake)
    decision = of_file(lake, ref)
    if decision is None or decision.action != "release":
        return False
    if row["state"] == HELD:
        pipeline.reset(home, [ref], "mediate")
    return not lake.done(*split(ref), "mediate")


def outcome(home: Home, named: str) -> str:
    """What became of a file that was held back, in a sentence.

    RatemillError where nobody decided, or the file that was let pass is not mediated.
    """
    row = find_file(home, named)
    ref, name = _ref(row), printable(row["name"])
    decision = of_file(Lake(home.lake), ref)
    if decision is None and row["state"] == HELD:
        raise RatemillError(name, "nobody decided", "clear the task that failed")
    if decision is None:
        return f"{name} is {row['state']}: nothing was to be decided"
    if decision.action == "release":
        prove_mediated(home, [ref])
        if row["state"] == HELD:
            raise RatemillError(name, f"{_said(decision)}, but is still held",
                                "clear the task before this one")
    return f"{name} was {_said(decision)}; it is {row['state']}"


def _said(decision: Decision) -> str:
    verb = "released" if decision.action == "release" else "rejected"
    return f"{verb} by {decision.who} at {_minute(decision.at)} UTC: {decision.why}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _ref(row: dict[str, Any]) -> str:
    return f"{row['partner']}/{row['file_id']}"
