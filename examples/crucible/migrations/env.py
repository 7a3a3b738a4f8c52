import time

import sqlalchemy
from alembic import context

# PGHOST, PGUSER, PGDATABASE and PGPASSWORD come from the environment.
engine = sqlalchemy.create_engine("postgresql+psycopg2://")
for attempt in range(30):
    # The database is ready before the rules of its Service lead to it on every node.
    try:
        connection = engine.connect()
        break
    except sqlalchemy.exc.OperationalError as error:
        print(f"waiting for the database: {error.orig}".strip(), flush=True)
        time.sleep(1)
else:
    raise SystemExit("the database does not answer")
with connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
