"""What the program writes about its work: for people, or as JSON with the ids of file and run."""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TextIO
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from ratemill.errors import SettingsError

_STAGE: Final = structlog.get_logger("ratemill.stage")
_COUNTS: Final = (
    "size_bytes", "records", "decoded", "duplicate", "suspended", "dropped", "rated", "posted"
)
_SECRET_NAMES: Final = re.compile(
    r"passw|secret|token|private_key|passphrase|authorization", re.IGNORECASE
)
_IN_ADDRESS: Final = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*KEY-----.*?(-----END [A-Z ]*KEY-----|\Z)", re.DOTALL)
_MASK: Final = "***"
_SHORTEST: Final = 6
"""Signs of a secret that is looked for in texts: shorter ones are words, as false is"""


def configure(environ: Mapping[str, str], stream: TextIO) -> None:
    """Have log lines written to the stream: JSON where RATEMILL_LOG is json, else for people.

    SettingsError where it is something else.
    """
    form = environ.get("RATEMILL_LOG") or "text"
    if form not in {"json", "text"}:
        raise SettingsError("RATEMILL_LOG", f"{form!r} is neither json nor text")
    masked = _Masked(secrets_of(environ))
    structlog.configure(
        processors=[*_json(environ, masked)] if form == "json" else [*_text(stream, masked)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
    )


def _json(environ: Mapping[str, str], masked: "_Masked") -> Iterator[Processor]:
    run_id = environ.get("RATEMILL_RUN_ID", "")

    def of_run(_: object, __: str, event: EventDict) -> EventDict:
        """The line with the run that it belongs to."""
        return {"run_id": run_id, **event} if run_id else event

    yield structlog.contextvars.merge_contextvars
    yield of_run
    yield structlog.processors.add_log_level
    yield structlog.processors.format_exc_info
    yield masked
    yield structlog.processors.TimeStamper(fmt="iso", utc=True)
    yield structlog.processors.JSONRenderer(
        serializer=lambda event, **_: msgspec.json.encode(event, enc_hook=str).decode()
    )


def _text(stream: TextIO, masked: "_Masked") -> Iterator[Processor]:
    yield _without_stages
    yield structlog.contextvars.merge_contextvars
    yield masked
    yield _harmless
    yield structlog.processors.add_log_level
    yield structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True)
    yield structlog.dev.ConsoleRenderer(colors=stream.isatty())


def _without_stages(_: object, __: str, event: EventDict) -> EventDict:
    """A person has the table of the run in the end: a line a file and stage would bury it."""
    if "stage" in event and "file_id" in event:
        raise structlog.DropEvent
    return event


def _harmless(_: object, __: str, event: EventDict) -> EventDict:
    """The line without what a server may have put into its words for the terminal."""
    from ratemill.screen import harmless

    return {**event, "event": harmless(str(event["event"]))}


def file_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a line for each row (table file) that a stage has left, where lines are asked for.

    Nothing is written where no program configured the log: what uses ratemill as a library, or
    prints its own result, is not disturbed.
    """
    if not structlog.is_configured():
        return
    # Airflow sets these for a task's process; lines of the threads that write need them too
    run = {name: os.environ[variable] for name, variable in _AIRFLOW.items()
           if variable in os.environ}
    for row in rows:
        counts = {name: row[name] for name in _COUNTS if row[name] is not None}
        _STAGE.info(
            "stage done", stage=row["stage"], partner=row["partner"], file_id=row["file_id"],
            file=row["name"], state=row["state"], **counts, **run,
        )


_AIRFLOW: Final = {
    "dag_id": "AIRFLOW_CTX_DAG_ID", "run_id": "AIRFLOW_CTX_DAG_RUN_ID",
    "task_id": "AIRFLOW_CTX_TASK_ID",
}


def fault(environ: Mapping[str, str], text: str, **fields: object) -> bool:
    """Whether a fault was written as a line of JSON; where not, it is to be shown to a person."""
    if environ.get("RATEMILL_LOG") != "json":
        return False
    structlog.get_logger("ratemill").error(text, **fields)
    return True


class _Masked:
    """Takes out of a line what is secret: by its value, its name, or its form."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # the longest first: one may be a part of another
        known = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        """The line without secrets."""
        return {name: _MASK if _SECRET_NAMES.search(name) else self._of(value)
                for name, value in event.items()}

    def _of(self, value: object) -> object:
        if isinstance(value, str):
            plain = _PEM.sub(_MASK, _IN_ADDRESS.sub(_MASK, value))
            return self._known.sub(_MASK, plain) if self._known else plain
        if isinstance(value, Mapping):
            return self("", "", {str(name): inner for name, inner in value.items()})
        if isinstance(value, (list, tuple, set)):
            return [self._of(inner) for inner in value]
        return value if isinstance(value, (int, float, type(None))) else self._of(str(value))


def secrets_of(environ: Mapping[str, str]) -> set[str]:
    """The passwords and keys in the environment: of connections, the ledger, and by name."""
    found: set[str] = set()
    for name, value in environ.items():
        if name.startswith("AIRFLOW_CONN_") or name == "RATEMILL_LEDGER":
            found |= set(_of_connection(value.strip()))
        elif name.startswith("OTEL_EXPORTER_OTLP") and name.endswith("HEADERS"):
            found |= {unquote(v) for pair in value.split(",") for v in pair.split("=")[1:]}
        elif _SECRET_NAMES.search(name):
            found.add(value)
    return {secret for secret in found if secret}


def _of_connection(text: str) -> Iterator[str]:
    """The secrets of a connection in its URI or JSON form; none of a text that is neither."""
    if text.startswith("{"):
        try:
            yield from _named(json.loads(text))
        except json.JSONDecodeError:
            return
        return
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    query = dict(parse_qsl(parts.query))
    yield from _named(query)
    if "__extra__" in query:
        yield from _of_connection(query["__extra__"])


def _named(found: object) -> Iterator[str]:
    """The values whose names say that they are secret."""
    if isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, str) and _SECRET_NAMES.search(name):
                yield value
            elif name == "extra" and isinstance(value, str):
                yield from _of_connection(value)
            else:
                yield from _named(value)
