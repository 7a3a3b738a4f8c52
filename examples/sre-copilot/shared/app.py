"""A service of JSON over HTTP: routes, /health (the process answers), /ready (so does what it needs)."""

import json
import os
import re
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from shared.about import VERSION

NAME = os.environ["SERVICE_NAME"]
PORT = int(os.environ["SERVICE_PORT"])


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


class Request:
    def __init__(self, handler, query, body):
        self.handler, self.headers, self.query, self.body = handler, handler.headers, query, body

    def json(self):
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise Refused(400, "the body is not a JSON object")
        return value

    def field(self, name):
        value = self.json().get(name)
        if not isinstance(value, str) or not value:
            raise Refused(400, f"the field {name} is missing")
        return value


class App:
    def __init__(self, needs=()):
        """needs: functions that fail while something that the service cannot do without is away."""
        self.needs, self.routes = needs, []
        self.route("GET", "/health")(lambda request: {"service": NAME, "status": "ok", "version": VERSION})
        self.route("GET", "/ready")(self.ready)

    def ready(self, request):
        for need in self.needs:
            try:
                need()
            except Exception as error:
                raise Refused(503, f"{need.__name__}: {error}") from None
        return {"status": "ok"}

    def route(self, method, path):
        """The function gets the request and what stands for each {name} of the path. A slash at the end makes no difference."""
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.rstrip("/")) + "/?")

        def register(function):
            self.routes.append((method, pattern, function))
            return function

        return register

    def answer(self, handler, method):
        url = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        for wanted, pattern, function in self.routes:
            match = pattern.fullmatch(url.path)
            if match and wanted in (method, "ANY"):
                return function(Request(handler, query, body), **match.groupdict())
        raise Refused(404, f"{NAME} has nothing at {method} {url.path}")

    def run(self):
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_method(self):
                try:
                    status, value = 200, app.answer(self, self.command)
                except Refused as error:
                    status, value = error.status, {"error": str(error)}
                except Exception as error:
                    print(f"{self.command} {self.path}: {error!r}", file=sys.stderr)
                    status, value = 500, {"error": str(error)}
                if value is None:  # it has answered by itself
                    return
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = handle_method

            def log_message(self, format, *args):
                if not self.path.startswith(("/health", "/ready")):
                    print(f"{self.command} {self.path} {args[1] if len(args) > 1 else ''}")

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        server = ThreadingHTTPServer(("", PORT), Handler)
        server.daemon_threads = True
        print(f"{NAME} {VERSION} on port {PORT}")
        server.serve_forever()
