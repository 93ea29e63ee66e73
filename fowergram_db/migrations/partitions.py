"""Create future partitions after migrating, in a database that has a function for it.

The function is ``public.maintain_partitions(integer, interval)``, both with defaults, which returns rows of
``partition_name`` and ``action``. The product's schema contains the function, and any other schema may.
"""

from typing import NamedTuple

from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.ownership import Untrusted, fetch_with_ownership, require_trusted
from fowergram_db.database.query import set_local
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.errors import FowergramError, UntrustedOwner
from fowergram_db.migrations.engine.context import LockPolicy
from fowergram_db.migrations.events import OnEvent, PartitionsMaintained

_NAME = "public.maintain_partitions"
_NOT_FOUND = ("42P01", "42883", "42704")
_OWN_PATH = "to set one for it, run ALTER FUNCTION public.maintain_partitions SET search_path = public, pg_temp;"


class _PartitionFunction(NamedTuple):
    """The function, or an overload: the SQL of its first two defaults, and what is not trusted."""

    is_called: bool
    first_default: str
    second_default: str
    untrusted: list[str] | None


def keeps_partitions(connection: Connection) -> bool:
    """Return whether the database has that function and accepts writes; psycopg's errors pass through."""
    return any(function.is_called for function in _find(connection))


def maintain_partitions(connection: Connection, lock_policy: LockPolicy, on_event: OnEvent) -> None:
    """Call the function if there is one, with the lock timeout of a migration, and report what it did.

    Raises LockTimeout, DatabaseError or UntrustedOwner, which say that the migrations are applied nevertheless.
    """
    try:
        with translate_errors("find the function that maintains partitions"):
            found = _find(connection)
        if not found or not found[0].is_called:
            return
        for function in found:
            untrusted = Untrusted(*function.untrusted) if function.untrusted else None
            require_trusted(connection, _NAME, untrusted, UntrustedOwner)
        with translate_errors("create future partitions"), connection.transaction():
            settings = {"search_path": "", "lock_timeout": f"{lock_policy.lock_timeout_ms}ms"}
            if lock_policy.statement_timeout_ms is not None:
                settings["statement_timeout"] = f"{lock_policy.statement_timeout_ms}ms"
            # With an empty search_path, a function that names no schema cannot create its tables: in the tool's own
            # path it would try pg_catalog first.
            set_local(connection, settings)
            rows = connection.execute(_call(found[0])).fetchall()
    except FowergramError as error:
        if error.server and error.server.sqlstate in _NOT_FOUND:
            error.hint = f"The function is called with an empty search_path; {_OWN_PATH} {error.hint}"
        hint = f"Migrate again, or call public.maintain_partitions() as the owner of the tables. {error.hint}"
        raise type(error)(
            f"the migrations are applied, but maintaining the partitions failed: {error.message}",
            hint=hint.rstrip(),
            server=error.server,
        ) from error
    if rows:
        on_event(PartitionsMaintained(tuple((str(name), str(action)) for name, action in rows)))


def _find(connection: Connection) -> list[_PartitionFunction]:
    """Return the function, if there is one, before its overloads."""
    found, _ = fetch_with_ownership(connection, _PartitionFunction, "catalog/partition_maintenance")
    return found


def _call(found: _PartitionFunction) -> sql.Composed:
    """Return a call that no overload can take: both arguments are the defaults, cast to the function's types."""
    return sql.SQL(
        "SELECT partition_name, action FROM public.maintain_partitions("
        '({})::pg_catalog.int4, ({})::pg_catalog."interval")'
    ).format(sql.SQL(found.first_default), sql.SQL(found.second_default))
