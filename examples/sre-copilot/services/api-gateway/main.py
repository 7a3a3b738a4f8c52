"""The one door: /api/NAME/… goes to NAME-service, and /api/health asks all of them."""

import json
from concurrent.futures import ThreadPoolExecutor

from shared.app import App, Refused
from shared.clients import PORTS, call

app = App()


def health_of(service):
    status, answer = call(service, "GET", "/health")
    return service, {"status": status, "version": json.loads(answer).get("version")}


@app.route("GET", "/api/health")
def health(request):
    with ThreadPoolExecutor(len(PORTS)) as pool:
        services = dict(pool.map(health_of, PORTS))
    healthy = sum(it["status"] == 200 for it in services.values())
    return {"healthy": healthy, "of": len(services), "services": services}


def forward(request, name, rest=""):
    service = f"{name}-service"
    if service not in PORTS:
        raise Refused(404, f"there is no {service}")
    query = request.handler.path.partition("?")[2]
    path = f"/{rest}" + (f"?{query}" if query else "")
    headers = {it: request.headers[it] for it in ("Authorization", "Content-Type") if it in request.headers}
    status, answer = call(service, request.handler.command, path, request.body or None, headers)
    if status >= 400:
        raise Refused(status, json.loads(answer).get("error", f"{service} answered {status}"))
    return answer


app.route("ANY", "/api/{name}")(forward)
app.route("ANY", "/api/{name}/{rest}")(forward)
app.run()
