"""One file from its bytes to usage: every record ends in usage or in one reject."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl

from mediation.decided import Decided, edited, without_returned, without_written_off
from mediation.decoded import Decoded, FileHeader
from mediation.dedupe import dedupe
from mediation.delimited import decode_delimited
from mediation.file_context import FileContext
from mediation.file_control import Refusal, control
from mediation.fixed import decode_fixed
from mediation.gate import BatchGate
from mediation.gate_figures import Figures, distinct, traffic_of
from mediation.jsonl import decode_jsonl
from mediation.limits import RAW_MAX_BYTES, SLICE_ROWS
from mediation.normalize import normalize
from mediation.numbered_files import Before
from mediation.outcome import Outcome, conserved
from mediation.partials import Assembled, Pool, assembled, partial_columns
from mediation.profile import Profile
from mediation.reject import ends, file_reject, rejects
from mediation.schema import PART, REJECT, USAGE
from mediation.slices import gathered, put_away
from mediation.tap import decode_tap, normalize_tap
from mediation.unpack import UnpackError, unpack
from mediation.validate import MONEY_AT_RISK, validate
from mediation.xml import decode_xml

State = Literal["mediated", "notification", "test", "quarantined", "refused"]

Decode = Callable[[bytes, Profile, FileContext], Decoded]
Normalize = Callable[[Decoded, Profile, FileContext], Outcome]

FORMATS: Final[dict[str, tuple[Decode, Normalize]]] = {
    "tap": (decode_tap, normalize_tap),
    "delimited": (decode_delimited, normalize),
    "fixed": (decode_fixed, normalize),
    "xml": (decode_xml, normalize),
    "jsonl": (decode_jsonl, normalize),
}
"""Format kind to how its files are read and how their records get meaning."""

INT64_MAX: Final = (1 << 63) - 1

_NOTHING: Final = Outcome(USAGE.empty(), REJECT.empty())
_UNDECIDED: Final = Decided()


@dataclass(frozen=True, slots=True)
class Mediated:
    """One file after mediation: its usage, its rejects, and its columns of table file."""

    header: FileHeader
    usage: pl.DataFrame
    rejects: pl.DataFrame
    figures: dict[str, Any]
    parts: pl.DataFrame = field(default_factory=PART.empty)
    """Table PART: its records that are parts of sessions"""


@dataclass(frozen=True, slots=True)
class Read:
    """A received file before its records get meaning."""

    ctx: FileContext
    content: bytes
    """The octets in it, unpacked"""
    decoded: Decoded
    decided: Decided


def mediate(
    data: bytes,
    profile: Profile,
    ctx: FileContext,
    earlier: pl.DataFrame,
    known: Callable[[pl.Series], pl.DataFrame],
    gate: BatchGate,
    decided: Decided = _UNDECIDED,
    pool: Pool | None = None,
) -> Mediated:
    """The usage and the rejects of one received file.

    `earlier` is the partner's files before this one (file_control.EARLIER); `known` gives those
    of the usage keys it is asked for that other files own (dedupe.KNOWN); `decided` is what a
    person said of its records; `pool` knows the parts of sessions in other files.
    """
    file = read(data, profile, ctx, decided)
    return judged(file, believable(file.decoded, profile, ctx), profile,
                  Before.of(earlier, ctx.file_id), known, gate, pool)


def read(
    data: bytes, profile: Profile, ctx: FileContext, decided: Decided = _UNDECIDED
) -> Read:
    """A received file with its records decoded and the decisions about them made."""
    content, found = _opened(data, profile, ctx)
    if not decided.edits.is_empty():
        found = edited(found.whole(), decided.edits)
    return Read(ctx, content, put_away(found), decided)


def believable(decoded: Decoded, profile: Profile, ctx: FileContext) -> Outcome:
    """The records as usage, and a reject for each that is dropped, unreadable or out of bounds.

    A large file's records get meaning some at a time: what that takes is held for some only.
    """
    if decoded.records.is_empty():
        return _NOTHING
    if decoded.records.height <= SLICE_ROWS:
        return _believable(decoded, profile, ctx)
    away: list[pl.DataFrame] = []

    def passed() -> Iterator[pl.DataFrame]:
        for some in decoded.slices():
            found = _believable(replace(decoded, records=some, told=None), profile, ctx)
            away.append(found.rejects)
            yield found.passed

    return Outcome(gathered(USAGE, passed()), pl.concat(away))


def _believable(decoded: Decoded, profile: Profile, ctx: FileContext) -> Outcome:
    _, give_meaning = FORMATS[profile.format.kind]
    meant = give_meaning(decoded, profile, ctx)
    conserved("normalize", decoded.records["record_index"], meant)
    checked = validate(meant.passed, profile, ctx)
    conserved("validate", meant.passed["record_index"], checked)
    return Outcome(checked.passed, pl.concat([meant.rejects, checked.rejects]))


def judged(
    file: Read,
    meant: Outcome,
    profile: Profile,
    earlier: Before,
    known: Callable[[pl.Series], pl.DataFrame],
    gate: BatchGate,
    pool: Pool | None = None,
) -> Mediated:
    """What becomes of a file whose records are believable or not: see mediate."""
    ctx, decoded, decided = file.ctx, file.decoded, file.decided
    step = _Steps(decoded)
    usage = step("believable", decoded.records, meant)
    totals = _totals(decoded, usage, step.rejects, ctx.received_at)
    state, refusal, notes = _judged(
        decoded, profile, ctx, earlier, gate, totals, decided.released
    )
    usage = step("gate", usage, _turned_away(usage, refusal, ctx))
    parted = Assembled()
    if profile.partials is not None:
        named = decoded.with_columns(partial_columns(profile.partials))
        parted = assembled(usage, named, profile, ctx, pool, decided.written_off)
        usage = step("assemble", usage, parted.outcome)
    if not usage.is_empty():
        usage = step("dedupe", usage, dedupe(usage, known(usage["usage_key"]), ctx))
    end = without_returned(Outcome(usage, step.rejects), decided.returned, ctx)
    end = without_written_off(end, decided.written_off, ctx)
    usage, away = end.passed, _with_raw(end.rejects, decoded, decoded.content or file.content)
    conserved("mediate", decoded.received, Outcome(usage, away))
    figures = _file_columns(decoded, profile, usage, away) | {
        "state": state,
        "charge_micros": _bounded(totals.charge_micros),
        "rejected": totals.rejected,
        **totals.traffic.columns(),
        "notes": "\n".join([*notes, *parted.notes]) or None,
    }
    return Mediated(decoded.header, usage, away, figures, parted.parts)


def opened(data: bytes, profile: Profile, ctx: FileContext) -> tuple[bytes, Decoded]:
    """The unpacked octets of a received file, and the records in them before meaning."""
    content, found = _opened(data, profile, ctx)
    return content, found.whole()


def _opened(data: bytes, profile: Profile, ctx: FileContext) -> tuple[bytes, Decoded]:
    decode, _ = FORMATS[profile.format.kind]
    try:
        content = unpack(data)
        return content, decode(content, profile, ctx)
    except UnpackError as error:
        return b"", _unopened(str(error), ctx)


class _Steps:
    """The rejects of a file so far; called with each stage's outcome, gives the rows it passed."""

    def __init__(self, decoded: Decoded) -> None:
        self.rejects = decoded.rejects

    def __call__(self, stage: str, received: pl.DataFrame, outcome: Outcome) -> pl.DataFrame:
        conserved(stage, received["record_index"], outcome)
        if not outcome.rejects.is_empty():
            self.rejects = pl.concat([self.rejects, outcome.rejects])
        return outcome.passed


