"""Create databases that only the current role can enter, without what other roles left in template1.

CREATE DATABASE lets every role of the cluster connect at once, and copies what is in template1. So a database is
created with ALLOW_CONNECTIONS false, taken from PUBLIC, and opened last: at no moment can another role enter it but a
superuser or a member of the current role.
"""

from collections.abc import Iterable
from typing import LiteralString, NamedTuple

from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.disposal import drop_quietly
from fowergram_db.database.labelling import create_labelled, label_created
from fowergram_db.database.ownership import load_with_ownership
from fowergram_db.database.query import fetch_all, fetch_value, set_local
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.stored_settings import store
from fowergram_db.errors import UntrustedOwner

Option = tuple[LiteralString, sql.Composable]
CLOSED: Option = ("ALLOW_CONNECTIONS", sql.SQL("false"))


class _FirstUntrusted(NamedTuple):
    """An object of an untrusted role, and how many there are in all."""

    owner: str
    object: str
    total: int


def format_options(options: Iterable[Option]) -> sql.Composed:
    """Write the options of CREATE DATABASE."""
    return sql.SQL(" ").join(sql.SQL("{} = {}").format(sql.SQL(keyword), value) for keyword, value in options)


def create_closed(admin: Connection, name: str, options: Iterable[Option], settings: Iterable[str] = ()) -> int:
    """Create a database that only the current role can enter, and return its OID; psycopg's errors pass through.

    Sessions in it begin with the ``settings``, as far as this role may store them.

    It has a label by its name from the beginning, and another one in the transaction that opens it.
    ``open_to_all`` gives it the grants of an ordinary database. What template1 holds of other roles is in it: see
    ``require_only_trusted``. If it fails, nothing is left.
    """
    create_labelled(
        admin, name, sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), format_options([*options, CLOSED]))
    )
    oid = fetch_value(admin, int, "SELECT oid FROM pg_catalog.pg_database WHERE datname = %s", [name]) or 0
    try:
        close = sql.SQL("REVOKE ALL ON DATABASE {0} FROM PUBLIC; ALTER DATABASE {0} ALLOW_CONNECTIONS true")
        with admin.transaction():
            admin.execute(close.format(sql.Identifier(name)))
            label_created(admin, name)
        store(admin, name, settings)
    except BaseException:
        drop_quietly(admin, name, oid)
        raise
    return oid


def open_to_all(admin: Connection, name: str) -> None:
    """Give a database the grants that CREATE DATABASE gives, and let clients in; psycopg's errors pass through."""
    database = sql.Identifier(name)
    admin.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO PUBLIC").format(database))
    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(database))


def require_only_trusted(connection: Connection) -> None:
    """Raise UntrustedOwner if the database of this session, a fresh one, holds objects of untrusted roles.

    Those come from template1. One round trip, in which no code of theirs runs.
    """
    query = load_with_ownership("ownership/untrusted_in_database")
    with translate_errors("look for objects of other roles"), connection.transaction():
        set_local(connection, {"search_path": ""})
        found = fetch_all(connection, _FirstUntrusted, query)
    if not found:
        return
    owners = ", ".join(dict.fromkeys(f'"{each.owner}"' for each in found))
    more = found[0].total - len(found)
    raise UntrustedOwner(
        f"the new database contained objects of {owners}, copied from template1 or created meanwhile, and was dropped: "
        + ", ".join(each.object for each in found)
        + (f" and {more} more" if more else ""),
        hint="Connect to template1 as a superuser and drop them (or ALTER … OWNER TO a superuser, if you trust them), "
        "then run the command again. The current role trusts itself, roles that it is a member of, and superusers.",
    )
