"""Partial records: the parts of a session become one usage when all of them are there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import polars as pl

from mediation.file_context import FileContext
from mediation.outcome import Outcome
from mediation.part_sessions import ORDER, SUMMED, settled
from mediation.profile import Partials, Profile, ProfileError
from mediation.reject import rejects
from mediation.schema import PART, REJECT, USAGE
from mediation.usage_key import with_usage_key
from mediation.validate import MONEY_AT_RISK

_SHARED: Final = ("service", "direction", "partner_currency")
"""What parts of one session agree in whatever the profile says"""
_SAID: Final = ("state", "into_file_id", "into_record_index", "complete")
_PLACE: Final = ("partner", "file_id", "record_index", "byte_offset", "byte_length")


@dataclass(frozen=True, slots=True)
class Pool:
    """What a home knows of the parts in its files."""

    file_number: int
    """of the file that is mediated"""
    now: datetime
    """naive UTC; whose time is over is an orphan"""
    others: Callable[[pl.Series], pl.DataFrame]
    """the parts (table PART) of the partner's other files that have one of these part keys"""


@dataclass(frozen=True, slots=True)
class Assembled:
    """The usage that is charged, the parts that are not, and table PART of the file."""

    outcome: Outcome = field(default_factory=lambda: Outcome(USAGE.empty(), REJECT.empty()))
    parts: pl.DataFrame = field(default_factory=PART.empty)
    notes: tuple[str, ...] = ()


def assembled(
    usage: pl.DataFrame,
    records: pl.DataFrame,
    profile: Profile,
    ctx: FileContext,
    pool: Pool | None,
    written_off: pl.DataFrame,
) -> Assembled:
    """The usage with each session whose parts are all there as one row, at its last part.

    `records` are the file's decoded records, of which the profile may name columns; `written_off`
    as in decided.Decided. ProfileError where it names columns that are not there.
    """
    rule = profile.partials
    if rule is None or usage.is_empty():
        return Assembled(Outcome(usage, REJECT.empty()))
    known = pool or Pool(0, ctx.received_at, lambda _: PART.empty())
    told = _told(usage, records, rule, profile.name)
    is_part = pl.col("~is_part")
    fault = pl.col("~fault").is_not_null()
    unreadable = rejects(ctx, told.filter(is_part & fault).with_columns(
        code=pl.lit("PARTIAL_UNREADABLE"), detail="~fault", **MONEY_AT_RISK,
    ))
    mine = _parts(told.filter(is_part & ~fault), ctx, known, written_off)
    whole = told.filter(~is_part).select(usage.columns)
    others = known.others(mine["part_key"].unique()) if mine.height else PART.empty()
    among = settled(pl.concat([mine.drop(_SAID), others.drop(_SAID)]), rule, known.now)
    own = among.filter(pl.col("file_id") == ctx.file_id).sort("record_index")
    sessions = USAGE.plain(usage.clear()) if own.is_empty() else _sessions(among, profile, ctx)
    passed = pl.concat([USAGE.plain(whole), sessions.select(usage.columns)])
    away = _turned_away(own, told.select("record_index", "~said"), rule, ctx)
    return Assembled(
        Outcome(passed.sort("record_index"), pl.concat([unreadable, away])),
        PART.fill(own), tuple(_notes(own, sessions.height)),
    )


