"""Keep partitions ahead after migrating, in a database that has a function for it.

The function is ``public.maintain_partitions(integer, interval)``, both with defaults, which returns rows of
``partition_name`` and ``action``; the product's schema has it, and any other may.
"""

from fowergram_db.database.connection import Connection, reported
from fowergram_db.database.sql import load
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.engine.worker import Limits
from fowergram_db.migrations.events import OnEvent, PartitionsMaintained

_SET_LOCAL = "SELECT pg_catalog.set_config(%s, %s, true)"


def keeps_partitions(connection: Connection) -> bool:
    """Tell whether the database has that function, and may be written to; psycopg's errors pass through."""
    return connection.execute(load("catalog/partition_maintenance")).fetchone() == (True,)


def maintain_partitions(connection: Connection, limits: Limits, on_event: OnEvent) -> None:
    """Call the function where there is one, waiting for locks as long as a migration would. Tells what it did.

    Raises LockTimeout or DatabaseError, which say that this alone is left undone.
    """
    try:
        with reported("look for partitions to maintain"):
            if not keeps_partitions(connection):
                return
        with reported("keep the partitions ahead"), connection.transaction():
            connection.execute(_SET_LOCAL, ["lock_timeout", f"{limits.lock_timeout_ms}ms"])
            if limits.statement_timeout_ms is not None:
                connection.execute(_SET_LOCAL, ["statement_timeout", f"{limits.statement_timeout_ms}ms"])
            rows = connection.execute("SELECT partition_name, action FROM public.maintain_partitions()").fetchall()
    except FowergramError as error:
        raise type(error)(
            f"the migrations are applied, but what follows them failed: {error.message}",
            hint=f"Migrate again, or call public.maintain_partitions() as the owner of the tables. {error.hint}",
            server=error.server,
        ) from error
    if rows:
        on_event(PartitionsMaintained(tuple((str(name), str(action)) for name, action in rows)))
