"""Notes to people."""

from shared.app import App
from shared.clients import redis, redis_answers, tell

app = App(needs=[redis_answers])


@app.route("POST", "/notify")
def notify(request):
    to, text = request.field("to"), request.field("text")
    redis.lpush(f"notifications:{to}", text)
    tell("notified", to=to, text=text)
    return {"to": to}


@app.route("GET", "/notifications")
def notifications(request):
    return {"notifications": redis.lrange(f"notifications:{request.query.get('to', '')}", 0, 99)}


app.run()
