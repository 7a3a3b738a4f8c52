"""Takes emails from RabbitMQ, makes their vectors, gives them to the backend, whose claim they are kept on."""

import json
import os
import pathlib
import urllib.request

from celery import signals
from common import embedding, query, tasks

# Looked at by the probes.
READY = pathlib.Path("/tmp/worker-ready")
signals.worker_init.connect(lambda **_: READY.unlink(missing_ok=True), weak=False)
signals.worker_ready.connect(lambda **_: READY.touch(), weak=False)


@tasks.task(name="index", bind=True, autoretry_for=(OSError,), retry_backoff=True)
def index(self, email):
    row = query("SELECT subject, body FROM emails WHERE id = %s", (email,))[0]
    vector = json.dumps(embedding(f"{row['subject']} {row['body']}")).encode()
    request = urllib.request.Request(f"{os.environ['BACKEND_URL']}/vectors/{email}", data=vector, method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
    query("UPDATE emails SET state = 'indexed', worker = %s WHERE id = %s", (self.request.hostname, email))
    print(f"email {email} is indexed")
