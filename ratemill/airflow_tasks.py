"""What the DAGs share: partners at parse time, batches of files, retry by fault, the last proof."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, Param, RetryDecision, RetryPolicy, XComArg, get_current_context

from ratemill import file_batches
from ratemill.airflow_alerts import deadline, run_failed, task_failed
from ratemill.airflow_funnel import funnel_lines, funnel_sums
from ratemill.errors import FilesNotPosted, RatemillError
from ratemill.home import DEFAULT, Home
from ratemill.refs import split

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# By name: their modules load Polars, which a DAG file must not do when it is parsed.
_NEEDS_A_PERSON = {
    "mediation.profile_form.ProfileError",
    "mediation.tables.TableError",
    "mediation.outcome.ConservationError",
    "rating.catalog.CatalogError",
}


class FaultPolicy(RetryPolicy):  # type: ignore[misc]
    """Fails at once what waiting cannot help; everything else follows the task's retries.

    A RatemillError says so itself: a refused key or a changed host key is not retryable, a
    connection that timed out is. A wrong profile or catalog, or a broken sum, never is.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 -- Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: "Context | None" = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Whether the task is tried again, with the reason that Airflow shows."""
        names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(exception).__mro__}
        # The ledger's own error has a shorter word for it.
        may_help = getattr(exception, "retryable", getattr(exception, "retry", True))
        if names & _NEEDS_A_PERSON or not may_help:
            return RetryDecision.fail(reason=f"waiting cannot help: {exception}")
        return RetryDecision.default()


USAGE = Asset(name="usage", uri="ratemill://lake/usage", group="ratemill")
POSTED = Asset(name="posted", uri="ratemill://ledger/posted", group="ratemill")
BATCH: dict[str, Param] = {
    "batch_files": Param(50, type="integer", minimum=1, maximum=5000, section="Batches",
                         title="Files per mapped task", description="At most so many"),
    "batch_mb": Param(64, type="integer", minimum=1, maximum=4096, section="Batches",
                      title="Megabytes per mapped task",
                      description="At most so much as received; a larger file is a batch alone"),
}
"""The form of a DAG that cuts files into batches: see in_batches"""
DEFAULTS: dict[str, Any] = {
    "owner": "ratemill",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": FaultPolicy(),
    "execution_timeout": timedelta(minutes=30),
    "on_failure_callback": task_failed,
}
"""default_args of every DAG"""
DAG_DEFAULTS: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    # what came before the DAG did is collected by its first run
    "catchup": False,
    "max_active_runs": 1,
    "default_args": DEFAULTS,
    "on_failure_callback": run_failed,
}
"""What every DAG is made with"""
PIPELINE: dict[str, Any] = {**DAG_DEFAULTS, "params": BATCH, "deadline": deadline(60)}
"""The same of a DAG that works off files by itself: after an hour the next files have waited longer
than partners are told"""


def partner_names(environ: Mapping[str, str]) -> list[str]:
    """Names of the home's partner profiles, from their file names alone."""
    root = Path(environ.get("RATEMILL_HOME") or DEFAULT)
    return sorted(path.stem for path in (root / "partners").glob("*.toml"))


def batches(refs: Sequence[str], size: int) -> list[list[str]]:
    """The references in order, cut into lists of at most `size`."""
    return [list(refs[at : at + size]) for at in range(0, len(refs), size)]


def in_batches(
    home: Home, refs: Sequence[str], params: Mapping[str, Any]
) -> list[list[str]]:
    """The references in order, cut by both limits of the form BATCH."""
    return file_batches.in_batches(
        home, refs, params["batch_files"], params["batch_mb"] * 1_000_000
    )


def unique(lists: Iterable[Iterable[str]]) -> list[str]:
    """Every reference of the lists once, in order."""
    return list(dict.fromkeys(ref for refs in lists for ref in refs))


def announced(events: Mapping[Any, Iterable[Any]]) -> list[str]:
    """References that the asset events behind a run name; none for a run started by hand."""
    return unique(event.extra.get("refs", ()) for of in events.values() for event in of)


def label(text: str) -> None:
    """Name the current mapped task instance in Airflow's grid."""
    get_current_context()["label"] = text


def label_batch(refs: Sequence[str]) -> None:
    """Name the current mapped task instance after its batch: how many files, and the first."""
    label(f"{len(refs)} from {refs[0][:24]}")


