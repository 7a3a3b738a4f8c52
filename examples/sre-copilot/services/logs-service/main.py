"""The last lines that were sent here."""

from shared.app import App
from shared.clients import redis, redis_answers

app = App(needs=[redis_answers])


@app.route("POST", "/lines")
def append(request):
    redis.lpush("logs", request.field("line"))
    redis.ltrim("logs", 0, 999)
    return {"stored": True}


@app.route("GET", "/lines")
def lines(request):
    return {"lines": redis.lrange("logs", 0, 99)}


app.run()
