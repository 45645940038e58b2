"""What Airflow calls when a run fails or takes too long, and what tells people of it.

A callback keeps what happened and tries to say it at once. Where that does not succeed, the DAG
alarms says it within a quarter of an hour.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
from airflow.sdk import Connection
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from ratemill.alert_channels import channels
from ratemill.alert_servers import Server, from_environ
from ratemill.alerts import Alarm, happened, tell
from ratemill.atomic import remove, replacing
from ratemill.errors import SettingsError
from ratemill.home import Home
from ratemill.settings import clock

log = logging.getLogger(__name__)

_TASKS_SHOWN: Final = 5
"""Failed tasks that the message of a run names: one cause often fails all of a mapped task"""
_TEXT: Final = 300
"""Characters of an error that are told: its own text may list every file"""


class Fault(msgspec.Struct, frozen=True):
    """Why a task failed."""

    task: str
    label: str
    """of a mapped task; else empty"""
    error: str


def task_failed(context: Mapping[str, Any]) -> None:
    """Keep why a task failed, for the message about its run."""
    home, ti, error = _home(), context["ti"], context.get("exception")
    if not home.root.is_dir():
        # that is why it failed, and nothing may be made there
        return
    index = getattr(ti, "map_index", -1)
    label = getattr(ti, "rendered_map_index", None) or (str(index) if index >= 0 else "")
    fault = Fault(str(ti.task_id), str(label), _text(error))
    folder = _faults(home, str(ti.dag_id), str(ti.run_id))
    with replacing(folder / f"{ti.task_id}.{index}.json") as part:
        part.write_bytes(msgspec.json.encode(fault))


def run_failed(context: Mapping[str, Any]) -> None:
    """Say that a run failed, which tasks of it and why."""
    dag, run = str(context["dag"].dag_id), str(context["run_id"])
    home = _home()
    folder = _faults(home, dag, run)
    faults = [msgspec.json.decode(path.read_bytes(), type=Fault)
              for path in sorted(folder.glob("[!.]*.json"))]
    remove(folder)
    what = _faults_text(faults) or str(context.get("reason") or "no task says why")
    # the same cause at the next run is the same thing
    same = what if not faults else "; ".join(sorted({one.error for one in faults}))
    _happened(home, Alarm(kind="run", about=dag, what=what, same=same, since=_now(),
                          link=run_link(dag, run)))


async def deadline_missed(minutes: int, what: str, context: Mapping[str, Any]) -> None:
    """Say what is the matter with a run so many minutes after it was queued."""
    run = context["dag_run"]
    dag, run_id = str(run["dag_id"]), str(run["dag_run_id"])
    alarm = Alarm(kind="deadline", about=dag, what=f"{what} after {minutes} minutes",
                  same="late", since=_now(), link=run_link(dag, run_id))
    await asyncio.to_thread(_happened, _home(), alarm)


def deadline(minutes: int, what: str = "not finished") -> DeadlineAlert:
    """What has a run of a DAG told that is not finished so many minutes after it was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(minutes=minutes),
        callback=AsyncCallback(deadline_missed, kwargs={"minutes": minutes, "what": what}),
        name=f"{minutes} minutes",
    )


def look(home: Home) -> list[dict[str, Any]]:
    """What a person has to see to now, as XCom takes it; each thing is in the task's log."""
    from ratemill.alarms import alarms

    found = alarms(home, clock(home.settings), _now())
    for one in found:
        log.warning("%s, %s: %s", one.kind, one.about, one.what)
    if not found:
        log.info("Nothing needs a person.")
    return [msgspec.to_builtins(one) for one in found]


def tell_all(home: Home, seen: Sequence[Mapping[str, Any]]) -> list[str]:
    """The channels that were told something new of all that `look` saw; the log has the message.

    RatemillError where one could not be told; the others were.
    """
    found = msgspec.convert(seen, list[Alarm])
    named = channels(home, connection)
    if not named:
        log.info("ratemill.toml has no [alerts]: nobody is told.")
    sent = tell(home, found, named, _now(), whole=True)
    for name, message in sent.items():
        log.info("%s: %s\n%s", name, message.subject, message.text)
    return list(sent)


def measure(home: Home) -> int:
    """How many figures were pushed to where the home's settings say."""
    from ratemill import metrics

    return metrics.emit(home, _now())


def connection(name: str) -> Server:
    """The server of an Airflow connection; SettingsError where there is none of that name."""
    server = from_environ(name, os.environ)
    if server is not None:
        return server
    try:
        found = Connection.get(name)
    except Exception as error:
        # outside a task Airflow says so by many kinds of errors
        raise SettingsError(
            f"connection {name}", "is not there", f"set AIRFLOW_CONN_{name.upper()} or add it"
        ) from error
    return Server.of_fields(
        kind=found.conn_type, host=found.host, port=found.port, login=found.login,
        password=found.password, schema=found.schema, extra=found.extra_dejson,
    )


def run_link(dag: str, run: str) -> str:
    """Address of a run's page."""
    from airflow.sdk.configuration import conf

    root = str(conf.get("api", "base_url", fallback="")).rstrip("/")
    return f"{root}/dags/{quote(dag)}/runs/{quote(run)}" if root else ""


def _happened(home: Home, alarm: Alarm) -> None:
    """Keep what happened and say it; a callback that fails would only hide the run's own fault."""
    kept = happened(home, alarm, _now())
    log.error("%s: %s", kept.about, kept.what)
    try:
        tell(home, [kept], channels(home, connection), _now(), whole=False)
    except Exception:
        log.exception("not told yet; the DAG alarms tries again")


def _faults_text(faults: Sequence[Fault]) -> str:
    """The failed tasks with their errors, each error once."""
    by_error: dict[str, list[str]] = {}
    for one in faults:
        by_error.setdefault(one.error, []).append(
            f"{one.task} [{one.label}]" if one.label else one.task
        )
    parts = []
    for error, tasks in by_error.items():
        more = f" and {len(tasks) - _TASKS_SHOWN} more" if len(tasks) > _TASKS_SHOWN else ""
        parts.append(f"{', '.join(tasks[:_TASKS_SHOWN])}{more}: {error}")
    return "; ".join(parts)


def _text(error: object) -> str:
    """An error's own words, shortened."""
    if error is None:
        return "ended without a word: its process was killed, or took too long"
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _TEXT else f"{said[:_TEXT]}…"


def _faults(home: Home, dag: str, run: str) -> Path:
    """Where the faults of a run's tasks are kept until the run has failed."""
    name = hashlib.sha256(f"{dag} {run}".encode()).hexdigest()[:16]
    return home.root / "alerts" / "faults" / name


def _home() -> Home:
    return Home.find(None, os.environ)


def _now() -> datetime:
    """The time that runs of Airflow go by, naive UTC: an example home's clock stands still."""
    return datetime.now(UTC).replace(tzinfo=None)
