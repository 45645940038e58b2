"""What a stage returns, and the proof that it lost nothing."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from mediation.schema import REJECT
from mediation.tables import conform


class ConservationError(Exception):
    """A stage lost or doubled records: a bug that must stop the file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows a stage passes on, and the rows (table reject) it turns away with a reason."""

    passed: pl.DataFrame
    rejects: pl.DataFrame


def _same(passed: pl.Series, received: pl.Series) -> bool:
    """Whether these are the same records in the same order, each once."""
    want = received.to_numpy()
    return np.array_equal(passed.to_numpy(), want) and bool((want[1:] > want[:-1]).all())


def conserved(stage: str, received: pl.Series, outcome: Outcome) -> Outcome:
    """The outcome, after proving each received record_index is in exactly one of its parts."""
    none = outcome.rejects.is_empty()
    if none and _same(outcome.passed["record_index"], received):
        return outcome
    if not none:
        conform(REJECT, outcome.rejects)
    away = outcome.rejects["record_index"].drop_nulls()
    both = pl.concat([outcome.passed["record_index"].unique(), away])
    got, want = both.sort(), received.sort()
    if got.len() != want.len() or not (got == want).all():
        doubled = both.filter(both.is_duplicated()).unique().head(5).to_list()
        lost = want.filter(~want.is_in(got.implode())).head(5).to_list()
        raise ConservationError(
            f"{stage}: {want.len()} records in, {outcome.passed['record_index'].n_unique()} passed "
            f"and {away.len()} turned away; lost {lost}, in two places {doubled}"
        )
    return outcome
