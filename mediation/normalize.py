"""Text records to usage by the profile's field map, for delimited, fixed-width and XML files."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import polars as pl

from mediation.conditions import check_rule, columns_of_rule, drops, stripped
from mediation.decoded import Decoded, FileHeader
from mediation.few_texts import few_of
from mediation.file_context import FileContext
from mediation.limits import DETAIL_TEXT_MAX
from mediation.outcome import Outcome
from mediation.profile import Check, Drop, Field, Profile, ProfileError
from mediation.read_values import PLACE, read_values
from mediation.readers import Reading, reading, text_name
from mediation.reject import rejects
from mediation.schema import USAGE
from mediation.tables import Column
from mediation.usage_key import with_usage_key

MADE_HERE = {"partner", "file_id", "usage_key", *PLACE}
NEEDED = [c.name for c in USAGE.columns if not c.null and c.name not in MADE_HERE]
_FOUND = pl.Schema(
    {"record_index": pl.Int32, "byte_offset": pl.Int64, "code": pl.String, "detail": pl.String}
)


def normalize(decoded: Decoded, profile: Profile, ctx: FileContext) -> Outcome:
    """The records as usage (table USAGE), and a reject for each that is dropped or unreadable.

    Drop rules come first, then test files, then the fields in the profile's order, then its own
    checks, then the usage key. ProfileError for a field map that cannot make usage.
    """
    records = decoded.records
    readings = _readings(profile, set(records.columns) - set(PLACE))
    found = read_values(records, readings, NEEDED)
    values = _completed(found.read, decoded.header)
    dropped = _named(records, profile.drop)
    if decoded.header.kind == "test":
        dropped = pl.concat([dropped, _test_file(_without(records, dropped))])
    unread = _unreadable(found.doubted, dropped, readings)
    away = pl.concat([dropped, unread])
    failed = _without(_named(records, profile.check), away)
    good = _without(_without(values, away), failed)
    keyed, keyless = with_usage_key(good, profile.identity)
    away = pl.concat([away, failed, keyless.cast(_FOUND)])
    money = values.filter(_among(away)).select(
        "record_index",
        money_at_risk_micros=pl.col("partner_charge_micros"),
        currency=pl.when(pl.col("partner_charge_micros").is_not_null()).then(
            pl.col("partner_currency")
        ),
    )
    turned_away = away.join(money, on="record_index", how="left", maintain_order="left")
    usage = keyed.with_columns(partner=pl.lit(ctx.partner), file_id=pl.lit(ctx.file_id))
    told = rejects(ctx, turned_away.sort("record_index"))
    return Outcome(USAGE.fill(usage), _as_checks(told, profile.check))


def _as_checks(found: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """The rejects with those of the profile's own checks in suspense, as of any other check."""
    if not checks:
        return found
    own = pl.col("code").is_in([check.rule for check in checks])
    ends = {"stage": "validate", "outcome": "suspended", "severity": "severe"}
    return found.with_columns(
        pl.when(own).then(pl.lit(end)).otherwise(name).alias(name) for name, end in ends.items()
    )


def _without(frame: pl.DataFrame, away: pl.DataFrame) -> pl.DataFrame:
    """The rows of the frame that are not among those turned away, in order."""
    if away.is_empty():
        return frame
    return frame.filter(~_among(away))


def _among(away: pl.DataFrame) -> pl.Expr:
    """Whether a row is one of those turned away."""
    return pl.col("record_index").is_in(away["record_index"].implode())


def _readings(profile: Profile, present: set[str]) -> Sequence[Reading]:
    made = set(profile.fields)
    if "started_at" in made:
        made.add("utc_offset_s")
    if absent := [n for n in NEEDED if n not in made]:
        raise ProfileError(f"{profile.name}: fields lack {absent}; every usage needs them")
    if wrong := sorted(made & MADE_HERE):
        raise ProfileError(f"{profile.name}: fields {wrong} are made by us, not read")
    return _readings_of(msgspec.json.encode(profile.fields), frozenset(present))


@lru_cache(maxsize=64)
def _readings_of(fields: bytes, present: frozenset[str]) -> Sequence[Reading]:
    """The readings of fields as JSON: making them takes as long as reading a small file by them."""
    declared = msgspec.json.decode(fields, type=dict[str, Field])
    return tuple(reading(name, field, set(present)) for name, field in declared.items())


