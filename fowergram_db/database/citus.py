"""Citus: what this tool does not do in a cluster until it supports one.

A worker keeps a copy of the coordinator's schema: a change there alone would tear the two apart. Tables that are spread
over workers cannot be recreated by making a database next to theirs: their shards would stay on the workers.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import may_have_citus
from fowergram_db.database.sql import load
from fowergram_db.errors import Refused

# A pattern for LIKE: by these names the nodes of a cluster connect to each other. A client may use such a name, too, so
# that it means something only in a database that has the extension.
INTERNAL_SESSIONS = r"citus\_internal%"

_COORDINATOR = {
    "citus_is_coordinator": sql.SQL("SELECT {}.citus_is_coordinator()"),
    # Before the function was there: the group of the coordinator is 0.
    "pg_dist_local_group": sql.SQL("SELECT pg_catalog.bool_and(g.groupid = 0) FROM {}.pg_dist_local_group AS g"),
}


@dataclass(frozen=True, slots=True)
class Citus:
    """What a database with the extension says of itself. ``distributed_tables`` counts reference tables, too."""

    is_coordinator: bool
    distributed_tables: int


def read_citus(connection: Connection) -> Citus | None:
    """Return what a database says of its cluster, None if it has no Citus. One round trip, three if it has."""
    with translate_errors("look for Citus"):
        places = {str(kind): str(schema) for kind, schema in connection.execute(load("catalog/citus"))}
        if not places:
            return None
        is_coordinator, tables = True, 0
        known = next((kind for kind in _COORDINATOR if kind in places), None)
        if known:
            query = _COORDINATOR[known].format(sql.Identifier(places[known]))
            is_coordinator = _ask_member(connection, places[known], known, query) is not False
        if "citus_tables" in places:
            count = sql.SQL("SELECT pg_catalog.count(*) FROM {}.citus_tables")
            place = places["citus_tables"]
            tables = int(str(_ask_member(connection, place, "citus_tables", count.format(sql.Identifier(place))) or 0))
        return Citus(is_coordinator, tables)


def _ask_member(connection: Connection, schema: str, kind: str, query: sql.Composed) -> object:
    """Return the value that a query reads from a member of the extension, after a check that the name still means it.

    Both are sent together: the owner of the schema may put an object of the same name in its place.
    """
    guard = sql.SQL(load("catalog/citus_guard")).format(schema=sql.Literal(schema), kind=sql.Literal(kind))
    with connection.cursor() as cursor:
        try:
            cursor.execute(guard + query)
        except psycopg.errors.DivisionByZero as error:
            raise Refused(
                f"{kind} of the extension citus was moved to another schema meanwhile; nothing was run",
                hint="Find out who renamed the schema, then run the command again.",
            ) from error
        while cursor.nextset():
            pass
        row = cursor.fetchone()
    return row[0] if row else None


def require_coordinator(connection: Connection) -> None:
    """Raise Refused on a worker of a Citus cluster: nothing may be changed there alone.

    No round trip if the session found no Citus when it began.
    """
    citus = read_citus(connection) if may_have_citus(connection) else None
    if citus and not citus.is_coordinator:
        raise Refused(
            "this server is a worker of a Citus cluster; nothing was run",
            hint="Connect to the coordinator, which sends changes to its workers.",
        )


def require_no_distributed_tables(citus: Citus) -> None:
    """Raise Refused if tables are spread over a Citus cluster: they cannot be recreated here alone."""
    if citus.distributed_tables:
        raise Refused(
            f"{citus.distributed_tables} tables of this database are distributed by Citus, and reset would not "
            "delete their shards on the workers; nothing was done",
            hint="Undistribute or drop these tables on the coordinator first (SELECT * FROM citus_tables).",
        )
