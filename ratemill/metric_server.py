"""A small HTTP server for those who watch a home: /metrics for Prometheus, /health for probes."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

KEPT_S: Final = 15
"""Seconds for which an answer is given again: measuring reads every file's row"""
_REQUEST_S: Final = 10
"""Seconds a request may take to arrive"""


class Answer(NamedTuple):
    """What a request gets."""

    status: HTTPStatus
    kind: str
    """the content type"""
    text: str


class _Kept:
    """Answers of one look, made again when they are old; one request at a time looks."""

    def __init__(self, look: Callable[[], Answer], seconds: int) -> None:
        self._look, self._seconds, self._lock = look, seconds, threading.Lock()
        self._answer: Answer | None = None
        self._at = 0.0

    def __call__(self) -> Answer:
        """The answer of now, or of a moment ago."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._at >= self._seconds:
                self._answer, self._at = self._look(), time.monotonic()
            return self._answer


class MetricServer(ThreadingHTTPServer):
    """Answers GET requests by path; a context manager that closes its socket."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], looks: dict[str, Callable[[], Answer]],
        kept_s: int = KEPT_S,
    ) -> None:
        """Listen at the address; port 0 takes any that is free."""
        self.answers = {path: _Kept(look, kept_s) for path, look in looks.items()}
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: MetricServer
    server_version = "ratemill"
    sys_version = ""
    timeout = _REQUEST_S

    def do_GET(self) -> None:
        """Answer by path."""
        kept = self.server.answers.get(self.path.partition("?")[0])
        if kept is None:
            paths = " ".join(self.server.answers)
            self._send(Answer(HTTPStatus.NOT_FOUND, "text/plain", f"there are {paths}\n"))
        else:
            self._send(kept())

    do_HEAD = do_GET  # noqa: N815 (the server's own name)

    def _send(self, answer: Answer) -> None:
        body = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a probe every few seconds is no news."""
