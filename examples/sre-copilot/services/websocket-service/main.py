"""/ws: a WebSocket that tells a browser each event as it happens."""

import base64
import hashlib
import json

from shared.app import App, Refused
from shared.clients import redis, redis_answers

app = App(needs=[redis_answers])


def frame(text):
    """A whole text message (RFC 6455, section 5.2); those of a server are not masked."""
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    return b"\x81" + length + data


@app.route("GET", "/ws")
def events(request):
    key = request.headers.get("Sec-WebSocket-Key")
    if not key:
        raise Refused(426, "this is a WebSocket")
    handler = request.handler
    accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    handler.send_response(101)
    for name, value in {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.close_connection = True
    subscription = redis.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe("events")
    handler.wfile.write(frame(json.dumps({"event": "connected"})))
    try:
        while True:
            message = subscription.get_message(timeout=10)
            if message:
                handler.wfile.write(frame(message["data"]))
            else:
                handler.wfile.write(b"\x89\x00")  # a ping, which fails when the browser has gone
    except OSError:
        pass
    finally:
        subscription.close()


app.run()
