"""What the DAGs rerun and recycle do, and the tasks that several forms end in."""

import logging
import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import task

from ratemill import airflow_tasks as shared
from ratemill.airflow_forms import author, plainly, run_id, say, shown
from ratemill.errors import RatemillError
from ratemill.form_answers import partner_of, period
from ratemill.home import Home
from ratemill.settings import clock

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)


@plainly
def chosen(home: Home, form: Mapping[str, Any]) -> list[str]:
    """References of the files that a rerun's form describes; an error when there are none."""
    from ratemill import pipeline

    begin, end = period(form, "received_from", "received_to")
    starts = [start.strip().lower() for start in form["file_ids"] or () if start.strip()]
    refs = pipeline.find(home, partner_of(form), begin, end, starts)
    unknown = [s for s in starts if not any(ref.partition("/")[2].startswith(s) for ref in refs)]
    if unknown:
        raise RatemillError("form", f"no file of the selection begins with {', '.join(unknown)}",
                            "`ratemill status --json` lists the file ids")
    if not refs:
        raise RatemillError("form", "no received file matches", "widen the selection")
    verb = "would run" if form["dry_run"] else "run"
    log.info("%d files %s again from %s: %s", len(refs), verb, form["stage"], form["reason"])
    return shared.told(pipeline.rows_of(home, refs))


@plainly
def reset(home: Home, refs: Iterable[str], form: Mapping[str, Any]) -> int:
    """How many files run again from the form's stage; the audit trail says so first."""
    from ratemill import pipeline
    from ratemill.audit_notes import note

    wanted = list(refs)
    note(home, "rerun", wanted, author(home, form["reason"]),
         {"stage": form["stage"], "run": run_id()})
    pipeline.reset(home, wanted, form["stage"])
    return len(wanted)


class Waiting(NamedTuple):
    """What a form finds in suspense."""

    refs: list[str]
    """the files of its records"""
    records: int
    """all that wait of these files, a whole file that waits counting as one"""
    now: list[dict[str, Any]]
    """what would become of its records: code, code_now (none: charged), records, detail"""


@plainly
def waiting(home: Home, form: Mapping[str, Any]) -> Waiting:
    """What a form finds in suspense; the log has it as a table. Nothing is written."""
    from ratemill.recycle import tried
    from ratemill.suspense_commands import ends_now, show_ends

    rows = _in_suspense(home, form)
    if rows.is_empty():
        raise RatemillError("form", "nothing of that is in suspense",
                            "`ratemill suspense list` names the cases")
    groups, refs = ends_now(tried(home, rows)), _files_of(rows)
    shown(partial(show_ends, groups))
    return Waiting(refs, _still(home, refs), groups.rows(named=True))


@plainly
def reopen(home: Home, refs: Iterable[str], form: Mapping[str, Any]) -> list[str]:
    """References of those of the files that run again from now on; the audit trail has it first.

    What left suspense since they were chosen is not among them, be it that this task did it before.
    """
    from ratemill.audit_notes import note
    from ratemill.recycle import reopened

    try:
        rows = _of(_in_suspense(home, form), refs)
    except RatemillError as gone:
        say([f"{gone}: nothing is left to reset"])
        return []
    note(home, "recycle", _files_of(rows), author(home, form["reason"]),
         {"case": form["case"] or "", "run": run_id()})
    return reopened(home, rows)


def outcome(home: Home, refs: Iterable[str], before: int) -> str:
    """What left suspense of the files, of which so many records had waited."""
    text = f"{before - _still(home, refs):,} of {before:,} records of these files left suspense"
    say([text])
    return text


def _in_suspense(home: Home, form: Mapping[str, Any]) -> "pl.DataFrame":
    """The records in suspense that a form names."""
    from ratemill.suspense import suspended
    from ratemill.suspense_commands import recyclable

    rows, partner = suspended(home), partner_of(form)
    if partner is not None:
        rows = rows.filter(partner=partner)
    return recyclable(rows, (form["case"] or "").strip() or None)


def _still(home: Home, refs: Iterable[str]) -> int:
    """How many records of the files are in suspense, a whole file that waits counting as one."""
    from ratemill.suspense import suspended

    return _of(suspended(home), refs).height


def _of(rows: "pl.DataFrame", refs: Iterable[str]) -> "pl.DataFrame":
    """The rows of these files."""
    import polars as pl

    return rows.filter(pl.format("{}/{}", "partner", "file_id").is_in(list(refs)))


def _files_of(rows: "pl.DataFrame") -> list[str]:
    """References of the files of the rows, in their order."""
    named = rows.select("partner", "file_id").unique(maintain_order=True)
    return [f"{partner}/{file_id}" for partner, file_id in named.iter_rows()]


def operators_home() -> Home:
    """The home that Airflow's environment names."""
    return Home.find(None, os.environ)


def _in_earnest(params: dict[str, Any]) -> bool:
    """Whether the form wants more than to look."""
    return bool(params["apply"]) if "apply" in params else not params["dry_run"]


def _process(refs: list[str]) -> list[str]:
    """References of the files of a batch, mediated where that was reset, and rated."""
    from ratemill import pipeline

    shared.label_batch(refs)
    place = operators_home()
    pipeline.mediate(place, refs)
    return shared.told(pipeline.rate(place, refs, now=clock(place.settings)))


def _post(processed: list[list[str]]) -> list[str]:
    """References of the files that are posted."""
    from ratemill import pipeline

    place = operators_home()
    refs = shared.post(place, shared.unique(processed), clock(place.settings))
    pipeline.deliver(place, refs)
    return refs


def _publish() -> str:
    """Where the new warehouse is."""
    from ratemill import pipeline

    return str(pipeline.publish(operators_home()))


def _reconcile(planned: list[list[str]] | None, published: str | None) -> str:
    """The funnel of the files, proven."""
    return shared.prove(operators_home(), planned, publish=published)


# Tasks that several forms end in; not decorated, as what Airflow's decorators make has no type.
in_earnest = task.short_circuit(
    task_id="in_earnest", task_display_name="in earnest?",
    doc_md="Ends the run here unless the form says otherwise: a dry run, or one without *Apply*, "
    "changes nothing.",
)(_in_earnest)
process = task(
    task_id="process", task_display_name="mediate and rate", map_index_template="{{ label }}",
    doc_md="Mediate a batch of files again, where that was reset, and price their usage.",
)(_process)
post = task(
    task_id="post", pool="ledger",
    doc_md="Put what changed on the ledger, each usage once, and write the receipts.",
)(_post)
publish = task(
    task_id="publish", pool="warehouse",
    doc_md="Replace the analysts' DuckDB file by a new one.",
)(_publish)
reconcile = task(
    task_id="reconcile", trigger_rule="all_done",
    doc_md="Prove, file by file, that every record ended in one place and that lake and ledger "
    "agree; fails naming the file, the sum or the step that is missing.",
)(_reconcile)
