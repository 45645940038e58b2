"""The pages of the batch gate: what each file was checked for, below reports/."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import msgspec

from ratemill.atomic import replacing
from ratemill.home import Home

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


class Check(msgspec.Struct, frozen=True):
    """One file's check, as the index shows it; page is relative to the reports folder."""

    partner: str
    file: str
    received: str
    passed: bool
    findings: list[str]
    page: str


def index_page(home: Home) -> Path:
    """Where the gate's index is, once there was a check."""
    return home.reports / "index.html"


def build_data_docs(home: Home) -> Path | None:
    """The index page, rendered anew when there is a check it does not show; None without checks.

    The index is ours and needs no network; the page of each file is Great Expectations' own.
    """
    found = sorted((home.reports / "checks").rglob("*.json"))
    if not found:
        return None
    index = index_page(home)
    newest = max(check.stat().st_mtime_ns for check in found)
    if index.exists() and index.stat().st_mtime_ns >= newest:
        return index
    from mediation.gate import Gate

    Gate(home.reports).build_docs()
    checks = sorted((_check(home, path) for path in found), key=lambda c: (c.passed, c.file))
    text = _TEMPLATES.get_template("gate.html.j2").render(
        title=home.settings.title, checks=checks, failed=sum(not c.passed for c in checks)
    )
    with replacing(index) as part:
        part.write_text(text)
    return index


def _check(home: Home, path: Path) -> Check:
    """The check that a stored validation result holds."""
    result = msgspec.json.decode(path.read_bytes())
    page = path.relative_to(home.reports / "checks").with_suffix(".html")
    # The gate names a run after file name and the start of the file id.
    name = str(result["meta"]["run_id"]["run_name"]).rpartition("-")[0]
    return Check(
        partner=str(result["suite_name"]).partition("-")[0],
        file=name,
        received=str(result["meta"]["run_id"]["run_time"])[:16].replace("T", " "),
        passed=bool(result["success"]),
        findings=[_finding(one) for one in result["results"] if not one["success"]],
        page=quote(f"docs/validations/{page}"),
    )


def _finding(result: dict[str, Any]) -> str:
    """What was measured, and the limits it is outside of."""
    limits = result["expectation_config"]["kwargs"]
    low, high = limits.get("min_value"), limits["max_value"]
    bounds = f"at most {high:g}" if low is None else f"{low:g} to {high:g}"
    measured = result["result"]["observed_value"]
    return f"{limits['column'].replace('_', ' ')} is {measured:g}, may be {bounds}"
