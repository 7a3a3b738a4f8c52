"""Emails by their meaning: rows in PostgreSQL, what was sent on the claim `uploads`, vectors on the claim `vectors`."""

import json
import os
import pathlib
import re
import signal
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import redis
from common import embedding, query, tasks

TITLE = "Ask your mail"
UPLOADS, VECTORS = pathlib.Path(os.environ["UPLOADS"]), pathlib.Path(os.environ["VECTORS"]) / "vectors.sqlite"
cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=3)


def vectors(statement, values=()):
    connection = sqlite3.connect(VECTORS, timeout=10)
    try:
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS vectors (email integer PRIMARY KEY, vector text NOT NULL)")
            return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def ready():
    query("SELECT 1 FROM emails LIMIT 1")
    cache.ping()
    return {"status": "ok"}


def receive(body):
    email = json.loads(body)
    row = query(
        "INSERT INTO emails (subject, body) VALUES (%(subject)s, %(body)s) RETURNING id, state",
        {"subject": email["subject"], "body": email["body"]},
    )[0]
    (UPLOADS / f"{row['id']}.json").write_bytes(body)
    tasks.send_task("index", (row["id"],))
    return row


def reindex(body):
    """For rows that came by a dump."""
    emails = [row["id"] for row in query("UPDATE emails SET state = 'queued' RETURNING id")]
    for email in emails:
        tasks.send_task("index", (email,))
    return {"queued": len(emails)}


def store_vector(body, email):
    vectors("INSERT OR REPLACE INTO vectors VALUES (?, ?)", (int(email), json.dumps(json.loads(body))))
    cache.flushdb()
    return {"email": int(email)}


def search(words):
    known = cache.get(words)
    if known is None:
        wanted = embedding(words)
        rows = vectors("SELECT email, vector FROM vectors")
        ranked = sorted(((sum(a * b for a, b in zip(wanted, json.loads(vector))), email) for email, vector in rows), reverse=True)
        found = [(email, score) for score, email in ranked[:3] if score > 0]
        subjects = {row["id"]: row["subject"] for row in query("SELECT id, subject FROM emails")}
        known = json.dumps([{"id": email, "subject": subjects.get(email), "score": round(score, 3)} for email, score in found])
        cache.setex(words, 60, known)
    return {"title": TITLE, "found": json.loads(known)}


ROUTES = [
    ("GET", "/health", lambda body: {"status": "ok"}),
    ("GET", "/ready", lambda body: ready()),
    ("GET", "/api/emails", lambda body: {"emails": query("SELECT * FROM emails ORDER BY id")}),
    ("POST", "/api/emails", receive),
    ("POST", "/api/reindex", reindex),
    ("GET", "/api/uploads", lambda body: {"files": sorted(it.name for it in UPLOADS.iterdir() if it.is_file())}),
    ("PUT", r"/vectors/(\d+)", store_vector),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_method(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        status, value = 404, {"error": f"nothing at {self.command} {url.path}"}
        try:
            if (self.command, url.path) == ("GET", "/api/search"):
                status, value = 200, search(parse_qs(url.query).get("q", [""])[0])
            for method, path, function in ROUTES:
                match = re.fullmatch(path + "/?", url.path)
                if match and method == self.command:
                    status, value = 200, function(body, *match.groups())
        except Exception as error:
            print(f"{self.command} {self.path}: {error!r}", file=sys.stderr)
            status, value = 503, {"error": str(error)}
        answer = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = handle_method

    def log_message(self, format, *args):
        if self.path not in ("/health", "/ready"):
            print(f"{self.command} {self.path}")


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = ThreadingHTTPServer(("", 8000), Handler)
server.daemon_threads = True
print(f"{TITLE} on port 8000")
server.serve_forever()
