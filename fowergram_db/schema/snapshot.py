"""Read the catalog as of one moment, written in one way whatever a role or a database has set."""

from collections.abc import Iterator
from contextlib import contextmanager

from fowergram_db.database.connection import Connection
from fowergram_db.database.query import one_snapshot, set_local
from fowergram_db.database.server_errors import translate_errors

BOOKKEEPING = "public.schema_migrations"
"""The tool's own table, which is no part of a schema."""

# The server writes names, constants and numbers by these; whatever the role or the database has set does not count.
_SETTINGS = {
    "search_path": "",
    "lock_timeout": "5s",
    "statement_timeout": "0",
    "jit": "off",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "lc_monetary": "C",
    "xmlbinary": "base64",
}


@contextmanager
def catalog_snapshot(connection: Connection) -> Iterator[None]:
    """Give what is read within the ``with`` block a read-only snapshot; the session must be outside a transaction.

    Raises LockTimeout if a view is locked for too long, DatabaseError for other errors of reading.
    """
    with translate_errors("read the schema"), one_snapshot(connection, read_only=True):
        set_local(connection, _SETTINGS)
        yield
