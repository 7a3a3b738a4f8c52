"""The table of jobs."""

from alembic import op

revision, down_revision = "0001", None


def upgrade():
    op.execute(
        "CREATE TABLE jobs (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL,"
        " state text NOT NULL DEFAULT 'queued', output text, worker text)"
    )


def downgrade():
    op.execute("DROP TABLE jobs")
