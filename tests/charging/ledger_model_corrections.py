"""Rollback, correction and closed periods of the plain-dictionary ledger."""

from ledger_model import Charge, File, LegId, Model, RecordId, Refused, in_event_order

Lifted = list[tuple[str, str, int]]
"""Partner, file id and record index of records that were refused and may be posted now"""


def roll_back(model: Model, file: File) -> tuple[str, Lifted]:
    """The key of the rollback, and the records of other files that it lets in."""
    state = model.files[file]
    highest = max([state.revision, *(
        leg.highest for (number, _, _), leg in model.legs.items() if number == state.number
    )])
    key = f"rollback:{file[0]}/{file[1]}:{highest}"
    model.begin_batch("rollback", key)
    charges = model.standing(file)
    for charge in charges:
        _give_back(model, charge)
    lifted = _let_go(model, {(state.number, charge.record): charge.key for charge in charges})
    model.refusals = {r: why for r, why in model.refusals.items() if r[0] != state.number}
    state.state, state.revision = "rolled_back", highest + 1
    state.records = state.refused = 0
    return key, [one for one in lifted if one[:2] != file]


def correct(
    model: Model, batch: tuple[str, str], before: list[Charge], after: list[Charge],
    policies: dict[str, str],
) -> Lifted:
    """Refund what changes, then charge anew; `batch` is kind and key.

    Refused where `before` is not what stands, or `after` does not follow it.
    """
    if any(model.files[charge.file].state != "posted" for charge in before + after):
        raise Refused(batch)
    standing = {model.leg_id(charge): charge for charge in model.standing()}
    old = {model.leg_id(charge): charge for charge in before}
    new = {model.leg_id(charge): charge for charge in after}
    if any(standing.get(leg) != charge for leg, charge in old.items()):
        raise Refused(batch)
    if not all(_follows(model, leg, charge, old) for leg, charge in new.items()):
        raise Refused(batch)
    gone, come = _records(standing, old, new)
    if _strange(model, new, come):
        raise Refused(batch)
    model.begin_batch(*batch)
    _move(model, old, new, policies)
    model.owners |= {key: record for record, key in come.items()}
    names = model.names()
    for records, sign in ((come, 1), (gone, -1)):
        for number, _ in records:
            model.files[names[number]].records += sign
    return _let_go(model, gone)


def _strange(model: Model, new: dict[LegId, Charge], come: dict[RecordId, int]) -> bool:
    """Whether a charge is of a usage key that is not its record's, and cannot become so."""
    taken = [key for key in come.values() if key in model.owners]
    twice = len(set(come.values())) < len(come)
    return bool(taken) or twice or any(
        leg[:2] in model.refusals
        or (leg[:2] not in come and model.owners.get(charge.key) != leg[:2])
        for leg, charge in new.items()
    )


def _follows(model: Model, leg: LegId, charge: Charge, old: dict[LegId, Charge]) -> bool:
    if leg in old:
        return (charge.revision, charge.key) == (old[leg].revision + 1, old[leg].key)
    known = model.legs.get(leg)
    return known is None or (not known.stands and charge.revision > known.highest)


def _records(
    standing: dict[LegId, Charge], old: dict[LegId, Charge], new: dict[LegId, Charge]
) -> tuple[dict[RecordId, int], dict[RecordId, int]]:
    """The records with their keys that stand no more, and those that stand now."""
    before = {leg[:2] for leg in standing}
    after = {leg[:2] for leg in {*standing, *new} - (old.keys() - new.keys())}
    return (
        {leg[:2]: charge.key for leg, charge in old.items() if leg[:2] in before - after},
        {leg[:2]: charge.key for leg, charge in new.items() if leg[:2] in after - before},
    )


def _move(
    model: Model, old: dict[LegId, Charge], new: dict[LegId, Charge], policies: dict[str, str]
) -> None:
    """All money of a correction: refunds, adjustments of closed periods, charges."""
    adjusted = {
        leg for leg in old.keys() & new.keys()
        if model.legs[leg].batch <= model.closed_batch and old[leg].name == new[leg].name
    }
    for leg, charge in old.items():
        if leg in adjusted:
            _adjust(model, leg, charge, new[leg])
        else:
            _give_back(model, charge)
    fresh = [charge for leg, charge in new.items() if leg not in adjusted]
    for charge in in_event_order(fresh, model.files):
        model.charge(charge, len(model.batches), policies)


def _adjust(model: Model, leg: LegId, before: Charge, after: Charge) -> None:
    """One posting that leaves the leg at its new charge."""
    known = model.legs[leg]
    model.put(after, "adjustment", -after.amount - known.net, len(model.batches))
    known.charge, known.batch, known.highest = after, len(model.batches), after.revision
    model.use(before.uses, -1)
    model.use(after.uses, 1)


def _give_back(model: Model, charge: Charge) -> None:
    leg = model.legs[model.leg_id(charge)]
    leg.stands = False
    model.put(charge, "refund", -leg.net, len(model.batches))
    model.use(charge.uses, -1)


def _let_go(model: Model, records: dict[RecordId, int]) -> Lifted:
    """Make keys nobody's, and lift the refusals for their records' sake."""
    for key in records.values():
        del model.owners[key]
    lifted = sorted(r for r, (_, owner) in model.refusals.items() if owner in records)
    names = model.names()
    for number, record in lifted:
        del model.refusals[number, record]
        model.files[names[number]].refused -= 1
    return [(*names[number], record) for number, record in lifted]
