"""Desks and who sits at them: bookings in PostgreSQL, the list of free desks in Redis."""

import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import redis

NAME = "Flexdesk"
DESKS = [f"desk-{number}" for number in range(1, int(os.environ["DESKS"]) + 1)]

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=3)
requests, started, leaving = 0, threading.Event(), threading.Event()


def query(text, values=()):
    """PGHOST, PGUSER, PGDATABASE and PGPASSWORD come from the environment."""
    connection = psycopg2.connect("connect_timeout=3")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def prepare():
    """What /health/startup waits for. The lock is for replicas that start together."""
    while not started.is_set():
        try:
            query(
                "SELECT pg_advisory_xact_lock(1);"
                "CREATE TABLE IF NOT EXISTS bookings (desk text PRIMARY KEY, person text NOT NULL)"
            )
            started.set()
        except psycopg2.OperationalError as error:
            print(f"waiting for the database: {error}".strip())
            time.sleep(1)


def ready():
    if leaving.is_set():
        raise RuntimeError("this pod is leaving")
    query("SELECT 1")
    cache.ping()


def desks():
    known = cache.get("desks")
    if known is None:
        known = json.dumps(dict.fromkeys(DESKS) | dict(query("SELECT desk, person FROM bookings")))
        cache.setex("desks", 60, known)
    return {"name": NAME, "environment": os.environ["ENVIRONMENT"], "pod": socket.gethostname(), "desks": json.loads(known)}


def book(body):
    wish = json.loads(body)
    query(
        "INSERT INTO bookings VALUES (%(desk)s, %(person)s) ON CONFLICT (desk) DO UPDATE SET person = excluded.person", wish
    )
    cache.delete("desks")
    return wish


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def checked(self, function, *values):
        global requests
        requests += 1
        try:
            self.answer(200, function(*values) or {"status": "ok"})
        except Exception as error:
            self.answer(503, {"error": str(error)})

    def do_GET(self):
        match self.path.rstrip("/"):
            case "/health/startup":
                self.answer(200 if started.is_set() else 503, {"started": started.is_set()})
            case "/health/live":
                self.answer(200, {"status": "ok"})
            case "/health/ready":
                self.checked(ready)
            case "/metrics":
                self.answer(200, f"# TYPE flexdesk_requests_total counter\nflexdesk_requests_total {requests}\n")
            case "/api/desks":
                self.checked(desks)
            case _:
                self.answer(404, {"error": f"nothing at {self.path}"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.rstrip("/") == "/api/bookings":
            self.checked(book, body)
        else:
            self.answer(404, {"error": f"nothing at {self.path}"})

    def log_message(self, format, *args):
        if not self.path.startswith("/health"):
            print(f"{self.command} {self.path}")


signal.signal(signal.SIGTERM, lambda *_: (leaving.set(), sys.exit(0)))
threading.Thread(target=prepare, daemon=True).start()
server = ThreadingHTTPServer(("", 8000), Handler)
server.daemon_threads = True
print(f"{NAME} ({os.environ['ENVIRONMENT']}) on port 8000")
server.serve_forever()
