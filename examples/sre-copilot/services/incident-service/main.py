"""Incidents, in the database."""

from shared.app import App, Refused
from shared.clients import database, database_answers, make_tables, redis_answers, tell

app = App(needs=[database_answers, redis_answers])
make_tables(
    "CREATE TABLE IF NOT EXISTS incidents (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " title text NOT NULL, state text NOT NULL DEFAULT 'open')"
)


def row(it):
    return {"id": it[0], "title": it[1], "state": it[2]}


@app.route("GET", "/incidents")
def incidents(request):
    with database() as cursor:
        cursor.execute("SELECT id, title, state FROM incidents ORDER BY id DESC LIMIT 100")
        return {"incidents": [row(it) for it in cursor.fetchall()]}


@app.route("POST", "/incidents")
def create(request):
    with database() as cursor:
        cursor.execute("INSERT INTO incidents (title) VALUES (%s) RETURNING id, title, state", (request.field("title"),))
        incident = row(cursor.fetchone())
    tell("incident opened", **incident)
    return incident


@app.route("POST", "/close")
def close(request):
    with database() as cursor:
        cursor.execute(
            "UPDATE incidents SET state = 'closed' WHERE id = %s RETURNING id, title, state", (request.json().get("id"),)
        )
        found = cursor.fetchone()
    if not found:
        raise Refused(404, "no such incident")
    tell("incident closed", **row(found))
    return row(found)


app.run()
