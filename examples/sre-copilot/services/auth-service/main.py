"""Who somebody is: accounts in the database, sessions in Redis."""

import hashlib
import hmac
import os
import secrets

from shared.app import App, Refused
from shared.clients import database, database_answers, make_tables, redis, redis_answers, tell

SESSION_SECONDS = 3600

app = App(needs=[database_answers, redis_answers])
make_tables("CREATE TABLE IF NOT EXISTS accounts (email text PRIMARY KEY, salt bytea NOT NULL, hash bytea NOT NULL)")


def hashed(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=2**13, r=8, p=1)


@app.route("POST", "/register")
def register(request):
    email, password, salt = request.field("email"), request.field("password"), os.urandom(16)
    with database() as cursor:
        cursor.execute(
            "INSERT INTO accounts VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (email, salt, hashed(password, salt))
        )
        if cursor.rowcount == 0:
            raise Refused(409, f"{email} is registered already")
    tell("registered", email=email)
    return {"email": email}


@app.route("POST", "/login")
def login(request):
    email = request.field("email")
    with database() as cursor:
        cursor.execute("SELECT salt, hash FROM accounts WHERE email = %s", (email,))
        account = cursor.fetchone()
    if not account or not hmac.compare_digest(hashed(request.field("password"), bytes(account[0])), bytes(account[1])):
        raise Refused(401, "email or password is wrong")
    token = hmac.new(os.environ["SESSION_KEY"].encode(), secrets.token_bytes(32), "sha256").hexdigest()
    redis.setex(f"session:{token}", SESSION_SECONDS, email)
    return {"token": token}


@app.route("GET", "/me")
def me(request):
    token = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
    email = redis.get(f"session:{token}")
    if not email:
        raise Refused(401, "no session")
    return {"email": email}


app.run()