def _unopened(reason: str, ctx: FileContext) -> Decoded:
    """What decoding gives for an archive that cannot be opened."""
    nothing = pl.DataFrame(
        schema={"record_index": pl.Int32, "byte_offset": pl.Int64, "byte_length": pl.Int32}
    )
    return Decoded(FileHeader(), nothing, file_reject(ctx, "NOT_A_CDR_FILE", reason))


def _judged(
    decoded: Decoded,
    profile: Profile,
    ctx: FileContext,
    earlier: Before,
    gate: BatchGate,
    totals: Figures,
    released: str,
) -> tuple[State, Refusal | None, list[str]]:
    """The file's state, why it is turned away if it is, and its notes.

    Nothing of a test file is charged, so what would turn away a live file is a note to it, as it
    is to one that somebody has released.
    """
    header = decoded.header
    if not decoded.rejects.is_empty() and "NOT_A_CDR_FILE" in decoded.rejects["code"]:
        return "refused", None, list(header.notes)
    findings = control(header, profile, ctx, earlier)
    notes = [*header.notes, *findings.notes]
    refusal = findings.refusal
    if header.kind == "test":
        notes += [f"{code}: {detail}" for code, detail in (refusal,)] if refusal else []
        return ("refused" if profile.test_files == "refuse" else "test"), None, notes
    if refusal is None and header.kind == "live":
        verdict = gate.check(profile, ctx, header, totals)
        notes += verdict.notes
        refusal = ("GATE_FAILED", "; ".join(verdict.failed)) if verdict.failed else None
    if refusal is not None and not released:
        return "quarantined", refusal, [*notes, f"{refusal[0]}: {refusal[1]}"]
    if refusal is not None:
        notes.append(f"released by {released} ({refusal[0]}: {refusal[1]})")
    return ("notification" if header.kind == "notification" else "mediated"), None, notes


