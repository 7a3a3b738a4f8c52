"""The API: takes jobs, and says what has become of them."""

import json
import os
import ssl
import urllib.request

import redis
from service import serve

from crucible import tasks
from crucible.database import query

GREETING = "Submit some Python"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


def ready(body):
    query("SELECT 1 FROM jobs LIMIT 1")
    cache.ping()
    return {"status": "ok"}


def submit(body):
    job = query("INSERT INTO jobs (code) VALUES (%s) RETURNING id, state", (json.loads(body)["code"],))[0]
    cache.incr("submitted")
    tasks.run.delay(job["id"])
    return 202, job


def show(body, job):
    found = query("SELECT * FROM jobs WHERE id = %s", (int(job),))
    return found[0] if found else (404, {"error": "no such job"})


def executors(body):
    """Asks Kubernetes, as the pod's service account may (k8s/base/api-service.yaml)."""
    with open(f"{ACCOUNT}/token") as token, open(f"{ACCOUNT}/namespace") as namespace:
        url = f"https://kubernetes.default.svc/api/v1/namespaces/{namespace.read()}/pods?labelSelector=tier%3Dexecutor"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token.read()}"})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")) as answer:
        return {"executors": [{"pod": it["metadata"]["name"], "phase": it["status"]["phase"]} for it in json.load(answer)["items"]]}


serve(8000, {
    ("GET", "/health"): lambda body: {"status": "ok"},
    ("GET", "/ready"): ready,
    ("GET", "/api/?"): lambda body: {"greeting": GREETING, "submitted": int(cache.get("submitted") or 0)},
    ("POST", "/api/jobs/?"): submit,
    ("GET", "/api/jobs/?"): lambda body: {"jobs": query("SELECT * FROM jobs ORDER BY id DESC LIMIT 20")},
    ("GET", r"/api/jobs/(\d+)/?"): show,
    ("GET", "/api/executors/?"): executors,
})
