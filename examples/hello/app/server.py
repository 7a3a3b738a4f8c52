"""Answers every request with the text of message.txt, read anew each time."""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MESSAGE = Path(__file__).with_name("message.txt")


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        body = MESSAGE.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        if not self.headers.get("User-Agent", "").startswith("kube-probe"):
            super().log_message(*args)


def start_again_when_edited(path):
    """Replaces this process by a new one when its source changes, so that an edit of it shows too."""
    first = os.stat(path).st_mtime_ns
    while True:
        time.sleep(0.2)
        try:
            changed = os.stat(path).st_mtime_ns != first
        except FileNotFoundError:  # just being replaced
            continue
        if changed:
            print("source changed, starting again")
            os.execv(sys.executable, [sys.executable, "-u", path])


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
threading.Thread(target=start_again_when_edited, args=[__file__], daemon=True).start()
print("listening on port 8000")
ThreadingHTTPServer(("", 8000), Hello).serve_forever()