def _turned_away(usage: pl.DataFrame, refusal: Refusal | None, ctx: FileContext) -> Outcome:
    """All rows with the refusal on each, or a reject of the bare file when no row is left."""
    if refusal is None:
        return Outcome(usage, REJECT.empty())
    code, detail = refusal
    if usage.is_empty():
        return Outcome(usage, file_reject(ctx, code, detail))
    each = usage.with_columns(code=pl.lit(code), detail=pl.lit(detail), **MONEY_AT_RISK)
    return Outcome(usage.clear(), rejects(ctx, each))


def _totals(
    decoded: Decoded, usage: pl.DataFrame, away: pl.DataFrame, received_at: datetime
) -> Figures:
    """The figures of the file once validate has spoken."""
    accepted = _sum(usage["partner_charge_micros"])
    suspended, at_risk, unread = _of_rejects(away)
    return Figures(
        records=decoded.received.len(),
        rejected=suspended,
        charge_micros=accepted + at_risk,
        charges_unread=unread,
        accepted_charge_micros=accepted,
        record_charge_max_micros=int(usage["partner_charge_micros"].max() or 0),  # type: ignore[arg-type]
        traffic=traffic_of(usage, received_at),
    )


def _of_rejects(away: pl.DataFrame) -> tuple[int, int, int]:
    """Of records turned away: how many are in suspense, their charges, those of unread charge."""
    if away.is_empty():
        return 0, 0, 0
    records = away.filter(pl.col("record_index").is_not_null())
    unread = (
        pl.col("stage").is_in(["decode", "normalize"]) & pl.col("money_at_risk_micros").is_null()
    )
    return (
        records.filter(pl.col("outcome") == "suspended").height,
        _sum(records["money_at_risk_micros"]),
        records.filter(unread).height,
    )


def _sum(money: pl.Series) -> int:
    """The exact sum, which may exceed 64 bits."""
    return int(money.cast(pl.Int128).sum())


def _bounded(total: int) -> int:
    return max(-INT64_MAX, min(total, INT64_MAX))


def _file_columns(
    decoded: Decoded, profile: Profile, usage: pl.DataFrame, away: pl.DataFrame
) -> dict[str, Any]:
    """What table file takes from the header and from counting."""
    header = decoded.header
    both = (usage["partner_currency"], away["currency"])
    stated = {one for money in both if len(money) for one in distinct(money)}
    currency = stated.pop() if len(stated) == 1 else None
    return {
        "format": profile.format.kind,
        "release": header.release,
        "sequence": header.sequence,
        "sender": header.sender,
        "recipient": header.recipient,
        "declared_records": header.declared_records,
        "declared_charge_micros": header.declared_charge_micros,
        "currency": header.currency or currency,
        "records": decoded.received.len(),
        "decoded": decoded.records.height,
        **ends(away),
    }


def _with_raw(away: pl.DataFrame, decoded: Decoded, content: bytes) -> pl.DataFrame:
    """The rejects in record order, each record's octets beside it."""
    if away.is_empty():
        return away
    place = decoded.records.select("record_index", "byte_offset", "byte_length")
    spans = (
        away.with_row_index("row")
        .filter(pl.col("raw").is_null() & pl.col("record_index").is_not_null())
        .select("row", "record_index")
        .join(place, on="record_index")
    )
    raw = {
        row: content[start : start + min(length, RAW_MAX_BYTES)]
        for row, start, length in spans.select("row", "byte_offset", "byte_length").iter_rows()
    }
    filled = pl.Series("raw", [raw.get(i, b) for i, b in enumerate(away["raw"])], pl.Binary)
    return away.with_columns(filled).sort("record_index", nulls_last=True, maintain_order=True)