def _told(
    usage: pl.DataFrame, records: pl.DataFrame, rule: Partials, profile: str
) -> pl.DataFrame:
    """The usage with ~is_part, ~fault, ~key, ~number, ~begins, ~ends and ~said.

    ~fault says why a part cannot be placed; ~said names its key for a person.
    """
    found = _beside(usage, records, partial_columns(rule), profile)
    sign, key = _text(found[rule.indicator]), [_text(found[name]) for name in rule.key]
    number = _text(found[rule.number]) if rule.number else pl.lit(None, pl.String)
    wanted = records.select(
        "record_index",
        *(pl.col(name).alias(as_) for name, as_ in found.items() if as_.startswith("~")),
    )
    begins, ends = sign.is_in(rule.first), sign.is_in(rule.last)
    between = sign.is_in(rule.intermediate) if rule.intermediate else pl.lit(value=True)
    unknown = sign.is_not_null() & ~(begins | ends | between)
    counted = number.cast(pl.Int64, strict=False)
    beside = usage.join(wanted, on="record_index", how="left", maintain_order="left")
    faults = [
        *(pl.when(value.is_null()).then(pl.lit(f"{name} is empty; partials.key needs it"))
          for name, value in zip(rule.key, key, strict=True)),
        pl.when(unknown).then(pl.format(
            "{} '{}' is none of the texts that partials lists", pl.lit(rule.indicator), sign)),
        pl.when(number.is_not_null() & counted.is_null()).then(pl.format(
            "{} '{}' is no whole number", pl.lit(rule.number), number)),
    ]
    shared = [pl.col(name).cast(pl.String).fill_null("") for name in _SHARED]
    return beside.with_columns(
        (number if rule.number else sign).is_not_null().alias("~is_part"),
        pl.coalesce(faults).alias("~fault"),
        pl.concat_str(piece for value in (*shared, *key) for piece in _framed(value)).alias(
            "~key"),
        counted.alias("~number"),
        (begins.fill_null(value=False) | (counted == rule.first_number).fill_null(
            value=False)).alias("~begins"),
        ends.fill_null(value=False).alias("~ends"),
        pl.concat_str([pl.format("{} {}", pl.lit(name), value) for name, value in
                       zip(rule.key, key, strict=True)], separator=", ").alias("~said"),
    )


def partial_columns(rule: Partials) -> list[str]:
    """The columns, of usage or of the file's records, by which parts are told."""
    return [rule.indicator, *([rule.number] if rule.number else []), *rule.key]


def _beside(
    usage: pl.DataFrame, records: pl.DataFrame, names: Iterable[str], profile: str
) -> dict[str, str]:
    """Each column that the profile names, with its name beside the usage."""
    absent = sorted({*names} - {*usage.columns, *records.columns})
    if absent:
        raise ProfileError(f"{profile}: partials: no column {', '.join(absent)}; "
                           "name columns of usage or of the file's records")
    return {name: name if name in usage.columns else f"~of {name}" for name in names}


