"""Create databases that only the current role can enter, without what others have left in template1.

CREATE DATABASE lets every role of the cluster connect at once, and copies what is in template1. So a database is
created with ALLOW_CONNECTIONS false, looked at from outside, taken from PUBLIC, and opened last: at no moment can
another role enter it but a superuser or a member of the current role.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fowergram_db.database.connection import Connection
from fowergram_db.database.ownership import load_with_ownership
from fowergram_db.errors import UntrustedOwner

Option = tuple[LiteralString, sql.Composable]
CLOSED: Option = ("ALLOW_CONNECTIONS", sql.SQL("false"))
_SOURCE = "template1"
_MOST_LISTED = 5


def written(options: Iterable[Option]) -> sql.Composed:
    """Write the options of CREATE DATABASE."""
    return sql.SQL(" ").join(sql.SQL("{} = {}").format(sql.SQL(keyword), value) for keyword, value in options)


def create_closed(admin: Connection, name: str, options: Iterable[Option]) -> int:
    """Create a database that only the current role can enter, and return its OID; psycopg's errors pass through.

    ``let_all_in`` gives it the grants of an ordinary database. Raises UntrustedOwner, and leaves nothing behind, where
    it would hold objects of roles that are not trusted.
    """
    admin.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), written([*options, CLOSED])))
    try:
        require_only_trusted(admin, name)
        close = sql.SQL("REVOKE ALL ON DATABASE {0} FROM PUBLIC; ALTER DATABASE {0} ALLOW_CONNECTIONS true")
        admin.execute(close.format(sql.Identifier(name)))
        row = admin.execute("SELECT oid FROM pg_catalog.pg_database WHERE datname = %s", [name]).fetchone()
    except BaseException:
        with suppress(psycopg.Error):
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        raise
    return int(str(row[0])) if row else 0


def let_all_in(admin: Connection, name: str) -> None:
    """Give a database the grants that CREATE DATABASE gives, and let clients in; psycopg's errors pass through."""
    statements = sql.SQL(
        "GRANT CONNECT, TEMPORARY ON DATABASE {0} TO PUBLIC; ALTER DATABASE {0} ALLOW_CONNECTIONS true"
    )
    admin.execute(statements.format(sql.Identifier(name)))


def require_only_trusted(admin: Connection, name: str = _SOURCE) -> None:
    """Raise UntrustedOwner where template1, or a fresh copy of it, holds objects of roles that are not trusted.

    One round trip, and no session in that database where all is well. psycopg's errors pass through.
    """
    if not (found := admin.execute(load_with_ownership("ownership/untrusted_objects"), {"name": name}).fetchall()):
        return
    owners = ", ".join(dict.fromkeys(f'"{owner}"' for owner, *_ in found))
    raise UntrustedOwner(
        f"template1 holds objects of {owners}, and each new database would hold a copy: {_listed(admin, found)}",
        hint="Connect to template1 as a superuser and drop them (or ALTER … OWNER TO a superuser, if you trust them), "
        "then run the command again. The current role trusts itself, roles that it is a member of, and superusers.",
    )


def _listed(admin: Connection, found: Sequence[Sequence[Any]]) -> str:
    """Name the objects, as a session in template1 can; without one, count them by their catalogs."""
    try:
        conninfo = make_conninfo(admin.info.dsn, dbname=_SOURCE, password=admin.info.password)
        with psycopg.connect(conninfo, autocommit=True, prepare_threshold=None) as session:
            session.execute("SELECT pg_catalog.set_config('search_path', '', false)")
            query = (
                "SELECT pg_catalog.concat(i.type, ' ', i.identity)"
                " FROM pg_catalog.unnest(%s::pg_catalog.oid[]) AS o (id)"
                " CROSS JOIN LATERAL pg_catalog.pg_identify_object(%s::pg_catalog.oid, o.id, 0) AS i"
            )
            names = [str(name) for _, _, id_, objects in found for (name,) in session.execute(query, [objects, id_])]
    except psycopg.Error:
        names = [f"{len(objects)} in {catalog}" for _, catalog, _, objects in found]
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
