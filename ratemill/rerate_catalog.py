"""The catalog that charges are to be made anew with: the home's, a folder, or a kept version."""

from dataclasses import dataclass
from pathlib import Path

from ratemill.catalog_versions import copied, manifests
from ratemill.errors import RatemillError
from ratemill.home import Home
from rating.catalog import Catalog, load_catalog
from rating.catalog_image import fingerprint, read_image


@dataclass(frozen=True, slots=True)
class ChosenCatalog:
    """A catalog and the folder of its files."""

    catalog: Catalog
    folder: Path


def choose_catalog(home: Home, named: str | None) -> ChosenCatalog:
    """The home's catalog, that of a folder, or the version that begins so; nothing is written.

    RatemillError where there is none, CatalogError where it cannot be used.
    """
    if named is None:
        return _loaded(home, home.catalog, home.settings.zone)
    if Path(named).is_dir():
        return _loaded(home, Path(named), home.settings.zone)
    found = [one for one in manifests(home) if one.version.startswith(named)]
    if len(found) != 1:
        what = "is no folder and no version" if not found else f"begins {len(found)} versions"
        kept = ", ".join(one.version[:8] for one in manifests(home)[-5:]) or "none"
        raise RatemillError(f"catalog {named}", what, f"the last versions kept are {kept}")
    return _loaded(home, copied(home, found[0].version), found[0].home_zone)


def _loaded(home: Home, folder: Path, zone: str) -> ChosenCatalog:
    """The catalog, from its image where there is one; none is made."""
    images = home.catalog_cache
    known = read_image(images, fingerprint(folder, zone)) is not None
    return ChosenCatalog(load_catalog(folder, zone, images if known else None), folder)
