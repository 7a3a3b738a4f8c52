"""What to do when."""

from shared.app import App

RUNBOOKS = [
    {"name": "disk-full", "about": ["disk", "full", "space"], "steps": ["Find the largest folder", "Rotate the logs"]},
    {"name": "slow-queries", "about": ["slow", "database", "query"], "steps": ["Look at pg_stat_activity", "Add the index"]},
    {"name": "anything-else", "about": [], "steps": ["Do not panic"]},
]

app = App()


@app.route("GET", "/runbooks")
def runbooks(request):
    return {"runbooks": RUNBOOKS}


app.run()
