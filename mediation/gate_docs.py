"""The gate's checks as Great Expectations sees them: all limits of many files, and a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mediation.gate import Check

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.data_context import AbstractDataContext

_FILE: Final = "file"
_BOUNDS: Final = ("at most", "at least")
_DIGITS: Final = 8


class GateError(Exception):
    """The gate itself could not work: a fault of ours, never of the file."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The page of a partner's checks, and the file ids that failed in them."""

    html: str
    failed: frozenset[str]


def judge(partner: str, checks: Sequence[Check]) -> Judged:
    """What Great Expectations says of the partner's checks, as one batch of a row for each file.

    It takes seconds to load. GateError where it cannot judge a limit, or finds otherwise than the
    gate did when the file came.
    """
    result = _result(partner, checks)
    failed = set()
    for one in result.results:
        # Where a metric raised, the flag stands a level deeper, below the metric's name.
        if one.exception_info.get("raised_exception", True):
            raise GateError(
                f"gate: {partner}: Great Expectations could not judge "
                f"{one.expectation_config}: {one.exception_info}"
            )
        rows = one.result.get("unexpected_index_list") or []
        failed |= {checks[row["row"]].file_id for row in rows}
    known = {check.file_id for check in checks if check.findings}
    if failed != known:
        raise GateError(
            f"gate: {partner}: Great Expectations and the gate differ about "
            f"{', '.join(sorted(failed ^ known))}"
        )
    return Judged(_page(result), frozenset(failed))


def _result(partner: str, checks: Sequence[Check]) -> "ExpectationSuiteValidationResult":
    """The verdict on each limit over all files."""
    import great_expectations as gx
    from great_expectations import RunIdentifier

    context, frame = _context(), _frame(checks)
    batch = (
        context.data_sources.add_pandas(partner)
        .add_dataframe_asset("files")
        .add_batch_definition_whole_dataframe("checks")
    )
    suite = gx.ExpectationSuite(name=partner, expectations=_expectations(frame))
    return context.validation_definitions.add(
        gx.ValidationDefinition(name=partner, data=batch, suite=context.suites.add(suite))
    ).run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "COMPLETE",
                       "unexpected_index_column_names": ["row", _FILE]},
        run_id=RunIdentifier(run_name=partner, run_time=_newest(checks).replace(tzinfo=UTC)),
    )


def _newest(checks: Sequence[Check]) -> datetime:
    return max(check.received_at for check in checks)


def _frame(checks: Sequence[Check]) -> "pd.DataFrame":
    """A row for each check: row, file, and for each measure what was observed and its bounds.

    The numbers stay as they are: money does not fit into floats.
    """
    import pandas as pd

    measures = dict.fromkeys(limit.measure for check in checks for limit in check.limits)
    rows = [_cells(check) for check in checks]
    columns: dict[str, Any] = {
        "row": range(len(checks)),
        _FILE: [f"{check.name} ({check.file_id[:_DIGITS]})" for check in checks],
    }
    for measure in measures:
        for name in (measure, *(f"{measure} {bound}" for bound in _BOUNDS)):
            cells = [row.get(name) for row in rows]
            if any(cell is not None for cell in cells):
                columns[name] = pd.Series(cells, dtype=object)
    return pd.DataFrame(columns)


def _cells(check: Check) -> dict[str, int | None]:
    most, least = _BOUNDS
    return {
        name: value for limit in check.limits for name, value in (
            (limit.measure, limit.observed), (f"{limit.measure} {most}", limit.high),
            (f"{limit.measure} {least}", limit.low),
        )
    }


def _expectations(frame: "pd.DataFrame") -> list[Any]:
    """For each column of bounds that the measure beside it is not beyond."""
    import great_expectations as gx

    most, least = _BOUNDS
    found = []
    for name in frame.columns:
        measure, _, bound = name.partition(" ")
        if bound in _BOUNDS:
            larger = {most: name, least: measure}[bound]
            smaller = {most: measure, least: name}[bound]
            found.append(gx.expectations.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=larger, column_B=smaller, or_equal=True,
                ignore_row_if="either_value_is_missing",
            ))
    return found


def _page(result: "ExpectationSuiteValidationResult") -> str:
    """The page of Data Docs for a result."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    document = ValidationResultsPageRenderer().render(result)
    return str(DefaultJinjaPageView().render(document, show_how_to_buttons=False))


def _context() -> "AbstractDataContext":
    """Great Expectations with all it has in memory; nothing calls home."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    return gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
