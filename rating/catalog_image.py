"""Images of catalogs: typed frames kept as memory-mapped Arrow files, so that a load parses none.

An image is a cache and may be deleted at any time; it is then made anew. It lies in a folder named
by its fingerprint: what the CSV files are, byte by byte, the home time zone, and the code that
reads them. So it is never brought up to date, only replaced, and a catalog that was refused has
none.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from rating.catalog_tables import TABLES

_KEPT: Final = 5
"""Images that stay, those used last"""
_LEFT_S: Final = 3600
"""Age from which an unfinished image is that of a process that has died"""
_NEW: Final = ".new-"
_INDEX: Final = "image.json"

Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Image:
    """What is stored of a catalog: its version, and frames by name."""

    version: str
    frames: Frames


def fingerprint(folder: Path, home_zone: str) -> str:
    """The name of the image of a folder of CSV files as they are now."""
    paths = sorted(folder / f"{table.name}.csv" for table in TABLES)
    with ThreadPoolExecutor(2) as pool:
        contents = list(pool.map(_content, paths))
    lines = [f"{p.name} {c}\n" for p, c in zip(paths, contents, strict=True)]
    return hashlib.sha256("".join([_code(), "\n", home_zone, "\n", *lines]).encode()).hexdigest()


def image_state(images: Path, mark: str) -> tuple[tuple[str, int, int, int], ...]:
    """What tells the files of an image from any put in their place: name, inode, size, time."""
    try:
        with os.scandir(images / mark) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return ()
    with suppress(OSError):
        os.utime(images / mark)
    return tuple(sorted((name, s.st_ino, s.st_size, s.st_mtime_ns) for name, s in found))


def read_image(images: Path, mark: str) -> Image | None:
    """The image with this fingerprint; None where there is none, or only a damaged one."""
    folder = images / mark
    try:
        index = json.loads((folder / _INDEX).read_bytes())
        frames = {
            name: _mapped(folder / f"{name}.arrow", size, height)
            for name, (size, height) in index["frames"].items()
        }
        return Image(index["version"], frames)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pl.exceptions.PolarsError):
        return None


def write_image(images: Path, mark: str, image: Image) -> None:
    """Store an image under its fingerprint, and let those go that were not used for longest.

    A folder that cannot be written stays without an image.
    """
    with suppress(OSError), _new_folder(images) as folder:
        index = {}
        for name, frame in image.frames.items():
            path = folder / f"{name}.arrow"
            # one batch, so that a mapped column is one piece of memory
            frame.write_ipc(path, compression="uncompressed",
                            record_batch_size=max(frame.height, 1))
            _settle(path)
            index[name] = (path.stat().st_size, frame.height)
        path = folder / _INDEX
        path.write_text(json.dumps({"version": image.version, "frames": index}))
        _settle(path)
        _place(folder, images / mark)
        _drop_old(images)


def _content(path: Path) -> str:
    """The hash of a file, empty for one that cannot be read: those who parse it tell of that."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@cache
def _code() -> str:
    """What the image depends on beside the files: this package's sources, and polars."""
    digest = hashlib.sha256(pl.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _mapped(path: Path, size: int, height: int) -> pl.DataFrame:
    if path.stat().st_size != size:
        raise ValueError(f"{path}: not whole")
    from pyarrow import ipc, memory_map

    # polars would read and check all of it; this touches nothing before it is used
    frame = pl.DataFrame(ipc.open_file(memory_map(str(path))).read_all())
    if frame.height != height:
        raise ValueError(f"{path}: rows are missing")
    return frame


@contextmanager
def _new_folder(images: Path) -> Iterator[Path]:
    images.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_NEW, dir=images))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _place(folder: Path, target: Path) -> None:
    """Rename the folder to the target; what is there already is damaged, and replaced."""
    if target.exists():
        with _new_folder(target.parent) as aside:
            target.rename(aside / target.name)
    folder.rename(target)


def _drop_old(images: Path) -> None:
    ages = sorted(
        ((path.stat().st_mtime, path) for path in images.iterdir() if path.is_dir()), reverse=True
    )
    whole = [path for _, path in ages if not path.name.startswith(_NEW)]
    left = [path for age, path in ages
            if path.name.startswith(_NEW) and age < ages[0][0] - _LEFT_S]
    for path in (*whole[_KEPT:], *left):
        shutil.rmtree(path, ignore_errors=True)
