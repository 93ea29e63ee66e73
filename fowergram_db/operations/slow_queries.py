"""Tell where the server's time goes, from what the extension pg_stat_statements has counted."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from fowergram_db.database.connection import Connection, reported
from fowergram_db.database.sql import load
from fowergram_db.errors import DatabaseError
from fowergram_db.operations.sort_key import SortKey
from fowergram_db.redaction.messages import mask_query

LONGEST_FORMATTED = 4000
"""How many characters of SQL are worth formatting: sqlparse's time grows faster than the text."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DOING = "read pg_stat_statements"
_HOSTED = "a hosted service has a setting for it"
_PRELOAD = (
    "Add pg_stat_statements to shared_preload_libraries in postgresql.conf, beside what is there"
    f" ({_HOSTED}), and restart the server."
)


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """One normalised statement of one user, and what all its calls together took. Times are in ms.

    ``query`` is the whole text with passwords masked, empty where the extension lost it. ``toplevel`` tells
    a client's own statement from one inside a function, None before version 1.9 of the extension.
    ``share`` is its part (0..1) of the execution time of all statements of the database; with
    ``pg_stat_statements.track = all`` a function's time holds that of its statements, which count again.
    ``cache_hit`` is the part (0..1) of the blocks of tables and indexes that were found in shared buffers,
    None where none was touched. ``rows`` were returned or affected.
    """

    queryid: int
    query: str
    toplevel: bool | None
    user: str
    database: str
    calls: int
    total_ms: float
    mean_ms: float
    max_ms: float
    stddev_ms: float
    rows: int
    share: float
    cache_hit: float | None


@dataclass(frozen=True, slots=True)
class HiddenStatements:
    """What the role may not see: how many statements, their time in ms and its share (0..1), the remedy."""

    statements: int
    calls: int
    total_ms: float
    share: float
    grant: str


@dataclass(frozen=True, slots=True)
class SlowQueries:
    """The statements asked for, in order, below the totals of the current database.

    ``statements``, ``calls`` and ``total_ms`` count every statement, hidden ones included. ``since`` is when
    counting began (UTC), None where the extension's version (before 1.9) does not say. ``hidden`` is None
    where the role sees everything.
    """

    queries: tuple[SlowQuery, ...]
    statements: int
    calls: int
    total_ms: float
    since: datetime | None
    hidden: HiddenStatements | None


@dataclass(frozen=True, slots=True)
class _Extension:
    """The row of slow_queries_extension.sql."""

    schema: str | None
    has_info: bool
    available: bool
    preloaded: bool


def read_slow_queries(connection: Connection, *, limit: int, sort: SortKey) -> SlowQueries:
    """Read the ``limit`` first statements of the current database, at least one; only reads.

    Readings made by this function are not among them; what else the tool executes (migrations, ANALYZE) is
    the server's work as any other. An empty answer means that nothing was counted, or nothing is visible.
    Raises DatabaseError where the extension is not there or not preloaded, with what to do.
    """
    with reported(_DOING):
        extension = _find_extension(connection)
        if extension.schema is None:
            raise _not_created(connection.info.dbname, extension)
        schema = sql.Identifier(extension.schema)
        try:
            rows = _read_statements(connection, schema, limit, sort)
            since = _counting_since(connection, schema) if extension.has_info else None
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            if extension.preloaded:
                # Something else, as restrict_nonsystem_relation_kind: the server says what.
                raise
            raise DatabaseError("pg_stat_statements is not preloaded by the server", hint=_PRELOAD) from error
    return _summed_up(connection, rows, since)


def _find_extension(connection: Connection) -> _Extension:
    with connection.cursor(row_factory=class_row(_Extension)) as cursor:
        row = cursor.execute(load("operations/slow_queries_extension")).fetchone()
    assert row is not None, "the query always has one row"  # noqa: S101 - tells mypy
    return row


def _not_created(dbname: str, extension: _Extension) -> DatabaseError:
    """Say all that is missing at once, in the order in which it has to be done."""
    message = f'the extension pg_stat_statements is not created in database "{dbname}"'
    create = "CREATE EXTENSION pg_stat_statements;"
    if not extension.available:
        return DatabaseError(
            f"{message}, and its files are not on the server",
            hint=f"Install PostgreSQL's contrib modules on the server. {_PRELOAD} Then run there: {create}",
        )
    if not extension.preloaded:
        return DatabaseError(
            f"{message}, nor is it preloaded by the server", hint=f"{_PRELOAD} Then run there: {create}"
        )
    return DatabaseError(message, hint=f"Run there, as a superuser: {create}")


def _read_statements(connection: Connection, schema: sql.Identifier, limit: int, sort: SortKey) -> list[dict[str, Any]]:
    # Beside bound values a % is a placeholder, and psycopg does not double the one in an identifier.
    quoted = sql.SQL(schema.as_string(connection).replace("%", "%%"))
    query = sql.SQL(load("operations/slow_queries")).format(schema=quoted)
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, {"sort": sort.value, "limit": limit}).fetchall()


def _counting_since(connection: Connection, schema: sql.Identifier) -> datetime | None:
    query = sql.SQL("SELECT /* fowergram-db */ stats_reset FROM {}.pg_stat_statements_info").format(schema)
    row = connection.execute(query, binary=True).fetchone()  # whatever the DateStyle
    return row[0].astimezone(UTC) if row and isinstance(row[0], datetime) else None


def _summed_up(connection: Connection, rows: list[dict[str, Any]], since: datetime | None) -> SlowQueries:
    total = rows[0]
    return SlowQueries(
        queries=tuple(_slow_query(row) for row in rows if row["queryid"] is not None),
        statements=total["statements"],
        calls=total["all_calls"],
        total_ms=total["all_ms"],
        since=since,
        hidden=_hidden(connection, total) if total["hidden_statements"] else None,
    )


def _slow_query(row: dict[str, Any]) -> SlowQuery:
    """Mask the text: the extension keeps utility statements, CREATE ROLE among them, as they were typed."""
    figures = {name: row[name] for name in SlowQuery.__slots__}
    return SlowQuery(**figures | {"query": mask_query(row["query"])})


def _hidden(connection: Connection, total: dict[str, Any]) -> HiddenStatements:
    role = sql.Identifier(total["role"]).as_string(connection)
    return HiddenStatements(
        statements=total["hidden_statements"],
        calls=total["hidden_calls"],
        total_ms=total["hidden_ms"],
        share=total["hidden_ms"] / total["all_ms"] if total["all_ms"] else 0.0,
        grant=f"GRANT pg_read_all_stats TO {role};",
    )


def readable(query: str) -> str:
    r"""Lay SQL out for a terminal, clause by clause; a long or odd text stays as it was typed.

    Control characters, which a terminal would obey, are replaced in either case. Pure.

    >>> readable("select a, b from t where a = $1")
    'select a,\n       b\nfrom t\nwhere a = $1'
    >>> readable("select '\x1b[2J'")
    "select '\ufffd[2J'"
    """
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", query.replace("\r\n", "\n")).strip()
    if len(text) > LONGEST_FORMATTED:
        return text
    import sqlparse

    try:
        return sqlparse.format(text, reindent=True).strip()
    except sqlparse.exceptions.SQLParseError:
        return text
