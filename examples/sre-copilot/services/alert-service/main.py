"""An alert becomes an incident, and whoever is on call is told."""

from shared.app import App
from shared.clients import call_json

app = App()


@app.route("POST", "/alerts")
def alert(request):
    incident = call_json("incident-service", "POST", "/incidents", {"title": request.field("name")})
    person = call_json("oncall-service", "GET", "/now")["person"]
    call_json("notification-service", "POST", "/notify", {"to": person, "text": f"incident {incident['id']}: {incident['title']}"})
    call_json("metrics-service", "POST", "/count", {"name": "alerts"})
    return {"incident": incident, "notified": person}


app.run()
