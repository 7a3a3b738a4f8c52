"""Counters."""

from shared.app import App
from shared.clients import redis, redis_answers

app = App(needs=[redis_answers])


@app.route("POST", "/count")
def count(request):
    name = request.field("name")
    return {name: redis.hincrby("metrics", name, 1)}


@app.route("GET", "/metrics")
def metrics(request):
    return {name: int(value) for name, value in redis.hgetall("metrics").items()}


app.run()
