"""What backend, worker and migrations share."""

import hashlib
import math
import os

import psycopg2
from celery import Celery
from psycopg2.extras import RealDictCursor

tasks = Celery("email-rag", broker=os.environ.get("CELERY_BROKER_URL"))
tasks.conf.update(broker_connection_retry_on_startup=True, task_acks_late=True, task_ignore_result=True)


def query(text, values=()):
    """PGHOST, PGUSER, PGDATABASE and PGPASSWORD come from the environment."""
    connection = psycopg2.connect("connect_timeout=3", cursor_factory=RealDictCursor)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []
    finally:
        connection.close()


def embedding(text, size=64):
    """A vector of length 1: which words there are, each at the place that its hash says. No model needed."""
    vector = [0.0] * size
    for word in text.lower().split():
        vector[int.from_bytes(hashlib.sha256(word.strip(".,;:!?").encode()).digest()[:4], "big") % size] += 1.0
    length = math.sqrt(sum(it * it for it in vector)) or 1.0
    return [it / length for it in vector]
