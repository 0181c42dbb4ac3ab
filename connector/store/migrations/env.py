"""What Alembic runs: the scripts, on the connection and in the transaction that `versions.py` holds."""

from __future__ import annotations

from alembic import context

said = context.config.attributes
context.configure(connection=said["connection"], version_table=said["version_table"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
