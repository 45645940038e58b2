"""What is done once a day; each step may be done twice without harm, and tells in lines."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from charging.ledger import Ledger
from charging.life_cycle import Rules
from charging.life_cycle import run as life_cycle_run
from charging.reservations import expire
from ratemill.columns import columns
from ratemill.errors import RatemillError
from ratemill.files import LOOK_BACK, findings
from ratemill.home import Home
from ratemill.iot import variances
from ratemill.ledger_check import prove_home
from ratemill.money import amounts_text, exact_text, summed
from ratemill.pipeline import find
from ratemill.proven import keep_proof
from ratemill.reconcile import stop_posting
from ratemill.recurring_run import run_recurring
from ratemill.suspense import suspended

_AGES: Final = ((7, "under 7 days"), (30, "7 to 29 days"), (90, "30 to 89 days"))
_OLDER: Final = "90 days and more"
_FAULTS_SHOWN: Final = 5
"""Contradictions in the error of a task: its log has them all"""


def charge_recurring(home: Home, who: str) -> list[str]:
    """Charge what is due of recurring charges and was not charged before."""
    found = run_recurring(home, who, None, dry_run=False)
    if found.is_empty():
        return ["Nothing is due that was not charged before."]
    sums = found.group_by("charge", "currency").agg(
        pl.len(), pl.col("amount_micros").sum()
    ).sort("charge", "currency")
    rows = [(charge, currency, f"{periods:,}", exact_text(-micros))
            for charge, currency, periods, micros in sums.iter_rows()]
    return [f"{found.height:,} periods charged.",
            *columns(("charge", "currency", "periods", "charged"), rows, ("periods", "charged"))]


def expire_what_ended(home: Home, who: str, now: datetime) -> list[str]:
    """Bring accounts to the state that they have by now, and give up reservations past their end.

    Without [life_cycle] in ratemill.toml accounts have no end.
    """
    settings = home.settings.life_cycle
    with Ledger(home.ledger) as ledger:
        ended = expire(ledger, now, who=who)
        told = [f"{ended:,} reservations were past their end."]
        if settings is None:
            return ["Accounts have no end: ratemill.toml has no [life_cycle].", *told]
        rules = Rules(settings.grace_days, settings.suspend_after_days, settings.close_after_days)
        changed = life_cycle_run(ledger, rules, now, who=who)
    heads = ("account", "was", "is", "valid until (UTC)", "forfeited")
    rows = [
        (row["account"], row["before"], row["state"], f"{row['valid_to']:%Y-%m-%d %H:%M}",
         amounts_text({row["currency"]: row["forfeited_micros"]})
         if row["forfeited_micros"] else "")
        for row in changed.iter_rows(named=True)
    ]
    return [f"{len(rows):,} accounts changed their state.", *told,
            *(columns(heads, rows, ("forfeited",)) if rows else [])]


def prove_sums(home: Home, who: str, now: datetime, at: datetime) -> list[str]:
    """What was proven of ledger and lake; RatemillError, and posting on hold, where it is wrong.

    `now` is the home's clock, `at` the time that is kept for the alarms.
    """
    proofs = prove_home(home)
    faults = [f"{proof.name}: {fault}" for proof in proofs for fault in proof.faults]
    keep_proof(home, at, faults)
    if faults:
        with Ledger(home.ledger) as ledger:
            stop_posting(ledger, faults, now, who=who)
        shown = "; ".join(faults[:_FAULTS_SHOWN])
        more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
        raise RatemillError("ledger check", f"posting is on hold: {shown}{more}",
                            "`ratemill ledger check` lists all; mend it, then `ledger release`")
    return [f"{len(proofs)} kinds of contradictions were looked for, none was found.",
            *(f"{proof.name}: {proof.counted}" for proof in proofs)]


def files_to_see_to(home: Home, now: datetime) -> list[str]:
    """Gaps, late partners, files held or refused, and what waits."""
    found = findings(home, now)
    if not found:
        return ["No file is missing, late, held or refused, and nothing waits."]
    rows = [
        (one.kind, one.partner, one.what, f"{one.since:%Y-%m-%d %H:%M}" if one.since else "",
         f"{one.records:,}" if one.records else "", amounts_text(one.at_risk_micros))
        for one in found
    ]
    heads = ("what", "partner", "which", "since (UTC)", "records", "at risk")
    return [f"{len(found):,} things to see to.", *columns(heads, rows, ("records", "at risk"))]


def suspense_by_age(home: Home, now: datetime) -> list[str]:
    """How long records have been in suspense, by partner, with the money that waits."""
    rows = suspended(home)
    if rows.is_empty():
        return ["Nothing is in suspense."]
    days = (pl.lit(now) - pl.col("received_at")).dt.total_days()
    age = pl.lit(_OLDER)
    for limit, name in reversed(_AGES):
        age = pl.when(days < limit).then(pl.lit(name)).otherwise(age)
    aged = rows.with_columns(age=age)
    order = [name for _, name in _AGES] + [_OLDER]
    lines = [
        (partner, name, f"{part.height:,}", _money(part))
        for (partner, name), part in sorted(
            aged.partition_by("partner", "age", as_dict=True).items(),
            key=lambda one: (one[0][0], order.index(one[0][1])),
        )
    ]
    return [f"{rows.height:,} records wait: {_money(rows)}.",
            *columns(("partner", "age", "records", "charge"), lines, ("records", "charge"))]


def beyond_agreements(home: Home, now: datetime) -> list[str]:
    """By partner, what the files of the last days state beyond what was agreed."""
    refs = find(home, received_from=now - LOOK_BACK - timedelta(seconds=1))
    over = [one for one in variances(home, refs) if one.over or one.unagreed]
    if not over:
        return ["What partners state is within the tolerance of their agreements."]
    rows = list(_by_partner([
        (one.partner, one.currency, one.over, one.over_micros, one.unagreed) for one in over
    ]))
    heads = ("partner", "records over", "by", "unagreed")
    return [f"{len(rows):,} partners state more or less than was agreed.",
            *columns(heads, rows, heads[1:])]


def _by_partner(
    found: Sequence[tuple[str, str, int, int, int]]
) -> Iterator[tuple[str, str, str, str]]:
    """Records beyond tolerance, by how much, and records without a rate, by partner."""
    for partner in sorted({one[0] for one in found}):
        mine = [one for one in found if one[0] == partner]
        by = summed({currency: micros} for _, currency, _, micros, _ in mine)
        yield (partner, f"{sum(one[2] for one in mine):,}", amounts_text(by),
               f"{sum(one[4] for one in mine):,}")


def _money(rows: pl.DataFrame) -> str:
    """What the records state, by currency."""
    sums = rows.drop_nulls(["money_at_risk_micros", "currency"]).group_by("currency").agg(
        pl.col("money_at_risk_micros").sum()
    )
    return amounts_text(dict(sums.iter_rows()))
