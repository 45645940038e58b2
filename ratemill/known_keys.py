"""Usage keys of earlier files: each file's are read once in a run, however many files ask."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import polars as pl

from mediation.schema import REJECT, USAGE
from ratemill.lake import Lake

_MOST: Final = 20_000_000
"""Keys kept in memory, 16 octets each; what is beyond them is read whenever somebody asks"""
_DIGITS: Final = 16
"""Hex digits of a key that are kept; whoever agrees in them is looked at in the lake"""


class KnownKeys:
    """The usage keys of mediated files in the lake."""

    def __init__(self, lake: Lake) -> None:
        """Nothing is read yet."""
        self._lake = lake
        self._heads = pl.DataFrame(schema={"head": pl.UInt64, "file": pl.UInt32})
        self._numbers: dict[tuple[str, str], int] = {}

    def among(self, files: Iterable[tuple[str, str]], keys: pl.Series) -> pl.DataFrame:
        """Those of the keys that the files (partner, file_id) hold.

        usage_key, file_id, record_index.
        """
        given = list(files)
        self._keep(given)
        heads = pl.DataFrame({"head": _heads(keys).unique()})
        alike = set(self._heads.join(heads, on="head", how="semi")["file"].unique())
        # in the order given: of two files with a key, the first is its owner
        return self._read([f for f in given if self._numbers.get(f) in {*alike, None}], keys)

    def _keep(self, files: Iterable[tuple[str, str]]) -> None:
        """Read the keys of files that are not kept, as long as there is room."""
        parts, room = [self._heads], _MOST - self._heads.height
        for file in files:
            if file in self._numbers or room < 0:
                continue
            heads = _heads(pl.read_parquet(self._path(file), columns=["usage_key"])["usage_key"])
            room -= len(heads)
            self._numbers[file] = len(self._numbers)
            number = pl.lit(self._numbers[file], pl.UInt32)
            parts.append(pl.DataFrame({"head": heads}).with_columns(file=number))
        self._heads = pl.concat(parts)

    def _read(self, files: list[tuple[str, str]], keys: pl.Series) -> pl.DataFrame:
        """Those of the keys that the files hold, from the lake."""
        found = self._lake.scan(USAGE, map(self._path, files), "usage_key", "record_index")
        file_id = pl.col("path").str.extract(r"([^/]+)\.parquet$").alias("file_id")
        held = found.filter(pl.col("usage_key").is_in(keys.implode())).select(
            "usage_key", file_id, "record_index"
        ).collect()
        return held.join(
            self._without_charge(files), on=["file_id", "record_index"], how="anti",
            maintain_order="left",
        )

    def _without_charge(self, files: list[tuple[str, str]]) -> pl.DataFrame:
        """file_id and record_index of records whose charge a correction took back."""
        paths = [self._lake.path(REJECT, *file, "post") for file in files]
        away = self._lake.read(REJECT, (path for path in paths if path.exists()))
        # the key of what was posted before is somebody's
        return away.filter(pl.col("code") != "ALREADY_POSTED").select("file_id", "record_index")

    def _path(self, file: tuple[str, str]) -> Path:
        return self._lake.path(USAGE, *file, "mediate")


def _heads(keys: pl.Series) -> pl.Series:
    """The first 64 bits of keys."""
    return keys.drop_nulls().str.slice(0, _DIGITS).str.to_integer(base=16, dtype=pl.UInt64)
