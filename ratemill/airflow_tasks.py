"""What the DAGs share: partners at parse time, batches of files, retry by fault, the last proof."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, Param, RetryDecision, RetryPolicy, get_current_context

from ratemill.errors import FilesNotPosted, RatemillError
from ratemill.home import DEFAULT, Home

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# By name: their modules load Polars, which a DAG file must not do when it is parsed.
_NEEDS_A_PERSON = {
    "mediation.profile_form.ProfileError",
    "mediation.tables.TableError",
    "mediation.outcome.ConservationError",
}


class FaultPolicy(RetryPolicy):  # type: ignore[misc]
    """Fails at once what waiting cannot help; everything else follows the task's retries.

    A RatemillError says so itself: a refused key or a changed host key is not retryable, a
    connection that timed out is. A wrong profile or a broken sum never is.
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
BATCH_FILES = Param(50, type="integer", minimum=1, title="Files per mapped task")
DEFAULTS: dict[str, Any] = {
    "owner": "ratemill",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": FaultPolicy(),
    "execution_timeout": timedelta(minutes=30),
}
"""default_args of every DAG"""


def partner_names(environ: Mapping[str, str]) -> list[str]:
    """Names of the home's partner profiles, from their file names alone."""
    root = Path(environ.get("RATEMILL_HOME") or DEFAULT)
    return sorted(path.stem for path in (root / "partners").glob("*.toml"))


def rerun_form(partners: Sequence[str]) -> dict[str, Param]:
    """The operator's form of the DAG rerun: which files, from which stage, and why."""
    moment: dict[str, Any] = {
        "type": ["null", "string"], "format": "date-time", "section": "Files",
    }
    ids = {"type": ["array", "null"], "items": {"type": "string"}, "section": "Files"}
    stages = ["mediate", "rate", "post"]
    return {
        "partner": Param("all", type="string", enum=["all", *partners], title="Partner",
                         section="Files"),
        "received_from": Param(None, title="Received from", **moment),
        "received_to": Param(None, title="Received before", **moment),
        "file_ids": Param([], title="File ids",
                          description="One a line; the first digits are enough", **ids),
        "stage": Param("rate", type="string", enum=stages, title="Start from stage",
                       section="Run"),
        "dry_run": Param(default=True, type="boolean", title="Dry run: only list the files",
                         section="Run"),
        "reason": Param(type="string", minLength=5, maxLength=200, title="Reason", section="Run",
                        description="Kept with the run, its user and its time"),
    }


def batches(refs: Sequence[str], size: int) -> list[list[str]]:
    """The references in order, cut into lists of at most `size`."""
    return [list(refs[at : at + size]) for at in range(0, len(refs), size)]


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
    """References of the funnel rows, each row put into the task's log as one line."""
    refs = []
    for row in rows:
        counts = ("records", "rated", "posted", "duplicate", "suspended", "dropped")
        figures = ", ".join(f"{row[name]} {name}" for name in counts if row[name] is not None)
        log.info("%s %s %s: %s", row["partner"], row["name"], row["state"], figures)
        refs.append(f"{row['partner']}/{row['file_id']}")
    return refs


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


def chosen(home: Home, form: Mapping[str, Any]) -> list[str]:
    """References of the files that a rerun's form describes; RatemillError when there are none."""
    from ratemill import pipeline

    partner = None if form["partner"] == "all" else form["partner"]
    refs = pipeline.find(
        home, partner, _utc(form["received_from"]), _utc(form["received_to"]),
        form["file_ids"] or (),
    )
    if not refs:
        raise RatemillError("select", "no received file matches the form", "widen the selection")
    verb = "would run" if form["dry_run"] else "run"
    log.info("%d files %s again from %s: %s", len(refs), verb, form["stage"], form["reason"])
    return told(pipeline.rows_of(home, refs))


def _utc(text: str | None) -> datetime | None:
    """The naive UTC moment of a form's date-time; without an offset it is taken as UTC."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def prove(home: Home, planned: Iterable[Iterable[str]] | None, published: str | None) -> str:
    """What became of the planned files, after proof; an error names the file or step missing."""
    from ratemill import pipeline
    from ratemill.funnel import equation, funnel, totals

    if planned is None:
        raise RatemillError("plan", "left no list of files", "the log of that task says why")
    refs = unique(planned)
    rows = funnel(pipeline.reconcile(home, refs))
    late = sorted(set(refs).intersection(pipeline.pending(home)))
    if late:
        raise RatemillError("deliver", f"no receipt for {', '.join(late)}", "clear that task")
    if refs and not published:
        raise RatemillError("publish", "the warehouse is not published", "clear that task")
    for row in rows:
        log.info("%s %s: %s", row.partner, row.name, equation(totals([row])))
    return equation(totals(rows))
