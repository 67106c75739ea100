"""The tables in which state is kept, the same in SQLite and in PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

METADATA = MetaData()

ABOUT = Table(
    "maxapi_mock",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)
"""About the database: `version`, and the `secret` by which replicas know each other."""

REPLICAS = Table(
    "maxapi_mock_replicas",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("address", String(300), nullable=False),
    Column("expires", Double, nullable=False),
    Column("slot", Integer, nullable=False, unique=True),
)
"""The servers that use the database; *expires*, by the database's clock, ends a lease, and *slot*
tells their events apart."""

SANDBOXES = Table(
    "maxapi_mock_sandboxes",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("masked_key", String(300), nullable=False),
    Column("owner", String(40)),
    Column("used", Double, nullable=False),
    Column("due", Double),
    Column("kept", Text),
)
"""*owner* is the replica that has the sandbox in memory; *due* is when its next webhook is, in
real seconds since 1970; *kept* is a `Kept`, and null before the first commit."""

TASKS = Table(
    "maxapi_mock_tasks",
    METADATA,
    Column("sandbox", String(40), nullable=False),
    Column("id", String(80), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("task", Text, nullable=False),
    Column("webhook", Text),
    PrimaryKeyConstraint("sandbox", "id"),
    Index("maxapi_mock_tasks_by_id", "id"),
)

EVENTS = Table(
    "maxapi_mock_events",
    METADATA,
    Column("sandbox", String(40), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("ring", Integer, nullable=False),
    Column("at", String(40), nullable=False),
    Column("real", Double, nullable=False),
    Column("cost", Integer, nullable=False),
    Column("event", Text, nullable=False),
    PrimaryKeyConstraint("sandbox", "number"),
)
"""*ring* is 0 for exchanges, 1 for attempts to deliver a webhook, and 2 for others; *at* is the
moment on the sandbox's clock, in ISO 8601 with microseconds."""
