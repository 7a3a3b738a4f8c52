"""Where a job ran."""

from alembic import op

revision, down_revision = "0002", "0001"


def upgrade():
    op.execute("ALTER TABLE jobs ADD COLUMN executor text, ADD COLUMN node text")


def downgrade():
    op.execute("ALTER TABLE jobs DROP COLUMN executor, DROP COLUMN node")
