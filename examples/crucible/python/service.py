"""JSON over HTTP: routes are (method, regular expression) → function(body, *groups); it returns a value or (status, value)."""

import json
import re
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(port, routes):
    compiled = [(method, re.compile(path), function) for (method, path), function in routes.items()]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_method(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, value = 404, {"error": f"nothing at {self.command} {self.path}"}
            for method, path, function in compiled:
                match = path.fullmatch(self.path)
                if match and method == self.command:
                    try:
                        value = function(body, *match.groups())
                        status, value = value if isinstance(value, tuple) else (200, value)
                    except Exception as error:
                        print(f"{self.command} {self.path}: {error!r}", file=sys.stderr)
                        status, value = 500, {"error": str(error)}
                    break
            answer = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = handle_method

        def log_message(self, format, *args):
            if self.path not in ("/health", "/ready", "/_ping"):
                print(f"{self.command} {self.path} {args[1] if len(args) > 1 else ''}")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    print(f"listening on port {port}")
    server.serve_forever()
