"""The operators' forms: their fields, who filled them in and why, and what their tasks say."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from ratemill.faults import exit_code_of
from ratemill.form_answers import ALL
from ratemill.home import DEFAULT, Home

if TYPE_CHECKING:
    from ratemill.decisions import Author

log = logging.getLogger(__name__)
Asked = ParamSpec("Asked")
Found = TypeVar("Found")

SCHEDULE: Final = "airflow"
"""Who runs what nobody triggered"""
LONG: Final = timedelta(hours=6)
"""Execution timeout of what looks at every record that was ever posted"""
_VERSIONS: Final = 10
"""Kept versions of the catalog that a form offers; any other can be typed"""
_NOT_BLANK: Final = r"\S[\s\S]{3,}\S"


def rerun_form(partners: Sequence[str]) -> dict[str, Param]:
    """Which files run again, from which stage, and why."""
    return {
        "partner": _partner(partners, "Files", "Whose files"),
        "received_from": _moment("Received from", "Files", "By arrival; empty: from the first"),
        "received_to": _moment("Received before", "Files", "Empty: to the last"),
        "file_ids": Param(
            [], type=["array", "null"], items={"type": "string"}, section="Files",
            title="File ids", description="One a line; the first digits are enough. Empty: every "
            "file of the partner and period",
        ),
        "stage": Param(
            "rate", type="string", enum=["mediate", "rate", "post"], section="Run",
            title="Start from stage", description="This stage and all later ones run again",
            values_display={
                "mediate": "mediate: decode and check, after a change of the profile",
                "rate": "rate: price, after a change of the catalog",
                "post": "post: put on the ledger, after a fault there",
            },
        ),
        "dry_run": _dry_run("only list the files"),
        "reason": _reason(),
    }


def rollback_form() -> dict[str, Param]:
    """Which file is given back, and why."""
    return {
        "file": Param(
            type="string", minLength=1, section="File", title="File",
            description="Its name, or the first digits of its id. Of an archive every file that "
            "it brought is rolled back",
        ),
        "dry_run": _dry_run("only show what would be given back"),
        "reason": _reason(),
    }


def rerate_form(partners: Sequence[str], environ: Mapping[str, str]) -> dict[str, Param]:
    """Which records are charged anew, by which catalog, and why."""
    return {
        **_records(partners),
        "catalog": _catalog(environ, "Empty: the home's catalog as it is now", empty=True),
        "apply": Param(
            default=False, type="boolean", section="Run", title="Apply: post the difference",
            description="Look at the difference first, without this",
        ),
        "reason": _reason(),
    }


def whatif_form(partners: Sequence[str], environ: Mapping[str, str]) -> dict[str, Param]:
    """Which records are looked at by which other catalog, and why."""
    return {
        **_records(partners),
        "catalog": _catalog(environ, "The catalog to compare with", empty=False),
        "reason": _reason(),
    }


def recycle_form(partners: Sequence[str]) -> dict[str, Param]:
    """Which records in suspense are tried again, and why."""
    return {
        "partner": _partner(partners, "Records", "Whose records"),
        "case": Param(
            "", type=["string", "null"], section="Records", title="Case or record",
            description="The first digits of a case, or one record as FILE_ID:INDEX. Empty: all "
            "that wait, but what was rolled back",
        ),
        "dry_run": _dry_run("only say what would become of them"),
        "reason": _reason(),
    }


def _reason() -> Param:
    return Param(
        type="string", minLength=5, maxLength=200, pattern=_NOT_BLANK, section="Run",
        title="Reason", description="Goes into the ledger's audit trail, with your name and the "
        "time. Five characters at least",
    )


def _dry_run(title: str) -> Param:
    return Param(
        default=True, type="boolean", section="Run", title=f"Dry run: {title}",
        description="Nothing changes until this is off",
    )


def _partner(partners: Sequence[str], section: str, description: str) -> Param:
    return Param(ALL, type="string", enum=[ALL, *partners], section=section, title="Partner",
                 description=description)


def _moment(title: str, section: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date-time", section=section, title=title,
                 description=description)


def _records(partners: Sequence[str]) -> dict[str, Param]:
    """The fields that choose posted records."""
    return {
        "partner": _partner(partners, "Records", "Whose records"),
        "used_from": _moment("Used from", "Records", "By the start of the event; empty: from the "
                             "first that was posted"),
        "used_to": _moment("Used before", "Records", "Empty: to the last"),
        "condition": Param(
            "", type=["string", "null"], section="Records", title="Further condition",
            description_md="SQL on the columns of usage and of its retail charge, as `used_by = "
            "'A1' and service = 'voice'`. Empty: all records of the partner and period",
        ),
    }


def _catalog(environ: Mapping[str, str], description: str, *, empty: bool) -> Param:
    rules: dict[str, Any] = {"type": ["string", "null"]} if empty else {
        "type": "string", "minLength": 1}
    default: dict[str, Any] = {"default": ""} if empty else {}
    return Param(
        **default, **rules, section="Catalog", title="Catalog", examples=_versions(environ),
        description=f"{description}. A folder below the home, or the first digits of a version "
        "that is kept",
    )


def _versions(environ: Mapping[str, str]) -> list[str]:
    """The versions of the catalog that were kept last, by their folders alone."""
    root = Path(environ.get("RATEMILL_HOME") or DEFAULT)
    kept = [path for path in (root / "catalog_versions").glob("[!.]*") if path.is_dir()]
    kept.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.name[:12] for path in kept[:_VERSIONS]]


def author(home: Home, reason: str) -> "Author":
    """The user who triggered the current run, with his reason and the home's time."""
    from ratemill.decisions import Author

    run = get_current_context()["dag_run"]
    return Author.of(home, run.triggering_user_name or SCHEDULE, " ".join(reason.split()))


def run_id() -> str:
    """The id of the current run."""
    return str(get_current_context()["dag_run"].run_id)


def plainly(function: Callable[Asked, Found]) -> Callable[Asked, Found]:
    """The function, its faults that a person can mend said in one line, and not tried again."""
    @wraps(function)
    def call(*values: Asked.args, **named: Asked.kwargs) -> Found:
        try:
            return function(*values, **named)
        except Exception as error:
            retryable = getattr(error, "retryable", getattr(error, "retry", False))
            if retryable or isinstance(error, OSError) or exit_code_of(error) is None:
                raise
            text = str(error)
        log.error("%s", text)
        raise AirflowFailException(text)
    return call


def shown(tell: Callable[[], None]) -> None:
    """Have what the command line would print in the task's log, line by line."""
    from ratemill.screen import out

    with out.capture() as printed:
        tell()
    say(printed.get().splitlines())


def say(lines: Iterable[str]) -> None:
    """Put lines into the task's log."""
    for line in lines:
        log.info("%s", line.rstrip())
