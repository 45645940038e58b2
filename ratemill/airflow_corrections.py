"""What the DAGs rollback, rerate and whatif do: show what would change, do it, and prove it."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ratemill.airflow_forms import author, plainly, run_id, say, shown
from ratemill.errors import RatemillError
from ratemill.form_answers import catalog_of, condition, in_words_of_form
from ratemill.home import Home
from ratemill.settings import clock

if TYPE_CHECKING:
    from ratemill.cli_rollback import RolledBack
    from ratemill.rerate_report import Report

Kind = Literal["rerate", "whatif"]
"""Which tables of the difference are told"""


@plainly
def given_back(home: Home, form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What rolling back the form's file would give back, a dict a file; nothing is changed."""
    from ratemill.cli_rollback import rolled_back, show
    from ratemill.rollback import find_file

    found = rolled_back(home, find_file(home, form["file"].strip()), None)
    shown(partial(show, found))
    return _told(found)


@plainly
def roll_back(
    home: Home, found: Iterable[Mapping[str, Any]], reason: str
) -> list[list[str]]:
    """References of the files that are rolled back, as one batch; done again, it does nothing."""
    from ratemill.cli_rollback import rolled_back, show
    from ratemill.rollback import find_file

    by = author(home, reason)
    refs = [str(one["ref"]) for one in found]
    for ref in refs:
        result = rolled_back(home, find_file(home, ref), (by.who, by.why))
        shown(partial(show, result))
    return [refs]


def _told(result: "RolledBack") -> list[dict[str, Any]]:
    """The result by file, without the allowances one by one: there may be thousands."""
    import msgspec

    return [
        {
            "ref": one.rollback.ref, "name": one.rollback.name, "state": one.rollback.state,
            "records": one.rollback.records,
            "given_back": msgspec.to_builtins(one.rollback.given_back),
            "allowances": len(one.rollback.units_given_back),
            "others": msgspec.to_builtins(one.rollback.others),
        }
        for one in result.files or [result]
    ]


@plainly
def compare(home: Home, form: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """What the form's catalog would charge for its records; no charge is changed or made.

    An error where the tables of the difference do not come to the same sums.
    """
    from ratemill.rerate import difference
    from ratemill.rerate_report import RERATED, WHAT_IF, report_of, unequal_sums

    where, tables = condition(form), RERATED if kind == "rerate" else WHAT_IF
    try:
        found = difference(home, where, catalog_of(home, form))
    except RatemillError as error:
        raise in_words_of_form(error) from error
    report = report_of(where, found, list(tables))
    if unequal := unequal_sums(found.difference):
        raise RatemillError("difference", f"sums differ from the totals by {', '.join(unequal)}",
                            "it cannot be trusted: report this as a bug")
    return _reported(report, tables)


@plainly
def apply(home: Home, form: Mapping[str, Any]) -> list[list[str]]:
    """References of the files that posting the difference concerned, as one batch.

    The log has what was posted. Done again, it concerns none.
    """
    from ratemill.rerate import apply_difference
    from ratemill.rerate_report import RERATED, report_of

    by, where = author(home, form["reason"]), condition(form)
    try:
        applied = apply_difference(
            home, where, catalog_of(home, form), clock(home.settings), who=by.who, why=by.why
        )
    except RatemillError as error:
        raise in_words_of_form(error) from error
    done = applied.corrected
    report = report_of(where, applied.difference, list(RERATED), done.key if done else "",
                       done.postings.height if done else 0)
    _reported(report, RERATED)
    if done is None:
        say(["Nothing changes; nothing was posted."])
        return [[]]
    say([f"{report.postings:,} postings, {report.posted[:15]}"])
    files = done.postings.select("partner", "file_id").unique(maintain_order=True)
    return [[f"{partner}/{file_id}" for partner, file_id in files.iter_rows()]]


def _reported(report: "Report", titles: dict[str, str]) -> dict[str, Any]:
    """The report, which the log has as tables."""
    import msgspec

    from ratemill.rerate_report import show

    shown(partial(show, report, titles))
    told: dict[str, Any] = msgspec.to_builtins(report)
    return told


@plainly
def note_what_if(home: Home, form: Mapping[str, Any]) -> None:
    """Have the audit trail say who looked at what another catalog would have earned, and why."""
    from ratemill.audit_notes import note

    note(home, "whatif", [form["catalog"]], author(home, form["reason"]),
         {"where": condition(form), "run": run_id()})
