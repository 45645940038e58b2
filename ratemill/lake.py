"""The lake: Parquet files, one per table, partner and source file, each written whole or not."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from charging.schema import POSTING
from mediation.schema import ARRIVAL, DECISION, FILE, PART, REJECT, RETURNED, USAGE
from mediation.tables import Table, conform
from mediation.threads import each
from ratemill.atomic import replacing_all
from ratemill.logs import file_lines
from rating.schema import CHARGE

Stage = Literal["collect", "mediate", "rate", "post"]
STAGES: tuple[Stage, ...] = ("collect", "mediate", "rate", "post")
TABLES: tuple[Table, ...] = (
    ARRIVAL, FILE, USAGE, PART, REJECT, DECISION, RETURNED, CHARGE, POSTING,
)

# What a stage writes, in the order it writes it: the file row comes last, so that a file's row
# never speaks of outputs that are not there.
OUTPUTS: dict[Stage, tuple[Table, ...]] = {
    "collect": (FILE,),
    "mediate": (USAGE, REJECT, FILE),
    "rate": (CHARGE, REJECT, FILE),
    "post": (POSTING, REJECT, FILE),
}
# The first level of zstd makes files as small as its third does of such tables, in half the time.
_PARQUET: Final[dict[str, Any]] = {"compression": "zstd", "compression_level": 1}
# Nobody looks for a charge by its values: least and greatest of each column would be a sixth of the
# work of writing them. What zstd does is a quarter of that work, and of reading them in each later
# step: with lz4 a file is half as large again.
_CHARGES: Final[dict[str, Any]] = {"compression": "lz4", "statistics": False}
# Tables that several stages write have the stage in the file's name.
_STAGED = (FILE.name, REJECT.name)
_WRITING: Final = 2
"""Threads that write files: one encodes while another waits for its turn in the interpreter"""
_CORRECTIONS: Final = "_corrections"
"""Stands for the partner of what corrections write, which may be about many files: no partner's
name begins so"""


def writers(table: Table) -> tuple[Stage, ...]:
    """The stages that write the table, in order."""
    return tuple(stage for stage in STAGES if table in OUTPUTS[stage])


@dataclass(frozen=True, slots=True)
class Lake:
    """Reads and writes the tables below one folder."""

    root: Path

    def path(self, table: Table, partner: str, file_id: str, stage: Stage) -> Path:
        """Where a stage's output for one source file is."""
        suffix = f".{stage}" if table.name in _STAGED else ""
        return self.root / table.name / partner / f"{file_id}{suffix}.parquet"

    def write(self, table: Table, path: Path, frame: pl.DataFrame) -> None:
        """Write a conforming frame, whole or not at all."""
        self.write_all([(table, path, frame)])

    def write_all(self, outputs: Sequence[tuple[Table, Path, pl.DataFrame]]) -> None:
        """Write conforming frames, each whole or not at all, in their order."""
        def write(part: Path, table: Table, frame: pl.DataFrame) -> None:
            words = conform(table, table.worded(frame))
            words.write_parquet(part, **(_CHARGES if table == CHARGE else _PARQUET))

        with replacing_all([path for _, path, _ in outputs]) as parts:
            jobs = [(part, table, frame)
                    for part, (table, _, frame) in zip(parts, outputs, strict=True)]
            each(lambda job: write(*job), jobs, min(_WRITING, len(jobs)))
        file_lines(row for table, _, frame in outputs if table == FILE
                   for row in frame.iter_rows(named=True))

    def read(self, table: Table, paths: Iterable[Path]) -> pl.DataFrame:
        """The rows of several files of one table, in the order of the paths."""
        present = list(paths)
        if not any(column.kind == "word" for column in table.columns):
            if not present:
                return table.empty()
            # files of an earlier release lack columns that were added since
            return table.fill(pl.read_parquet(present, glob=False, schema=table.polars,
                                              missing_columns="insert"))
        # words are Enums of their own in each file
        frames = (table.plain(pl.read_parquet(path)) for path in present)
        return pl.concat([table.empty(), *frames])

    def scan(self, table: Table, paths: Iterable[Path], *names: str) -> pl.LazyFrame:
        """Columns of several files of one table, none of them words, with the `path` of each."""
        schema = {name: table.polars[name] for name in names}
        present = list(paths)
        if not present:
            return pl.LazyFrame(schema={**schema, "path": pl.String()})
        # the other columns differ in type: words are Enums of their own in each file
        return pl.scan_parquet(
            present, glob=False, schema=schema, extra_columns="ignore", include_file_paths="path"
        )

    def done(self, partner: str, file_id: str, stage: Stage) -> bool:
        """Whether all outputs of the stage are there: they are its only state."""
        return all(self.path(t, partner, file_id, stage).exists() for t in OUTPUTS[stage])

    def save(
        self, partner: str, file_id: str, stage: Stage, frames: dict[Table, pl.DataFrame]
    ) -> None:
        """Write a stage's outputs in the declared order."""
        self.save_all(stage, [(f"{partner}/{file_id}", frames)])

    def save_all(
        self, stage: Stage, outputs: Sequence[tuple[str, dict[Table, pl.DataFrame]]]
    ) -> None:
        """Write a stage's outputs of several files: by reference, table and frame.

        The rows of the files come last, once everything else is there.
        """
        for tables in OUTPUTS[stage][:-1], OUTPUTS[stage][-1:]:
            self.write_all([
                (table, self.path(table, partner, file_id, stage), frames[table])
                for ref, frames in outputs
                for partner, _, file_id in (ref.partition("/"),)
                for table in tables
            ])

    def load(
        self, table: Table, partner: str, file_id: str, stage: Stage, *, words: bool = False
    ) -> pl.DataFrame:
        """One output of a stage; with `words` what the file has as Enum stays one."""
        path = self.path(table, partner, file_id, stage)
        return pl.read_parquet(path, glob=False) if words else self.read(table, [path])

    def rejects(self, partner: str, file_id: str) -> pl.DataFrame:
        """Table reject of one file, over the stages that have run, in their order."""
        paths = [self.path(REJECT, partner, file_id, stage) for stage in writers(REJECT)]
        return self.read(REJECT, (path for path in paths if path.exists()))

    def rejects_of(self, files: pl.DataFrame) -> list[Path]:
        """The rejects of files (rows of table file) up to the stage that each is at.

        What a later stage left is of before the file was run again.
        """
        return [
            path
            for partner, file_id, last in files.select("partner", "file_id", "stage").iter_rows()
            for path in (self.path(REJECT, partner, file_id, stage) for stage in writers(REJECT)
                         if STAGES.index(stage) <= STAGES.index(last))
            if path.exists()
        ]

    def reopen(self, partner: str, file_id: str, stage: Stage) -> None:
        """Remove a stage's file row, so that the stage runs again over its other outputs."""
        self.path(FILE, partner, file_id, stage).unlink(missing_ok=True)

    def arrival_path(self, partner: str, arrival_id: str) -> Path:
        """Where the row of one delivery is."""
        return self.root / ARRIVAL.name / partner / f"{arrival_id}.parquet"

    def files(self, table: Table, pattern: str = "*/*.parquet") -> list[Path]:
        """All finished files of a table, in name order.

        The rejects of corrections are not among them: the files that they are about have them too.
        """
        return sorted(
            p for p in (self.root / table.name).glob(pattern)
            if not p.name.startswith(".")
            and (table != REJECT or p.parent.name != _CORRECTIONS)
        )

    def correction_path(self, table: Table, key: str) -> Path:
        """Where what a correction of this key writes is: charge, reject or posting."""
        return self.path(table, _CORRECTIONS, re.sub(r"[^A-Za-z0-9_-]", ".", key), "post")

    def corrections(self, table: Table) -> list[Path]:
        """What finished corrections wrote of a table, in name order."""
        # the postings come last
        finished = sorted(self.correction_path(POSTING, "").parent.glob("[!.]*.parquet"))
        paths = (self.path(table, _CORRECTIONS, path.stem, "post") for path in finished)
        return [path for path in paths if path.exists()]

    def arrivals(self, partner: str = "*") -> pl.DataFrame:
        """Table arrival, of one partner or all, in order of arrival."""
        found = self.files(ARRIVAL, f"{partner}/*.parquet")
        return self.read(ARRIVAL, found).sort("file_number", "copy_of", "name", nulls_last=False)

    def file_rows(self, stage: Stage | None = None) -> pl.DataFrame:
        """Table file: each file's row of the given stage, else of its last finished stage."""
        rows = self.read(FILE, self.files(FILE, f"*/*.{stage or '*'}.parquet"))
        rank = pl.col("stage").replace_strict(
            {s: i for i, s in enumerate(STAGES)}, return_dtype=pl.Int32
        )
        return (
            rows.sort(rank)
            .unique(["partner", "file_id"], keep="last", maintain_order=True)
            .sort("file_number")
        )
