"""Report where the server's time goes, from what the extension pg_stat_statements has counted."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from fowergram_db.database.any_text import read_any_text
from fowergram_db.database.connection import Connection
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.errors import DatabaseError
from fowergram_db.operations.pg_stat_statements import Extension, StatementStatistics, Views, find_extension
from fowergram_db.operations.sort_key import SortKey
from fowergram_db.redaction.messages import mask_query

LONGEST_FORMATTED = 4000
"""How many characters of SQL are worth formatting: sqlparse's time grows faster than the text."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DOING = "read pg_stat_statements"
_HOSTED = "a hosted service has a setting for it"
_PRELOAD = (
    "Add pg_stat_statements to the other entries of shared_preload_libraries in postgresql.conf"
    f" ({_HOSTED}), and restart the server."
)


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """One normalised statement of one user, and what all its calls together took. Times are in ms.

    ``queryid_text`` is ``queryid``, which not every reader of JSON can hold. ``query`` is the whole text with
    passwords masked, empty if it cannot be read. ``toplevel`` is True
    for a client's own statement, False inside a function, None before version 1.9 of the extension.
    ``share`` is its part (0..1) of the execution time of all statements of the database; with
    ``pg_stat_statements.track = all`` a function's time holds that of its statements, which count again.
    ``cache_hit`` is the part (0..1) of the blocks of tables and indexes that were found in shared buffers,
    None if none was touched. ``rows`` were returned or affected.
    """

    queryid: int
    queryid_text: str
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
class OtherEncoding:
    """A database of another encoding: how many of its statements are counted, and what makes it forget them."""

    database: str
    encoding: str
    statements: int
    reset: str


@dataclass(frozen=True, slots=True)
class SlowQueries:
    """The statements asked for, in order, below the totals of the current database.

    ``statements``, ``calls`` and ``total_ms`` count every statement but those left out of the list: this tool's own,
    and what only controls transactions and sessions in no time. Hidden ones are included.
    ``since`` is when counting began (UTC), None if the extension's version (before 1.9) does not say. ``hidden`` is
    None if the role may read everything. ``has_texts`` is False if the text of a statement of another database cannot
    be shown in the encoding of this one, and so none can: ``unreadable`` then names the databases of other encodings.
    Without texts, the tool's own statements count like others.
    """

    queries: tuple[SlowQuery, ...]
    statements: int
    calls: int
    total_ms: float
    since: datetime | None
    hidden: HiddenStatements | None
    has_texts: bool = True
    unreadable: tuple[OtherEncoding, ...] = ()


def read_slow_queries(connection: Connection, *, limit: int, sort: SortKey, only: int | None = None) -> SlowQueries:
    """Read the ``limit`` first statements of the current database, at least one; only reads.

    With ``only``, just the statement of this identifier is read, once for each user that has executed it.

    This tool's own statements are not among them, as far as they are those of its version; the migrations that it runs
    are. Nor is what only controls transactions and sessions, of any client, unless ``is_slow`` says that it is slow. An
    empty answer means that nothing was counted, or nothing is visible. Raises DatabaseError if the extension is not
    there or not preloaded, with what to do.
    """
    with translate_errors(_DOING, Situation.SLOW_QUERIES):
        read_any_text(connection)
        extension = find_extension(connection)
        if extension.schema is None:
            raise _not_created(connection.info.dbname, extension)
        try:
            reading = Views(connection, extension.schema, extension.has_info).read(limit, sort, only)
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            if extension.preloaded:
                # Something else, as restrict_nonsystem_relation_kind: the server says what.
                raise
            raise DatabaseError("the server does not preload pg_stat_statements", hint=_PRELOAD) from error
        except psycopg.errors.DivisionByZero as error:
            raise _replaced(extension.schema) from error
    found = _summed_up(connection, reading, extension.schema)
    if only is not None and not found.queries:
        raise DatabaseError(
            f'pg_stat_statements has no statement with the identifier {only} in database "{connection.info.dbname}"',
            hint="`fowergram-db slow-queries --json` has the identifiers; a role can read those of its own statements.",
        )
    return found


def _not_created(dbname: str, extension: Extension) -> DatabaseError:
    """Say all that is missing at once, in the order in which it has to be done."""
    message = f'the extension pg_stat_statements is not created in database "{dbname}"'
    create = "CREATE EXTENSION pg_stat_statements;"
    if not extension.available:
        return DatabaseError(
            f"{message}, and its files are not on the server",
            hint=f"Install PostgreSQL's contrib modules on the server. {_PRELOAD} Then run in that database: {create}",
        )
    if not extension.preloaded:
        return DatabaseError(
            f"{message}, and the server does not preload it", hint=f"{_PRELOAD} Then run in that database: {create}"
        )
    return DatabaseError(message, hint=f"Run in that database, as a superuser: {create}")


def _replaced(schema: str) -> DatabaseError:
    return DatabaseError(
        f'"{schema}".pg_stat_statements is no longer the view of the extension: it was replaced meanwhile',
        hint="Find out who owns that schema, and what is in it, before you run the command again.",
    )


def _summed_up(connection: Connection, reading: StatementStatistics, schema: str) -> SlowQueries:
    total = reading.rows[0]
    return SlowQueries(
        queries=tuple(_slow_query(row) for row in reading.rows if row["queryid"] is not None),
        statements=total["statements"],
        calls=total["all_calls"],
        total_ms=total["all_ms"],
        since=reading.since,
        hidden=_hidden(connection, total) if total["hidden_statements"] else None,
        has_texts=reading.unreadable is None,
        unreadable=tuple(_other_encoding(connection, schema, row) for row in reading.unreadable or ()),
    )


def _other_encoding(connection: Connection, schema: str, row: dict[str, Any]) -> OtherEncoding:
    function = sql.Identifier(schema, "pg_stat_statements_reset").as_string(connection)
    reset = f"SELECT {function}(0::oid, {row['oid']}::oid, 0);"
    return OtherEncoding(row["database"], row["encoding"], row["statements"], reset)


def _slow_query(row: dict[str, Any]) -> SlowQuery:
    """Mask the text: the extension keeps utility statements, CREATE ROLE among them, as they were typed."""
    row |= {"queryid_text": str(row["queryid"]), "query": mask_query(row["query"])}
    return SlowQuery(**{name: row[name] for name in SlowQuery.__slots__})


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

    Control characters, which a terminal would act on, are replaced in either case. Pure.

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