def _text(column: str) -> pl.Expr:
    """What stands in the column; null where that is nothing."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _framed(value: pl.Expr) -> Iterator[pl.Expr]:
    """A value behind its length, so that no text in it passes for the border to the next."""
    yield from (value.str.len_bytes().cast(pl.String), pl.lit(":"), value)


def _parts(
    told: pl.DataFrame, ctx: FileContext, pool: Pool, written_off: pl.DataFrame
) -> pl.DataFrame:
    """Table PART of the file, before anything became of them."""
    last = written_off.unique("record_index", keep="last", maintain_order=True).select(
        "record_index", written_off=pl.format("{}: {}", "who", "why")
    )
    return PART.fill(told.join(last, on="record_index", how="left", maintain_order="left").select(
        *USAGE.names, file_number=pl.lit(pool.file_number, pl.Int64),
        received_at=pl.lit(ctx.received_at, pl.Datetime("us")), part_key="~key",
        part_number="~number", begins="~begins", ends="~ends", written_off="written_off",
        state=pl.lit("waiting"), complete=pl.lit(value=False),
    ))


def _sessions(among: pl.DataFrame, profile: Profile, ctx: FileContext) -> pl.DataFrame:
    """Table USAGE of the sessions that are charged with a part of this file, one row each.

    It has the sums over the parts, the cause for termination of the last, and else what the first
    says that says it; partial_indicator has those of all parts where some are missing.
    """
    into = ("into_file_id", "into_record_index")
    session = among.filter(
        pl.col("state").is_in(["charged", "merged"]), into_file_id=ctx.file_id
    ).sort(*into, *ORDER)
    special = {
        **{name: pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum())
           for name in SUMMED},
        "cause_for_term": pl.col("cause_for_term").last(),
        "partial_indicator": pl.when(~pl.col("complete").all()).then(
            pl.col("partial_indicator").drop_nulls().str.join("")),
        **{name: pl.col(name).filter(state="charged").first() for name in _PLACE},
    }
    joined = session.group_by(into, maintain_order=True).agg(
        special.get(name, pl.col(name).drop_nulls().first()).alias(name) for name in USAGE.names
    )
    keyed, _ = with_usage_key(joined.drop("usage_key"), profile.identity)
    return USAGE.fill(keyed)


def _turned_away(
    own: pl.DataFrame, said: pl.DataFrame, rule: Partials, ctx: FileContext
) -> pl.DataFrame:
    """Table REJECT of the file's parts that are not charged themselves."""
    left = own.filter(pl.col("state") != "charged").join(
        said, on="record_index", how="left", maintain_order="left"
    )
    here = pl.col("into_file_id") == ctx.file_id
    codes = {
        "waiting": pl.lit("PARTIAL_WAITING"), "orphan": pl.lit("PARTIAL_ORPHAN"),
        "merged": pl.lit("PARTIAL_MERGED"), "overflow": pl.lit("PARTIAL_OVERFLOW"),
        "written_off": pl.lit("WRITTEN_OFF"), "dropped": pl.lit(rule.rule),
        "duplicate": pl.when(here).then(pl.lit("DUPLICATE_IN_FILE")).otherwise(
            pl.lit("DUPLICATE_OF_FILE")),
    }
    late = f"the others did not come within {rule.timeout_hours} h"
    record = pl.format("{}:{}", pl.col("into_file_id").str.slice(0, 8), "into_record_index")
    whole = pl.format("{} of {}", _which(), "~said")
    details = {
        "waiting": pl.format("{}: others are missing", whole),
        "orphan": pl.format("{}: {}", whole, pl.lit(late)),
        "dropped": pl.format("{}: {}", whole, pl.lit(late)),
        "merged": pl.format("{}: charged as {}", whole, record),
        "duplicate": pl.format("{}: it came before as {}", whole, record),
        "overflow": pl.format("{}: the sums do not fit 64 bits", whole),
        "written_off": pl.format("{}: the session was written off ({})", whole,
                                 pl.col("written_off").fill_null("by another part")),
    }
    # The charge of a merged part is at risk in the record that it is charged with.
    alone = pl.col("state") != "merged"
    return rejects(ctx, left.with_columns(
        code=_by_state(codes), detail=_by_state(details),
        original_file_id=pl.when(~_is("overflow", "written_off")).then("into_file_id"),
        original_record_index=pl.when(~_is("overflow", "written_off")).then("into_record_index"),
        **{name: pl.when(alone).then(value) for name, value in MONEY_AT_RISK.items()},
    ))


def _which() -> pl.Expr:
    """Which part it is, in words."""
    return pl.coalesce(
        pl.format("part {}", "part_number"),
        pl.when(pl.col("begins") & pl.col("ends")).then(pl.lit("the only part")),
        pl.when("begins").then(pl.lit("the first part")),
        pl.when("ends").then(pl.lit("the last part")),
        pl.lit("a part"),
    )


def _is(*states: str) -> pl.Expr:
    return pl.col("state").is_in(states)


def _by_state(values: dict[str, pl.Expr]) -> pl.Expr:
    return pl.coalesce(pl.when(_is(state)).then(value) for state, value in values.items())


def _notes(own: pl.DataFrame, sessions: int) -> Iterator[str]:
    """What an operator is told of the file's parts."""
    counts = dict(own.group_by("state").len().iter_rows())
    if sessions:
        yield f"partial records: {sessions} sessions put together here"
    for state, words in (
        ("merged", "charged with a later part"), ("waiting", "wait for the others"),
        ("orphan", "whose others did not come in time"),
    ):
        if counts.get(state):
            yield f"partial records: {counts[state]} {words}"
