"""Suggests what to do about an incident: the runbook whose words are most like its title."""

from shared.app import App
from shared.clients import call_json

app = App()


@app.route("POST", "/suggest")
def suggest(request):
    words = set(request.field("title").lower().split())
    runbooks = call_json("runbook-service", "GET", "/runbooks")["runbooks"]
    best = max(runbooks, key=lambda it: len(words & set(it["about"])))
    return {"runbook": best["name"], "steps": best["steps"], "score": len(words & set(best["about"]))}


app.run()
