"""`ratemill metrics` and `ratemill health`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ratemill.errors import RatemillError, SettingsError
from ratemill.faults import exit_code_of
from ratemill.health import Health, health
from ratemill.home import Home
from ratemill.metric_formats import CONTENT_TYPE, prometheus_text
from ratemill.metric_list import Sample
from ratemill.metric_push import push
from ratemill.metric_server import Answer, MetricServer
from ratemill.metrics import measure
from ratemill.screen import harmless, out, plain_table
from ratemill.settings import Metrics, clock


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where the figures go: addresses, each empty for none; to the terminal where all are."""

    statsd: str = ""
    otlp: str = ""
    serve: str = ""
    airflow: str = ""
    """asked for its health by those who ask for ours, where the figures are served"""


def metrics_command(
    path: Path | None, environ: Mapping[str, str], wanted: Wanted, *, as_json: bool
) -> int:
    """Print, push or serve the home's figures; exit code 0."""
    home = Home.find(path, environ)
    if wanted.serve:
        return _serve(path, environ, wanted)
    at = datetime.now(UTC).replace(tzinfo=None)
    samples = measure(home, clock(home.settings), at)
    if wanted.statsd or wanted.otlp:
        push(samples, _targets(wanted), at)
        out.print(f"{len(samples):,} figures sent.")
    elif as_json:
        out.print_json(msgspec.json.encode([_told(sample) for sample in samples]).decode())
    else:
        out.out(prometheus_text(samples), end="")
    return 0


def _targets(wanted: Wanted) -> Metrics:
    """The addresses of the command line, as the settings would have them."""
    try:
        return Metrics(statsd=wanted.statsd, otlp=wanted.otlp)
    except ValueError as error:
        raise SettingsError("ratemill metrics", str(error)) from None


def _told(sample: Sample) -> dict[str, object]:
    labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
    return {"name": sample.metric.name, "labels": labels, "value": sample.value}


def _serve(path: Path | None, environ: Mapping[str, str], wanted: Wanted) -> int:
    """Serve figures and health until interrupted."""
    def figures() -> Answer:
        # a home anew: settings and profiles may have changed
        home = Home.find(path, environ)
        try:
            samples = measure(home, clock(home.settings), datetime.now(UTC).replace(tzinfo=None))
        except Exception as error:
            if exit_code_of(error) is None:
                raise
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"{harmless(str(error))}\n")
        return Answer(HTTPStatus.OK, CONTENT_TYPE, prometheus_text(samples))

    def well() -> Answer:
        found = _look(path, environ, wanted.airflow)
        status = HTTPStatus.SERVICE_UNAVAILABLE if found.code else HTTPStatus.OK
        return Answer(status, "application/json", msgspec.json.encode(found).decode())

    with MetricServer(_address(wanted.serve), {"/metrics": figures, "/health": well}) as server:
        host, port = server.server_address[:2]
        out.print(f"http://{host!s}:{port}/metrics and /health; Ctrl-C ends it", markup=False)
        server.serve_forever()
    return 0


def _address(text: str) -> tuple[str, int]:
    """Host and port; SettingsError where the text is none."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        raise SettingsError("--serve", f"{text!r} is not HOST:PORT", "as in 127.0.0.1:9464")
    return host, port


def health_command(
    path: Path | None, environ: Mapping[str, str], airflow: str, *, as_json: bool
) -> int:
    """Print what is well and what is not; exit code 0, 2, or 4 where sums do not add up."""
    found = _look(path, environ, airflow)
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
    else:
        out.print(plain_table(
            ("state", "check", "what"),
            [(check.state, check.name, check.what) for check in found.checks],
        ))
    return found.code


def _look(path: Path | None, environ: Mapping[str, str], airflow: str) -> Health:
    home = Home.find(path, environ)
    at = datetime.now(UTC).replace(tzinfo=None)
    try:
        now = clock(home.settings)
    except RatemillError:
        now = at  # the check of the settings says what is wrong with them
    return health(home, now, at, airflow)
