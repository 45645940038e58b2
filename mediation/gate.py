"""The batch gate: one file's figures against the partner's limits and the file's own totals."""

import re
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.profile import Profile

if TYPE_CHECKING:
    from great_expectations import ValidationDefinition
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.data_context.types.base import DataContextConfig

DOCS_PAGES_MAX = 500
"""Newest checks that Data Docs show: a build reads and renders every one of them."""


class GateError(Exception):
    """The gate itself could not work: a fault of ours, never of the file."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one file amounts to; money in micro-units of the file's currency."""

    records: int
    """every record found, good or bad"""
    rejected: int
    """records that decode, normalize and validate sent to suspense"""
    charge_micros: int
    """sum over all records whose charge could be read, the rejected ones too (TD.57, audit)"""
    charges_unread: int
    """records whose charge, if they have one, could not be read"""
    accepted_charge_micros: int
    record_charge_max_micros: int
    """largest charge among the accepted records"""


class BatchGate(Protocol):
    """What judges the figures of a whole file."""

    def check(
        self, profile: Profile, ctx: FileContext, header: FileHeader, figures: Figures
    ) -> list[str]:
        """The failed expectations as sentences; empty when the file may pass."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One expectation: a measure of the file lies between two bounds, the lower one often open."""

    measure: str
    observed: float
    low: float | None
    high: float
    finding: str
    """what to tell people when it does not"""


def _of_profile(profile: Profile, figures: Figures) -> list[Limit]:
    """The partner's own limits."""
    gate, largest = profile.gate, figures.record_charge_max_micros
    share = figures.rejected / figures.records if figures.records else 0.0
    total = figures.accepted_charge_micros
    return [
        Limit(
            "rejected_share", share, None, gate.reject_share_max,
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


def _of_file(header: FileHeader, figures: Figures) -> list[Limit]:
    """The totals that the file states; as differences, for large totals compare as floats.

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


class Gate:
    """The gate over Great Expectations: made once per process, then asked file by file.

    With a root, every check is kept as JSON below root/checks and build_docs renders root/docs;
    without, results live as long as the process. Great Expectations takes seconds to import, so
    it loads at the first check.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._context: AbstractDataContext | None = None
        self._validations: dict[str, ValidationDefinition] = {}

    def check(
        self, profile: Profile, ctx: FileContext, header: FileHeader, figures: Figures
    ) -> list[str]:
        """The failed expectations as sentences; empty when the file may pass."""
        stated = _of_file(header, figures)
        wanted = [*_of_profile(profile, figures), *stated]
        suite = "-".join([profile.name, *(_suffix(x) for x in stated)])
        validation = self._validation(suite, wanted)
        import pandas as pd
        from great_expectations import RunIdentifier

        result = validation.run(
            batch_parameters={"dataframe": pd.DataFrame({x.measure: [x.observed] for x in wanted})},
            expectation_parameters=_bounds(wanted),
            run_id=RunIdentifier(
                run_name=re.sub(r"[^\w.-]", "_", f"{ctx.name}-{ctx.file_id[:12]}", flags=re.ASCII),
                run_time=ctx.received_at.replace(tzinfo=UTC),
            ),
        )
        failed = set()
        for one in result.results:
            # Where a metric raised, the flag stands a level deeper, below the metric's name.
            if one.exception_info.get("raised_exception", True):
                raise GateError(
                    f"gate: {ctx.partner}/{ctx.name}: Great Expectations could not judge "
                    f"{one.expectation_config}: {one.exception_info}"
                )
            if not one.success:
                failed.add(one.expectation_config.kwargs["column"])
        return [x.finding for x in wanted if x.measure in failed]

    def build_docs(self) -> Path:
        """The index page of the Data Docs, rendered from the checks kept below the root."""
        if self._root is None:
            raise GateError("gate: there is no folder for Data Docs; make the gate with a root")
        self._opened().build_data_docs()
        return self._root / "docs" / "index.html"

    def _validation(self, suite: str, wanted: list[Limit]) -> "ValidationDefinition":
        """The partner's suite for files that state these totals, made at its first use."""
        if suite not in self._validations:
            self._validations[suite] = _declared(self._opened(), suite, wanted)
        return self._validations[suite]

    def _opened(self) -> "AbstractDataContext":
        """The Great Expectations context, made at its first use."""
        if self._context is None:
            import great_expectations as gx

            self._context = gx.get_context(mode="ephemeral", project_config=_config(self._root))
        return self._context


def _suffix(limit: Limit) -> str:
    return limit.measure if limit.low is not None else f"{limit.measure}_at_most"


def _bounds(wanted: list[Limit]) -> dict[str, float]:
    """The suite parameters of this file: MEASURE_low and MEASURE_high."""
    lows = {f"{x.measure}_low": x.low for x in wanted if x.low is not None}
    return lows | {f"{x.measure}_high": x.high for x in wanted}


def _declared(
    context: "AbstractDataContext", suite: str, wanted: list[Limit]
) -> "ValidationDefinition":
    """A suite with one expectation for each limit, over a batch of one row.

    Column maxima, for they cost a quarter of what row-by-row expectations cost.
    """
    import great_expectations as gx

    expectations = [
        gx.expectations.ExpectColumnMaxToBeBetween(
            column=x.measure,
            min_value=None if x.low is None else {"$PARAMETER": f"{x.measure}_low"},
            max_value={"$PARAMETER": f"{x.measure}_high"},
        )
        for x in wanted
    ]
    batch = (
        context.data_sources.add_pandas(suite)
        .add_dataframe_asset("file")
        .add_batch_definition_whole_dataframe("figures")
    )
    return context.validation_definitions.add(
        gx.ValidationDefinition(
            name=suite,
            data=batch,
            suite=context.suites.add(gx.ExpectationSuite(name=suite, expectations=expectations)),
        )
    )


def _config(root: Path | None) -> "DataContextConfig":
    """Stores in memory, but the checks and the Data Docs below the root; nothing calls home."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    stores = InMemoryStoreBackendDefaults()
    if root is not None:
        stores.stores["validation_results_store"]["store_backend"] = _folder(root / "checks")
        stores.data_docs_sites = {
            "gate": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": _folder(root / "docs"),
                "site_index_builder": {
                    "class_name": "DefaultSiteIndexBuilder",
                    "validation_results_limit": DOCS_PAGES_MAX,
                },
            }
        }
    return DataContextConfig(
        store_backend_defaults=stores,
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _folder(path: Path) -> dict[str, str]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(path.absolute())}
