"""`ratemill catalog lint` and `ratemill catalog load`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ratemill.catalog_changes import TableChange, changes
from ratemill.catalog_versions import copied, install, keep, manifests
from ratemill.home import Home
from ratemill.screen import out
from ratemill.settings import clock
from rating.catalog import CatalogError, checked, findings, load_catalog
from rating.catalog_read import Finding

_BAD_CATALOG = 2


class _Count(NamedTuple):
    errors: int
    warnings: int

    def __str__(self) -> str:
        """The count in words."""
        return (f"{self.errors} error{'' if self.errors == 1 else 's'}, "
                f"{self.warnings} warning{'' if self.warnings == 1 else 's'}")


def lint_command(
    folder: Path | None, path: Path | None, environ: Mapping[str, str], *, strict: bool,
    as_json: bool,
) -> int:
    """Print what is wrong in a catalog; exit code 0, or 2 with errors (strict: with warnings)."""
    home = Home.find(path, environ)
    found = in_order(findings(folder or home.catalog, home.settings.zone))
    count = _count(found)
    if as_json:
        _print_json({"findings": [_told(f) for f in found], "errors": count.errors,
                     "warnings": count.warnings})
    else:
        _show(found)
        out.print(str(count) if found else "Nothing was found.")
    return _BAD_CATALOG if count.errors or (strict and count.warnings) else 0


def load_command(
    folder: Path | None, path: Path | None, environ: Mapping[str, str], *, as_json: bool
) -> int:
    """Check a catalog, keep its version, and make a folder's catalog the home's own."""
    home = Home.find(path, environ)
    source, zone, now = folder or home.catalog, home.settings.zone, clock(home.settings)
    catalog, read = checked(source, zone, home.catalog_cache)
    found = in_order(read)
    if catalog is None:
        if as_json:
            _print_json({"findings": [_told(f) for f in found]})
        else:
            _show(found)
            out.print(f"{_count(found)}; nothing was loaded")
        return _BAD_CATALOG
    replaces = folder is not None and _in_force(home) != catalog.version
    before = home.catalog if replaces and home.catalog.exists() else _last(home, catalog.version)
    changed = None if before is None else changes(before, source)
    same = not keep(home, catalog, source, now) and not replaces
    if replaces:
        install(home, copied(home, catalog.version))
    if as_json:
        _print_json({"version": catalog.version, "loaded": not same, "changes": changed,
                     "findings": [_told(f) for f in found]})
        return 0
    _show(found)
    out.print(f"Version {catalog.version}" + (" is loaded already: nothing changed" if same else
                                              " is loaded"))
    if not same:
        _show_changes(changed)
    return 0


def _in_force(home: Home) -> str:
    """The version of the home's catalog; empty when it cannot be used."""
    try:
        return load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache).version
    except CatalogError:
        return ""


def _last(home: Home, version: str) -> Path | None:
    """The last other version that was kept."""
    kept = [m.version for m in manifests(home) if m.version != version]
    return copied(home, kept[-1]) if kept else None


def in_order(found: Sequence[Finding]) -> list[Finding]:
    """The findings by file and line; those without a line first."""

    def place(finding: Finding) -> tuple[str, int]:
        file, _, line = finding.where.partition(":")
        return file, int(line) if line.isdecimal() else 0

    return sorted(found, key=place)


def _count(found: Sequence[Finding]) -> _Count:
    errors = sum(f.severity == "error" for f in found)
    return _Count(errors, len(found) - errors)


def _show(found: Sequence[Finding]) -> None:
    for finding in found:
        out.print(str(finding), markup=False, soft_wrap=True)


def _show_changes(changed: Sequence[TableChange] | None) -> None:
    if changed is None:
        out.print("It is the first version here.")
    for change in changed or ():
        out.print(f"  {change}", markup=False)
    if changed == []:
        out.print("  rows only moved against the version before")


def _told(finding: Finding) -> dict[str, str]:
    return {name: getattr(finding, name) for name in
            ("where", "severity", "code", "what", "hint")}


def _print_json(told: Mapping[str, object]) -> None:
    out.print_json(msgspec.json.encode(told).decode())