def told(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """References of the files of these rows (table file), put into the task's log as a table."""
    listed = list(rows)
    for line in funnel_lines(listed):
        log.info("%s", line)
    return [f"{row['partner']}/{row['file_id']}" for row in listed]


def announcement(home: Home, refs: Sequence[str]) -> dict[str, Any]:
    """What an asset's event says of these files: `refs`, and `funnel`, their sums by partner."""
    from ratemill import pipeline

    return {"refs": list(refs), "funnel": funnel_sums(pipeline.rows_of(home, refs))}


def to_mediate(home: Home, partner: str) -> list[str]:
    """References of the partner's files that are not mediated yet."""
    return [ref for ref in _pending(home, partner) if not _mediated(home, ref)]


def to_rate(home: Home, events: Mapping[Any, Iterable[Any]], *, scheduled: bool) -> list[str]:
    """References of files with a step to do after mediation.

    By hand all files, so that the proof names what is not even mediated. Otherwise those that asset
    events name and all that are mediated: an event that comes while Airflow makes a run for an
    earlier one belongs to the run after, which only another event would start.
    """
    named, waiting = set(announced(events)), _pending(home)
    by_hand = not (named or scheduled)
    return [ref for ref in waiting if by_hand or ref in named or _mediated(home, ref)]


def _pending(home: Home, partner: str | None = None) -> list[str]:
    from ratemill import pipeline

    return pipeline.pending(home, partner)


def _mediated(home: Home, ref: str) -> bool:
    from ratemill.lake import Lake

    return Lake(home.lake).done(*split(ref), "mediate")


def ask_people(held: XComArg) -> None:
    """Have the DAG held_file started for each file of the task's result (airflow_hold.waiting)."""
    TriggerDagRunOperator.partial(
        task_id="ask_a_person", task_display_name="ask a person", trigger_dag_id="held_file",
        # of a file whose run is there already a person was asked
        logical_date=None, skip_when_already_exists=True,
        doc_md="Start *held_file* for each file in quarantine, once.",
    ).expand_kwargs(held)


def mediate_again(home: Home) -> list[str]:
    """References of files with records in suspense whose waiting is over, mediated anew."""
    from ratemill import pipeline, recycle

    return told(pipeline.mediate(home, recycle.recycle_awaited(home)))


def post(home: Home, refs: Iterable[str], now: datetime) -> list[str]:
    """References of the files that were put on the ledger, and late events replayed after them.

    A file that the ledger does not take stops no other: the log says why, and the last proof fails.
    """
    from ratemill import pipeline

    wanted = list(refs)
    try:
        pipeline.post(home, wanted, now=now)
    except FilesNotPosted as error:
        log.exception("not posted: %s", ", ".join(error.faults))
        wanted = [ref for ref in wanted if ref not in error.faults]
    pipeline.replay_late(home, wanted, now=now)
    return told(pipeline.rows_of(home, wanted))


def send(home: Home) -> list[str]:
    """Names of the files that were put on partners' servers; the first that holds some up raises.

    What could not be sent waits in the outbox for the next run.
    """
    from ratemill import outbox

    sent, unreachable = outbox.send(home, home.profiles(), environ=os.environ)
    for error in unreachable[1:]:
        log.error("%s", error)
    if unreachable:
        raise unreachable[0]
    return [path.name for path in sent]


def prove(
    home: Home, planned: Iterable[Iterable[str]] | None, **steps: object
) -> str:
    """What became of the planned files, after proof; an error names the file or step missing.

    `steps` are the results of tasks that must have run, by their names.
    """
    from ratemill import pipeline
    from ratemill.funnel import equation, funnel, totals

    refs = _planned(planned)
    rows = funnel(pipeline.reconcile(home, refs))
    late = sorted(set(refs).intersection(pipeline.pending(home)))
    if late:
        raise RatemillError("deliver", f"no receipt for {', '.join(late)}", "clear that task")
    for name, result in steps.items():
        if result is None:
            raise RatemillError(name, "did not run, or failed", "clear that task")
    told(pipeline.rows_of(home, refs))
    return equation(totals(rows))


def prove_mediated(
    home: Home, collected: Sequence[str] | None, planned: Iterable[Iterable[str]] | None
) -> str:
    """How many files became usage, after proof; an error names the file or step missing."""
    from ratemill.mediated_proof import prove_mediated as prove_files

    refs = _planned(planned)
    rows = prove_files(home, refs)
    if collected is None:
        raise RatemillError(
            "collect", f"failed; {len(rows)} files that had come before are mediated",
            "the log of that task says why",
        )
    told(rows)
    return f"{len(collected)} files came, {len(rows)} mediated"


def _planned(planned: Iterable[Iterable[str]] | None) -> list[str]:
    """The references that a plan left; RatemillError where it left none at all."""
    if planned is None:
        raise RatemillError("plan", "left no list of files", "the log of that task says why")
    return unique(planned)
