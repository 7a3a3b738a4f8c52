"""Jobs, in PostgreSQL. PGHOST, PGUSER, PGDATABASE and PGPASSWORD come from the environment."""

import psycopg2
from psycopg2.extras import RealDictCursor


def query(text, values=()):
    connection = psycopg2.connect("connect_timeout=3", cursor_factory=RealDictCursor)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []
    finally:
        connection.close()
