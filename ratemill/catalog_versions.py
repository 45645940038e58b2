"""Every version of the catalog that charges name: its CSV files and a manifest, kept for good."""

import csv
import shutil
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ratemill.atomic import replacing_folder
from ratemill.errors import RatemillError
from ratemill.home import Home
from rating.catalog import Catalog, load_catalog
from rating.catalog_tables import TABLES

_MANIFEST = "manifest.json"


class Manifest(msgspec.Struct, frozen=True):
    """What is kept of one version beside its files."""

    version: str
    """content hash, as the charges name it"""
    loaded_at: datetime
    """when it was first loaded or rated with, UTC"""
    home_zone: str
    rows: dict[str, int]
    """rows per table"""


def keep(home: Home, catalog: Catalog, source: Path, now: datetime) -> bool:
    """Keep the catalog that `source` holds, and say whether it was not kept before."""
    place = copied(home, catalog.version)
    if (place / _MANIFEST).exists():
        return False
    manifest = Manifest(catalog.version, now, catalog.home_zone,
                        {name: frame.height for name, frame in catalog.frames.items()})
    with replacing_folder(place) as part:
        copy_tables(source, part)
        again = load_catalog(part, catalog.home_zone, cache=home.catalog_cache)
        if again.version != catalog.version:
            raise RatemillError(str(source), "changed while it was being read",
                                "run the same command again")
        (part / _MANIFEST).write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        )
    return True


def copied(home: Home, version: str) -> Path:
    """The folder of a version that is kept."""
    return home.catalog_versions / version


def with_prefix(charge: Mapping[str, Any], catalog: Path) -> dict[str, Any]:
    """The charge with destination_prefix, which it keeps but the line of.

    `catalog` is the folder of the version that the charge was made with. The prefix is None for a
    ported number, and where the folder is lost.
    """
    path, line, prefix = catalog / "number_plan.csv", charge["destination_line"], None
    if line is not None and path.exists():
        with path.open(encoding="utf-8-sig", newline="") as file:
            # no cell has a line break
            lines = [next(file), *islice(file, line - 2, line - 1)]
        prefix = next(csv.DictReader(lines))["prefix"].strip()
    return {**charge, "destination_prefix": prefix}


def copy_tables(source: Path, target: Path) -> None:
    """Copy the catalog's files, and nothing else that lies beside them."""
    for table in TABLES:
        path = source / f"{table.name}.csv"
        if path.exists():
            shutil.copyfile(path, target / path.name)


def install(home: Home, source: Path) -> None:
    """Make the files of `source` the home's catalog, all at once; what else lies there stays."""
    tables = {f"{table.name}.csv" for table in TABLES}
    with replacing_folder(home.catalog) as part:
        copy_tables(source, part)
        for path in home.catalog.glob("*"):
            if path.is_dir():
                shutil.copytree(path, part / path.name, symlinks=True)
            elif path.name not in tables:
                shutil.copy2(path, part / path.name)


def manifests(home: Home) -> list[Manifest]:
    """The versions kept, by the time of their first use."""
    found = [
        msgspec.json.decode(path.read_bytes(), type=Manifest)
        for path in home.catalog_versions.glob(f"*/{_MANIFEST}")
        if not path.parent.name.startswith(".")
    ]
    return sorted(found, key=lambda m: (m.loaded_at, m.version))
