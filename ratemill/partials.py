"""Parts of sessions over the files of a home: which others there are, and what they change."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from mediation.part_sessions import settled
from mediation.partials import Pool
from mediation.schema import PART
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split

_RECORD: Final = ("file_id", "record_index")
_INTO: Final = ("into_file_id", "into_record_index")
_END: Final = ("state", *_INTO)


class Parts:
    """The parts in the files of a home; those of each partner are read once."""

    def __init__(self, home: Home, now: datetime) -> None:
        """Nothing is read yet; `now` (naive UTC) says whose time is over."""
        self._home, self._lake, self._now = home, Lake(home.lake), now
        self._known: dict[str, pl.DataFrame] = {}

    def pool(self, row: Mapping[str, Any]) -> Pool | None:
        """The parts in the partner's other files than that of the row (table file).

        None where the partner's profile puts none together.
        """
        partner, file_id = row["partner"], row["file_id"]
        if self._home.profiles()[partner].partials is None:
            return None
        if partner not in self._known:
            self._known[partner] = parts_of(self._lake, partner)

        def others(keys: pl.Series) -> pl.DataFrame:
            return self._known[partner].filter(
                (pl.col("file_id") != file_id) & pl.col("part_key").is_in(keys.implode())
            )

        return Pool(row["file_number"], self._now, others)

    def keep(self, ref: str, parts: pl.DataFrame) -> None:
        """Write the parts (table part) of a file, and count them among those of others."""
        partner, file_id = split(ref)
        path = _path(self._lake, partner, file_id)
        if parts.height or path.exists():
            self._lake.write(PART, path, parts)
        if partner in self._known:
            before = self._known[partner].filter(pl.col("file_id") != file_id)
            self._known[partner] = pl.concat([before, parts])


def parts_of(lake: Lake, partner: str) -> pl.DataFrame:
    """Table part of a partner's files, but for files that were rolled back: they wait."""
    parts = lake.read(PART, lake.files(PART, f"{partner}/*.parquet"))
    if parts.is_empty():
        return parts
    gone = lake.file_rows("post").filter(partner=partner, state="rolled_back")["file_id"]
    return parts.filter(~pl.col("file_id").is_in(gone.implode()))


def changed(home: Home, now: datetime) -> list[str]:
    """References of files with a part that ends otherwise now than when they were mediated.

    As the rest of its session arrived in another file since, or as its time is over.
    """
    lake, refs = Lake(home.lake), list[str]()
    for partner in sorted(folder.name for folder in (lake.root / PART.name).glob("*/")):
        profile = home.profiles().get(partner)
        if profile is None or profile.partials is None:
            continue
        parts = parts_of(lake, partner)
        among = parts.filter(pl.col("part_key").is_in(_doubtful(parts).implode()))
        found = settled(among, profile.partials, now).select(*_RECORD, *_END).join(
            among.select(*_RECORD, *_END, "file_number"), on=_RECORD, suffix="_before"
        )
        other = pl.any_horizontal(
            pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in _END
        )
        files = found.filter(other).sort("file_number")["file_id"].unique(maintain_order=True)
        refs += [f"{partner}/{file_id}" for file_id in files]
    return refs


def _doubtful(parts: pl.DataFrame) -> pl.Series:
    """The keys of sessions that may end otherwise: a part waits, or went into what is no more."""
    waiting = parts.filter(pl.col("state").is_in(["waiting", "orphan"]))
    charged = parts.filter(state="charged").select(_INTO)
    adrift = parts.filter(state="merged").join(charged, on=_INTO, how="anti")
    return pl.concat([waiting["part_key"], adrift["part_key"]]).unique()


def _path(lake: Lake, partner: str, file_id: str) -> Path:
    return lake.root / PART.name / partner / f"{file_id}.parquet"
