"""Figures sent to real sockets: StatsD's datagrams, OTLP over HTTP, and the server of our own."""

import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ratemill import metrics
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.metric_formats import statsd_datagrams
from ratemill.metric_list import AT_RISK, HOLDS, RECEIVED, Sample
from ratemill.metric_push import push
from ratemill.metric_server import Answer, MetricServer
from ratemill.settings import Metrics
from tests.ratemill.collected_files import with_profile

AT = datetime.fromisoformat("2026-12-01T06:00")
SAMPLES = [
    Sample(RECEIVED, ("nordtel",), 3),
    Sample(AT_RISK, ("nordtel", "EUR"), -5),
    Sample(HOLDS, (), 0),
]


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def statsd():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.bind(("127.0.0.1", 0))
        box.settimeout(5)
        yield box


class Collector(ThreadingHTTPServer):
    """Keeps what is posted to it."""

    def __init__(self, status=200):
        super().__init__(("127.0.0.1", 0), _Post)
        self.status, self.got = status, []


class _Post(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_statsd_gets_gauges_with_tags(statsd):
    push(SAMPLES, Metrics(statsd=f"127.0.0.1:{statsd.getsockname()[1]}"), AT)
    assert statsd.recv(2000).decode().split("\n") == [
        "ratemill_files_received_total:3|g|#partner:nordtel",
        "ratemill_money_at_risk_micros:0|g|#partner:nordtel,currency:EUR",
        "ratemill_money_at_risk_micros:-5|g|#partner:nordtel,currency:EUR",
        "ratemill_ledger_holds:0|g",
    ]


def test_datagrams_stay_small_and_lose_nothing():
    many = [Sample(RECEIVED, (f"partner{n}",), n) for n in range(200)]
    datagrams = list(statsd_datagrams(many))
    assert max(map(len, datagrams)) <= 1400
    assert len(datagrams) > 5
    lines = b"\n".join(datagrams).decode().split("\n")
    assert lines == [f"ratemill_files_received_total:{n}|g|#partner:partner{n}" for n in range(200)]


def test_what_a_label_holds_makes_no_other_line():
    (one,) = statsd_datagrams([Sample(RECEIVED, ("a,b|c\nratemill_x:1",), 1)])
    assert one == b"ratemill_files_received_total:1|g|#partner:a_b_c_ratemill_x_1"


def test_otlp_gets_whole_numbers():
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    with Collector() as collector, serving(collector) as port:
        push(SAMPLES, Metrics(otlp=f"http://127.0.0.1:{port}"), AT)
    (path, body), = collector.got
    assert path == "/v1/metrics"
    (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    assert resource.resource.attributes[0].value.string_value == "ratemill"
    received, risk, holds = resource.scope_metrics[0].metrics
    assert received.sum.is_monotonic
    assert received.sum.data_points[0].as_int == 3
    (point,) = risk.gauge.data_points
    assert point.as_int == -5
    assert {a.key: a.value.string_value for a in point.attributes} == {
        "partner": "nordtel", "currency": "EUR"}
    assert point.time_unix_nano == 1_796_104_800 * 10**9
    assert holds.name == "ratemill_ledger_holds"


def test_a_collector_that_refuses_is_an_error_of_one_line(caplog):
    with (
        Collector(status=400) as collector, serving(collector) as port,
        pytest.raises(RatemillError, match="did not take the figures") as caught,
    ):
        push(SAMPLES, Metrics(otlp=f"http://127.0.0.1:{port}"), AT)
    assert caught.value.retryable
    assert not caplog.records
    assert logging.getLogger("opentelemetry.exporter").level == logging.NOTSET


@pytest.fixture
def pushing(small):
    """Gives the home with a table [metrics]."""
    def make(line):
        with_profile(small)
        path = small.root / "ratemill.toml"
        path.write_text(f"{path.read_text()}\n[metrics]\n{line}\n")
        return Home.find(small.root, {})

    return make


def test_emit_sends_all_to_where_the_settings_say(pushing, statsd):
    home = pushing(f'statsd = "127.0.0.1:{statsd.getsockname()[1]}"')
    sent = metrics.emit(home, AT)
    lines = []
    while len(lines) < sent:
        lines += statsd.recv(2000).decode().split("\n")
    assert len(lines) == sent > 15
    assert "ratemill_pending_files:0|g|#partner:alpenfon,stage:rate" in lines


def test_emit_without_settings_looks_at_nothing(small, monkeypatch):
    monkeypatch.setattr(metrics, "measure", None)
    assert metrics.emit(small, AT) == 0


def test_emit_fails_no_run_for_a_collector_that_is_away(pushing, caplog):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert metrics.emit(pushing(f'otlp = "http://127.0.0.1:{port}"'), AT) == 0
    assert "did not take the figures" in caplog.text


@pytest.mark.parametrize("line", [
    'statsd = "nowhere"', 'statsd = "user:pw@host:8125"', 'otlp = "collector:4318"',
    'otlp = "http://user:pw@collector:4318"', 'otlp = "http://collector/?key=1"',
])
def test_addresses_that_are_none_or_hold_a_login(pushing, line):
    home = pushing(line)
    with pytest.raises(RatemillError, match=r"ratemill\.toml"):
        metrics.emit(home, AT)


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_the_server_answers_by_path_and_keeps_answers():
    looked = []

    def look():
        looked.append(1)
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "application/json", "{}")

    with MetricServer(("127.0.0.1", 0), {"/health": look}) as server, serving(server) as port:
        assert get(port, "/health") == (503, "application/json", "{}")
        assert get(port, "/health?again")[0] == 503
        status, _, text = get(port, "/elsewhere")
    assert (status, text) == (404, "there are /health\n")
    assert len(looked) == 1


def test_old_answers_are_made_again():
    looked = []

    def look():
        looked.append(1)
        return Answer(HTTPStatus.OK, "text/plain", str(len(looked)))

    with MetricServer(("127.0.0.1", 0), {"/": look}, kept_s=0) as server, serving(server) as port:
        assert [get(port, "/")[2] for _ in range(3)] == ["1", "2", "3"]


def test_the_command_serves_figures_and_health(small, ratemill, monkeypatch):
    with_profile(small)
    seen = {}

    def interrupted(server):
        with serving_once(server) as port:
            seen.update({path: get(port, path) for path in ("/metrics", "/health")})
            (small.root / "ratemill.toml").write_text("nonsense = 1")
            server.answers["/metrics"]._at = server.answers["/health"]._at = -1e9
            seen.update({f"{path} ill": get(port, path) for path in ("/metrics", "/health")})

    @contextmanager
    def serving_once(server):
        thread = threading.Thread(target=ThreadingHTTPServer.serve_forever, args=(server,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()

    monkeypatch.setattr(MetricServer, "serve_forever", interrupted)
    shown = ratemill("metrics", "--serve", "127.0.0.1:0", home=small)
    assert shown.returncode == 0, shown.stderr
    assert "/metrics and /health" in shown.stdout
    status, kind, text = seen["/metrics"]
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "\nratemill_ledger_holds 0\n" in text
    status, kind, text = seen["/health"]
    assert kind == "application/json"
    assert status == (503 if json.loads(text)["state"] == "fail" else 200)
    assert seen["/metrics ill"][0] == seen["/health ill"][0] == 503
    assert "nonsense" in seen["/metrics ill"][2]
