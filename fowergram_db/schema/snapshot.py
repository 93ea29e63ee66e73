"""Read the catalog as of one moment, written in one way whatever a role or a database has set."""

from collections.abc import Iterator
from contextlib import contextmanager

from fowergram_db.database.connection import Connection, translate_errors

BOOKKEEPING = "public.schema_migrations"
"""The tool's own table, which is no part of a schema."""

# The server writes names, constants and numbers by these; whatever the role or the database has set does not count.
_SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL search_path = ''",
    "SET LOCAL lock_timeout = '5s'",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL jit = off",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL quote_all_identifiers = off",
    "SET LOCAL standard_conforming_strings = on",
    "SET LOCAL bytea_output = hex",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = postgres",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL lc_monetary = 'C'",
    "SET LOCAL xmlbinary = base64",
)


@contextmanager
def catalog_snapshot(connection: Connection) -> Iterator[None]:
    """Give what is read within the ``with`` block a read-only snapshot; the session must be outside a transaction.

    Raises LockTimeout where a view is locked for too long, DatabaseError for what else fails in reading.
    """
    with translate_errors("read the schema"), connection.transaction():
        connection.execute("; ".join(_SETTINGS))
        yield
