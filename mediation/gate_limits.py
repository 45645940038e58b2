"""What a whole file must keep: its figures against the partner's limits and its own totals."""

from fractions import Fraction
from functools import cache

import msgspec

from mediation.decoded import FileHeader
from mediation.gate_figures import Figures
from mediation.profile import Profile


class Limit(msgspec.Struct, frozen=True):
    """One expectation: a measure of the file lies between two bounds, either may be open."""

    measure: str
    observed: int
    low: int | None
    high: int | None
    finding: str
    """what to tell people when it does not"""

    @property
    def kept(self) -> bool:
        """Whether the measure lies between the bounds."""
        return not (
            (self.low is not None and self.observed < self.low)
            or (self.high is not None and self.observed > self.high)
        )


def times(value: int, factor: float) -> int:
    """The value times the factor as a profile writes it, the fraction cut off."""
    return int(value * as_written(factor))


@cache
def as_written(factor: float) -> Fraction:
    """The factor that a profile means: 1.1 is eleven tenths."""
    return Fraction(repr(factor))


def of_profile(profile: Profile, figures: Figures) -> list[Limit]:
    """The partner's own limits."""
    gate, largest = profile.gate, figures.record_charge_max_micros
    share = figures.rejected / figures.records if figures.records else 0.0
    total = figures.accepted_charge_micros
    return [
        Limit(
            "rejected", figures.rejected, None, times(figures.records, gate.reject_share_max),
            f"{figures.rejected} of {figures.records} records ({share:.1%}) were rejected, "
            f"reject_share_max is {gate.reject_share_max:.1%}",
        ),
        Limit(
            "record_charge_max_micros", largest, None, gate.charge_max_micros,
            f"a record charges {largest} micro-units, "
            f"charge_max_micros is {gate.charge_max_micros}",
        ),
        Limit(
            "file_charge_micros", total, None, gate.file_charge_max_micros,
            f"the accepted records charge {total} micro-units in all, "
            f"file_charge_max_micros is {gate.file_charge_max_micros}",
        ),
    ]


def of_file(header: FileHeader, figures: Figures) -> list[Limit]:
    """The totals that the file states, as differences.

    When some record's charge could not be read, the sum of the others may fall short of the
    stated total, but must not exceed it.
    """
    found = []
    if (count := header.declared_records) is not None:
        found.append(
            Limit(
                "records_found_less_stated", figures.records - count, 0, 0,
                f"the file states {count} records, {figures.records} were found",
            )
        )
    if (total := header.declared_charge_micros) is not None:
        over = figures.charge_micros - total
        unread = figures.charges_unread
        found.append(
            Limit(
                "charge_found_less_stated_micros", over, None if unread else 0, 0,
                f"the file states charges of {total} micro-units, its records add up to "
                f"{figures.charge_micros}" + (f" without {unread} unread" if unread else ""),
            )
        )
    return found
