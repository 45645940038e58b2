"""Decisions of people, kept in the lake: each mediation of the file they are about follows them."""

import getpass
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from charging import audit
from charging.ledger import Ledger
from mediation.decided import EDITS, WRITTEN_OFF, Decided
from mediation.schema import DECISION
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.refs import split
from ratemill.settings import clock


@dataclass(frozen=True, slots=True)
class Author:
    """Who decides, why, and when (naive UTC)."""

    who: str
    why: str
    at: datetime

    @classmethod
    def of(cls, home: Home, who: str | None, why: str) -> "Author":
        """Somebody now, or the system's user where nobody is named."""
        return cls(who or getpass.getuser(), why, clock(home.settings))


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a file that is held back."""

    action: str
    """release or reject"""
    who: str
    why: str
    at: datetime
    """naive UTC"""


def decide(home: Home, ref: str, rows: pl.DataFrame, author: Author) -> None:
    """Keep decisions about one file or records of it (record_index, action, column, value).

    They take effect when the file is mediated again. The audit trail has them first: no decision
    that is followed is without its author.
    """
    partner, file_id = split(ref)
    with Ledger(home.ledger) as ledger, ledger.writing() as connection:
        audit.record(
            connection, author.at, who=author.who, why=author.why,
            action=rows["action"][0], subject=ref,
            after={"records": rows.select("record_index", "column", "value").rows()},
        )
    new = DECISION.fill(rows.with_columns(
        partner=pl.lit(partner), file_id=pl.lit(file_id), who=pl.lit(author.who),
        why=pl.lit(author.why), at=pl.lit(author.at, pl.Datetime("us")),
    ))
    lake = Lake(home.lake)
    path = decision_path(lake, ref)
    with home.alone("decide"):
        before = lake.read(DECISION, [path] if path.exists() else [])
        lake.write(DECISION, path, pl.concat([before, new]))


def write_off(home: Home, ref: str, records: Sequence[int], author: Author) -> None:
    """Have records of a file never charged."""
    rows = pl.DataFrame({"record_index": records}, schema={"record_index": pl.Int32})
    decide(home, ref, rows.with_columns(
        action=pl.lit("write_off"), column=pl.lit(None, pl.String), value=pl.lit(None, pl.String)
    ), author)


def give_back(home: Home, ref: str, told: pl.DataFrame, author: Author) -> None:
    """Have records of a file wait for mended ones, as they were given back for their charges.

    `told` has record_index and value, what the partner is told of each.
    """
    decide(home, ref, told.with_columns(
        action=pl.lit("return"), column=pl.lit(None, pl.String)
    ), author)


def given_back(lake: Lake, ref: str) -> pl.DataFrame:
    """record_index and value of the records that were given back for their charges."""
    path = decision_path(lake, ref)
    found = lake.read(DECISION, [path] if path.exists() else []).filter(action="return")
    return found.unique("record_index", keep="first", maintain_order=True).select(
        "record_index", "value"
    )


def release(home: Home, ref: str, author: Author) -> None:
    """Let a file pass that is held back."""
    decide(home, ref, _of_the_file("release"), author)


def reject(home: Home, ref: str, author: Author) -> None:
    """Leave a file held back for good: nobody is asked about it, or told of it, again."""
    decide(home, ref, _of_the_file("reject"), author)


def _of_the_file(action: str) -> pl.DataFrame:
    """A decision about a file that is held back, as `decide` takes it."""
    return pl.DataFrame(
        [(None, action, None, None)], orient="row",
        schema={"record_index": pl.Int32, "action": pl.String, "column": pl.String,
                "value": pl.String},
    )


def of_file(lake: Lake, ref: str) -> Decision | None:
    """The last decision about a file that is held back; None where there is none."""
    path = decision_path(lake, ref)
    found = lake.read(DECISION, [path] if path.exists() else []).filter(
        pl.col("action").is_in(["release", "reject"])
    )
    if found.is_empty():
        return None
    return Decision(*found.select("action", "who", "why", "at").row(-1))


def rejected(lake: Lake, refs: Iterable[str]) -> list[str]:
    """Those of the files held back that somebody rejected."""
    decisions = ((ref, of_file(lake, ref)) for ref in refs)
    return [ref for ref, decision in decisions if decision and decision.action == "reject"]


def decision_path(lake: Lake, ref: str) -> Path:
    """Where the decisions about a file are."""
    partner, file_id = split(ref)
    return lake.root / DECISION.name / partner / f"{file_id}.parquet"


def decided(lake: Lake, ref: str) -> Decided:
    """All that was decided about a file."""
    path = decision_path(lake, ref)
    if not path.exists():
        return Decided()
    found = lake.read(DECISION, [path])
    released = found.filter(action="release").select(said=pl.format("{}: {}", "who", "why"))
    return Decided(
        found.filter(action="edit").select(list(EDITS)),
        found.filter(action="write_off").select(list(WRITTEN_OFF)),
        found.filter(action="return").select(list(WRITTEN_OFF)),
        released["said"][-1] if released.height else "",
    )
