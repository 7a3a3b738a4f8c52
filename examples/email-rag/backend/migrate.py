"""Applies each file of migrations/ once, in the order of their names. It runs before the backend, in an init container."""

import pathlib
import time

import psycopg2
from common import query

for attempt in range(60):
    try:
        query("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
        break
    except psycopg2.OperationalError as error:
        print(f"waiting for the database: {error}".strip())
        time.sleep(1)
else:
    raise SystemExit("the database does not answer")
known = {row["name"] for row in query("SELECT name FROM migrations")}
for file in sorted(pathlib.Path("migrations").glob("*.sql")):
    if file.name in known:
        print(f"{file.name}: already applied")
        continue
    query(f"{file.read_text()}; INSERT INTO migrations VALUES ('{file.name}')")
    print(f"{file.name}: applied")
