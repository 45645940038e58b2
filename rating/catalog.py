"""The catalog as rating reads it: checked, versioned, with its books built on first use."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from rating.catalog_cells import is_timezone
from rating.catalog_image import Image, fingerprint, image_state, read_image, write_image
from rating.catalog_read import Finding, Findings, Frames, read_text, typed
from rating.catalog_tables import TABLES
from rating.catalog_units import with_unit_sizes
from rating.number_plan import NumberPlan

if TYPE_CHECKING:
    from rating.allowance_book import AllowanceBook
    from rating.charge_words import ChargeWords
    from rating.exchange import ExchangeBook
    from rating.lookup_book import LookupBook
    from rating.tariff_book import TariffBook

_SHOWN: Final = 50
"""Findings in the text of an error"""
_IDENTITY: Final = "identity"


class CatalogError(Exception):
    """A catalog that cannot be used, with all its findings."""

    def __init__(self, folder: Path, findings: Findings) -> None:
        """The error for one catalog folder."""
        self.findings = findings
        lines = [f"  {finding}" for finding in findings[:_SHOWN]]
        if len(findings) > _SHOWN:
            lines.append(f"  and {len(findings) - _SHOWN} more")
        super().__init__("\n".join([f"{folder}: {len(findings)} findings", *lines]))


@dataclass(frozen=True, eq=False)
class Catalog:
    """One version of the catalog; times in it are naive UTC, money is in micro-units."""

    version: str
    """sha256 over every cell, in line order, and the home time zone"""
    home_zone: str
    """IANA zone of the catalog's dates"""
    frames: Frames
    """typed frames by the names of their tables"""
    derived: Frames = field(default_factory=dict)
    """frames of an image that are made of the others; what is not there is made when asked for"""

    @cached_property
    def number_plan(self) -> NumberPlan:
        """Prefixes and ported numbers."""
        if self.derived:
            return NumberPlan.stored(self.derived)
        return NumberPlan.of(self.frames["number_plan"], self.frames["ported"])

    @cached_property
    def tariff_book(self) -> "TariffBook":
        """Tariffs, rates and calendars."""
        from rating.tariff_book import TariffBook

        return TariffBook.of(self.frames, self.home_zone)

    @cached_property
    def allowance_book(self) -> "AllowanceBook":
        """Allowances, their holders and counters."""
        from rating.allowance_book import AllowanceBook

        return AllowanceBook.of(self.frames, self.home_zone, self.tariff_book.bands)

    @cached_property
    def exchange(self) -> "ExchangeBook":
        """Exchange rates and their inverses."""
        from rating.exchange import ExchangeBook

        return ExchangeBook.of(self.frames["exchange_rates"])

    @cached_property
    def lookups(self) -> "LookupBook":
        """Searches for what the catalog knows of an event."""
        from rating.lookup_book import LookupBook

        return LookupBook(self)

    @cached_property
    def charge_words(self) -> "ChargeWords":
        """What charges say of its rows."""
        from rating.charge_words import ChargeWords

        return ChargeWords.of(self)

    @cached_property
    def identity(self) -> pl.DataFrame:
        """SIMs with their accounts and products by time."""
        if self.derived:
            return self.derived[_IDENTITY]
        from rating.identity import identities

        return identities(self.frames)


def load_catalog(folder: Path, home_zone: str, cache: Path | None = None) -> Catalog:
    """The catalog of a folder of CSV files; `home_zone` is the IANA zone of its dates.

    `cache` is a folder for images of catalogs, from which one that has been loaded before comes
    without parsing and lint. CatalogError lists all errors, each with file, line and a hint.
    """
    mark = "" if cache is None else fingerprint(folder, home_zone)
    stored = cache and _stored(cache, mark, home_zone, image_state(cache, mark))
    if stored:
        return stored
    catalog, found = _checked(folder, home_zone, cache, mark)
    if catalog is None:
        raise CatalogError(folder, [f for f in found if f.severity == "error"])
    return catalog


# of more no process works with: the one in force and the one that it is compared with
@lru_cache(maxsize=2)
def _stored(images: Path, mark: str, home_zone: str, state: object) -> Catalog | None:
    """The catalog of an image; one process makes its books once while the files are the same."""
    image = read_image(images, mark) if state else None
    if image is None:
        return None
    frames = {table.name: image.frames[table.name] for table in TABLES}
    derived = {name: frame for name, frame in image.frames.items() if name not in frames}
    return Catalog(image.version, home_zone, frames, derived)


def checked(folder: Path, home_zone: str, cache: Path) -> tuple[Catalog | None, Findings]:
    """The catalog of a folder of CSV files, none where it has errors, and all findings.

    It is parsed and linted in any case, and its image is kept in `cache`.
    """
    return _checked(folder, home_zone, cache, fingerprint(folder, home_zone))


def _checked(
    folder: Path, home_zone: str, cache: Path | None, mark: str
) -> tuple[Catalog | None, Findings]:
    """As `checked`; `mark` is the fingerprint of the files before they are read."""
    catalog, found = _read(folder, home_zone)
    if catalog is None or any(f.severity == "error" for f in found):
        return None, found
    # files that were changed while they were read have another fingerprint
    if cache is not None and fingerprint(folder, home_zone) == mark:
        write_image(cache, mark, Image(catalog.version, {
            **catalog.frames, **catalog.number_plan.frames(), _IDENTITY: catalog.identity,
        }))
    return catalog, found


def findings(folder: Path, home_zone: str) -> Findings:
    """Everything that is wrong or doubtful in a folder of CSV files."""
    return _read(folder, home_zone)[1]


def _read(folder: Path, home_zone: str) -> tuple[Catalog | None, Findings]:
    """The catalog, none where its files cannot be read or typed, and all findings."""
    from rating.lint import check

    if not is_timezone(home_zone):
        return None, [Finding("home zone", f"{home_zone!r} is not known",
                              "give an IANA zone as Europe/Vienna")]
    found: Findings = []
    texts = {table.name: read_text(folder, table, found) for table in TABLES}
    if found:
        return None, found
    frames = with_unit_sizes(
        {table.name: typed(table, texts[table.name], home_zone, found) for table in TABLES}, found
    )
    found += check(frames)
    return Catalog(_version(texts, home_zone), home_zone, frames), found


def _version(texts: Mapping[str, pl.DataFrame], home_zone: str) -> str:
    """The hash of what the files say: not of their quoting, line ends or order of columns."""
    digest = hashlib.sha256(home_zone.encode())
    for table in TABLES:
        cells = texts[table.name]
        digest.update(f"\n{table.name} {cells.height}\n".encode())
        # line numbers count: a charge names the line of its rate
        digest.update(cells["line"].to_numpy().tobytes())
        if not cells.height:
            continue
        # a column that may be left out counts where it says something
        names = [c.name for c in table.columns if not c.optional or (cells[c.name] != "").any()]
        # lengths first, so that no text need be quoted
        lengths = cells.select(pl.col(names).str.len_bytes())
        contents = cells.select(pl.col(names).str.join(""))
        for name in names:
            digest.update(lengths[name].to_numpy().tobytes())
            digest.update(contents[name].item().encode())
    return digest.hexdigest()
