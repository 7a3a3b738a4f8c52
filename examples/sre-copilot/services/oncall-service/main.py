"""Whose week it is."""

from datetime import date

from shared.app import App

ROTATION = ["ada", "grace", "barbara"]

app = App()


@app.route("GET", "/now")
def now(request):
    return {"person": ROTATION[date.today().isocalendar().week % len(ROTATION)]}


app.run()
