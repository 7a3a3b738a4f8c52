"""Serves www/text, tells when this container saw each content of it (an inotify watch, as a framework's reloader has), and
how many of the files www/many/0, 1, 2 … have a content."""

import ctypes
import http.server
import os
import struct
import threading
import time

FOLDER = "/app/www"
IN_CLOSE_WRITE, IN_MOVED_TO = 0x8, 0x80
seen = {}
changed = threading.Condition()
complete = {}


def text():
    try:
        with open(f"{FOLDER}/text") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def watch():
    libc = ctypes.CDLL(None, use_errno=True)
    inotify = libc.inotify_init()
    if libc.inotify_add_watch(inotify, FOLDER.encode(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), "inotify_add_watch")
    while True:
        events = os.read(inotify, 65536)
        # Before anything else: this is the figure.
        now = time.time_ns()
        offset = 0
        while offset < len(events):
            _, _, _, length = struct.unpack_from("iIII", events, offset)
            name = events[offset + 16 : offset + 16 + length].rstrip(b"\0")
            offset += 16 + length
            if name == b"text":
                with changed:
                    seen.setdefault(text(), now)
                    changed.notify_all()


def begins_with(wanted):
    """How many files in a row begin with it: those that were found once are not read again, so that asking costs little."""
    found = complete.get(wanted, 0)
    try:
        while True:
            with open(f"{FOLDER}/many/{found}") as file:
                if file.read(len(wanted)) != wanted:
                    break
            found += 1
    except FileNotFoundError:
        pass
    complete[wanted] = found
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is one segment; Nagle's algorithm would hold the second back for 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/clock":
            answer = str(time.time_ns())
        elif self.path.startswith("/seen/"):
            wanted = self.path.removeprefix("/seen/")
            with changed:
                changed.wait_for(lambda: wanted in seen, timeout=20)
                answer = str(seen.get(wanted, 0))
        elif self.path.startswith("/many/"):
            answer = str(begins_with(self.path.removeprefix("/many/")))
        else:
            answer = text()
        body = answer.encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


threading.Thread(target=watch, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
