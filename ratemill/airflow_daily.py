"""The steps of the DAG daily: what each found is a table in its log and its result."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from airflow.sdk import get_current_context

from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home
from ratemill.settings import clock

log = logging.getLogger(__name__)

_SCHEDULE: Final = "airflow"
"""Who the audit trail names where nobody triggered the run"""
_SHOWN: Final = 40
"""Lines of a task's result; its log has them all"""


def zone(environ: Mapping[str, str]) -> str:
    """The home's time zone for the DAG's schedule; UTC where there is no home yet."""
    try:
        return Home.find(None, environ).settings.zone
    except SettingsError:
        return "UTC"


def recurring(home: Home) -> str:
    """What was charged for periods."""
    from ratemill.daily import charge_recurring

    return _told(charge_recurring(home, _who()))


def life_cycle(home: Home) -> str:
    """Which accounts changed their state, and what was given up."""
    from ratemill.daily import expire_what_ended

    return _told(expire_what_ended(home, _who(), clock(home.settings)))


def check(home: Home) -> str:
    """What was proven; RatemillError, and posting on hold, where something contradicts."""
    from ratemill.daily import prove_sums

    return _told(prove_sums(home, _who(), clock(home.settings), _now()))


def files(home: Home) -> str:
    """What of files a person has to see to."""
    from ratemill.daily import files_to_see_to

    return _told(files_to_see_to(home, clock(home.settings)))


def suspense(home: Home) -> str:
    """What is in suspense, by age."""
    from ratemill.daily import suspense_by_age

    return _told(suspense_by_age(home, clock(home.settings)))


def agreements(home: Home) -> str:
    """What partners stated beyond their agreements."""
    from ratemill.daily import beyond_agreements

    return _told(beyond_agreements(home, clock(home.settings)))


def retention(home: Home) -> str:
    """What was removed because its time is over."""
    from ratemill.retention import remove_old

    return _told(remove_old(home, _who(), clock(home.settings), _now()))


def summary(told: Mapping[str, str | None]) -> str:
    """The first line of each step; RatemillError names those that did not end well."""
    missing = [step for step, text in told.items() if text is None]
    if missing:
        raise RatemillError(", ".join(missing), "did not end well",
                            "the log of that task says why; clear it when the cause is gone")
    return _told([f"{step}: {(text or '').partition(chr(10))[0]}" for step, text in told.items()])


def _told(lines: Sequence[str]) -> str:
    """The lines as a task's result, after they were put into its log."""
    log.info("\n%s", "\n".join(lines))
    more = [f"… and {len(lines) - _SHOWN:,} more lines in the log"] if len(lines) > _SHOWN else []
    return "\n".join([*lines[:_SHOWN], *more])


def _who() -> str:
    """The user who triggered the current run."""
    return get_current_context()["dag_run"].triggering_user_name or _SCHEDULE


def _now() -> datetime:
    """The time that processes and disks go by, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)
