"""Figures pushed to where they are kept: StatsD, or an OpenTelemetry collector."""

import logging
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ratemill.errors import RatemillError
from ratemill.metric_formats import statsd_datagrams
from ratemill.metric_list import Metric, Sample
from ratemill.settings import Metrics

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

_WAIT_S: Final = 5
"""Seconds for a collector, with all tries: figures come again, a task must not wait for them"""


def push(samples: Sequence[Sample], targets: Metrics, at: datetime) -> None:
    """Push the samples to all targets; `at` (naive UTC) is when they were measured.

    RatemillError where one does not take them; StatsD never says whether it does.
    """
    if targets.statsd:
        _to_statsd(samples, targets.statsd)
    if targets.otlp:
        _to_otlp(samples, targets.otlp, at)


def _to_statsd(samples: Sequence[Sample], address: str) -> None:
    parts = urlsplit(f"//{address}")
    try:
        kind, _, _, _, place = socket.getaddrinfo(
            parts.hostname, parts.port, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(kind, socket.SOCK_DGRAM) as out:
            for datagram in statsd_datagrams(samples):
                out.sendto(datagram, place)
    except OSError as error:
        raise RatemillError(f"statsd {address}", f"cannot be reached: {error.strerror}",
                            retryable=True) from error


def _to_otlp(samples: Sequence[Sample], address: str, at: datetime) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult

    # it tells each try that failed, with a stack: one line of ours is enough
    chatter = logging.getLogger("opentelemetry.exporter")
    before = chatter.level
    chatter.setLevel(logging.CRITICAL + 1)
    exporter = OTLPMetricExporter(f"{address.rstrip('/')}/v1/metrics", timeout=_WAIT_S)
    try:
        result = exporter.export(_as_otlp(samples, at))
    finally:
        exporter.shutdown()
        chatter.setLevel(before)
    if result is not MetricExportResult.SUCCESS:
        raise RatemillError(f"otlp {address}", "did not take the figures", retryable=True)


def _as_otlp(samples: Sequence[Sample], at: datetime) -> "MetricsData":
    """The samples as OpenTelemetry's own structures, without a stop at doubles."""
    from opentelemetry.sdk.metrics import export
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    nanos = int(at.replace(tzinfo=UTC).timestamp()) * 1_000_000_000

    def told(metric: Metric, of_metric: Sequence[Sample]) -> export.Metric:
        points = [
            export.NumberDataPoint(
                dict(zip(metric.labels, sample.labels, strict=True)), 0, nanos, sample.value
            ) for sample in of_metric
        ]
        data = export.Gauge(points) if metric.kind == "gauge" else export.Sum(
            points, export.AggregationTemporality.CUMULATIVE, is_monotonic=True
        )
        return export.Metric(metric.name, metric.doc, "", data)

    listed = [told(metric, list(some))
              for metric, some in groupby(samples, key=lambda sample: sample.metric)]
    scope = export.ScopeMetrics(InstrumentationScope("ratemill"), listed, "")
    resource = Resource({"service.name": "ratemill"})
    return export.MetricsData([export.ResourceMetrics(resource, [scope], "")])
