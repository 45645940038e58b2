"""What a text file says of itself: its number and totals, by profile.control."""

import re
from fractions import Fraction
from typing import Final

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.profile import Profile, ProfileError

INT64_MAX: Final = 2**63 - 1
_MICROS: Final = 1_000_000


def file_header(
    profile: Profile,
    ctx: FileContext,
    variables: dict[str, str],
    *,
    complete: bool = True,
    notes: tuple[str, ...] = (),
) -> FileHeader:
    """What the file says of itself by profile.control, from its variables (hdr.X, trl.X) and name.

    A statement that cannot be read is None and a note.
    """
    control, found = profile.control, list(notes)

    def whole(reference: str) -> int | None:
        text = variables.get(reference, "")
        if re.fullmatch("[0-9]{1,18}", text):
            return int(text)
        if reference and (text or complete):
            found.append(f"{reference}: '{text}' is not a number")
        return None

    if control.sequence_from_name:
        sequence = _sequence_from_name(profile, ctx, found)
    else:
        sequence = whole(control.sequence)
    records = whole(control.records)
    charge = _declared_charge(profile, variables, found, complete=complete)
    return FileHeader(
        sequence=sequence,
        declared_records=records,
        declared_charge_micros=charge,
        currency=variables.get(control.currency) or None,
        complete=complete,
        notes=tuple(found),
    )


def _sequence_from_name(profile: Profile, ctx: FileContext, notes: list[str]) -> int | None:
    pattern = profile.control.sequence_from_name
    try:
        # A member of an archive is named by its own name.
        match = re.search(pattern, ctx.name.rpartition("/")[2])
        digits = match[1] if match else ""
    except (re.error, IndexError) as error:
        raise ProfileError(
            f"control.sequence_from_name {pattern!r}: needs one group: {error}"
        ) from error
    if re.fullmatch("[0-9]{1,18}", digits):
        return int(digits)
    notes.append(f"the name {ctx.name!r} holds no sequence number")
    return None


def _declared_charge(
    profile: Profile, variables: dict[str, str], notes: list[str], *, complete: bool
) -> int | None:
    control = profile.control
    text = variables.get(control.charge, "")
    mark = re.escape(control.charge_decimal)
    if re.fullmatch(rf"[+-]?[0-9]{{1,18}}(?:{mark}[0-9]{{1,18}})?", text):
        amount = Fraction(text.replace(control.charge_decimal, "."))
        micros = amount * _MICROS / control.charge_scale
        if micros.denominator == 1 and abs(micros) <= INT64_MAX:
            return int(micros)
    if control.charge and (text or complete):
        notes.append(f"{control.charge}: '{text}' is not an amount in whole micro-units")
    return None
