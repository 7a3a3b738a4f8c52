"""Numbers for those who were not there."""

from shared.app import App
from shared.clients import call_json

app = App()


@app.route("GET", "/summary")
def summary(request):
    incidents = call_json("incident-service", "GET", "/incidents")["incidents"]
    states = [it["state"] for it in incidents]
    return {"open": states.count("open"), "closed": states.count("closed"), **call_json("metrics-service", "GET", "/metrics")}


app.run()
