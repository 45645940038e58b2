"""A mail server and a webhook of a test's own: they keep what they get."""

import base64
import json
import socketserver
import ssl
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MailBox(socketserver.ThreadingTCPServer):
    """An SMTP server on the loopback interface, with STARTTLS where it is given a certificate."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, refuse="", tls=None):
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.refuse, self.tls = refuse, tls
        self.mails, self.logins, self.encrypted = [], [], []

    @property
    def port(self):
        return self.server_address[1]


class _Dialogue(socketserver.StreamRequestHandler):
    def finish(self):
        super().finish()
        if self.secure:
            self.connection.close()

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self):
        self.secure = False
        self.say("220 mail.test")
        while line := self.rfile.readline():
            words = line.decode().split()
            answer = getattr(self, words[0].lower(), None)
            if answer is None:
                self.say("250 OK")
            elif answer(words) is False:
                return

    def ehlo(self, _):
        offers = ["mail.test", "AUTH PLAIN", *(["STARTTLS"] if self.server.tls else [])]
        for offer in offers[:-1]:
            self.say(f"250-{offer}")
        self.say(f"250 {offers[-1]}")

    def starttls(self, _):
        self.say("220 go on")
        try:
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return False
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.secure = True
        return None

    def auth(self, words):
        self.server.logins.append(base64.b64decode(words[2]).decode().split("\0")[1:])
        refused = self.server.refuse == "login"
        self.say("535 no" if refused else "235 welcome")

    def mail(self, _):
        self.say("451 come again later" if self.server.refuse == "later" else "250 OK")

    def rcpt(self, _):
        self.say("550 nobody here" if self.server.refuse == "recipient" else "250 OK")

    def data(self, _):
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        self.server.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
        self.server.encrypted.append(self.secure)
        self.say("250 taken")

    def quit(self, _):
        self.say("221 bye")
        return False


class Hook(ThreadingHTTPServer):
    """A web server on the loopback interface that answers every POST with `status`."""

    daemon_threads = True

    def __init__(self, status=200):
        super().__init__(("127.0.0.1", 0), _Post)
        self.status, self.posts = status, []

    @property
    def port(self):
        return self.server_address[1]


class _Post(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        if 300 <= self.server.status < 400:
            self.send_header("Location", f"http://127.0.0.1:{self.server.port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def serving(server):
    """The server, answering until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
