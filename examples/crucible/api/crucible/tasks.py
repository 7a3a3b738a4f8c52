"""What the workers do with a job: have an executor run it, keep its output as a file, write down how it ended."""

import json
import os
import pathlib
import urllib.request

from celery import Celery, signals

from crucible.database import query

app = Celery("crucible", broker=os.environ["CELERY_BROKER_URL"])
app.conf.update(broker_connection_retry_on_startup=True, task_acks_late=True, worker_prefetch_multiplier=1)

EXECUTORS = os.environ.get("EXECUTORS", "").split(",")
STORAGE = os.environ.get("STORAGE_URL", "")
# Looked at by the probes.
READY, ALIVE = pathlib.Path("/tmp/worker-ready"), pathlib.Path("/tmp/worker-alive")
signals.worker_init.connect(lambda **_: READY.unlink(missing_ok=True), weak=False)
signals.worker_ready.connect(lambda **_: (READY.touch(), ALIVE.touch()), weak=False)
signals.heartbeat_sent.connect(lambda **_: ALIVE.touch(), weak=False)


def send(method, url, body):
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=30) as answer:
        return answer.read()


@app.task(bind=True, autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def run(self, job):
    query("UPDATE jobs SET state = 'running', worker = %s WHERE id = %s", (self.request.hostname, job))
    code = query("SELECT code FROM jobs WHERE id = %s", (job,))[0]["code"]
    executor = EXECUTORS[job % len(EXECUTORS)]
    result = json.loads(send("POST", f"{executor}/run", code.encode()))
    send("PUT", f"{STORAGE}/files/job-{job}.txt", result["output"].encode())
    query(
        "UPDATE jobs SET state = %s, output = %s, executor = %s, node = %s WHERE id = %s",
        ("done" if result["code"] == 0 else "failed", result["output"], result["executor"], result["node"], job),
    )
