"""What services reach by the names of Kubernetes Services: each other, Redis, and the database outside the cluster."""

import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg2
import redis as redis_client

from shared.app import NAME, Refused

PORTS = json.loads(Path(__file__).with_name("services.json").read_text())

redis = redis_client.Redis.from_url(os.environ.get("REDIS_URL", "redis://redis:6379/0"), decode_responses=True, socket_timeout=5)


def redis_answers():
    redis.ping()


@contextlib.contextmanager
def database():
    """A connection with a cursor; committed at the end unless something failed."""
    connection = psycopg2.connect(
        host=os.environ.get("DATABASE_HOST", "postgres"),
        port=os.environ.get("DATABASE_PORT", "5432"),
        dbname=os.environ["DATABASE_NAME"],
        user=os.environ["DATABASE_USER"],
        password=os.environ["DATABASE_PASSWORD"],
        connect_timeout=3,
    )
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def database_answers():
    with database() as cursor:
        cursor.execute("SELECT 1")


def make_tables(statement):
    """Runs it once the database answers."""
    for attempt in range(60):
        try:
            with database() as cursor:
                cursor.execute(statement)
            return
        except psycopg2.OperationalError as error:
            print(f"waiting for the database: {str(error).strip()}")
            time.sleep(min(0.5 * (attempt + 1), 3))
    raise SystemExit("the database does not answer")


def call(service, method, path, body=None, headers=None):
    """(status, bytes) of another service's answer."""
    url = f"http://{service}:{PORTS[service]}{path}"
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 502, json.dumps({"error": f"{service} does not answer: {error}"}).encode()


def call_json(service, method, path, body=None):
    status, answer = call(service, method, path, body)
    value = json.loads(answer)
    if status >= 400:
        raise Refused(status, value.get("error", f"{service} answered {status}"))
    return value


def tell(event, **details):
    """For the audit log, and for the browsers that websocket-service has connected."""
    text = json.dumps({"event": event, "from": NAME, "at": int(time.time()), **details})
    redis.lpush("audit", text)
    redis.ltrim("audit", 0, 999)
    redis.publish("events", text)
