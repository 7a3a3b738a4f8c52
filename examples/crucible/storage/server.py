"""Files on the claim that storage-worker shares."""

from common import FILES, queue
from service import serve


def put(body, name):
    FILES.mkdir(parents=True, exist_ok=True)
    (FILES / name).write_bytes(body)
    queue.rpush("stored", name)
    return 201, {"name": name, "bytes": len(body)}


def get(body, name):
    file = FILES / name
    return file.read_bytes() if file.is_file() else (404, {"error": f"no file {name}"})


serve(8001, {
    ("GET", "/health"): lambda body: {"status": "ok"},
    ("GET", "/ready"): lambda body: {"status": "ok" if queue.ping() else "no"},
    ("PUT", r"/files/([\w-][\w.-]*)"): put,
    ("GET", r"/files/([\w-][\w.-]*)"): get,
})
