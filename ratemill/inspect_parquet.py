"""`ratemill inspect --parquet`: all tables of a file, each in a Parquet file of its own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from asn1.tap import TapFile
from ratemill.atomic import replacing
from ratemill.errors import RatemillError

_MARK: Final = {"ratemill": "inspect"}
"""Metadata of each file written here, by which it is known again."""
_UNFINISHED: Final = re.compile(r"\.\w+\.parquet\.\d+\.part")
"""What a killed process leaves, see ratemill/atomic.py."""
_FURTHER: Final = re.compile(r"file_\d+")
_ERRORS: Final[dict[str, pl.DataType]] = {
    "severity": pl.Enum(["error", "note"]), "record_index": pl.Int64(), "byte_offset": pl.Int64(),
    "byte_length": pl.Int64(), "code": pl.String(), "detail": pl.String(), "raw": pl.Binary(),
}


def write_tables(file: TapFile, folder: Path) -> list[tuple[Path, int]]:
    """The files written to the folder, with their rows; files behind the first get subfolders.

    What an earlier call wrote there is replaced. Raises RatemillError, before anything is written,
    when the folder holds something else.
    """
    earlier = {*_earlier(folder)}
    written: list[tuple[Path, int]] = []
    for number, one in enumerate(file.all_files(), 1):
        own = folder if number == 1 else folder / f"file_{number}"
        for name, frame in _frames(one):
            path = own / f"{name}.parquet"
            with replacing(path) as part:
                frame.write_parquet(part, metadata=_MARK)
            written.append((path, frame.height))
    kept = {path for path, _ in written}
    for path in earlier - kept:
        path.unlink()
    for own in {path.parent for path in earlier} - {path.parent for path in kept}:
        own.rmdir()
    return written


def _earlier(folder: Path) -> Iterator[Path]:
    """What an earlier call left in the folder; raises RatemillError for anything else in it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RatemillError(str(folder), "is no folder", "--parquet takes a folder")
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and _FURTHER.fullmatch(path.name):
            yield from _earlier(path)
        elif _is_ours(path):
            yield path
        else:
            raise RatemillError(
                str(folder), f"holds {path.name}, which `ratemill inspect --parquet` did not write",
                "name a new folder or an empty one",
            )


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if _UNFINISHED.fullmatch(path.name):
        return True
    if path.suffix != ".parquet":
        return False
    try:
        return _MARK.items() <= pl.read_parquet_metadata(path).items()
    except pl.exceptions.PolarsError:
        return False


def _frames(file: TapFile) -> Iterator[tuple[str, pl.DataFrame]]:
    """All tables by name, with what the grammar does not know and what could not be read."""
    yield from file.tables.items()
    spans = file.unknown.select("byte_offset", "byte_length").rows()
    raw = [bytes(file.data[start : start + length]) for start, length in spans]
    yield "unknown", file.unknown.with_columns(pl.Series("raw", raw, pl.Binary))
    errors = [
        (severity, e.record_index, e.offset, e.length, e.code, e.detail, e.raw)
        for severity, found in (("error", file.errors), ("note", file.notes)) for e in found
    ]
    yield "errors", pl.DataFrame(errors, schema=_ERRORS, orient="row")