def _completed(read: pl.DataFrame, header: FileHeader) -> pl.DataFrame:
    """The columns with those that the profile does not name."""
    if "partner_charge_micros" not in read.columns:
        read = read.with_columns(partner_charge_micros=pl.lit(None, pl.Int64))
    if "partner_currency" not in read.columns:
        stated = pl.col("partner_charge_micros").is_not_null()
        currency = pl.lit(header.currency, pl.String)
        read = read.with_columns(partner_currency=pl.when(stated).then(currency))
    nullable = [c for c in USAGE.columns if c.null and c.name not in read.columns]
    return read.with_columns(_null(c) for c in nullable)


def _null(column: Column) -> pl.Expr:
    return pl.lit(None, USAGE.polars[column.name]).alias(column.name)


def _found(frame: pl.DataFrame, code: pl.Expr, detail: pl.Expr) -> pl.DataFrame:
    return frame.select("record_index", "byte_offset", code=code, detail=detail).cast(_FOUND)


def _named(records: pl.DataFrame, rules: Sequence[Drop]) -> pl.DataFrame:
    """The rows that a rule names, drop rule or check; the first in the profile's order counts."""
    present = set(records.columns)
    for rule in rules:
        check_rule(rule)
    hits = [drops(rule, present) for rule in rules]
    if not hits:
        return pl.DataFrame(schema=_FOUND)
    columns = {c for rule in rules for c in columns_of_rule(rule)} & present
    named = _rows_where(records, pl.any_horizontal(hits), columns)
    if named.is_empty():
        return pl.DataFrame(schema=_FOUND)
    code = pl.coalesce(
        pl.when(hit).then(pl.lit(rule.rule)) for hit, rule in zip(hits, rules, strict=True)
    )
    words = [_seen(rule, present) for rule in rules]
    detail = pl.coalesce(pl.when(hit).then(w) for hit, w in zip(hits, words, strict=True))
    return _found(named, code, detail)


def _rows_where(records: pl.DataFrame, holds: pl.Expr, columns: set[str]) -> pl.DataFrame:
    """The rows for which an expression over the columns holds."""
    few = few_of(records, columns)
    if not columns.issubset(few.frame.columns):
        return records.filter(holds)
    held = few.frame.select("record_index", holds=holds)["holds"].to_numpy()
    return records.filter(held[few.numbers]) if held.any() else records.clear()


def _seen(rule: Drop, present: set[str]) -> pl.Expr:
    """What a check says, and what stands in the columns that a rule looks at."""
    said = [pl.lit(rule.says)] if isinstance(rule, Check) else []
    held = [
        pl.format("column {} is '{}'", pl.lit(c),
                  stripped(c, present).fill_null("").str.slice(0, DETAIL_TEXT_MAX))
        for c in columns_of_rule(rule)
    ]
    return pl.concat_str([*said, *held], separator=", ")


def _test_file(records: pl.DataFrame) -> pl.DataFrame:
    return _found(records, pl.lit("TEST_FILE"), pl.lit("the file is marked as test data"))


def _unreadable(
    values: pl.DataFrame, dropped: pl.DataFrame, readings: Sequence[Reading]
) -> pl.DataFrame:
    """The rows of which a field is missing or unreadable; the first such field counts."""
    if values.is_empty():
        return pl.DataFrame(schema=_FOUND)
    faults: list[tuple[pl.Expr, pl.Expr, pl.Expr]] = []
    for r in readings:
        faults.append((r.missing, pl.lit("FIELD_MISSING"), pl.lit(r.absent)))
        faults.append((r.invalid, pl.lit(r.code), _invalid_detail(r)))
    faults += [
        (pl.col(name).is_null(), pl.lit("FIELD_MISSING"),
         pl.lit(f"{name}: nothing in the record gives it, and every usage needs it"))
        for name in NEEDED
    ]
    bad = _without(values, dropped).filter(pl.any_horizontal(fault for fault, _, _ in faults))
    return _found(
        bad,
        pl.coalesce(pl.when(fault).then(code) for fault, code, _ in faults),
        pl.coalesce(pl.when(fault).then(detail) for fault, _, detail in faults),
    )


def _invalid_detail(found: Reading) -> pl.Expr:
    return pl.format(
        "{}: column {}: text '{}' is not {}",
        pl.lit(found.name),
        pl.lit(found.columns),
        pl.col(text_name(found.name)).str.slice(0, DETAIL_TEXT_MAX),
        pl.lit(found.wanted),
    )
