"""What has happened, newest first."""

import json

from shared.app import App
from shared.clients import redis, redis_answers

app = App(needs=[redis_answers])


@app.route("GET", "/events")
def events(request):
    return {"events": [json.loads(it) for it in redis.lrange("audit", 0, 99)]}


app.run()
