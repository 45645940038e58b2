"""The pages of the batch gate: what each file was checked for, below reports/docs."""

from pathlib import Path

from ratemill.home import Home


def build_data_docs(home: Home) -> Path | None:
    """The index page, rendered anew when there is a check it does not show; None without checks."""
    checks = list((home.reports / "checks").rglob("*.json"))
    if not checks:
        return None
    index = home.reports / "docs" / "index.html"
    newest = max(check.stat().st_mtime_ns for check in checks)
    if index.exists() and index.stat().st_mtime_ns >= newest:
        return index
    from mediation.gate import Gate

    return Gate(home.reports).build_docs()
