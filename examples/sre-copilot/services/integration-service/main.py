"""What other systems send us, as alerts."""

from shared.app import App
from shared.clients import call_json

app = App()


@app.route("POST", "/webhook")
def webhook(request):
    return call_json("alert-service", "POST", "/alerts", {"name": request.field("name"), "severity": "page"})


app.run()
