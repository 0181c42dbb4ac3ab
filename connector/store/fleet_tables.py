"""The tables of the fleet database: what arrived, who works, which connection rests, which slot was taken."""

from __future__ import annotations

import sqlalchemy as sa

from connector.store.tables import Instant

REVISION = "fleet1"
"""The newest schema; see connector/store/migrations."""

metadata = sa.MetaData()

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

version = sa.Table("fleet_version", metadata, sa.Column("version_num", sa.String(32), primary_key=True))

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("connection", sa.String(64), nullable=False),
    sa.Column("sender", sa.String(16), nullable=False),
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("record_id", sa.Text, nullable=False),
    sa.Column("happened", sa.String(16), nullable=False),
    sa.Column("occurred_at", Instant),
    sa.Column("property", sa.Text, nullable=False, server_default=""),
    sa.Column("written_by", sa.Text, nullable=False, server_default=""),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("done_at", Instant),
    sa.Column("how", sa.String(16)),  # read, echo, unmapped, dropped
    sa.UniqueConstraint("connection", "sender", "key", name="uq_inbox_news"),
    sa.Index(
        "ix_inbox_waiting",
        "connection",
        "id",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    ),
    sqlite_autoincrement=True,  # an id is never given twice: work is named by the highest one
)

inbox_counts = sa.Table(
    "inbox_counts",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("sender", sa.String(16), primary_key=True),
    sa.Column("state", sa.String(16), primary_key=True),  # received, duplicate, and how it was done
    sa.Column("count", sa.BigInteger, nullable=False),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("worker", sa.String(100), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("facts", sa.Text, nullable=False, server_default="{}"),
)

connection_states = sa.Table(
    "connection_states",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),  # active, paused
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("since", Instant, nullable=False),
    sa.Column("retry_at", Instant),
)

slots = sa.Table(
    "slots",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("slot", Instant, primary_key=True),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # JSON
    sa.Column("at", Instant, nullable=False),
)
